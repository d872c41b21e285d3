from __future__ import annotations

import pytest

import rewriter
from rewriter.evidence.claims import Source
from rewriter.evidence.metadata import dynamo
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.module_tree import ModuleTree
from tests.evidence.folded import PRODUCTS, Product, products

BATCH_NORM = {"bn": "torch.nn.modules.batchnorm.BatchNorm2d"}


def places(tree: ModuleTree) -> list[str | None]:
    """The module of each product."""
    return [placement.module if placement else None for placement in tree.placements[::2]]


@pytest.mark.parametrize("operator", PRODUCTS)
def test_the_node_belongs_to_the_owner_of_its_weight(operator: str) -> None:
    tree = rewriter.tree(products([Product(("bn",), "conv.weight")], operator, BATCH_NORM))
    (placement, _) = tree.placements
    assert placement
    assert (placement.module, placement.source, placement.conflicting) == ("conv", Source.PARAMETER, ())
    assert tree["bn"].folded_into == ("conv",)
    assert (tree["bn"].nodes, tree["bn"].class_name) == ((), BATCH_NORM["bn"])
    assert tree["conv"].folded_into == ()


def test_the_claim_names_the_weight_and_the_stack() -> None:
    claim, _ = dynamo.testify(GraphIndex(products([Product(("bn",), "conv.weight")]))).claims
    assert claim.detail == (
        "conv.weight with a batch norm folded in, and ['', 'bn', '_native_batch_norm_legit_no_training']"
    )


def test_the_product_ran_in_place_of_the_norm() -> None:
    rows = [Product(("block", "block.bn"), "block.conv.weight")]
    claim, _ = dynamo.testify(GraphIndex(products(rows))).claims
    assert dynamo.running(claim) == ("", "block", "block.conv")


@pytest.mark.parametrize("recorded", ["aten.batch_norm.default", "aten.cudnn_batch_norm.default"])
def test_each_batch_norm_of_torch_counts(recorded: str) -> None:
    assert places(rewriter.tree(products([Product(("bn",), "conv.weight", "", recorded)]))) == ["conv"]


def test_the_class_of_the_norm_does_not_count() -> None:
    """A norm of another library, and a block that calls `F.batch_norm` behind its own convolution."""
    norm = rewriter.tree(products([Product(("bn",), "conv.weight")], classes={"bn": "lib.NormAct"}))
    assert (places(norm), norm["bn"].folded_into) == (["conv"], ("conv",))
    block = rewriter.tree(products([Product(("block",), "block.conv.weight")]))
    assert (places(block), block["block"].folded_into) == (["block.conv"], ())


def test_a_convolution_may_hold_its_norm() -> None:
    tree = rewriter.tree(products([Product(("conv", "conv.bn"), "conv.weight")]))
    assert (places(tree), tree["conv.bn"].folded_into) == (["conv"], ("conv",))


def test_the_bias_decides_if_the_weight_has_no_name() -> None:
    assert places(rewriter.tree(products([Product(("bn",), "mul", "conv.bias")]))) == ["conv"]
    assert places(rewriter.tree(products([Product(("bn",), "conv.weight", "tied.bias")]))) == ["conv"]


@pytest.mark.parametrize(
    "row",
    [
        Product(("block",), "other.weight", "", "aten.conv2d.default"),
        Product(("bn",), "val_12"),
        Product(("bn",), "val_12", "val_12_bias"),
        Product(("bn",), "bn.weight"),
    ],
    ids=["a functional call", "no names", "no names, with a bias", "its own weight"],
)
def test_other_nodes_stay_in_the_module_of_their_stack(row: Product) -> None:
    tree = rewriter.tree(products([row]))
    assert places(tree) == [row.stack[-1]]
    assert not any(module.folded_into for module in tree)


def test_a_weight_with_two_readers_decides_nothing() -> None:
    rows = [Product(("bn1",), "conv.weight"), Product(("bn2",), "conv.weight")]
    assert places(rewriter.tree(products(rows))) == ["bn1", "bn2"]


def test_a_norm_may_be_folded_into_several_modules() -> None:
    rows = [Product(("bn",), "a.weight"), Product(("bn",), "b.weight")]
    tree = rewriter.tree(products(rows))
    assert (places(tree), tree["bn"].folded_into) == (["a", "b"], ("a", "b"))


def test_the_namespace_shows_the_norm_where_the_lists_are_missing() -> None:
    model = products([Product(("bn",), "conv.weight")])
    for node in model.graph.node:
        del node.metadata_props[:]
    text = ": pkg.Net/bn: pkg.Norm/_native_batch_norm_legit_no_training_3: aten.norm"
    model.graph.node[0].metadata_props.add(key=dynamo.NAMESPACE, value=text)
    assert rewriter.tree(model)["bn"].folded_into == ("conv",)


def test_a_second_run_repeats_the_first() -> None:
    once = rewriter.rewrite(products([Product(("bn",), "conv.weight")]), numbers=False)
    twice = rewriter.tree(once.analysis.model)
    assert (places(twice), twice["bn"].folded_into) == (["conv"], ("conv",))

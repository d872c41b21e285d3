from __future__ import annotations

import pytest

import rewriter
from rewriter import pipeline
from rewriter.modules.module import Kind
from tests.build import chain, model
from tests.exports import EXPORTS


def test_a_tree_is_walked_selected_and_counted() -> None:
    tree = pipeline.load(chain("/enc/l.0/a/Relu", "/enc/l.0/a_1/Relu", "/enc/l.1/a/Relu", "/Relu", "no")).tree
    paths = ["", "enc", "enc.l", "enc.l.0", "enc.l.0.a", "enc.l.1", "enc.l.1.a"]
    assert [module.path for module in tree] == [module.path for module in tree.walk()] == paths
    assert [module.path for module in tree.innermost_first()] == paths[::-1]
    assert [module.path for module in tree.walk("enc.l.1")] == ["enc.l.1", "enc.l.1.a"]
    assert [module.path for module in tree.path_to("enc.l.0")] == ["", "enc", "enc.l", "enc.l.0"]
    assert [module.path for module in tree.children("enc.l")] == ["enc.l.0", "enc.l.1"]
    assert [module.path for module in tree.select("enc.l.*.a")] == ["enc.l.0.a", "enc.l.1.a"]
    assert [module.total_nodes for module in tree] == [4, 3, 3, 2, 2, 1, 1]
    assert [module.calls for module in tree] == [1, 1, 0, 2, 2, 1, 1]
    assert (tree.placed, tree.coverage, tree.conflicts) == (4, 0.8, 0)
    assert tree.by_source == {"scope_name": 4}
    assert "enc.l" in tree
    assert "enc.x" not in tree
    assert tree["enc.l.0.a"].leaf
    assert tree["enc.l.0.a"].parent == "enc.l.0"
    with pytest.raises(KeyError):
        tree["enc.x"]


def test_guesses_do_not_count_as_placed() -> None:
    nodes = (
        '["/a/Neg"] u = Neg(x) v = Abs(u) ["/a/Exp"] w = Exp(v) s = Abs(w) ["/b/Neg"] t = Neg(s) y = Abs(t)'
    )
    tree = pipeline.load(model(f"g (float[2] x) => (float[2] y) {{ {nodes} }}")).tree
    assert (tree.placed, tree.guessed, tree.unplaced, tree.coverage) == (4, 1, 1, 4 / 6)
    assert tree.by_certainty == {"named": 3, "inferred": 1, "guessed": 1}
    assert tree.by_source == {"scope_name": 3, "dataflow": 1}


def test_a_model_without_nodes_is_covered() -> None:
    tree = pipeline.load(model("g (float[2] x) => (float[2] x) {}")).tree
    assert (tree.coverage, len(tree)) == (1.0, 1)


@pytest.mark.parametrize(
    ("class_name", "kind"),
    [
        ("torch.nn.modules.linear.Linear", Kind.TORCH_NN),
        ("torch.ao.nn.Linear", Kind.TORCH),
        ("transformers.models.x.Y", Kind.HUGGINGFACE),
        ("torchvision.models.X", Kind.CUSTOM),
        ("Linear", Kind.CUSTOM),
        ("", None),
        (None, None),
    ],
)
def test_kinds(class_name: str | None, kind: Kind | None) -> None:
    assert Kind.of(class_name) == kind


def test_parameters_have_their_shape_type_and_count() -> None:
    tree = pipeline.load(EXPORTS / "bias_free" / "ts.onnx").tree
    (weight,) = tree["layers.0.gate_proj"].parameters
    assert (weight.name, weight.shape, weight.dtype, weight.count) == ("weight", (8, 16), "float32", 128)
    assert weight.transposed
    assert weight.initializer.startswith("onnx::MatMul_")
    assert tree.of_kind(None) == tuple(tree)


def test_boundaries_name_the_node_at_the_seam() -> None:
    names = ("/enc/l.0/a/Relu", "/enc/l.0/b/Relu", "/enc/l.1/a/Relu", "/Relu", "no")
    tree = pipeline.load(chain(*names)).tree
    assert [(b.left, b.right, names[b.last], names[b.first]) for b in tree.boundaries(3)] == [
        ("enc.l.0", "enc.l.1", "/enc/l.0/b/Relu", "/enc/l.1/a/Relu"),
        ("enc.l.1", "", "/enc/l.1/a/Relu", "/Relu"),
    ]
    assert [(b.left, b.right) for b in tree.boundaries()] == [
        ("enc.l.0.a", "enc.l.0.b"),
        ("enc.l.0.b", "enc.l.1.a"),
        ("enc.l.1.a", ""),
    ]
    assert [(b.left, b.right) for b in tree.boundaries(1)] == [("enc", "")]
    assert not tree.boundaries(0)


def test_a_child_may_be_called_more_often_than_its_caller() -> None:
    names = ("/block/act/Relu", "/block/Relu", "/block/act_1/Relu", "/block/Relu_1", "/block/act_2/Relu")
    found = rewriter.tree(chain(*names))
    assert (found["block"].calls, found["block.act"].calls) == (1, 3)

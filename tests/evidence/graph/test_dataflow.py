"""A node without a claim belongs to its readers, but never to a leaf that is complete without it."""

from __future__ import annotations

import pytest

from rewriter import pipeline
from rewriter.evidence.certainty import PlacementRule
from rewriter.evidence.metadata.dynamo import NAME_SCOPES
from tests.build import model

TENSORS = 'float[2,2] "a.fc.weight" = {1,2,3,4}, float[2,2] "b.fc.weight" = {1,2,3,4}'


def placed(text: str, **nodes: dict[str, str]) -> dict[str, str | None]:
    """Return first output of a node -> its module."""
    analysis = pipeline.load(model(text, **nodes))
    pairs = zip(analysis.graph.nodes, analysis.tree.placements, strict=True)
    return {node.output[0]: str(place.module) if place else None for node, place in pairs}


@pytest.mark.parametrize(
    ("operator", "inside"),
    [
        ("Gelu", False), ("Relu", False), ("Erf", False), ("Softmax", False),
        ("Transpose<perm = [0, 1]>", True), ("Identity", True), ("Cast<to = 1>", True),
    ],
)  # fmt: skip
def test_what_feeds_a_linear_layer_is_no_part_of_it(operator: str, inside: bool) -> None:
    found = placed(
        f"""g (float[2,2] x) => (float[2,2] z)
        <float[2,2] "enc.fc.weight" = {{1,2,3,4}}>
        {{
          ["/enc/Relu"] u = Relu(x)
          v = {operator}(u)
          ["/enc/fc/MatMul"] y = MatMul(v, "enc.fc.weight")
          ["/enc/Neg"] z = Neg(y)
        }}"""
    )
    assert found["v"] == ("enc.fc" if inside else "enc")


@pytest.mark.parametrize("activation", ["Relu(v)", "Mul(v, v)", "Softmax(v)"])
@pytest.mark.parametrize(
    "product", ["MatMul(u, onnx_MatMul_7)", "Cast<to = 1>(u) w = MatMul(v0, onnx_MatMul_7)"]
)
def test_a_node_with_a_weight_is_no_part_of_an_activation(activation: str, product: str) -> None:
    """Quantisers write such graphs: the name of the product has no scope any more."""
    made = f"v = {product}" if "w =" not in product else f"v0 = {product.replace('w =', 'v =')}"
    found = placed(
        f"""g (float[2,2] x) => (float[2,2] z)
        <float[2,2] onnx_MatMul_7 = {{1,2,3,4}}>
        {{
          ["/enc/Neg"] u = Neg(x)
          {made}
          ["/enc/act/Op"] y = {activation}
          ["/enc/Neg_1"] z = Neg(y)
        }}"""
    )
    assert found["v"] == "enc"


def branch(owner: str) -> str:
    product = f'{owner}2 = MatMul({owner}1, "{owner}.fc.weight")'
    return (
        f"{owner}body () => (float[2,2] {owner}) {{ {owner}1 = Gelu(x) {product} {owner} = Neg({owner}2) }}"
    )


EITHER = f"If(c) <then_branch: graph = {branch('a')}, else_branch: graph = {branch('b')}>"
NOTHING = "other () => (float[2,2] m) { m = Neg(x) }"
INNER = f"inner () => (float[2,2] k) {{ k = {EITHER} }}"
NESTED = f"If(c) <then_branch: graph = {INNER}, else_branch: graph = {NOTHING}>"


@pytest.mark.parametrize("control", [EITHER, NESTED])
def test_the_branches_of_an_if_belong_to_their_owners(control: str) -> None:
    """torch.cond is exported so: metadata names the root alone; weights name the modules of the branches."""
    text = f"g (float[2,2] x, bool c) => (float[2,2] y) <{TENSORS}> {{ [cond] y = {control} }}"
    found = placed(text, cond={NAME_SCOPES: "['', 'cond']"})
    assert (found["a2"], found["b2"]) == ("a.fc", "b.fc")
    assert (found["a1"], found["b1"]) == ("a", "b")


def rules(nodes: str) -> dict[str, PlacementRule]:
    """Return first output of a node -> the rule of its winning claim."""
    analysis = pipeline.load(model(f"g (float[2] x) => (float[2] y) {{ {nodes} }}"))
    pairs = zip(analysis.graph.nodes, analysis.claims, strict=True)
    return {node.output[0]: claims[0].by_rule for node, claims in pairs if claims}


CONSTANT = "k = Constant<value_float: float = 2.0>()"


def test_a_constant_for_one_module_is_inferred_and_one_for_two_is_guessed() -> None:
    one = rules(f'{CONSTANT} ["/a/Mul"] u = Mul(x, k) ["/a/Add"] y = Add(u, k)')
    two = rules(f'{CONSTANT} ["/a/b/Mul"] u = Mul(x, k) ["/a/c/Add"] v = Add(u, k) ["/a/Neg"] y = Neg(v)')
    assert (one["k"], two["k"]) == (PlacementRule.CONSTANT, PlacementRule.READERS)


def test_a_node_inside_of_a_module_is_inferred_and_one_at_its_edge_is_guessed() -> None:
    found = rules(
        """["/a/Neg"] u = Neg(x) v = Abs(u) ["/a/Exp"] w = Exp(v)
        s = Abs(w) ["/b/Neg"] y = Neg(s)"""
    )
    assert (found["v"], found["s"]) == (PlacementRule.WITHIN, PlacementRule.READERS)


def test_what_only_a_guessed_node_reads_is_guessed() -> None:
    found = rules(f'["/a/Neg"] u = Neg(x) {CONSTANT} v = Mul(u, k) ["/b/Neg"] y = Neg(v)')
    assert (found["v"], found["k"]) == (PlacementRule.READERS, PlacementRule.READERS)

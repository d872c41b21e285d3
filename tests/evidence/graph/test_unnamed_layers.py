"""In a file in which only some layers have names, the others are not placed in the modules of these."""

from __future__ import annotations

import pytest

from rewriter import pipeline
from rewriter.evidence.metadata.dynamo import NAME_SCOPES
from tests.build import model

LAYERS = 4
UNNAMED = "".join(f", float[2,2] w{n} = {{1,2,3,4}}" for n in range(LAYERS))
AS_CONSTANTS = "".join(f" w{n} = Constant<value = float[2,2] {{1,2,3,4}}>()" for n in range(LAYERS))
AS_INTEGERS = ", float scale = {1}" + "".join(f", int8[2,2] q{n} = {{1,2,3,4}}" for n in range(LAYERS))
UNPACKED = "".join(f" w{n} = DequantizeLinear(q{n}, scale)" for n in range(LAYERS))


def backbone(source: str) -> str:
    """Return a sequence of layers without names, from `source` to `b`."""
    values = [source, *(f"r{n}" for n in range(LAYERS - 1)), "b"]
    return "".join(f" c{n} = MatMul({values[n]}, w{n}) {values[n + 1]} = Relu(c{n})" for n in range(LAYERS))


def placed(
    body: str, tensors: str, shared: str = "", last: dict[str, str] | None = None
) -> dict[str, str | None]:
    named = ", ".join(
        f'float[2,2] "{shared}{name}.weight" = {{1,2,3,4}}' for name in ("head.preds.0", "stem.fc")
    )
    text = f"g (float[2,2] x) => (float[2,2] y, float[2,2] z) <{named}{tensors}> {{ {body} }}"
    analysis = pipeline.load(model(text, last=last or {}))
    pairs = zip(analysis.graph.nodes, analysis.tree.placements, strict=True)
    return {node.output[0]: str(place.module) if place else None for node, place in pairs}


HEADS = '["/head/preds.0/MatMul"] y = MatMul(b, "head.preds.0.weight") ["/head/act/Relu"] z = Relu(b)'
PLAIN_HEADS = 'y = MatMul(b, "head.preds.0.weight") [last] z = Relu(b)'
DYNAMO = {NAME_SCOPES: "['', 'head', 'head.act', 'relu']"}
WEIGHTS = [("", UNNAMED), (AS_CONSTANTS, ""), (UNPACKED, AS_INTEGERS)]
OF_BACKBONE = [f"c{n}" for n in range(LAYERS)] + [f"r{n}" for n in range(LAYERS - 1)] + ["b"]


@pytest.mark.parametrize(("made", "tensors"), WEIGHTS)
@pytest.mark.parametrize("heads", [HEADS, PLAIN_HEADS])
@pytest.mark.parametrize("metadata", [False, True])
def test_nothing_before_the_first_name_is_placed(made: str, tensors: str, heads: str, metadata: bool) -> None:
    last = DYNAMO if metadata else None
    body = f"{made} i = Neg(x) {backbone('i')} {heads}"
    found = placed(body, tensors, last=last)
    assert {found[value] for value in (*OF_BACKBONE, "i")} == {None}
    assert found["y"] == "head.preds.0"


@pytest.mark.parametrize(("made", "tensors"), WEIGHTS)
@pytest.mark.parametrize("shared", ["", "net."])
def test_layers_between_names_go_to_what_these_have_in_common(made: str, tensors: str, shared: str) -> None:
    scope = shared.replace(".", "/")
    stem = f'["/{scope}stem/fc/MatMul"] s = MatMul(x, "stem.fc.weight")'
    body = f"{made} {stem} {backbone('s')} {HEADS}".replace('["/head', f'["/{scope}head')
    for module in ("stem", "head"):
        body = body.replace(f'"{module}.', f'"{shared}{module}.')
    found = placed(body, tensors, shared=shared)
    assert {found[value] for value in OF_BACKBONE} == {shared.rstrip(".") or None}


def test_one_layer_between_names_belongs_to_its_readers() -> None:
    body = '["/net/Neg"] i = Neg(x) c = MatMul(i, w0) ["/net/act/Relu"] b = Relu(c) ["/net/Exp"] y = Exp(b)'
    assert placed(body + " z = Neg(y)", UNNAMED)["c"] == "net"


def test_layers_beside_each_other_belong_to_their_readers_each() -> None:
    """Quantisers write query and key so: products without names that read the same value."""
    made = '["/att/Neg"] n = Neg(x) c = Cast<to = 1>(n) q = MatMul(c, w0) k = MatMul(c, w1)'
    sums = '["/att/q/Add"] y = Add(q, bias) ["/att/k/Add"] z = Add(k, bias)'
    found = placed(f"{made} {sums}", UNNAMED + ", float[2] bias = {1,2}")
    assert (found["c"], found["q"], found["k"]) == ("att", "att.q", "att.k")

"""The owner of a tensor with one reader decides; that of a tensor with several readers only supports."""

from __future__ import annotations

import pytest

from rewriter import pipeline
from tests.build import model

Placed = dict[str, str | None]


def placed(tensors: dict[str, str], body: str) -> Placed:
    """Return output of a node -> its module, in a file in which only tensors have names."""
    named = ", ".join(f'{kind} "{name}" = {{{values(kind)}}}' for name, kind in tensors.items())
    analysis = pipeline.load(model(f"g (float[2,2] x) => (float[2,2] y) <{named}> {{ {body} }}"))
    pairs = zip(analysis.graph.nodes, analysis.tree.placements, strict=True)
    return {node.output[0]: str(place.module) if place else None for node, place in pairs}


def values(kind: str) -> str:
    return {"float[2,2]": "1,2,3,4", "float[2]": "0,0"}[kind]


MATRIX, VECTOR = "float[2,2]", "float[2]"


def layers(count: int, *, bias: str = "h.0.fc.bias", gemm: bool = False, named: bool = True) -> Placed:
    """Return linear layers in sequence, whose equal biases an exporter merged."""
    weight = "h.{}.fc.weight" if named else "onnx::MatMul_{}"
    tensors = {weight.format(layer): MATRIX for layer in range(count)} | {bias: VECTOR}
    body, last = "", "x"
    for layer in range(count):
        behind = "y" if layer == count - 1 else f"r{layer}"
        read = f'"{weight.format(layer)}"'
        if gemm:
            body += f' a{layer} = Gemm({last}, {read}, "{bias}")'
        else:
            body += f' m{layer} = MatMul({last}, {read}) a{layer} = Add(m{layer}, "{bias}")'
        body += f" {behind} = Relu(a{layer})"
        last = behind
    return placed(tensors, body)


@pytest.mark.parametrize("count", [2, 3, 8, 24])
@pytest.mark.parametrize("gemm", [False, True])
def test_a_merged_bias_says_nothing_where_the_weight_decides(count: int, gemm: bool) -> None:
    found = layers(count, gemm=gemm)
    for layer in range(count):
        assert found[f"a{layer}"] == f"h.{layer}.fc"
        assert gemm or found[f"m{layer}"] == f"h.{layer}.fc"
    assert {found[f"r{layer}"] for layer in range(count - 1)} <= {None, "h"}


def test_a_merged_bias_behind_weights_without_a_name_is_not_believed() -> None:
    found = layers(8, named=False)
    assert not any(place and place.startswith("h.0") for place in found.values())


def test_the_biases_of_query_key_and_value_are_one() -> None:
    tensors = {"attn.q.bias": VECTOR, "attn.out.weight": MATRIX} | {
        f"onnx::MatMul_{n}": MATRIX for n in "123"
    }
    body = "".join(f' p{n} = MatMul(x, "onnx::MatMul_{n}") a{n} = Add(p{n}, "attn.q.bias")' for n in "123")
    found = placed(tensors, body + ' s = MatMul(a1, a2) t = MatMul(s, a3) y = MatMul(t, "attn.out.weight")')
    assert "attn.q" not in found.values()


def norms(count: int, weight: str = "h.{}.{}.weight") -> Placed:
    """Return pre-norm blocks whose norms all read the tensors of the first norm."""
    tensors = {"h.0.norm.weight": VECTOR, "h.0.norm.bias": VECTOR}
    body, last = "", "x"
    for layer in range(count):
        up, down = (weight.format(layer, name) for name in ("up", "down"))
        tensors |= dict.fromkeys((up, down), MATRIX)
        body += f' n{layer} = LayerNormalization({last}, "h.0.norm.weight", "h.0.norm.bias")'
        body += f' u{layer} = MatMul(n{layer}, "{up}") g{layer} = Relu(u{layer})'
        body += f' d{layer} = MatMul(g{layer}, "{down}")'
        last = "y" if layer == count - 1 else f"s{layer}"
        body += f" {last} = Add(d{layer}, n{layer})"
    return placed(tensors, body)


@pytest.mark.parametrize("count", [2, 8])
def test_merged_norms_do_not_draw_layers_into_the_first(count: int) -> None:
    found = norms(count)
    for layer in range(count):
        assert found[f"u{layer}"] == f"h.{layer}.up"
        assert found[f"g{layer}"] == f"h.{layer}"
        assert found[f"n{layer}"] != "h.0.norm" or layer == 0


@pytest.mark.parametrize("count", [2, 8, 24])
def test_merged_norms_among_weights_without_names_place_nothing(count: int) -> None:
    assert {*norms(count, "onnx::MatMul_{}_{}").values()} == {None}


@pytest.mark.parametrize("calls", [2, 8])
def test_a_layer_that_is_called_several_times_keeps_its_weights(calls: int) -> None:
    tensors = {"stem.weight": MATRIX, "layer.norm.weight": VECTOR, "layer.norm.bias": VECTOR}
    tensors |= {"layer.fc.weight": MATRIX, "layer.fc.bias": VECTOR, "head.weight": MATRIX}
    body = 's0 = MatMul(x, "stem.weight")'
    for call in range(calls):
        body += f' n{call} = LayerNormalization(s{call}, "layer.norm.weight", "layer.norm.bias")'
        body += f' m{call} = MatMul(n{call}, "layer.fc.weight") a{call} = Add(m{call}, "layer.fc.bias")'
        body += f" s{call + 1} = Add(a{call}, s{call})"
    found = placed(tensors, body + f' y = MatMul(s{calls}, "head.weight")')
    for call in range(calls):
        assert found[f"n{call}"] == "layer.norm"
        assert (found[f"m{call}"], found[f"a{call}"]) == ("layer.fc", "layer.fc")


def test_a_tied_matrix_is_read_by_its_owner() -> None:
    tensors = {"net.embed.weight": MATRIX, "net.fc.weight": MATRIX}
    body = (
        'e = MatMul(x, "net.embed.weight") f = MatMul(e, "net.fc.weight") y = MatMul(f, "net.embed.weight")'
    )
    assert placed(tensors, body) == {"e": "net.embed", "f": "net.fc", "y": "net.embed"}


def test_who_reads_weights_of_two_modules_that_are_told_stands_above_them() -> None:
    tensors = {"net.a.weight": MATRIX, "net.b.weight": MATRIX}
    body = 'p = MatMul(x, "net.a.weight") q = MatMul(p, "net.b.weight")'
    body += ' y = Sum(q, "net.a.weight", "net.b.weight")'
    assert placed(tensors, body) == {"p": "net.a", "q": "net.b", "y": "net"}


def test_the_branch_of_another_module_reads_a_merged_norm() -> None:
    tensors = {"a.norm.weight": VECTOR, "a.norm.bias": VECTOR, "a.fc.weight": MATRIX, "b.fc.weight": MATRIX}
    norm = 'LayerNormalization(x, "a.norm.weight", "a.norm.bias")'
    body = f'n = {norm} p = MatMul(n, "a.fc.weight") k = {norm} q = MatMul(k, "b.fc.weight") y = Add(p, q)'
    found = placed(tensors, body)
    assert (found["p"], found["q"]) == ("a.fc", "b.fc")
    assert found["n"] == "a.norm"
    assert found["k"] in (None, "", "b")

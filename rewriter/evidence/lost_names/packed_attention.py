"""Witness: projections of torch's multi-head attention, which TorchScript splits, transposes and numbers.

A module of this class has one `in_proj_weight` for query, key and value, and calls no layer for `out_proj`:

=============  ======================  =======================================
query, key     matrices in file order  parameters
and value
=============  ======================  =======================================
all the same   (E, 3E)                 `in_proj_weight`
key = value    (E, E), (E, 2E)         rows of `in_proj_weight`: `_q`, `_kv`
all different  (E, E) three times      rows of `in_proj_weight`: `_q`, `_k`, `_v`
other sizes    (E, E), (K, E), (V, E)  `q_proj_weight`, `k_proj_weight`, `v_proj_weight`
=============  ======================  =======================================

Other classes of attention compute with the same matrices and name them otherwise, so a witness has to name
the class, with two exceptions: if the product is added to a tensor that is named `in_proj_bias`, and if key
and value are one matrix whose bias has no name either, beside a named `out_proj.bias`. The names that end in
the letters of inputs, such as `in_proj_weight_q`, are in no state dict.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from rewriter.evidence.claims import ParameterClaim, Source
from rewriter.evidence.parameters.parameter_names import alias_of
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.paths import ModulePath

_CLASS = "torch.nn.modules.activation.MultiheadAttention"
_NUMBERED = re.compile(r"onnx::(?:MatMul|Add)_\d+$")
_INPUTS: Mapping[tuple[int, ...], tuple[str, ...]] = {
    (3,): ("",),
    (1, 2): ("q", "kv"),
    (1, 1, 1): tuple("qkv"),
}
"""Columns of the matrices, divided by E -> the inputs that they project."""


class _Product(NamedTuple):
    """A numbered matrix that a module multiplies by, and the tensor that it adds; NONE without one."""

    weight: int
    bias: int


def testify(
    graph: GraphIndex, modules: Sequence[ModulePath | None], classes: Mapping[ModulePath, str]
) -> Iterator[ParameterClaim]:
    """Yield claims on numbered weights and biases of multi-head attention.

    Args:
        graph: the model.
        modules: node -> its module.
        classes: module -> its class, if a witness names it.
    """
    for module, products in _products(graph, modules).items():
        yield from _of_module(graph, module, list(products), known=classes.get(module) == _CLASS)


def _products(
    graph: GraphIndex, modules: Sequence[ModulePath | None]
) -> dict[ModulePath, dict[_Product, None]]:
    """Return module -> its products by numbered matrices, in file order."""
    found: dict[ModulePath, dict[_Product, None]] = {}
    for node, module in enumerate(modules):
        if module and graph.operators[node] == ("", "MatMul"):
            weight = alias_of(graph, (*graph.reads[node], NONE, NONE)[1])
            if _is_numbered(graph, weight) and len(graph.initializers[weight].dims) == 2:
                found.setdefault(module, {})[_Product(weight, _added(graph, node))] = None
    return found


def _is_numbered(graph: GraphIndex, value: int) -> bool:
    return bool(_NUMBERED.match(graph.main_name(value)))


def _added(graph: GraphIndex, node: int) -> int:
    """Return the initializer that is added to the result of a node; NONE without one."""
    for reader in graph.successors(node):
        if graph.operators[reader] == ("", "Add"):
            for value in graph.reads[reader]:
                if (origin := alias_of(graph, value)) in graph.initializers:
                    return origin
    return NONE


def _of_module(
    graph: GraphIndex, module: ModulePath, products: Sequence[_Product], *, known: bool
) -> Iterator[ParameterClaim]:
    """Yield the claims on the matrices of a module, if they have the form of torch's multi-head attention."""
    size, inputs = _inputs(graph, products)
    if known and not inputs and graph.value(module.child("out_proj.weight")) == NONE:
        *products, output = products
        size, inputs = _inputs(graph, products)
        if inputs and tuple(graph.initializers[output.weight].dims) == (size, size):
            yield _claim(graph, output.weight, module.child("out_proj.weight"), "", transposed=True)
    if inputs and (known or _is_shown(graph, module, products)):
        yield from _of_inputs(graph, module, products, inputs, size)


def _inputs(graph: GraphIndex, products: Sequence[_Product]) -> tuple[int, tuple[str, ...]]:
    """Return E and the inputs that the matrices project; no inputs if the columns do not fit."""
    columns = [graph.initializers[product.weight].dims[1] for product in products]
    size = sum(columns) // 3
    if not size or any(count % size for count in columns):
        return size, ()
    return size, _INPUTS.get(tuple(count // size for count in columns), ())


def _of_inputs(
    graph: GraphIndex, module: ModulePath, products: Sequence[_Product], inputs: Sequence[str], size: int
) -> Iterator[ParameterClaim]:
    separate = any(graph.initializers[product.weight].dims[0] != size for product in products)
    if separate and tuple(inputs) != tuple("qkv"):
        return  # torch has no parameter for several inputs of other sizes
    row = 0
    for letters, product in zip(inputs, products, strict=True):
        count = graph.initializers[product.weight].dims[1]
        rows, row = f"rows {row} to {row + count} of", row + count
        if separate:
            yield _claim(graph, product.weight, module.child(f"{letters}_proj_weight"), "", transposed=True)
        else:
            yield _claim_rows(graph, product.weight, module.child("in_proj_weight"), letters, rows)
        if _is_numbered(graph, product.bias):
            yield _claim_rows(graph, product.bias, module.child("in_proj_bias"), letters, rows)


def _is_shown(graph: GraphIndex, module: ModulePath, products: Sequence[_Product]) -> bool:
    """Whether the biases show that an unknown class is torch's."""
    if len(products) == 1:
        return graph.value(module.child("in_proj_bias")) == products[0].bias != NONE
    numbered = all(_is_numbered(graph, product.bias) for product in products)
    return len(products) == 2 and numbered and graph.value(module.child("out_proj.bias")) != NONE


def _claim_rows(
    graph: GraphIndex, value: int, parameter: ModulePath, letters: str, rows: str
) -> ParameterClaim:
    """Return the claim on a tensor with all of a parameter, or with rows of it that `letters` name."""
    transposed = len(graph.initializers[value].dims) == 2
    if not letters:
        return _claim(graph, value, parameter, "", transposed=transposed)
    name = ModulePath(f"{parameter}_{letters}")
    return _claim(graph, value, name, f"{rows} {parameter.name}", transposed=transposed)


def _claim(
    graph: GraphIndex, value: int, name: ModulePath, detail: str, *, transposed: bool
) -> ParameterClaim:
    return ParameterClaim(graph.value_names[value], name, transposed, Source.POSITION, detail=detail)

"""Witness: a reference declares the parameters of a module, and shapes show which tensors hold them.

A module that reads exactly one anonymous tensor of a shape, and declares exactly one parameter of that shape
that has no initializer yet, holds this parameter in this tensor. A module without nodes leaves its parameters
to the module above, which then reads them (`out_proj` in torch's multi-head attention). Dimensions of size 1
do not count, and a matrix may be transposed: the operator that reads a square one shows its layout. Operands
of a norm are told apart by their position.

An exporter keeps the name of a parameter that it stores unchanged. So a tensor that the exporter named
(`onnx::Mul_672`, `mul_1`) and that has exactly the declared shape was computed, and gets no name. What dynamo
recorded about a tensor must agree. Any other tensor may still have been computed: only its shape is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rewriter.evidence.claims import ParameterClaim, Source
from rewriter.evidence.metadata.dynamo import folded_from, signature
from rewriter.evidence.names.scope_grammar import owner_of_parameter
from rewriter.evidence.parameters.parameter_names import readers_of
from rewriter.evidence.reference.module_list import Declared
from rewriter.evidence.reference.witness import Fit
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.operator_set.operators import is_set
from rewriter.model.tensors import FLOATS
from rewriter.paths import ModulePath

BY_SHAPE = "known by its shape alone"

_EXPORTED = re.compile(r"onnx::\w+_\d+$|[a-z_]+(?:_\d+)?$")
"""Names that exporters give to computed tensors: a number, or a word as torch names operators."""
_STEP = re.compile(r"val_\d+$")
"""Names of results of operators into which dynamo decomposes an operator of torch."""
_AFFINE = {1: "weight", 2: "bias"}
_OPERANDS: Mapping[str, Mapping[int, str]] = {
    "BatchNormalization": {**_AFFINE, 3: "running_mean", 4: "running_var"},
    "InstanceNormalization": _AFFINE,
    "LayerNormalization": _AFFINE,
    "GroupNormalization": _AFFINE,
}
"""Operator -> position of an operand -> the parameter of torch's module, for operands of equal shape."""

_Key = tuple[int, ...]
_Open = Mapping[ModulePath, Declared]


def testify(
    graph: GraphIndex, modules: Sequence[ModulePath | None], fit: Fit, known: Iterable[ParameterClaim]
) -> Iterator[ParameterClaim]:
    """Yield claims on anonymous initializers of the main graph that shapes identify.

    Args:
        graph: the model.
        modules: node -> its module.
        fit: the reference.
        known: the claims of other witnesses.
    """
    known = tuple(known)
    anonymous = _anonymous(graph, modules, {claim.initializer for claim in known})
    if not anonymous:
        return
    declared = _declared(graph, modules, fit, {claim.name for claim in known})
    for module, values in anonymous.items():
        yield from _of_module(graph, values, declared.get(module, {}))


def _anonymous(
    graph: GraphIndex, modules: Sequence[ModulePath | None], known: set[str]
) -> dict[ModulePath, list[int]]:
    """Return module -> the anonymous tensors that it alone reads."""
    found: dict[ModulePath, list[int]] = {}
    main = graph.bodies[0].values
    for value, tensor in graph.initializers.items():
        name = tensor.name
        if not isinstance(name, str) or main.get(name) != value or name in known:
            continue
        if tensor.data_type not in FLOATS or not _key(tensor.dims) or owner_of_parameter(name):
            continue
        places = {modules[reader] for reader in readers_of(graph, value)}
        if len(places) == 1 and (place := places.pop()) is not None:
            found.setdefault(place, []).append(value)
    return found


def _declared(
    graph: GraphIndex, modules: Sequence[ModulePath | None], fit: Fit, known: set[ModulePath]
) -> dict[ModulePath, dict[ModulePath, Declared]]:
    """Return module -> the declared parameters without an initializer of it and of modules without nodes."""
    called = {
        above for module in set(modules) if module is not None for above in (module, *module.ancestors())
    }
    found: dict[ModulePath, dict[ModulePath, Declared]] = {}
    for path, module in fit.modules():
        reader = path
        while reader not in called and reader.parent is not None:
            reader = reader.parent
        for each in module.declared:
            name = path.child(each.name)
            if name not in known and graph.value(name) == NONE and each.same_as is None:
                found.setdefault(reader, {})[name] = each
    return found


def _of_module(graph: GraphIndex, values: Sequence[int], declared: _Open) -> Iterator[ParameterClaim]:
    """Yield the claims on the anonymous tensors of one module."""
    shapes = {name: each.shape for name, each in declared.items() if each.shape is not None}
    if len(shapes) < len(declared):  # a lazy parameter may have any shape
        return
    by_shape: dict[_Key, list[ModulePath]] = {}
    for name, shape in shapes.items():
        by_shape.setdefault(_key(shape), []).append(name)
    of_shape: dict[_Key, list[int]] = {}
    for value in values:
        of_shape.setdefault(_key(graph.initializers[value].dims), []).append(value)
    for key, alike in of_shape.items():
        names = by_shape.get(key, [])
        if len(alike) == len(names) == 1:
            yield from _claim(graph, alike[0], names[0], shapes[names[0]])
        else:
            for value in alike:
                local = _operand(graph, value)
                if len(told := [name for name in names if name.name == local]) == 1:
                    yield from _claim(graph, value, told[0], shapes[told[0]])


def _key(dims: Sequence[int]) -> _Key:
    """Return the dimensions that are not 1; those of a matrix sorted, since it may be transposed."""
    sizes = tuple(size for size in dims if size != 1)
    return tuple(sorted(sizes)) if len(sizes) == 2 else sizes


def _claim(
    graph: GraphIndex, value: int, name: ModulePath, shape: tuple[int, ...]
) -> Iterator[ParameterClaim]:
    transposed = _is_transposed(graph, value, shape)
    if transposed is None:
        return
    unchanged = not transposed and tuple(graph.initializers[value].dims) == shape
    if _may_be(graph, value, name, unchanged=unchanged):
        initializer = graph.value_names[value]
        yield ParameterClaim(initializer, name, transposed, Source.POSITION, detail=BY_SHAPE)


def _may_be(graph: GraphIndex, value: int, name: ModulePath, *, unchanged: bool) -> bool:
    """Whether the name of a tensor, and what the exporter recorded about it, allow that it is a parameter."""
    initializer = graph.value_names[value]
    known = set(signature(graph).values())
    if known and (origins := folded_from(graph).get(value)) is not None:
        moved = not unchanged or bool(_STEP.match(initializer))
        return moved and known.intersection(origins) == {name}
    return not (unchanged and _EXPORTED.match(initializer))


def _is_transposed(graph: GraphIndex, value: int, shape: tuple[int, ...]) -> bool | None:
    """Whether a tensor is the transpose of a parameter of this shape; None if the file does not show it."""
    dims = tuple(graph.initializers[value].dims)
    if len(_key(shape)) != 2:
        return False
    if len(dims) != 2 or len(shape) != 2:
        plain = [size for size in dims if size != 1] == [size for size in shape if size != 1]
        return False if plain and len(set(_key(shape))) == 2 else None
    if dims[0] != dims[1]:
        return dims != shape
    layouts = {_reads_transposed(graph, node, value) for node in graph.readers[value]}
    return layouts.pop() if len(layouts) == 1 else None


def _reads_transposed(graph: GraphIndex, node: int, value: int) -> bool | None:
    """Whether a node reads a weight as (in, out), which torch stores as (out, in); None if unknown."""
    operator = graph.operators[node][1]
    place = graph.reads[node].index(value)
    if operator == "MatMul" and place == 1:
        return True
    if operator == "Gemm" and place == 1:
        return not is_set(graph.nodes[node], "transB")
    return False if operator == "Gather" and place == 0 else None


def _operand(graph: GraphIndex, value: int) -> str:
    """Return the local name of the parameter that the only reader of a tensor shows; '' if it shows none."""
    readers = graph.readers[value]
    places = _OPERANDS.get(graph.operators[readers[0]][1], {}) if len(readers) == 1 else {}
    return places.get(graph.reads[readers[0]].index(value), "") if places else ""

"""Finds tables that the file also holds for a product: weights that an embedding and an output layer share.

An exporter that folds the transposition of the output layer stores such a weight twice: as the table of a
Gather, under the name of a parameter, and transposed for the product, without a name. onnxslim transposes the
latter back. The parameter has two
names in PyTorch, and the exporters keep different ones: TorchScript that of the module that was registered
first, and numbers the transpose (`onnx::MatMul_81`); dynamo that of the last one. An output layer is
registered after the embedding, so dynamo's name is that of the output layer, and no name of the embedding is
left.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rewriter.evidence.metadata import tags
from rewriter.evidence.names.scope_grammar import scope_of_node_name
from rewriter.evidence.parameters.owners import owners_of_constants
from rewriter.model.index.graph import GraphIndex
from rewriter.model.operator_set.operators import is_set
from rewriter.model.tensors import FLOATS, elements_of
from rewriter.paths import ModulePath

_OF_TORCHSCRIPT = re.compile(r"onnx::\w+_\d+$")
_OURS = tags.OF_NODES | {"namespace", tags.ORIGINAL_NAME, tags.MOVED_TO, tags.COPY_OF}
"""Metadata of nodes that this library writes."""
_SAMPLES = 64
"""Elements that are compared: enough to tell any two trained matrices apart."""
_FEWEST = 4
"""Minimum different numbers among these; tables of few numbers are equal by chance."""


class Tie(NamedTuple):
    """A weight that the file holds as a table and transposed, under the name of the output layer.

    Attributes:
        table: the named initializer.
        owner: the module in its name.
        lookups: the Gathers that read the table; they are in another module.
        products: the nodes that multiply by the transpose.
    """

    table: int
    owner: ModulePath
    lookups: tuple[int, ...]
    products: tuple[int, ...]


def ties(graph: GraphIndex, folder: Path | None) -> Iterator[Tie]:
    """Yield the tied weights that have the name of the output layer.

    Args:
        graph: the model.
        folder: the folder of its external data; if None, external tensors are not compared.
    """
    owners = owners_of_constants(graph)
    products = list(_products(graph, owners))
    tables: dict[tuple[int, ...], list[int]] = {}
    for value, tensor in graph.initializers.items() if products else ():
        if value in owners and tensor.data_type in FLOATS:
            tables.setdefault(tuple(tensor.dims), []).append(value)
    for product in products:
        for table in tables.get(product.shape, ()):
            lookups = _lookups(graph, table)
            if lookups and _is_same(graph, table, product, folder):
                yield Tie(table, owners[table], lookups, product.readers)


class _Factor(NamedTuple):
    """A matrix without the name of a parameter, and the nodes that multiply by it.

    Attributes:
        matrix: the initializer.
        shape: the shape of the weight in PyTorch: (out, in).
        transposed: whether the matrix is (in, out).
        readers: all readers of the matrix.
    """

    matrix: int
    shape: tuple[int, ...]
    transposed: bool
    readers: tuple[int, ...]


def _products(graph: GraphIndex, owners: Mapping[int, ModulePath]) -> Iterator[_Factor]:
    """Yield the matrices that nodes only multiply by, without those that TorchScript numbered."""
    for value, tensor in graph.initializers.items():
        if len(tensor.dims) != 2 or tensor.data_type not in FLOATS or value in owners:
            continue
        readers = tuple(dict.fromkeys(graph.readers[value]))
        ways = {_transposed(graph, node, value) for node in readers}
        way = ways.pop() if len(ways) == 1 else None
        if way is not None and not _OF_TORCHSCRIPT.match(str(graph.value_names[value])):
            shape = tuple(tensor.dims)
            yield _Factor(value, shape[::-1] if way else shape, way, readers)


def _transposed(graph: GraphIndex, node: int, matrix: int) -> bool | None:
    """Return whether a node multiplies by a matrix of shape (in, out), else (out, in); None if neither."""
    operator, reads = graph.operators[node][1], graph.reads[node]
    if operator not in ("MatMul", "Gemm") or reads[1] != matrix or reads.count(matrix) != 1:
        return None
    return operator == "MatMul" or not is_set(graph.nodes[node], "transB")


def _lookups(graph: GraphIndex, table: int) -> tuple[int, ...]:
    """Return the Gathers that read a table; () if another node reads it.

    () too if a Gather has a scope or an exporter's metadata, which tell its module. Metadata of an earlier
    run does not count, so that a second run hears the same witnesses.
    """
    readers = tuple(dict.fromkeys(graph.readers[table]))
    alone = all(graph.operators[node][1] == "Gather" and graph.reads[node][0] == table for node in readers)
    told = any(
        not _OURS.issuperset(graph.metadata_keys[node]) or scope_of_node_name(graph.names[node])
        for node in readers
    )
    return readers if alone and not told else ()


def _is_same(graph: GraphIndex, table: int, product: _Factor, folder: Path | None) -> bool:
    """Whether the matrix of a product has the elements of a table, as far as a sample shows."""
    one, other = graph.initializers[table], graph.initializers[product.matrix]
    if one.data_type != other.data_type:
        return False
    places = np.linspace(0, prod(one.dims) - 1, min(_SAMPLES, prod(one.dims))).astype(np.int64)
    expected = elements_of(one, folder, places)
    if expected is None or len(np.unique(expected)) < _FEWEST:
        return False
    rows, columns = np.divmod(places, one.dims[1])
    found = elements_of(other, folder, columns * one.dims[0] + rows if product.transposed else places)
    return found is not None and bool((found == expected).all())

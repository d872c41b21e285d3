"""Witness: weights that lost their name, and parameters of the root, identified by their readers.

TorchScript folds the transpose of a linear layer's weight into a new initializer `onnx::MatMul_<n>`. Such a
matrix is the `weight` of the leaf that reads it if the leaf only multiplies by this one matrix, and at most
adds a named parameter of its own or of an ancestor (a tied bias) and changes types. Any other matrix stays
unnamed: its module may use several, or name its weights in another way.

The dynamo exporter folds as well and writes `val_<n>`, a name that any value may have. Under such a name, the
leaf must also add a parameter. But if the exporter recorded the inputs of the value, the leaf need not add
one: then the only recorded input must be this very weight, and the matrix must be named `val_<n>` or after an
operator that moves elements.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from onnx import TensorProto

from rewriter.evidence.claims import ParameterClaim, Source
from rewriter.evidence.metadata.dynamo import folded_from, signature
from rewriter.evidence.names.scope_grammar import owner_of_parameter
from rewriter.evidence.parameters.owners import is_of_activation
from rewriter.evidence.parameters.parameter_names import alias_of
from rewriter.evidence.parameters.tensor_roles import operands_of
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.paths import ROOT, ModulePath

_FOLDED = "onnx::MatMul_"
_LAYOUT = re.compile(r"(?:val|t|permute|transpose)(?:_\d+)?$")
_WEIGHT = "weight"
_SILENT = frozenset({"Constant", "Identity", "Cast"})
_LINEAR = frozenset({"MatMul", "Add"})


def testify(graph: GraphIndex, modules: Sequence[ModulePath | None]) -> list[ParameterClaim]:
    """Return claims on weights that lost their name, and on parameters of the root."""
    matrices = _matrices(graph, modules)
    own = _nodes_of_leaves(modules, matrices)
    explained = folded_from(graph) if own else {}
    found = []
    for module, nodes in own.items():
        value = next(iter(matrices[module]))
        tensor = graph.initializers[value]
        added = _added(graph, module, nodes)
        name = module.child(_WEIGHT)
        if value in explained:
            told = explained[value] == (name,) and bool(_LAYOUT.match(tensor.name))
        else:
            told = bool(added) or tensor.name.startswith(_FOLDED)
        if told and added is not None and graph.value(name) == NONE:
            found.append(ParameterClaim(tensor.name, name, True, Source.POSITION))
    return found + _of_root(graph, modules)


def _matrices(graph: GraphIndex, modules: Sequence[ModulePath | None]) -> dict[ModulePath, set[int]]:
    """Return module -> the one anonymous 2-d initializer that all its matrix products multiply by."""
    aliases = _aliases(graph)
    products: dict[ModulePath, set[int]] = {}
    for node, module in enumerate(modules):
        if module and graph.operators[node][1] == "MatMul":
            products.setdefault(module, set()).update(aliases.get(v, v) for v in graph.reads[node][1:])
    # Bodies may have such initializers too, but only those of the main graph can be parameters.
    main = set(graph.bodies[0].values.values())

    def is_anonymous(value: int) -> bool:
        tensor = graph.initializers.get(value) if value in main else None
        if tensor is None or len(tensor.dims) != 2 or not _is_text(tensor):
            return False
        return owner_of_parameter(tensor.name) is None

    return {m: values for m, values in products.items() if len(values) == 1 and is_anonymous(*values)}


def _nodes_of_leaves(
    modules: Sequence[ModulePath | None], wanted: Collection[ModulePath]
) -> dict[ModulePath, list[int]]:
    """Return wanted module -> its nodes, for modules without nodes in a submodule."""
    own: dict[ModulePath, list[int]] = {module: [] for module in wanted}
    for place in set(modules):
        for ancestor in place.ancestors() if place is not None else ():
            own.pop(ancestor, None)
    for node, place in enumerate(modules):
        if place in own:
            own[place].append(node)
    return own


def _of_root(graph: GraphIndex, modules: Sequence[ModulePath | None]) -> list[ParameterClaim]:
    """Return claims on parameters of the root: initializers with undotted names that only the root reads.

    Scales and zero points are no parameters.

    Exporters also invent undotted names: if the file lists its parameters, only listed names count, otherwise
    those that do not begin with `_`.
    """
    listed = set(signature(graph).values())
    helpers = operands_of(graph).helpers
    found = []
    for value in graph.initializers:
        name = graph.value_names[value]
        if (
            value in helpers
            or not isinstance(name, str)
            or not name.isidentifier()
            or is_of_activation(graph, name)
            or (name not in listed if listed else name.startswith("_"))
        ):
            continue
        readers = graph.readers[value]
        if readers and all(modules[reader] == ROOT for reader in readers):
            found.append(ParameterClaim(name, ModulePath(name), False, Source.POSITION))
    return found


def _is_text(tensor: TensorProto) -> bool:
    """Whether the name is UTF-8; protobuf returns bytes if it is not."""
    return isinstance(tensor.name, str)


def _aliases(graph: GraphIndex) -> dict[int, int]:
    """Return result of an `Identity` -> the initializer that it stands for."""
    return {
        node_value: origin
        for node, (_, operator) in enumerate(graph.operators)
        if operator == "Identity"
        for node_value in graph.writes[node]
        if (origin := alias_of(graph, node_value)) != node_value
    }


def _added(graph: GraphIndex, module: ModulePath, nodes: list[int]) -> bool | None:
    """Whether a module adds a parameter of its own or of an ancestor; None if it computes anything else."""
    adds = False
    for node in nodes:
        operator = graph.operators[node][1]
        if operator in _SILENT:
            continue
        if operator not in _LINEAR:
            return None
        if operator == "Add":
            names = [graph.value_names[value] for value in graph.reads[node] if value != NONE]
            owners = filter(None, map(owner_of_parameter, names))
            if not any(owner.holds(module) for owner in owners):
                return None
            adds = True
    return adds

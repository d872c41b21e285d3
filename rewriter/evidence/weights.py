"""Witness: weights that lost their name, told by who reads them.

TorchScript folds the transpose of a linear layer's weight into a new initializer `onnx::MatMul_<n>`. Such a
matrix is the `weight` of the module that reads it where that module does nothing but multiply by this one
matrix and perhaps add its own named parameter; anything else (a module that calls the function with
weights of other names, several matrices) is left unnamed.
"""

from __future__ import annotations

from collections.abc import Sequence

from rewriter.evidence.claim import ParameterClaim, Source
from rewriter.evidence.grammar import owner_of_parameter
from rewriter.model.graph import NONE, GraphIndex
from rewriter.paths import ModulePath

_ANONYMOUS = "onnx::MatMul_"
_WEIGHT = "weight"
_SILENT = frozenset({"Constant", "Identity"})
_LINEAR = frozenset({"MatMul", "Add"})


def testify(graph: GraphIndex, modules: Sequence[ModulePath | None]) -> list[ParameterClaim]:
    """Claims for anonymous 2-d weights of modules that are linear layers by all that can be seen."""
    matrices: dict[ModulePath, list[int]] = {}
    main = graph.bodies[0].values
    for value, tensor in graph.initializers.items():
        # A body may own an initializer of the same form; only the main graph's can be a parameter.
        if (
            isinstance(tensor.name, str)
            and tensor.name.startswith(_ANONYMOUS)
            and len(tensor.dims) == 2
            and main.get(tensor.name, NONE) == value
        ):
            places = {modules[reader] for reader in graph.readers[value]}
            module = places.pop() if len(places) == 1 else None
            if module:
                matrices.setdefault(module, []).append(value)
    own: dict[ModulePath, list[int]] = {module: [] for module in matrices}
    inside: set[ModulePath] = set()
    for node, place in enumerate(modules):
        if place is not None:
            inside.update(ancestor for ancestor in place.ancestors() if ancestor in own)
            if place in own:
                own[place].append(node)
    found = []
    for module, values in matrices.items():
        name = module.child(_WEIGHT)
        if module not in inside and len(values) == 1 and _is_linear(graph, module, own[module], values[0]):
            if graph.value(name) == NONE:
                found.append(ParameterClaim(graph.value_names[values[0]], name, True, Source.POSITION))
    return found


def _is_linear(graph: GraphIndex, module: ModulePath, nodes: list[int], matrix: int) -> bool:
    """Whether the nodes of a module multiply by `matrix` and otherwise only add the module's own parameters."""
    for node in nodes:
        operator = graph.nodes[node].op_type
        if operator in _SILENT:
            continue
        if operator not in _LINEAR:
            return False
        if operator == "MatMul" and matrix not in graph.reads[node][1:]:
            return False
        if operator == "Add":
            names = [graph.value_names[value] for value in graph.reads[node] if value != NONE]
            if not any(owner_of_parameter(name) == module for name in names):
                return False
    return True

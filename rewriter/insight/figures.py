"""Counts nodes, parameters, bytes and FLOPs of every module, without and with the modules below."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from operator import attrgetter

from onnx import NodeProto

from rewriter.evidence.roles import Role
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Parameter
from rewriter.modules.module_tree import ModuleTree
from rewriter.modules.totals import totals
from rewriter.paths import ModulePath
from rewriter.runtime.infer.flops import flops_of
from rewriter.runtime.infer.shapes import Shapes

_BITS = re.compile(r"[a-z]+(\d+)")
_BITS_WITHOUT_NUMBER = {"bool": 8}


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of one module; a pair holds the module's own figure, and that including all modules below.

    Attributes:
        path: its path.
        nodes: number of nodes.
        parameters: elements of parameters; a shared parameter counts once in every module that holds it.
        parameter_bytes: bytes of parameters, without types of unknown size.
        buffers: elements of buffers.
        constants: elements of constants.
        flops: FLOPs of the nodes where they are known.
        unknown: number of nodes with unknown FLOPs.
        operators: operator -> number of the module's own nodes, most frequent first.
    """

    path: ModulePath
    nodes: tuple[int, int]
    parameters: tuple[int, int]
    parameter_bytes: tuple[int, int]
    buffers: tuple[int, int]
    constants: tuple[int, int]
    flops: tuple[int, int]
    unknown: tuple[int, int]
    operators: Mapping[str, int]


def figures_of(analysis: Analysis, node_flops: list[int | str]) -> dict[ModulePath, Figures]:
    """Return the figures of every module, in tree order.

    Args:
        analysis: the model.
        node_flops: node -> its FLOPs, or the reason why they are unknown (see `flops_of`).
    """
    tree, nodes = analysis.tree, analysis.graph.nodes
    flops = _summed(tree, lambda node: _known(node_flops[node]))
    unknown = _summed(tree, lambda node: isinstance(node_flops[node], str))
    counts = {role: totals(tree.modules, role) for role in Role}
    sizes = totals(tree.modules, of=attrgetter("size"))
    found = {}
    for module in tree:
        path = module.path
        operators = Counter(operator_of(nodes[node]) for node in module.nodes)
        found[path] = Figures(
            path,
            (len(module.nodes), module.total_nodes),
            counts[Role.PARAMETER][path],
            sizes[path],
            counts[Role.BUFFER][path],
            counts[Role.CONSTANT][path],
            flops[path],
            unknown[path],
            dict(sorted(operators.items(), key=lambda item: (-item[1], item[0]))),
        )
    return found


def measure(analysis: Analysis, shapes: Shapes) -> tuple[dict[ModulePath, Figures], list[int | str]]:
    """Return the figures of every module, and the FLOPs of every node."""
    node_flops = flops_of(analysis.graph, shapes)
    return figures_of(analysis, node_flops), node_flops


def _known(flops: int | str) -> int:
    return flops if isinstance(flops, int) else 0


def operator_of(node: NodeProto) -> str:
    """Return the operator of a node as text; bytes that are not UTF-8 are escaped."""
    name: str | bytes = node.op_type
    return name if isinstance(name, str) else name.decode("utf-8", "backslashreplace")


def _summed(tree: ModuleTree, of_node: Callable[[int], int]) -> dict[ModulePath, tuple[int, int]]:
    """Sum a figure over the nodes of each module, without and with the modules below."""
    own = {module.path: sum(map(of_node, module.nodes)) for module in tree}
    total = dict(own)
    for module in tree.innermost_first():
        if module.parent is not None:
            total[module.parent] += total[module.path]
    return {path: (own[path], total[path]) for path in own}


def bytes_of(parameter: Parameter) -> int:
    """Return the stored size of a parameter in whole bytes; 0 for a type of unknown size."""
    number = _BITS.match(parameter.dtype)
    bits = int(number[1]) if number else _BITS_WITHOUT_NUMBER.get(parameter.dtype, 0)
    return -(-prod(parameter.shape) * bits // 8)

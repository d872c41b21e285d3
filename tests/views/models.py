"""Analyses put together by hand: a model as ONNX text, and the module of each of its nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx
import onnx.parser

from rewriter.evidence.claims import USUAL, Claim, Source
from rewriter.evidence.roles import Role
from rewriter.insight.figures import bytes_of
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Module, Parameter, Tensor
from rewriter.modules.module_tree import ModuleTree, Placement
from rewriter.paths import ROOT, ModulePath

SMALL = """
<ir_version: 10, opset_import: ["" : 20, "com.example" : 3],
 producer_name: "pytorch", producer_version: "2.13.0">
small (float[2, 4] x) => (float[2, 4] y)
<float[4, 4] "enc.fc.weight" = {1,0,0,0, 0,1,0,0, 0,0,1,0, 0,0,0,1}, float[4] "enc.fc.bias" = {1,2,3,4}>
{
    ["/enc/fc/MatMul"] h = MatMul(x, "enc.fc.weight")
    ["/enc/fc/Add"] a = Add(h, "enc.fc.bias")
    ["/enc/act/Relu"] b = Relu(a)
    ["/enc/act_1/Relu"] c = Relu(b)
    [Identity_0] y = Identity(c)
}
"""


def placed(path: str, call: int = 0, source: Source = Source.SCOPE_NAME, *conflicting: str) -> Placement:
    """A placement written short."""
    certainty = USUAL[source].certainty
    return Placement(ModulePath(path), call, source, certainty, tuple(map(ModulePath, conflicting)))


def tree(
    placements: Sequence[Placement | None],
    classes: Mapping[str, str] | None = None,
    parameters: Mapping[str, Sequence[Parameter]] | None = None,
) -> ModuleTree:
    """The tree of some placements: every module named, and those above."""
    known = [str(p.module) for p in placements if p] + [*(classes or {}), *(parameters or {})]
    children: dict[ModulePath, list[ModulePath]] = {ROOT: []}
    for path in map(ModulePath, dict.fromkeys(known)):
        for module in reversed([path, *path.ancestors()]):
            if module not in children:
                children[module] = []
                children[module.parent or ROOT].append(module)
    own: dict[ModulePath, list[int]] = {path: [] for path in children}
    calls: dict[ModulePath, set[int]] = {path: set() for path in children}
    for number, placement in enumerate(placements):
        if placement:
            own[placement.module].append(number)
            calls[placement.module].add(placement.call)
    values = {
        each.initializer: at for at, each in enumerate(p for of in (parameters or {}).values() for p in of)
    }
    order: list[ModulePath] = []
    stack = [ROOT]
    while stack:
        order.append(stack.pop())
        stack.extend(reversed(children[order[-1]]))
    totals = {path: len(own[path]) for path in order}
    for path in reversed(order):
        if path.parent is not None:
            totals[path.parent] += totals[path]
    return ModuleTree(
        {
            path: Module(
                path=path,
                class_name=(classes or {}).get(path),
                parameters=tuple((parameters or {}).get(path, ())),
                children=tuple(children[path]),
                nodes=tuple(own[path]),
                total_nodes=totals[path],
                calls=len(calls[path]) or int(totals[path] > 0),
                tensors=tuple(_tensor(each, values) for each in (parameters or {}).get(path, ())),
            )
            for path in order
        },
        tuple(placements),
    )


def _tensor(held: Parameter, values: Mapping[str, int]) -> Tensor:
    size = bytes_of(held)
    value = values[held.initializer]
    return Tensor(
        value, held.initializer, Role.PARAMETER, held.shape, held.dtype, held.count, size, held.part
    )


def analysis(
    model: onnx.ModelProto,
    module_tree: ModuleTree,
    claims: Mapping[int, Sequence[Claim]] | None = None,
    file: str | None = "small.onnx",
) -> Analysis:
    """An analysis of `model`; a placement without a claim of its own gets one from its source."""
    graph = GraphIndex(model)
    every = tuple(
        tuple((claims or {}).get(node, [_claim(node, placement)] if placement else []))
        for node, placement in enumerate(module_tree.placements)
    )
    return Analysis(model, Path("models", file) if file else None, graph, every, (), module_tree)


def _claim(node: int, placement: Placement) -> Claim:
    return Claim(node, placement.module, None, Source(placement.source), placement.call, "a name")


def small(file: str | None = "small.onnx") -> Analysis:
    """Two modules in one, one of them called twice, one parameter transposed, one node nobody placed."""
    weight = Parameter("weight", "enc.fc.weight", (4, 4), "float", transposed=True)
    bias = Parameter("bias", "enc.fc.bias", (4,), "float", shared_with=(ModulePath("head"),))
    return analysis(
        onnx.parser.parse_model(SMALL),
        tree(
            [
                placed("enc.fc"),
                placed("enc.fc", 0, Source.PARAMETER, "enc"),
                placed("enc.act"),
                placed("enc.act", 1),
                None,
            ],
            {"": "shop.Net", "enc.fc": "torch.nn.modules.linear.Linear", "enc.act": "torch.nn.ReLU"},
            {"enc.fc": [weight, bias]},
        ),
        file=file,
    )


def unplaced() -> Analysis:
    """The same model when nobody could place a node."""
    return analysis(onnx.parser.parse_model(SMALL), tree([None] * 5))


def named(names: Sequence[str], paths: Sequence[str], op: str = "Relu") -> Analysis:
    """A chain of nodes of the given names, placed in modules of the given paths."""
    nodes = [onnx.helper.make_node(op, [f"v{i}"], [f"v{i + 1}"], name=name) for i, name in enumerate(names)]
    graph = onnx.helper.make_graph(
        nodes,
        "chain",
        [onnx.helper.make_tensor_value_info("v0", 1, [1])],
        [onnx.helper.make_tensor_value_info(f"v{len(nodes)}", 1, [1])],
    )
    return analysis(onnx.helper.make_model(graph), tree([placed(path) for path in paths]))

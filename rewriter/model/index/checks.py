"""Checks that a model has one meaning (every name defined once and before use) and can be read within limits.

The rules are those of the ONNX IR specification that a rewrite depends on; `onnx.checker` has
more. Time is linear in the size of the model: functions are read once, however often they are called.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field

import onnx
from onnx import FunctionProto, GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto

from rewriter.errors import UnreadableModel
from rewriter.model.index.cycles import Circle, Levels, callees_first, fault_of_order, title
from rewriter.model.index.functions import Identity, called_by, identity_of, opsets_of
from rewriter.model.index.graph import GraphIndex, graphs_of
from rewriter.model.limits import MOST_ENTERED, current
from rewriter.model.operator_set.operators import canonical, newest


@dataclass(slots=True)
class _Weight:
    """Size of a function or the main graph, without the functions it calls.

    Attributes:
        own: number of its nodes, without those in graph attributes.
        nodes: number of its nodes, including those in graph attributes.
        depth: nesting of graph attributes.
        calls: called function -> number of its calls, and nesting of graph attributes around the deepest
            call.
    """

    own: int = 0
    nodes: int = 0
    depth: int = 0
    calls: dict[Identity, tuple[int, int]] = field(default_factory=dict)


def check(model: ModelProto, *, ordered: bool = False, provable: bool = True) -> None:
    """Refuse a model that has no single meaning, or exceeds the limits.

    Args:
        model: the model.
        ordered: whether nodes must be sorted, as the specification demands. Converters to fp16 append nodes
            that earlier nodes read; such a model still has a single meaning.
        provable: whether the model is read for a proof, whose own limit `MOST_ENTERED` no option can raise.

    Raises:
        UnreadableModel: the model fails a check; the message states the fault in one line.
    """
    _demand_bounded(model, provable=provable)
    functions = _functions(model)
    main = _Reader(None, ordered=ordered)
    main.read_graph(model.graph, [])
    _demand_imports(model, main.domains)
    for function in functions.values():
        reader = _Reader(function, ordered=ordered)
        reader.read_function(function)
        _demand_imports(function, reader.domains)


def _demand_bounded(model: ModelProto, *, provable: bool) -> None:
    """Refuse a model that exceeds the limits, as stored or once every call is inlined.

    Every function is measured once, however often it is called. Names of values are not read.

    Args:
        model: the model.
        provable: see `check`.

    Raises:
        UnreadableModel: the model exceeds a limit, functions call each other in a cycle, or two functions of
            one identity differ.
    """
    functions = _functions(model)
    names = frozenset(name for _, name, _ in functions)
    weights = {identity: _weigh(function, functions, names) for identity, function in functions.items()}
    main = _weigh(model.graph, functions, names)
    nodes, depth = _total(main, weights)
    limits = current()
    shown = f"{nodes:,}" if nodes < 10**15 else "over 10^15"
    limits.demand("nodes", nodes, f"the graph comes to {shown} nodes with every call of a function entered")
    held = main.nodes + sum(weights[identity_of(each)].nodes for each in model.functions)
    limits.demand("nodes", held, f"the graph and its functions, called or not, hold {held:,} nodes")
    limits.demand("depth", depth, f"functions and graphs are {depth:,} deep inside each other")
    if provable and nodes - main.own > MOST_ENTERED:
        raise UnreadableModel(
            f"functions and graph attributes come to {nodes - main.own:,} nodes once they are entered, and "
            f"the certificate reads {MOST_ENTERED:,}; export it with fewer calls"
        )


def _functions(model: ModelProto) -> dict[Identity, FunctionProto]:
    functions: dict[Identity, FunctionProto] = {}
    for function in model.functions:
        if functions.setdefault(identity_of(function), function) != function:
            raise UnreadableModel(f"two functions are called {function.name!r}; rename one")
    return functions


def _weigh(body: GraphProto | FunctionProto, functions: Container[Identity], names: Set[str]) -> _Weight:
    """Measure one body. `names` are the names of all functions, which rule out most nodes as calls."""
    weight = _Weight(len(body.node))
    waiting = [(body, 0)]
    while waiting:
        body, depth = waiting.pop()
        weight.nodes += len(body.node)
        weight.depth = max(weight.depth, depth)
        for node in body.node:
            if node.op_type in names:
                called = called_by(node)
                if called in functions:
                    number, deepest = weight.calls.get(called, (0, 0))
                    weight.calls[called] = (number + 1, max(deepest, depth))
            for attribute in node.attribute:
                waiting += ((graph, depth + 1) for graph in graphs_of(attribute))
    return weight


def notes_on(graph: GraphIndex) -> Iterator[str]:
    """Yield a note on each operator set without import, and on versions newer than the installed onnx."""
    model = graph.model
    for domain in sorted(unimported(graph)):
        named = domain or "ai.onnx"
        yield f"the file imports no version of operator set {named!r}: its operators are taken as they stand"
    if model.ir_version > onnx.IR_VERSION:
        yield (
            f"IR version {model.ir_version} is newer than the {onnx.IR_VERSION} that onnx {onnx.__version__} "
            "knows: what is new in it is kept, not understood"
        )
    for each in model.opset_import:
        known = newest(canonical(each.domain))
        if known and each.version > known:
            yield (
                f"opset {each.version} of {each.domain or 'ai.onnx'} is newer than the {known} that onnx "
                f"{onnx.__version__} knows: its operators are taken as they stand"
            )


def unimported(graph: GraphIndex) -> frozenset[str]:
    """Return the domains, canonical, that the model does not import although its main graph uses them."""
    imported = {canonical(each.domain) for each in graph.model.opset_import}
    used = {canonical(domain) for domain, _ in set(graph.operators)}
    if used <= imported:
        return frozenset()
    opsets = opsets_of(graph)
    return frozenset(
        domain
        for (written, _), body in zip(graph.operators, graph.body_of, strict=True)
        if (domain := canonical(written)) not in opsets[body]
    )


class _Scope(set[str]):
    """Set of the names that a body has defined so far.

    `late`: all names that its nodes write, filled once a node reads one of them too early and sorting would
    be enough.
    """

    late: frozenset[str] = frozenset()


class _Reader:
    """Checker of the main graph or of one function, with all graph bodies inside."""

    def __init__(self, owner: FunctionProto | None, *, ordered: bool) -> None:
        self.ordered = ordered
        self.where = f" of function {owner.name!r}" if owner is not None else ""
        self.domains: dict[str, NodeProto] = {}
        self.around: list[tuple[Sequence[NodeProto], NodeProto]] = []

    def read_function(self, function: FunctionProto) -> None:
        names = _Scope(function.input)
        if len(names) < len(function.input):
            twice = _first_repeated(function.input)
            raise UnreadableModel(f"input {twice!r}{self.where} is there twice; rename one")
        self._read_nodes(function.node, [names])
        for name in function.output:
            if name and name not in names:
                self._refuse_result(name)

    def read_graph(self, graph: GraphProto, outer: list[_Scope]) -> None:
        inputs = [info.name for info in graph.input]
        names = _Scope(inputs)
        if len(names) < len(inputs):
            raise UnreadableModel(f"input {_first_repeated(inputs)!r}{self.where} is there twice; rename one")
        tensors: list[tuple[str, TensorProto | SparseTensorProto]] = [
            *((dense.name, dense) for dense in graph.initializer),
            *((sparse.values.name, sparse) for sparse in graph.sparse_initializer),
        ]
        names.update(name for name, _ in tensors)
        if len(names) < len(inputs) + len(tensors):
            _demand_single_meaning(tensors)
        self._read_nodes(graph.node, [*outer, names])
        for info in graph.output:
            if info.name and info.name not in names:
                self._demand_result(info.name, outer)

    def _demand_result(self, name: str, outer: list[_Scope]) -> None:
        """Demand a result of a graph that the graph does not define: the owner of a body reads it outside."""
        if any(name in scope or name in scope.late for scope in outer):
            return
        levels = list(reversed(self.around))
        if not any(name in node.output for nodes, _ in levels for node in nodes):
            self._refuse_result(name)
        self._demand_order(name, levels, outer)

    def _refuse_result(self, name: str) -> None:
        raise UnreadableModel(f"nothing writes output {name!r}{self.where}; export it again")

    def _read_nodes(self, nodes: Sequence[NodeProto], scopes: list[_Scope]) -> None:
        own = scopes[-1]
        for node in nodes:
            for name in node.input:
                if name and name not in own:
                    self._demand_known(name, node, scopes, nodes)
            self.domains.setdefault(canonical(node.domain), node)
            for attribute in node.attribute:
                for graph in graphs_of(attribute):
                    self.around.append((nodes, node))
                    self.read_graph(graph, scopes)
                    self.around.pop()
            for name in node.output:
                if name in own and name:
                    raise UnreadableModel(
                        f"value {name!r}{self.where} is written twice, the second time by "
                        f"{title(node)}; rename one"
                    )
                own.add(name)

    def _demand_known(
        self, name: str, node: NodeProto, scopes: list[_Scope], nodes: Sequence[NodeProto]
    ) -> None:
        if any(name in scope or name in scope.late for scope in scopes):
            return
        self._demand_order(name, [(nodes, node), *reversed(self.around)], scopes)

    def _demand_order(self, name: str, levels: Levels, scopes: list[_Scope]) -> None:
        """Refuse a name that the first node of `levels` reads before a node writes it, or note it as late."""
        order = fault_of_order(levels, name, self.where)
        if self.ordered or not order.late:
            raise UnreadableModel(order.fault)
        # `fault_of_order` found no cycle in the whole body, so later reads of these names pass.
        scopes[-1 - order.level].late = order.late


def _first_repeated(names: Iterable[str]) -> str:
    seen: set[str] = set()
    return next(name for name in names if name in seen or seen.add(name))  # type: ignore[func-returns-value]


def _demand_single_meaning(tensors: Iterable[tuple[str, TensorProto | SparseTensorProto]]) -> None:
    """Refuse two different initializers of one name: some runtimes take the first, some the last."""
    known: dict[str, TensorProto | SparseTensorProto] = {}
    for name, tensor in tensors:
        if known.setdefault(name, tensor) != tensor:
            raise UnreadableModel(f"two initializers are called {name!r} and differ; rename one")


def _demand_imports(owner: ModelProto | FunctionProto, domains: dict[str, NodeProto]) -> None:
    """Refuse operator sets that are used but not imported, or imported in two versions.

    A function has its own imports, and onnxruntime demands all of them. Of the main graph it demands any
    import at all; of other operator sets, ONNX's own too, it takes the newest version that it has. So such an
    import may be missing; `notes_on` tells it.
    """
    holder = f"function {owner.name!r}" if isinstance(owner, FunctionProto) else "the model"
    versions: dict[str, int] = {}
    for each in owner.opset_import:
        if versions.setdefault(canonical(each.domain), each.version) != each.version:
            raise UnreadableModel(
                f"{holder} imports two versions of operator set {each.domain or 'ai.onnx'!r}; keep one"
            )
    needed = set(domains)
    if isinstance(owner, ModelProto):
        needed = {canonical(function.domain) for function in owner.functions}
        if not versions:  # then no runtime takes its newest version
            needed.add("")
    for domain, node in domains.items():
        if domain not in versions and domain in needed:
            raise UnreadableModel(
                f"{title(node)} is of operator set {domain or 'ai.onnx'!r}, which {holder} does not import, "
                "so its version is unknown; add it to opset_import"
            )


def _total(main: _Weight, weights: dict[Identity, _Weight]) -> tuple[int, int]:
    """Return nodes and depth of the main graph with every call inlined; callees are added up first.

    Raises:
        UnreadableModel: functions call each other in a cycle.
    """
    totals: dict[Identity, tuple[int, int]] = {}

    def total(weight: _Weight) -> tuple[int, int]:
        nodes, depth = weight.nodes, weight.depth
        for called, (number, around) in weight.calls.items():
            inner, deep = totals[called]
            nodes, depth = nodes + number * inner, max(depth, around + deep + 1)
        return nodes, depth

    try:
        order = callees_first({each: list(weight.calls) for each, weight in weights.items()})
    except Circle as found:
        names = " -> ".join(repr(identity[1]) for identity in found.members)
        raise UnreadableModel(f"the functions {names} call each other without end; export it again") from None
    for identity in order:
        totals[identity] = total(weights[identity])
    return total(main)

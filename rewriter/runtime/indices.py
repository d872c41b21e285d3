"""How large the elements of an input may be: what they index, followed forward through the graph.

The walk passes nodes that move data, cast it or do integer arithmetic with constants, enters subgraphs and
local functions, and stops after `_MOST_STEPS` values: functions that call each other twice would double the
work at every level. What is not found then counts as no index; a size it does not fit is not tried further.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import onnx

from rewriter.model.operators import canonical
from rewriter.runtime.bodies import Body, Frame, Use, Value
from rewriter.runtime.inputs import Bound, Dim, Input

_MOST_STEPS = 20_000

_DATA = {
    "Where": (1, 2),
    "ScatterElements": (0, 2),
    "ScatterND": (0, 2),
}
"""Operators that hand on the elements of these inputs."""
_FIRST_INPUT = frozenset(
    {"Identity", "Cast", "CastLike", "Reshape", "Unsqueeze", "Squeeze", "Flatten", "Expand", "Transpose"}
    | {"Slice", "Split", "Gather", "GatherElements", "GatherND", "Compress", "Tile", "Pad", "Trilu"}
    | {"ReverseSequence", "Clip", "Floor", "Ceil", "Round"}
)
_ALL_INPUTS = frozenset({"Concat", "Min", "Max"})
_ARITHMETIC = frozenset({"Add", "Sub", "Mul", "Div", "Mod"})
_INDEXED = {
    ("", "Gather", 1): (0, "axis", 0),
    ("", "GatherElements", 1): (0, "axis", 0),
    ("", "ScatterElements", 1): (0, "axis", 0),
    ("", "Scatter", 1): (0, "axis", 0),
    ("", "GatherND", 1): (0, "", 0),
    ("", "ScatterND", 1): (0, "", 0),
    ("", "SoftmaxCrossEntropyLoss", 1): (0, "", 1),
    ("", "NegativeLogLikelihoodLoss", 1): (0, "", 1),
    ("com.microsoft", "GatherBlockQuantized", 1): (0, "gather_axis", 0),
    ("com.microsoft", "EmbedLayerNormalization", 0): (2, "", 0),
    ("com.microsoft", "EmbedLayerNormalization", 1): (4, "", 0),
}
"""(domain, operator, input): the input that is the table, the attribute naming its axis, and the default."""


class _State(NamedTuple):
    frame: Frame
    value: Value
    integral: bool
    scale: int
    offset: int


def bounds(model: onnx.ModelProto, inputs: tuple[Input, ...]) -> dict[str, tuple[Bound, ...]]:
    """For every input that reaches the index slot of some node, what it must stay below there."""
    walk = _Walk(model)
    found = {each.name: walk.follow(each) for each in inputs}
    return {name: limits for name, limits in found.items() if limits}


class _Walk:
    def __init__(self, model: onnx.ModelProto) -> None:
        self.functions = {(each.domain, each.name, each.overload): each for each in model.functions}
        self.bodies: dict[tuple[str, str, str], Body] = {}
        self.main = Frame(Body(model.graph))

    def follow(self, start: Input) -> tuple[Bound, ...]:
        integral = "INT" in onnx.TensorProto.DataType.Name(start.element)
        pending = deque([_State(self.main, Value(0, start.name), integral, 1, 0)])
        seen: set[tuple[int, Value]] = set()
        frames: list[Frame] = []
        found: dict[Bound, None] = {}
        while pending and len(seen) < _MOST_STEPS:
            state = pending.popleft()
            if (id(state.frame), state.value) in seen:
                continue
            seen.add((id(state.frame), state.value))
            frames.append(state.frame)  # keeps the ids above from being used again
            pending.extend(self._outward(state))
            for use in state.frame.body.uses.get(state.value, ()):
                pending.extend(self._across(state, use))
                bound = self._bound(state, use)
                if bound is not None:
                    found[bound] = None
        return tuple(found)

    def _across(self, state: _State, use: Use) -> list[_State]:
        """The values on the other side of a node that hold the same elements, moved or computed."""
        node, frame = use.node, state.frame
        function = self.functions.get((node.domain, node.op_type, node.overload))
        if function is not None:
            if use.slot >= len(function.input):
                return []
            inner = Frame(self._body(function), frame, node, use.scope)
            return [state._replace(frame=inner, value=Value(0, function.input[use.slot]))]
        if canonical(node.domain):
            return []
        if node.op_type in ("Loop", "Scan"):
            return _into_body(state, use)
        return self._through(state, use)

    def _through(self, state: _State, use: Use) -> list[_State]:
        node, body = use.node, state.frame.body
        onward = state
        if node.op_type in _ARITHMETIC:
            changed = _computed(state, use)
            if changed is None:
                return []
            onward = changed
        elif not _hands_on(node.op_type, use.slot):
            return []
        elif node.op_type == "Cast":
            onward = state._replace(integral=_casts_to_integer(node))
        return [onward._replace(value=body.resolve(use.scope, name)) for name in node.output if name]

    def _outward(self, state: _State) -> list[_State]:
        """Where a value goes that is an output of its subgraph or function."""
        frame, scope = state.frame, state.frame.body.scopes[state.value.scope]
        if scope.owner is not None and scope.parent is not None:
            target, node, outer = frame, scope.owner, scope.parent
        elif frame.caller is not None and frame.call is not None:
            target, node, outer = frame.caller, frame.call, frame.scope
        else:
            return []
        # A Loop's body has one output more than the node: the condition, in front.
        skipped = 1 if node.op_type == "Loop" and scope.owner is not None else 0
        positions = (each - skipped for each in scope.outputs.get(state.value.name, ()))
        names = [node.output[each] for each in positions if 0 <= each < len(node.output)]
        return [
            state._replace(frame=target, value=target.body.resolve(outer, name)) for name in names if name
        ]

    def _bound(self, state: _State, use: Use) -> Bound | None:
        node = use.node
        domain = canonical(node.domain)
        if (domain, node.op_type) == ("", "OneHot") and use.slot == 0:
            depth = state.frame.body.number(state.frame.body.resolve(use.scope, node.input[1]))
            return None if depth is None else Bound(int(depth), state.scale, state.offset)
        table = _INDEXED.get((domain, node.op_type, use.slot))
        if table is None or table[0] >= len(node.input):
            return None
        dims = _table_dims(state.frame, state.frame.body.resolve(use.scope, node.input[table[0]]))
        return Bound(_axis_size(node, dims, table[1], table[2]), state.scale, state.offset)

    def _body(self, function: onnx.FunctionProto) -> Body:
        key = (function.domain, function.name, function.overload)
        if key not in self.bodies:
            self.bodies[key] = Body(function)
        return self.bodies[key]


def _hands_on(operator: str, slot: int) -> bool:
    if slot == 0 and operator in _FIRST_INPUT:
        return True
    return operator in _ALL_INPUTS or slot in _DATA.get(operator, ())


def _computed(state: _State, use: Use) -> _State | None:
    """The state behind integer arithmetic with a constant; None where the result is no longer an index."""
    node = use.node
    if not state.integral or len(node.input) != 2:
        return None
    other = state.frame.body.number(state.frame.body.resolve(use.scope, node.input[1 - use.slot]))
    match node.op_type:
        case "Add":
            return state._replace(offset=state.offset + max(0, int(other or 0)))
        case "Mul" if other is not None and other >= 1:
            return state._replace(scale=state.scale * int(other), offset=state.offset * int(other))
        case "Sub" | "Div" | "Mod" if use.slot == 0:
            return state
    return None


def _into_body(state: _State, use: Use) -> list[_State]:
    body = state.frame.body
    number = body.subgraphs.get((id(use.node), "body"))
    if number is None or (use.node.op_type == "Loop" and use.slot < 2):
        return []
    graph = body.scopes[number].graph
    if not isinstance(graph, onnx.GraphProto) or use.slot >= len(graph.input):
        return []
    return [state._replace(value=Value(number, graph.input[use.slot].name))]


def _table_dims(frame: Frame, value: Value) -> tuple[Dim, ...] | None:
    """The shape of a table, looked for through aliases and out to the callers of a function."""
    for _ in range(_MOST_STEPS):
        dims = frame.body.dims(value)
        if dims is not None:
            return dims
        maker = frame.body.maker(value)
        if maker is not None:
            if maker.op_type not in ("Identity", "Cast", "DequantizeLinear") or not maker.input:
                return None
            value = frame.body.resolve(value.scope, maker.input[0])
            continue
        function = frame.body.scopes[0].graph
        if frame.caller is None or frame.call is None or not isinstance(function, onnx.FunctionProto):
            return None
        formals = list(function.input)
        if value.name not in formals or formals.index(value.name) >= len(frame.call.input):
            return None
        actual = frame.call.input[formals.index(value.name)]
        value = frame.caller.body.resolve(frame.scope, actual)
        frame = frame.caller
    return None


def _axis_size(node: onnx.NodeProto, dims: tuple[Dim, ...] | None, attribute: str, default: int) -> Dim:
    if not dims:
        return None
    if node.op_type in ("GatherND", "ScatterND"):
        known = [dim for dim in dims if isinstance(dim, int)]
        return min(known) if len(known) == len(dims) else None
    axis = next((each.i for each in node.attribute if each.name == attribute), default)
    return dims[axis] if -len(dims) <= axis < len(dims) else None


def _casts_to_integer(node: onnx.NodeProto) -> bool:
    return any(
        each.name == "to"
        and each.i in onnx.TensorProto.DataType.values()
        and "INT" in onnx.TensorProto.DataType.Name(each.i)
        for each in node.attribute
    )

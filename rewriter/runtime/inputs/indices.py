"""Finds bounds on the elements of inputs that are used as indices, by following them forward in the graph.

The walk passes nodes that move, cast, round or clip data or do integer arithmetic, and enters graph bodies
and local functions. It stops after `_MOST_STEPS` values, since functions that call each other twice would
double the work at every level. Indices beyond that limit get no bound: a run may then fail, and the search
for inputs tries other sizes and contents.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import onnx

from rewriter.model.index.graph import NONE
from rewriter.model.operator_set.operators import canonical
from rewriter.runtime.inputs.call_frames import BEFORE_STATE, Frame, FramePlace, Frames
from rewriter.runtime.inputs.input import Bound, Dim, Input

_MOST_STEPS = 20_000

_DATA = {
    "Where": (1, 2),
    "ScatterElements": (0, 2),
    "ScatterND": (0, 2),
}
"""Operator -> positions of the inputs whose elements it passes on."""
_FIRST_INPUT = frozenset(
    {"Identity", "Cast", "CastLike", "Reshape", "Unsqueeze", "Squeeze", "Flatten", "Expand", "Transpose"}
    | {"Slice", "Split", "Gather", "GatherElements", "GatherND", "Compress", "Tile", "Pad", "Trilu"}
    | {"ReverseSequence", "Clip", "Floor", "Ceil", "Round"}
)
_ALL_INPUTS = frozenset({"Concat", "Min", "Max"})
_ARITHMETIC = frozenset({"Add", "Sub", "Mul", "Div", "Mod"})
_ALIASES = frozenset({"Identity", "Cast", "DequantizeLinear"})
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
"""(domain, operator, position of the indices) -> position of the table, attribute of the axis, default."""


class _State(NamedTuple):
    frame: Frame
    value: int
    integral: bool
    scale: int = 1
    offset: int = 0


def bounds(frames: Frames, inputs: tuple[Input, ...]) -> dict[str, tuple[Bound, ...]]:
    """Return the bounds of the inputs that the walk finds to be indices, by name."""
    found = {each.name: _bounds(frames, each) for each in inputs}
    return {name: limits for name, limits in found.items() if limits}


def _bounds(frames: Frames, start: Input) -> tuple[Bound, ...]:
    graph = frames.graph
    integral = "INT" in onnx.TensorProto.DataType.Name(start.element)
    pending = deque([_State(frames.main, graph.value(start.name), integral)])
    seen: set[FramePlace] = set()
    found: dict[Bound, None] = {}
    while pending and len(seen) < _MOST_STEPS:
        state = pending.popleft()
        place = FramePlace(state.frame, state.value)
        if place in seen:
            continue
        seen.add(place)
        pending.extend(state._replace(frame=frame, value=value) for frame, value in frames.yielded(place))
        for node in graph.readers[state.value]:
            for slot, value in enumerate(graph.reads[node]):
                if value == state.value:
                    pending.extend(_across(frames, state, node, slot))
                    bound = _bound(frames, state, node, slot)
                    if bound is not None:
                        found[bound] = None
    return tuple(found)


def _across(frames: Frames, state: _State, node: int, slot: int) -> Iterator[_State]:
    """Yield the values that receive the elements of an input of a node, moved or after arithmetic."""
    operator = frames.operator(node)
    inner = frames.entered(state.frame, node)
    if inner is not None:
        yield from (state._replace(frame=inner, value=each) for each in frames.inputs[inner.body][slot:][:1])
    elif operator in ("Loop", "Scan"):
        if operator == "Scan" or slot >= BEFORE_STATE:
            for body in frames.held[node]:
                yield from (state._replace(value=each) for each in frames.inputs[body][slot:][:1])
    else:
        onward: _State | None = state
        if operator in _ARITHMETIC:
            onward = _computed(frames, state, node, slot)
        elif not _passes_on(operator, slot):
            onward = None
        elif operator == "Cast":
            onward = state._replace(integral=_casts_to_integer(frames.graph.nodes[node]))
        if onward is not None:
            yield from (onward._replace(value=each) for each in frames.graph.writes[node] if each != NONE)


def _bound(frames: Frames, state: _State, node: int, slot: int) -> Bound | None:
    domain, operator = frames.graph.operators[node]
    reads, proto = frames.graph.reads[node], frames.graph.nodes[node]
    if (canonical(domain), operator, slot) == ("", "OneHot", 0):
        depth = frames.number(reads[1])
        return None if depth is None else Bound(int(depth), state.scale, state.offset)
    table = _INDEXED.get((canonical(domain), operator, slot))
    if table is None or table[0] >= len(reads):
        return None
    dims = _table_dims(frames, FramePlace(state.frame, reads[table[0]]))
    return Bound(_axis_size(proto, dims, table[1], table[2]), state.scale, state.offset)


def _passes_on(operator: str, slot: int) -> bool:
    if slot == 0 and operator in _FIRST_INPUT:
        return True
    return operator in _ALL_INPUTS or slot in _DATA.get(operator, ())


def _computed(frames: Frames, state: _State, node: int, slot: int) -> _State | None:
    """Return the state after integer arithmetic; None if the result is not followed.

    A positive constant addend shifts the bound; other addends are ignored. A constant factor of 1 or more
    scales the bound; products with other factors are not followed. A subtrahend or divisor is ignored; if it
    is the value itself, the result is not followed.
    """
    reads = frames.graph.reads[node]
    if not state.integral or len(reads) != 2:
        return None
    other = frames.number(reads[1 - slot])
    match frames.operator(node):
        case "Add":
            return state._replace(offset=state.offset + max(0, int(other or 0)))
        case "Mul" if other is not None and other >= 1:
            return state._replace(scale=state.scale * int(other), offset=state.offset * int(other))
        case "Sub" | "Div" | "Mod" if slot == 0:
            return state
    return None


def _table_dims(frames: Frames, place: FramePlace) -> tuple[Dim, ...] | None:
    """Return the shape of a table, searched through aliases and in the callers of a function."""
    graph = frames.graph
    for _ in range(_MOST_STEPS):
        if place.value == NONE:
            return None
        dims = frames.dims(place.value)
        if dims is not None:
            return dims
        maker = graph.producer[place.value]
        if maker != NONE:
            if frames.operator(maker) not in _ALIASES or not graph.reads[maker]:
                return None
            place = place._replace(value=graph.reads[maker][0])
            continue
        outside = next(frames.received(place), None) if place.frame.caller is not None else None
        if outside is None:
            return None
        place = outside
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

"""Finds inputs that determine the number of iterations of Loops, or the branches of Ifs.

The walk starts at the counts and conditions of Loops, and at the conditions of Ifs. It goes back through the
graph, passes common nodes that move, cast, compare or compute numbers, enters functions and the bodies of If
and Loop, and stops after `_MOST_STEPS` values.
"""

from __future__ import annotations

from collections.abc import Iterator

from rewriter.model.index.graph import NONE
from rewriter.runtime.inputs.call_frames import BEFORE_STATE, Frame, FramePlace, Frames
from rewriter.runtime.inputs.input import Input, Rounds

_MOST_STEPS = 20_000
_MOST_FRAMES = 1_000

_PASSES = frozenset(
    {"Identity", "Cast", "CastLike", "Squeeze", "Unsqueeze", "Reshape", "Flatten", "Expand", "Transpose"}
    | {"Gather", "GatherElements", "GatherND", "Slice", "Split", "Concat", "Where", "Clip", "Tile"}
    | {"Add", "Sub", "Mul", "Div", "Mod", "Min", "Max", "Neg", "Abs", "Sign", "Floor", "Ceil", "Round"}
    | {"Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal", "Not", "And", "Or", "Xor"}
    | {"ReduceMax", "ReduceMin", "ReduceSum", "ReduceProd", "CumSum"}
)


def rounds(frames: Frames, inputs: tuple[Input, ...]) -> Rounds:
    """Find the inputs whose elements may determine the iterations of a Loop or the branch of an If.

    Also find whether sizes may determine the iterations of a Loop.
    """
    every = _all_frames(frames)
    names = {frames.graph.value(each.name): each.name for each in inputs}
    counting, sizes = _origins(frames, [place for frame in every for place in _counts(frames, frame)])
    choosing, _ = _origins(frames, [place for frame in every for place in _conditions(frames, frame)])
    numbers, branches = (
        tuple(sorted(names[each] for each in found if each in names)) for found in (counting, choosing)
    )
    return Rounds(numbers, branches, sizes)


def _origins(frames: Frames, waiting: list[FramePlace]) -> tuple[set[int], bool]:
    """Return the unwritten values from which the given ones are computed, and whether sizes count, too.

    The list `waiting` is used up.
    """
    graph = frames.graph
    seen: set[FramePlace] = set()
    found: set[int] = set()
    sizes = False
    while waiting and len(seen) < _MOST_STEPS:
        place = waiting.pop()
        if place in seen or place.value == NONE:
            continue
        seen.add(place)
        maker = graph.producer[place.value]
        if maker == NONE:
            found.add(place.value)
            waiting += frames.received(place)
        elif frames.operator(maker) in ("Shape", "Size"):
            sizes = True
        else:
            waiting += _operands(frames, place, maker)
    return found, sizes


def _all_frames(frames: Frames) -> list[Frame]:
    """Return the frames of the main graph and of all calls, at most `_MOST_FRAMES`."""
    found = [frames.main]
    for frame in found if frames.calls else ():
        for node in frames.nodes(frame):
            if len(found) < _MOST_FRAMES and (inner := frames.entered(frame, node)) is not None:
                found.append(inner)
    return found


def _counts(frames: Frames, frame: Frame) -> Iterator[FramePlace]:
    """Yield the counts and conditions of all Loops of a frame, including conditions of later iterations."""
    graph = frames.graph
    for node in frames.nodes(frame):
        if frames.operator(node) == "Loop":
            values = graph.reads[node][:BEFORE_STATE]
            values += [
                graph.bodies[body].results[0] for body in frames.held[node] if graph.bodies[body].results
            ]
            yield from (FramePlace(frame, value) for value in values)


def _conditions(frames: Frames, frame: Frame) -> Iterator[FramePlace]:
    """Yield the conditions of all Ifs of a frame."""
    for node in frames.nodes(frame):
        if frames.operator(node) == "If":
            yield FramePlace(frame, frames.graph.reads[node][0])


def _operands(frames: Frames, place: FramePlace, maker: int) -> Iterator[FramePlace]:
    """Yield the values from which a value is computed; none if the walk does not pass its node."""
    graph, operator = frames.graph, frames.operator(maker)
    position = graph.writes[maker].index(place.value)
    inner = frames.entered(place.frame, maker)
    if inner is not None:
        results = graph.bodies[inner.body].results[position : position + 1]
        yield from (FramePlace(inner, value) for value in results)
    elif operator in _PASSES:
        yield from (place._replace(value=value) for value in graph.reads[maker])
    elif operator in ("If", "Loop"):
        at = position + (operator == "Loop")
        values = [value for body in frames.held[maker] for value in graph.bodies[body].results[at : at + 1]]
        carried = graph.reads[maker][BEFORE_STATE + position :][:1]
        values += carried if operator == "Loop" else graph.reads[maker]
        yield from (place._replace(value=value) for value in values)

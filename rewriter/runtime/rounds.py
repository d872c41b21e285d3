"""What tells a Loop how often to run: followed back through the graph, from its count and its conditions.

The walk passes nodes that move, cast, compare or compute small numbers, and enters bodies and functions; it
stops after `_MOST_STEPS` values.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import onnx

from rewriter.model.checks import Identity, called_by, identity_of
from rewriter.model.operators import canonical
from rewriter.runtime.bodies import Body, Frame, Value
from rewriter.runtime.inputs import Input, Rounds

_MOST_STEPS = 20_000
_MOST_FRAMES = 1_000
_BEFORE_STATE = 2
"""Inputs of a Loop, and of its body, before what it carries: count and condition, round and condition."""

_PASSES = frozenset(
    {"Identity", "Cast", "CastLike", "Squeeze", "Unsqueeze", "Reshape", "Flatten", "Expand", "Transpose"}
    | {"Gather", "GatherElements", "GatherND", "Slice", "Split", "Concat", "Where", "Clip", "Tile"}
    | {"Add", "Sub", "Mul", "Div", "Mod", "Min", "Max", "Neg", "Abs", "Sign", "Floor", "Ceil", "Round"}
    | {"Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal", "Not", "And", "Or", "Xor"}
    | {"ReduceMax", "ReduceMin", "ReduceSum", "ReduceProd", "CumSum"}
)


class _Place(NamedTuple):
    """A value of a frame."""

    frame: Frame
    value: Value


def rounds(model: onnx.ModelProto, inputs: tuple[Input, ...]) -> Rounds:
    """The inputs whose elements, and whether sizes, tell a Loop of a model how often to run."""
    return _Walk(model).find({each.name for each in inputs})


class _Walk:
    def __init__(self, model: onnx.ModelProto) -> None:
        self.functions = {identity_of(each): each for each in model.functions}
        self.bodies: dict[Identity, Body] = {}
        self.main = Frame(Body(model.graph))
        self.frames: dict[tuple[int, int], Frame] = {}

    def find(self, names: set[str]) -> Rounds:
        waiting = [place for frame in self._entered() for place in _counts(frame)]
        seen: set[tuple[int, Value]] = set()
        counting: set[str] = set()
        sizes = False
        while waiting and len(seen) < _MOST_STEPS:
            place = waiting.pop()
            key = (id(place.frame), place.value)
            if key in seen:
                continue
            seen.add(key)
            maker = place.frame.body.maker(place.value)
            if maker is None:
                if place.frame is self.main and place.value.scope == 0 and place.value.name in names:
                    counting.add(place.value.name)
                waiting += self._handed(place)
            elif not canonical(maker.domain) and maker.op_type in ("Shape", "Size"):
                sizes = True
            else:
                waiting += self._behind(place, maker)
        return Rounds(tuple(sorted(counting)), sizes)

    def _entered(self) -> list[Frame]:
        """The main graph, and functions once for every call; not more than anybody would wait for."""
        frames = [self.main]
        for frame in frames:
            for number, scope in enumerate(frame.body.scopes):
                for node in scope.graph.node:
                    if (
                        len(frames) < _MOST_FRAMES
                        and (inner := self._inside(frame, node, number)) is not None
                    ):
                        frames.append(inner)
        return frames

    def _inside(self, frame: Frame, call: onnx.NodeProto, scope: int) -> Frame | None:
        """The frame of a call; None where a node calls no function."""
        key = called_by(call)
        if key not in self.functions:
            return None
        if key not in self.bodies:
            self.bodies[key] = Body(self.functions[key])
        return self.frames.setdefault((id(frame), id(call)), Frame(self.bodies[key], frame, call, scope))

    def _handed(self, place: _Place) -> Iterator[_Place]:
        """What a value that no node makes is handed in as: by the owner of a body, or by a call."""
        frame, scope = place.frame, place.frame.body.scopes[place.value.scope]
        inputs = [each if isinstance(each, str) else each.name for each in scope.graph.input]
        if place.value.name not in inputs:
            return
        position = inputs.index(place.value.name)
        if scope.owner is not None and scope.parent is not None:
            given = list(scope.owner.input)
            first = 1 if scope.owner.op_type == "Loop" else 0  # the round itself is no news
            if first <= position < len(given):
                yield _Place(frame, frame.body.resolve(scope.parent, given[position]))
            results = [info.name for info in scope.graph.output if not isinstance(info, str)]
            if first <= position < len(results) + first:  # carried from the round before
                yield _Place(frame, frame.body.resolve(place.value.scope, results[position - first]))
        elif frame.caller is not None and frame.call is not None and position < len(frame.call.input):
            yield _Place(frame.caller, frame.caller.body.resolve(frame.scope, frame.call.input[position]))

    def _behind(self, place: _Place, maker: onnx.NodeProto) -> Iterator[_Place]:
        """What a value is made of."""
        frame, scope = place.frame, place.value.scope
        position = list(maker.output).index(place.value.name)
        inner = self._inside(frame, maker, scope)
        if inner is not None:
            results = list(inner.body.scopes[0].outputs)
            names = [name for name in results if position in inner.body.scopes[0].outputs[name]]
            yield from (_Place(inner, inner.body.resolve(0, name)) for name in names)
            return
        if canonical(maker.domain):
            return
        if maker.op_type in _PASSES:
            yield from (_Place(frame, frame.body.resolve(scope, name)) for name in maker.input if name)
        elif maker.op_type in ("If", "Loop"):
            for attribute in maker.attribute:
                number = frame.body.subgraphs.get((id(maker), attribute.name))
                if number is not None:
                    skipped = 1 if maker.op_type == "Loop" else 0
                    outputs = frame.body.scopes[number].outputs
                    names = [name for name, places in outputs.items() if position + skipped in places]
                    yield from (_Place(frame, frame.body.resolve(number, name)) for name in names)
            given = maker.input[_BEFORE_STATE + position : _BEFORE_STATE + position + 1]
            for name in given if maker.op_type == "Loop" else maker.input:
                if name:
                    yield _Place(frame, frame.body.resolve(scope, name))


def _counts(frame: Frame) -> Iterator[_Place]:
    """The counts and conditions of all Loops of a frame, those of later rounds included."""
    body = frame.body
    for number, scope in enumerate(body.scopes):
        for node in scope.graph.node:
            if node.op_type != "Loop" or canonical(node.domain):
                continue
            for name in node.input[:_BEFORE_STATE]:
                if name:
                    yield _Place(frame, body.resolve(number, name))
            inner = body.subgraphs.get((id(node), "body"))
            if inner is not None:
                goes_on = [name for name, places in body.scopes[inner].outputs.items() if 0 in places]
                yield from (_Place(frame, body.resolve(inner, name)) for name in goes_on)

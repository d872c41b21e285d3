"""Values followed out of bodies and calls, and back into what they are given."""

from __future__ import annotations

import pytest
from onnx import parser

from rewriter.runtime.inputs.call_frames import Frame, FramePlace, Frames

MODEL = """<ir_version: 9, opset_import: ["" : 21, "m" : 1]>
g (int64 M, float[2] x) => (float[2] y) <int64 three = {3}, int64[2] pair = {1, 7}> {
    a = m.outer (x)
    b = m.outer (a)
    y = Loop (M, , b) <body = l (int64 i, bool go, float[2] s) => (bool on, float[2] t)
        { on = Identity (go) t = Neg (s) }>
}
<domain: "m", opset_import: ["" : 21, "m" : 1]> outer (p) => (q) { q = m.inner (p) }
<domain: "m", opset_import: ["" : 21]> inner (u) => (v) { v = Abs (u) }"""


@pytest.fixture
def frames() -> Frames:
    return Frames(parser.parse_model(MODEL))


def named(frames: Frames, frame: Frame, name: str) -> FramePlace:
    """The value of a name in the frame or in a body of it."""
    bodies = {frames.graph.body_of[node] for node in frames.nodes(frame)} | {frame.body}
    (value,) = {found for body in bodies if (found := frames.graph.value(name, body)) >= 0}
    return FramePlace(frame, value)


def calls(frames: Frames, frame: Frame) -> list[Frame]:
    return [inner for node in frames.nodes(frame) if (inner := frames.entered(frame, node)) is not None]


def test_each_call_has_a_frame_of_its_own(frames: Frames) -> None:
    first, second = calls(frames, frames.main)
    assert (first.body, first is second) == (second.body, False)
    assert calls(frames, frames.main) == [first, second]
    assert calls(frames, first)[0].caller is first


def test_values_go_out_of_calls_and_come_from_where_they_were_given(frames: Frames) -> None:
    second = calls(frames, frames.main)[1]
    inner = calls(frames, second)[0]
    assert list(frames.yielded(named(frames, inner, "v"))) == [named(frames, second, "q")]
    assert list(frames.yielded(named(frames, second, "q"))) == [named(frames, frames.main, "b")]
    assert list(frames.received(named(frames, inner, "u"))) == [named(frames, second, "p")]
    assert list(frames.received(named(frames, second, "p"))) == [named(frames, frames.main, "a")]


def test_a_loop_carries_its_state(frames: Frames) -> None:
    def place(name: str) -> FramePlace:
        return named(frames, frames.main, name)

    assert list(frames.yielded(place("t"))) == [place("y")]
    assert list(frames.yielded(place("on"))) == []
    assert list(frames.received(place("s"))) == [place("b"), place("t")]
    assert list(frames.received(place("go"))) == [place("on")]
    assert list(frames.received(place("i"))) == []


SCAN = """<ir_version: 9, opset_import: ["" : 21]>
g (float[2] x, float[3, 2] rows) => (float[2] y, float[3, 2] all) {
    y, all = Scan <num_scan_inputs = 1, body = l (float[2] s, float[2] row) => (float[2] t, float[2] out)
        { t = Add (s, row) out = Neg (t) }> (x, rows)
}"""


def test_a_scan_carries_its_state_and_not_its_slices() -> None:
    frames = Frames(parser.parse_model(SCAN))

    def place(name: str) -> FramePlace:
        return named(frames, frames.main, name)

    assert list(frames.received(place("s"))) == [place("x"), place("t")]
    assert list(frames.received(place("row"))) == [place("rows")]


def test_constants_and_shapes_that_the_file_states(frames: Frames) -> None:
    graph = frames.graph
    assert [frames.number(graph.value(name)) for name in ("three", "pair", "x")] == [3, 7, None]
    assert [frames.dims(graph.value(name)) for name in ("x", "pair", "a")] == [(2,), (2,), None]

"""Profiles of onnxruntime, as events."""

from __future__ import annotations

from typing import Any

import pytest

from rewriter.runtime.timing.kernels import Memory, ProfileError, read_profile


def run(start: int, lasted: int) -> dict[str, Any]:
    return {"cat": "Session", "name": "model_run", "ts": start, "dur": lasted}


def kernel(name: str, start: int, lasted: int, op: str = "Relu", **sizes: str) -> dict[str, Any]:
    args = {"op_name": op, **sizes}
    name = f"{name}_kernel_time"
    return {"cat": "Node", "name": name, "ts": start, "dur": lasted, "tid": 1, "args": args}


def times(events: list[dict[str, Any]], warmup: int = 0) -> dict[str, list[float]]:
    return {each.name: each.times for each in read_profile(events, warmup=warmup).kernels}


def test_runs_are_told_apart_and_the_first_left_out() -> None:
    events = [
        kernel("a", 1, 5),
        kernel("b", 7, 2),
        run(0, 10),
        kernel("a", 11, 3),
        kernel("b", 15, 1),
        run(10, 9),
    ]
    assert times(events) == {"a": [5, 3], "b": [2, 1]}
    found = read_profile(events, warmup=1)
    assert {each.name: each.times for each in found.kernels} == {"a": [3], "b": [1]}
    assert (found.totals, found.spans) == ((4,), (9,))


def body(start: int, lasted: int) -> dict[str, Any]:
    return {"cat": "Session", "name": "SequentialExecutor::Execute", "ts": start, "dur": lasted, "tid": 1}


def test_a_loop_keeps_what_its_body_leaves() -> None:
    events = [
        kernel("inner", 3, 4),
        body(3, 4),
        kernel("if", 2, 8, "If"),
        body(2, 8),
        kernel("body", 12, 5),
        body(12, 6),
        kernel("loop", 1, 20, "Loop"),
        kernel("behind", 30, 1),
        body(1, 31),
        run(0, 40),
    ]
    found = read_profile(events)
    assert times(events) == {"loop": [7], "if": [4], "inner": [4], "body": [5], "behind": [1]}
    assert found.totals == (21,)
    bodies = {each.name: each.bodies for each in found.kernels if each.is_container}
    assert bodies == {"loop": [[8, 6]], "if": [[4]]}


def test_kernels_that_seem_to_end_after_their_loop_are_inside() -> None:
    """The Loop runs from 0.9 to 2.8, its second kernel from 1.0 to 2.7; files have whole microseconds."""
    events = [
        kernel("before", 0, 0),
        kernel("first", 0, 0),
        body(0, 0),
        kernel("second", 1, 1),
        body(1, 1),
        kernel("loop", 0, 1, "Loop"),
        kernel("next", 2, 5),
        body(0, 7),
        run(0, 9),
    ]
    found = read_profile(events)
    assert times(events) == {"before": [0], "first": [0], "second": [1], "loop": [0], "next": [5]}
    assert found.totals == (sum(each.times[0] for each in found.kernels),) == (6,)
    assert {each.name: each.bodies for each in found.kernels if each.bodies} == {"loop": [[0, 1]]}


def test_kernels_of_other_threads_are_in_no_body() -> None:
    events = [
        kernel("other", 2, 3) | {"tid": 2},
        kernel("inner", 2, 3),
        body(2, 3),
        kernel("if", 1, 5, "If"),
        run(0, 9) | {"tid": 3},
    ]
    assert times(events) == {"if": [2], "other": [3], "inner": [3]}
    assert read_profile(events).totals == (8,)


def test_a_loop_without_iterations_has_no_bodies() -> None:
    (found,) = read_profile([kernel("loop", 1, 5, "Loop"), body(1, 5), run(0, 9)]).kernels
    assert (found.times, found.bodies, found.is_container) == ([5], [], True)


def test_a_kernel_that_runs_again_adds_up() -> None:
    found = read_profile([kernel("a", 1, 2), kernel("a", 4, 3), run(0, 9)])
    assert (found.kernels[0].times, found.kernels[0].count) == ([5], 2)


def test_memory_is_the_most_of_any_run() -> None:
    events = [
        kernel("a", 1, 2, output_size="8", activation_size="4", parameter_size="2", mem_in_use_peak="70"),
        kernel("a", 4, 3, output_size="6", activation_size="5", parameter_size="2"),
        run(0, 9),
    ]
    found = read_profile(events)
    assert (found.kernels[0].memory, found.peak) == (Memory(8, 5, 2), 70)


@pytest.mark.parametrize(
    ("events", "says"),
    [
        ({}, "not a list"),
        ([1], "not a list"),
        ([], "no time of a node"),
        ([run(0, 1)], "no time of a node"),
        ([kernel("a", 1, 1)], "no run"),
        ([{"cat": "Node", "name": "a_kernel_time", "dur": 1, "ts": "x"}, run(0, 1)], "not a profile"),
        (
            [{"cat": "Node", "name": "a_kernel_time", "dur": 1, "ts": 0, "args": []}, run(0, 1)],
            "not a profile",
        ),
    ],
)
def test_what_is_no_profile_is_refused(events: object, says: str) -> None:
    with pytest.raises(ProfileError, match=says):
        read_profile(events)


def test_more_warm_up_than_runs_is_refused() -> None:
    with pytest.raises(ProfileError, match="no run"):
        read_profile([kernel("a", 1, 1), run(0, 3)], warmup=1)

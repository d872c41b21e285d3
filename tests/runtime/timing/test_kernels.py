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


def test_a_loop_keeps_what_its_body_leaves() -> None:
    events = [
        kernel("loop", 1, 20, "Loop"),
        kernel("if", 2, 8, "If"),
        kernel("inner", 3, 4),
        kernel("body", 12, 5),
        kernel("behind", 30, 1),
        run(0, 40),
    ]
    assert times(events) == {"loop": [7], "if": [4], "inner": [4], "body": [5], "behind": [1]}
    assert read_profile(events).totals == (21,)


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

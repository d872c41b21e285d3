"""Sample inputs of a torch module as inputs of a file."""

from __future__ import annotations

import numpy as np
import pytest

from rewriter.errors import UsageError
from rewriter.evidence.trace.recording import Trace
from rewriter.evidence.trace.sample_inputs import feeds_of
from rewriter.runtime.inputs.feeds import Array
from tests.build import model

TWO = "g (int64[2] ids, float[2,N] x) => (float[2,N] y) { y = Identity(x) }"
IDS, X, LONG = np.array([1, 2]), np.ones((2, 5), np.float32), np.ones((3, 3, 3), np.float32)


def trace(*inputs: tuple[str, Array]) -> Trace:
    return Trace((), inputs)


def test_by_name_where_all_are_named() -> None:
    feeds = feeds_of(model(TWO), trace(("x", X), ("ids", IDS)))
    assert feeds["ids"] is IDS
    assert feeds["x"] is X


def test_in_order_where_names_are_lost() -> None:
    feeds = feeds_of(model(TWO), trace(("input_ids", IDS), ("pixels", X)))
    assert feeds["ids"] is IDS
    assert feeds["x"] is X


def test_an_input_that_the_exporter_left_out_is_passed_over() -> None:
    feeds = feeds_of(model(TWO), trace(("", IDS), ("", LONG), ("", X)))
    assert feeds["x"] is X


def test_numbers_are_converted_to_others_of_their_kind() -> None:
    half = model("g (float16[2] x) => (float16[2] y) { y = Identity(x) }")
    assert feeds_of(half, trace(("", np.ones(2, np.float32))))["x"].dtype == np.float16


@pytest.mark.parametrize(
    "inputs",
    [
        (),
        (("", LONG),),
        (("", X), ("", IDS)),
        (("x", X), ("ids", IDS.astype(np.float32))),  # a cast would cut digits off
        (("x", X), ("ids", np.array([1, 2, 3]))),
        (("x", LONG), ("ids", IDS)),
    ],
)
def test_inputs_of_another_model_are_refused(inputs: tuple[tuple[str, Array], ...]) -> None:
    with pytest.raises(UsageError, match="no sample input fits"):
        feeds_of(model(TWO), trace(*inputs))

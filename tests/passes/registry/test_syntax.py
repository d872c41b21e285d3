"""Passes as text: what is read is what was meant, and slips are named."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewriter.errors import UsageError
from rewriter.passes.annotate import Annotate
from rewriter.passes.base import as_text
from rewriter.passes.group import Group
from rewriter.passes.registry.builtin_passes import PASSES
from rewriter.passes.registry.syntax import options_of, parse_passes, purpose_of
from rewriter.passes.restore_names import RestoreNames
from rewriter.passes.share import Share
from rewriter.passes.unshare import Unshare


def test_passes_are_read_in_order() -> None:
    assert parse_passes("annotate, unshare,group{depth=2, only=encoder.layer.[0-3]},share{lift=true}") == (
        Annotate(),
        Unshare(),
        Group(depth=2, only="encoder.layer.[0-3]"),
        Share(lift=True),
    )
    assert parse_passes("restore_names{nodes=false}") == (RestoreNames(nodes=False),)
    assert parse_passes("group{}") == (Group(),)
    assert parse_passes("group{class=C,op=Relu,not=a,not=b,kind=torch.nn}") == (
        Group(class_name="C", operators="Relu", leave_out=("a", "b"), kind="torch.nn"),
    )
    assert parse_passes("group{class=C,inferred=true}") == (Group(class_name="C", inferred=True),)
    assert parse_passes("group{only=a,only=b,class_name=C}") == (Group(only=("a", "b"), class_name="C"),)


@given(
    st.builds(
        Group,
        st.integers(0, 9),
        st.sampled_from(["", "a.**", ("enc.[0-3]", "b")]),
        st.sampled_from(["", ("A", "B*")]),
        st.booleans(),
    )
    | st.builds(Share, st.booleans())
    | st.builds(RestoreNames, st.booleans(), st.booleans())
)
def test_what_is_printed_is_read_back(step: Group | Share | RestoreNames) -> None:
    assert parse_passes(as_text(step)) == (step,)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", f"there are {', '.join(each.name for each in PASSES)}"),
        ("grup", "no pass fits 'grup'; nearest: group"),
        ("nothing", f"and {len(PASSES) - 4} more, see 'rewriter passes'"),
        ("group{deep=2}", "no option of pass 'group' fits 'deep'; nearest: depth"),
        ("annotate{x=1}", "no option of pass 'annotate' fits 'x'; there is none"),
        ("share{lift=true,lift=false}", "share{lift} is given twice; give it once"),
        ("group{depth=-1}", "'-1' is no number"),
        ("group{depth=2", "cannot read"),
        ("share{lift=yes}", "neither true nor false"),
        ("annotate;share", "cannot read"),
        ("annotate,,share", "cannot read"),
        ("group{depth}", "cannot read"),
    ],
)
def test_slips_are_named(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=re.escape(says)):
        parse_passes(text)


@pytest.mark.parametrize("step", PASSES, ids=lambda step: step.name)
def test_every_pass_says_what_it_does(step: type) -> None:
    assert purpose_of(step).endswith(".")
    assert all(isinstance(default, bool | int | float | str | tuple) for default in options_of(step).values())

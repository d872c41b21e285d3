"""Prefixes of adapters: only one, and never one for another."""

from __future__ import annotations

import pytest

from rewriter.checkpoints.lora.fitting import prefix_of
from rewriter.errors import UsageError

KEYS = ["model.layers.0.q.weight", "model.layers.1.q.weight", "model.head.weight"]


def test_names_that_fit_need_no_prefix() -> None:
    assert prefix_of(["model.layers.0.q.weight"], KEYS) == ("", "")


def test_all_names_may_lack_a_prefix_or_have_one_more() -> None:
    assert prefix_of(["layers.0.q.weight", "layers.1.q.weight"], KEYS) == ("", "model.")
    assert prefix_of(["bert.model.layers.1.q.weight"], KEYS) == ("bert.", "")


def test_no_prefix_is_exchanged_for_another_unless_the_user_says_so() -> None:
    assert prefix_of(["bert.layers.0.q.weight"], KEYS) == ("", "")
    assert prefix_of(["bert.layers.0.q.weight"], KEYS, "bert") == ("bert.", "model.")
    with pytest.raises(UsageError, match=r"no module of the adapter begins with 'roberta.'"):
        prefix_of(["bert.layers.0.q.weight"], KEYS, "roberta")


def test_a_layer_is_never_taken_for_another_one() -> None:
    assert prefix_of(["layers.7.q.weight"], ["layers.0.q.weight", "q.weight"]) == ("", "")
    assert prefix_of(["q.weight"], ["layers.0.q.weight", "layers.1.q.weight"]) == ("", "")


def test_two_prefixes_that_fit_are_refused() -> None:
    keys = ["student.fc.weight", "teacher.fc.weight"]
    with pytest.raises(UsageError, match=r"each of the prefixes 'student.', 'teacher.', and nothing shows"):
        prefix_of(["fc.weight"], keys)


def test_the_prefix_by_which_most_names_fit_counts() -> None:
    names = ["layers.0.q.weight", "layers.1.q.weight", "layers.2.q.weight"]
    assert prefix_of(names, KEYS) == ("", "model.")

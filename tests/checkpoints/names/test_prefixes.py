"""Keys of a checkpoint for names of a file, with a wrapper in one of them."""

from __future__ import annotations

import pytest

from rewriter.checkpoints.names.prefixes import Prefixes, prefixes_of
from rewriter.errors import UsageError

NAMES = ["model.a.weight", "model.b.weight", "model.head.weight"]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (NAMES, Prefixes()),
        (["a.weight", "b.weight", "head.weight"], Prefixes("model.", "")),
        (["bert.a.weight", "bert.b.weight", "bert.head.weight", "cls.weight"], Prefixes("model.", "bert.")),
        ([f"module.{name}" for name in NAMES], Prefixes("", "module.")),
    ],
)
def test_a_wrapper_in_either(keys: list[str], expected: Prefixes) -> None:
    found = prefixes_of(NAMES, keys)
    assert found == expected
    assert [found.key_of(name) for name in NAMES] == keys[:3]
    assert [found.name_of(key) for key in keys[:3]] == NAMES


def test_a_layer_gets_no_weights_of_another() -> None:
    names = ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]
    for keys in (
        ["fc1.weight", "fc1.bias", "fc2.weight"],
        ["fc1.weight", "fc1.bias", "fc3.weight", "fc3.bias"],
    ):
        assert prefixes_of(names, keys) == Prefixes()


def test_two_wrappers_that_fit_are_a_question() -> None:
    names = ["a.weight", "b.weight"]
    keys = [f"{who}.{name}" for who in ("student", "teacher") for name in names]
    with pytest.raises(UsageError, match=r"with each of the prefixes 'student\.', 'teacher\.'; choose one"):
        prefixes_of(names, keys)
    assert prefixes_of(names, keys, "teacher") == Prefixes("", "teacher.")
    with pytest.raises(UsageError, match=r"no key of the checkpoint begins with 'tutor.'"):
        prefixes_of(names, keys, "tutor")
    assert prefixes_of(names, [*keys, *names]) == Prefixes()

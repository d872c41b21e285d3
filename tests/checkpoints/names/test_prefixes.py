"""Keys of a checkpoint for names of a file, with a wrapper in one of them."""

from __future__ import annotations

import pytest

from rewriter.checkpoints.names.prefixes import Prefixes, prefixes_of
from rewriter.errors import UsageError

NAMES = ["model.a.weight", "model.b.weight", "head.weight"]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["model.a.weight", "model.b.weight", "head.weight"], Prefixes()),
        (["a.weight", "b.weight", "head.weight"], Prefixes("model.", "")),
        (["bert.a.weight", "bert.b.weight", "head.weight"], Prefixes("model.", "bert.")),
        (["module.model.a.weight", "module.model.b.weight", "module.head.weight"], Prefixes("", "module.")),
    ],
)
def test_a_wrapper_in_either(keys: list[str], expected: Prefixes) -> None:
    found = prefixes_of(NAMES, keys)
    assert found == expected
    assert {found.key_of(name) for name in NAMES} == set(keys)
    assert [found.name_of(key) for key in keys] == NAMES


def test_two_wrappers_that_fit_are_a_question() -> None:
    names = ["a.weight", "b.weight"]
    keys = [f"{who}.{name}" for who in ("student", "teacher") for name in names]
    with pytest.raises(UsageError, match=r"with each of the prefixes 'student\.', 'teacher\.'; choose one"):
        prefixes_of(names, keys)
    assert prefixes_of(names, keys, "teacher") == Prefixes("", "teacher.")
    with pytest.raises(UsageError, match=r"no key of the checkpoint begins with 'tutor.'"):
        prefixes_of(names, keys, "tutor")
    assert prefixes_of(names, [*keys, *names]) == Prefixes()

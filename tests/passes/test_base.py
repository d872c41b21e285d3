"""How passes are written, and how two bodies differ, in words."""

from __future__ import annotations

import pytest

import rewriter
from rewriter.errors import UsageError
from rewriter.passes.annotate import Annotate
from rewriter.passes.base import Difference
from rewriter.passes.group import Group
from rewriter.paths import ROOT, ModulePath
from tests.build import chain

A, B = ModulePath("a"), ModulePath("b")


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        (
            Difference(A, B, "/a/Add", "/b/Add", "inputs", 1),
            "b: other inputs than a at /b/Add (in a: /a/Add)",
        ),
        (Difference(A, B, "/a/Add", None, "nodes", 1), "b: other nodes than a at its end (in a: /a/Add)"),
        (Difference(A, B, None, "/b/Add", "nodes", 1), "b: other nodes than a at /b/Add (in a: the end)"),
        (Difference(A, B, None, None, "outputs", 3), "b and 2 more: other outputs than a"),
        (Difference(ROOT, B, None, None, "modules", 2), "b and 1 more: other modules than (root)"),
        (Difference(A, ROOT, None, None, "modules", 1), "(root): other modules than a"),
    ],
)
def test_a_difference_in_words(difference: Difference, words: str) -> None:
    assert str(difference) == words


def test_modules_that_are_never_called_make_no_function() -> None:
    model = chain("/layers.0/Relu", "/layers.1/Relu")
    with pytest.raises(
        UsageError, match=r"^model: no function can be made of layers: none of .* is called; "
    ):
        rewriter.rewrite(model, passes=(Annotate(), Group(only="layers")), numbers=False)

"""Names of modules with and without the prefix of what was wrapped around them for the export."""

from __future__ import annotations

import pytest

from rewriter import pipeline
from rewriter.errors import UsageError
from rewriter.modules.module_tree import ModuleTree
from rewriter.modules.selection import Selection
from tests.build import chain

WRAPPED = ("/model/enc/l.0/a/Relu", "/model/enc/l.1/a/Relu", "/model/head/Relu")
TWICE = ("/outer/model/enc/a/Relu", "/outer/model/head/Relu")
BARE = ("/enc/l.0/a/Relu", "/enc/l.1/a/Relu", "/head/Relu")
ONE_LAYER = ("/layers.0/enc/Relu", "/layers.0/head/Relu")


def tree(*names: str) -> ModuleTree:
    return pipeline.load(chain(*names)).tree


@pytest.mark.parametrize(
    ("names", "glob", "found"),
    [
        (WRAPPED, "model.enc", ["model.enc"]),
        (WRAPPED, "enc", ["model.enc"]),
        (WRAPPED, "enc.l.*", ["model.enc.l.0", "model.enc.l.1"]),
        (WRAPPED, "*", ["model"]),  # as it is, it fits something
        (WRAPPED, "**.a", ["model.enc.l.0.a", "model.enc.l.1.a"]),
        (WRAPPED, "module.enc", ["model.enc"]),  # another wrapper
        (TWICE, "enc", ["outer.model.enc"]),
        (TWICE, "model.head", ["outer.model.head"]),
        (BARE, "model.enc.l.1", ["enc.l.1"]),
        (BARE, "module.head", ["head"]),
        (BARE, "other.head", []),  # no wrapper that torch or its users know
        (WRAPPED, "model.a", []),
        (WRAPPED, "l.0", []),  # enc is no wrapper: head is beside it
        (ONE_LAYER, "enc", []),  # an item of a list is none, either
        (("/model/a/Relu", "/head/Relu"), "a", []),
        (("/model/a/Relu", "/head/Relu"), "model.head", []),  # the file has a `model` that holds no head
    ],
)
def test_a_prefix_may_be_there_or_not(names: tuple[str, ...], glob: str, found: list[str]) -> None:
    assert [module.path for module in tree(*names).fitting(glob)] == found


def test_it_is_the_same_in_every_place_that_takes_names() -> None:
    analysis = pipeline.load(chain(*WRAPPED))
    assert Selection(("head",)).nodes(analysis) == (2,)
    assert Selection(leave_out="enc").nodes(analysis) == (2,)
    assert [module.path for module in analysis.tree.select("head")] == ["model.head"]
    with pytest.raises(UsageError, match=r"no module fits 'heads'; nearest: model\.head"):
        analysis.tree.select("heads")

from __future__ import annotations

from dataclasses import replace

import pytest

from rewriter.modules.module import Parameter
from rewriter.modules.module_tree import ModuleTree
from rewriter.paths import ModulePath
from rewriter.views.rows import Row, Rows, folding_of
from tests.views.models import placed, tree

LAYERS = tree(
    [placed(f"layer.{i}.{part}") for i in range(3) for part in ("norm", "fc", "mask")[: 2 + (i == 0)]]
)
"""Layer 0 has a part more than layers 1 and 2, which are alike."""


def label(row: Row) -> str:
    return row.module.path + (f"-{row.through.path.name}" if row.through else "")


def labels(rows: Rows) -> list[str]:
    return [label(row) for row in rows]


def chosen(of: ModuleTree, glob: str) -> list[ModulePath]:
    return [module.path for module in of.select(glob)]


def test_every_module_has_a_line_in_tree_order() -> None:
    assert labels(Rows(LAYERS)) == list(LAYERS.modules)


def test_alike_siblings_share_a_line_and_what_lies_below_them() -> None:
    rows = list(Rows(LAYERS, merge=True))
    assert [label(row) for row in rows][-3:] == ["layer.1-2", "layer.1.norm", "layer.1.fc"]
    assert [row.alike for row in rows if row.through] == [2]


def test_siblings_with_other_classes_or_figures_stay_apart() -> None:
    placements = [placed("0"), placed("1"), placed("2"), placed("3"), placed("3")]
    assert labels(Rows(tree(placements, {"1": "m.A", "2": "m.B"}), merge=True)) == ["", "0", "1", "2", "3"]


def test_only_consecutive_numbers_share_a_line() -> None:
    alike = tree([placed(name) for name in ("b1", "b2", "b4", "c5", "x", "y")])
    assert labels(Rows(alike, merge=True)) == ["", "b1-b2", "b4", "c5", "x", "y"]


def test_a_long_tree_is_merged_unless_depth_or_selection_is_asked_for() -> None:
    long = tree([placed(f"layer.{i}") for i in range(80)])
    assert labels(Rows(long)) == ["", "layer", "layer.0-79"]
    assert len(labels(Rows(long, depth=9))) == 82
    assert len(labels(Rows(long, only=chosen(long, "layer.*")))) == 82


def test_depth_cuts_and_says_how_many_lie_below() -> None:
    rows = list(Rows(LAYERS, depth=1))
    assert [(label(row), row.hidden, row.shown) for row in rows] == [("", 0, 1), ("layer", 10, 0)]


def test_selection_keeps_what_leads_to_it_as_context() -> None:
    rows = list(Rows(LAYERS, only=chosen(LAYERS, "**.fc")))
    assert [label(row) for row in rows if not row.context] == ["layer.0.fc", "layer.1.fc", "layer.2.fc"]
    assert [label(row) for row in rows if row.context] == ["", "layer", "layer.0", "layer.1", "layer.2"]
    assert [row.hidden for row in Rows(LAYERS, only=chosen(LAYERS, "layer.0"))] == [0, 0, 3]
    assert not list(Rows(LAYERS, only=()))


def test_guides_know_the_last_sibling() -> None:
    assert [row.last for row in Rows(tree([placed("a.x"), placed("b")]))] == [
        (),
        (False,),
        (False, True),
        (True,),
    ]


def test_shares_are_of_parameters_or_else_of_nodes() -> None:
    placements = [placed("a"), placed("b"), placed("b"), placed("b")]
    weight = Parameter("w", "w", (6, 1), "float")
    bias = Parameter("b", "b", (2,), "float")
    assert [row.share for row in Rows(tree(placements))] == [1.0, 0.25, 0.75]
    with_parameters = tree(placements, parameters={"a": [weight], "b": [bias]})
    assert [row.share for row in Rows(with_parameters)] == [1.0, 0.75, 0.25]
    assert [row.share for row in Rows(tree([]))] == [0.0]


@pytest.mark.parametrize(
    ("into", "said"),
    [
        ((), ""),
        (("a.conv",), "folded into conv"),
        (("a.convs.0", "b.conv"), "folded into convs.0, b.conv"),
        (("a",), "folded into a"),
        (("",), "folded into (root)"),
        (("a.1", "a.2", "a.3", "a.4", "a.5"), "folded into 1, 2, 3 and 2 more"),
    ],
)
def test_a_norm_says_where_it_was_folded_in(into: tuple[str, ...], said: str) -> None:
    norm = tree([placed("a.bn")])["a.bn"]
    assert folding_of(replace(norm, folded_into=tuple(map(ModulePath, into)))) == said


def test_norms_that_were_folded_into_other_modules_share_no_line() -> None:
    plain = tree([placed(f"norms.{number}") for number in range(3)])

    def folded(into: str) -> ModuleTree:
        norms = {
            path: replace(module, folded_into=(ModulePath(into.format(path.name)),))
            for path, module in plain.modules.items()
            if path.depth == 2
        }
        return replace(plain, modules={**plain.modules, **norms})

    assert labels(Rows(folded("conv"), merge=True)) == ["", "norms", "norms.0-2"]
    assert len(labels(Rows(folded("convs.{}"), merge=True))) == 5

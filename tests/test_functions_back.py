"""Functions over real exports: `flatten` gives back what was there, and the tool agrees with what it wrote.

Default: one export of every exporter; `-m thorough`: all of them, in every mode and at every depth.
"""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

import rewriter
from rewriter.passes.annotate import Annotate
from rewriter.passes.base import Pass
from rewriter.passes.flatten import Flatten
from rewriter.passes.group import Group
from rewriter.passes.registry.presets import Functions, standard_passes
from rewriter.passes.registry.syntax import parse_passes
from rewriter.passes.restore_names import RestoreNames
from rewriter.refusals import Reason
from tests.exports import EXPORTS, each_file

MODES = {
    **{
        f"{mode}-{depth}": standard_passes(mode, Group(depth))
        for mode in (Functions.CALL, Functions.SHARED)
        for depth in range(4)
    },
    "lift": parse_passes("annotate,unshare,group,share{lift=true}"),
    "repeated": parse_passes("annotate,unshare,group{repeated=true},share"),
    "names": standard_passes(Functions.SHARED, restore_names=True),
}
SOME = [
    EXPORTS / "albert" / "dy_dyn.onnx",
    EXPORTS / "scripted_if_loop" / "ts.onnx",
    EXPORTS / "bert" / "ts_dyn.onnx",
]


def rewritten(model: onnx.ModelProto, *passes: Pass) -> onnx.ModelProto:
    return rewriter.rewrite(model, passes=passes, numbers=False).analysis.model


def stored(model: onnx.ModelProto) -> bytes:
    return model.SerializeToString(deterministic=True)


def check(path: Path, passes: tuple[Pass, ...]) -> None:
    """Grouped and flattened, the file is what it was; a second run changes nothing and finds no conflict."""
    model = onnx.load(path, load_external_data=False)
    plain = [step for step in passes if step.name in ("annotate", "restore_names")]
    flat, grouped = rewritten(model, *plain), rewritten(model, *passes)
    assert stored(rewritten(grouped, Flatten())) == stored(flat)
    assert stored(rewritten(grouped, *passes)) == stored(grouped)
    assert stored(rewritten(flat, *plain)) == stored(flat)
    assert rewriter.tree(grouped).conflicts <= rewriter.tree(model).conflicts
    assert rewriter.tree(flat).conflicts <= rewriter.tree(model).conflicts


@pytest.mark.parametrize("mode", ["call-0", "shared-0", "shared-2", "names"])
@pytest.mark.parametrize("path", SOME, ids=lambda path: path.parent.name)
def test_some_exports(path: Path, mode: str) -> None:
    check(path, MODES[mode])


@pytest.mark.thorough
@pytest.mark.parametrize("mode", MODES)
@each_file
def test_every_export(path: Path, mode: str) -> None:
    check(path, MODES[mode])


def test_functions_for_one_class_leave_the_tree_as_it_was() -> None:
    """Layers hold the nodes of their parts here, under names that say nothing of these."""
    model = onnx.load(EXPORTS / "bert" / "dy.onnx")
    shared = rewritten(model, *standard_passes(Functions.SHARED, Group(class_name="BertLayer")))
    assert [function.name for function in shared.functions] == ["BertLayer"]
    before, after = rewriter.tree(rewritten(model, Annotate())), rewriter.tree(shared)
    assert after.conflicts == 0
    assert after.placements == before.placements


def test_what_a_grouped_file_cannot_take_is_refused_and_named() -> None:
    model = onnx.load(EXPORTS / "bert" / "ts.onnx")
    bare = rewritten(model, Group())
    named = rewriter.rewrite(
        rewritten(model, Annotate(), Group()), passes=(Annotate(), RestoreNames()), numbers=False
    )
    annotated = rewriter.rewrite(bare, passes=(Annotate(),), numbers=False)
    for report, refusing in ((annotated, 0), (named, 1)):
        (refusal,) = report.refusals
        assert refusal.reason is Reason.GROUPED
        assert refusal in report.passes[refusing].outcome.refusals
    assert stored(annotated.analysis.model) == stored(bare)


def test_annotations_come_to_a_file_that_was_grouped_without_once_it_is_flat() -> None:
    model = onnx.load(EXPORTS / "bert" / "ts.onnx")
    bare = rewritten(model, Group())
    assert stored(rewritten(bare, Flatten(), Annotate())) == stored(rewritten(model, Annotate()))

"""Untap takes away what tap wrote, and nothing that has become part of the model."""

from __future__ import annotations

import pytest

import rewriter
from rewriter.errors import CannotCut, UnreadableModel, UsageError
from rewriter.evidence.metadata.tags import TAPS
from rewriter.model import metadata
from tests.build import chain
from tests.edits.models import LOOP, model

LAYERS = ("/l.0/Relu", "/l.1/Relu")


def test_without_taps_there_is_nothing_to_undo() -> None:
    with pytest.raises(UsageError, match="it records no taps; 'rewriter tap' writes some"):
        rewriter.untap(chain(*LAYERS))


def test_other_outputs_and_metadata_stay() -> None:
    tapped = rewriter.tap(chain(*LAYERS), "l.0", numbers=False).analysis.model
    tapped.graph.output.add(name="v1", type=tapped.graph.output[0].type)
    tapped.metadata_props.add(key="mine", value="1")
    found = rewriter.untap(tapped, numbers=False).analysis.model
    assert [info.name for info in found.graph.output] == ["y", "v1"]
    assert metadata.read(found) == {"mine": "1"}
    assert len(found.graph.node) == 2


def test_a_tap_that_a_node_reads_stays() -> None:
    tapped = rewriter.tap(chain(*LAYERS), "l.0", numbers=False).analysis.model
    tapped.graph.node.add(op_type="Neg", input=["l.0"], output=["other"])
    with pytest.raises(CannotCut, match=r"node 'other' reads 'l\.0', a value of a tap"):
        rewriter.untap(tapped, numbers=False)


@pytest.mark.parametrize("text", ["", "[]", '{"taps": 1}', '{"taps": [{"output": "y"}]}', "[" * 9000])
def test_a_damaged_record_is_refused(text: str) -> None:
    damaged = chain(*LAYERS)
    metadata.write(damaged, {TAPS: text})
    with pytest.raises(UnreadableModel, match="is damaged"):
        rewriter.untap(damaged, numbers=False)


def test_an_output_must_be_left() -> None:
    """Other tools remove outputs, and so does `drop`."""
    tapped = rewriter.tap(chain(*LAYERS), "l.0", numbers=False).analysis.model
    left = rewriter.drop(tapped, "l.1", numbers=False).analysis.model
    assert [info.name for info in left.graph.output] == ["l.0"]
    with pytest.raises(CannotCut, match="all outputs are taps, so none would be left"):
        rewriter.untap(left, numbers=False)


def test_a_constant_that_a_tool_made_an_initializer_goes_too() -> None:
    """onnxruntime does so with the tensor without elements that begins the tap of a Loop."""
    plain = model(LOOP)
    tapped = rewriter.tap(plain, "loop.a", numbers=False).analysis.model
    constant = next(node for node in tapped.graph.node if node.op_type == "Constant")
    added = tapped.graph.initializer.add()
    added.CopyFrom(constant.attribute[0].t)
    added.name = constant.output[0]
    tapped.graph.node.remove(constant)
    assert rewriter.untap(tapped, numbers=False).analysis.model == plain

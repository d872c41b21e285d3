"""Untap takes away what tap wrote, and nothing that has become part of the model."""

from __future__ import annotations

import pytest

import rewriter
from rewriter.errors import CannotCut, UnreadableModel, UsageError
from rewriter.evidence.metadata.tags import TAPS
from rewriter.model import metadata
from tests.build import chain

LAYERS = ("/l.0/Relu", "/l.1/Relu")


def test_without_taps_there_is_nothing_to_undo() -> None:
    with pytest.raises(UsageError, match="it records no taps; 'rewriter tap' writes some"):
        rewriter.untap(chain(*LAYERS))


def test_other_outputs_and_metadata_stay() -> None:
    model = rewriter.tap(chain(*LAYERS), "l.0", numbers=False).analysis.model
    model.graph.output.add(name="v1", type=model.graph.output[0].type)
    model.metadata_props.add(key="mine", value="1")
    found = rewriter.untap(model, numbers=False).analysis.model
    assert [info.name for info in found.graph.output] == ["y", "v1"]
    assert metadata.read(found) == {"mine": "1"}
    assert len(found.graph.node) == 2


def test_a_tap_that_a_node_reads_stays() -> None:
    model = rewriter.tap(chain(*LAYERS), "l.0", numbers=False).analysis.model
    model.graph.node.add(op_type="Neg", input=["l.0"], output=["other"])
    with pytest.raises(CannotCut, match="node 'other' reads a tap"):
        rewriter.untap(model, numbers=False)


@pytest.mark.parametrize("text", ["", "[]", '{"taps": 1}', '{"taps": [{"output": "y"}]}', "[" * 9000])
def test_a_damaged_record_is_refused(text: str) -> None:
    model = chain(*LAYERS)
    metadata.write(model, {TAPS: text})
    with pytest.raises(UnreadableModel, match="is damaged"):
        rewriter.untap(model, numbers=False)

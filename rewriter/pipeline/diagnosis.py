"""Predicts how other tools will treat a model."""

from __future__ import annotations

from collections.abc import Sequence

from rewriter.insight.tools.examine import Diagnosis, examine
from rewriter.insight.tools.facts import facts_of
from rewriter.pipeline.loader import Source, naming, read_model


def diagnose(source: Source, tools: Sequence[str] = ()) -> Diagnosis:
    """Examine a model: predict how other tools will treat it.

    Args:
        source: the model; no weight is read.
        tools: globs over tool names; all measured tools if empty.

    Raises:
        UnreadableModel: the source is not a whole ONNX model.
        UsageError: a glob matches no tool.
    """
    model, path = read_model(source, provable=False)
    with naming(path):
        return examine(facts_of(model, path), path, tools)

"""Phrases on the placement of nodes: numbers of nodes by evidence, and means to place more nodes."""

from __future__ import annotations

from onnx import ModelProto

from rewriter.basics.display import counted
from rewriter.modules.module_tree import ModuleTree
from rewriter.views.escape import as_text

NO_HIERARCHY = "no module hierarchy found in this file"

_TOOLS_DROP = "what would help: the file as {} wrote it (optimisers drop scopes), "

WOULD_HELP = _TOOLS_DROP.format("its exporter") + (
    "a fresh export at opset 18 or newer, "
    "or evidence of the modules: --like, --reference, --checkpoint or --trace"
)
_PIPELINE = "a pipeline of estimators has no modules, so nothing would help"

_NOT_TORCH = frozenset(
    {"chainer", "cntk", "jax2onnx", "keras2onnx", "mxnet", "paddlepaddle", "spox", "tf2onnx"}
)
_OF_ESTIMATORS = frozenset({"onnxmltools", "skl2onnx"})
"""Names of producers, in lower case."""


def would_help(model: ModelProto) -> str:
    """Return the means to place nodes of a model: evidence from torch only if torch may have written it."""
    producer = as_text(model.producer_name)
    if producer.lower() in _OF_ESTIMATORS or any(node.domain == "ai.onnx.ml" for node in model.graph.node):
        return _PIPELINE
    if producer.lower() in _NOT_TORCH:
        return f"{_TOOLS_DROP.format(producer)}or evidence of the modules: --like or --checkpoint"
    return WOULD_HELP


def coverage_phrases(tree: ModuleTree) -> list[str]:
    """Describe the placement of nodes in a few phrases: numbers of nodes by evidence, and of conflicts.

    The numbers by evidence add up to the placed nodes; guesses are counted apart.
    """
    if not tree.placements:
        return ["this model has no nodes"]
    if not any(tree.placements):
        return [f"{NO_HIERARCHY}: none of {counted(len(tree.placements), 'node')} could be placed"]
    phrases = [f"{tree.placed:,} of {counted(len(tree.placements), 'node')} placed"]
    phrases.extend([f"{tree.guessed:,} guessed"] if tree.guessed else [])
    phrases.extend(f"{count:,} by {source_words(source)}" for source, count in tree.by_source.items())
    conflicts = f"{tree.conflicts:,} with conflicting evidence" if tree.conflicts else "no conflicts"
    return [*phrases, conflicts]


def source_words(source: str) -> str:
    """Convert a kind of evidence to words: `scope_name` becomes `scope name`."""
    return source.replace("_", " ")

"""Prints modules that were replaced by nodes of one operator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from onnx import ValueInfoProto
from rich.console import Console

from rewriter.basics.display import counted
from rewriter.edits.replacement import Formal, Ran, Replacement
from rewriter.verdict.phrases import numbers_phrase
from rewriter.views.summary import head_phrases, summarize_graph
from rewriter.views.text.cutting import typed
from rewriter.views.text.parts import flow
from rewriter.views.text.rewrite_report import print_removed, print_verification, written_phrase


def print_replacement(found: Replacement, console: Console) -> None:
    """Print the operator, its interface, the proof, what onnxruntime runs, and the files."""
    # The index has the nodes of the model before; all else is of the result.
    result = summarize_graph(found.analysis.graph, found.analysis.path)
    others = dict(Counter(result.functions) - Counter([found.operator.domain]))
    opsets, initializers = dict(found.opsets), found.initializers
    before = replace(result, functions=others, opsets=opsets, initializers=initializers)
    flow(console, head_phrases(before), "bold")
    counts = counted(len(found.modules), "module"), counted(len(found.nodes), "node")
    body = f"body of {counted(len(found.function.node), 'node')}"
    flow(console, [f"{counts[0]} by {counts[1]} of {found.operator}", body], label="replace")
    _print_formals("inputs", [each for each in found.inputs if not each.is_stored], console)
    _print_formals("stored", [each for each in found.inputs if each.is_stored], console)
    _print_formals("outputs", found.results, console)
    if found.attributes:
        told = [f"{name} {kind}" for name, kind in found.attributes.items()]
        flow(console, told, label="attribute")
    for refusal in found.refusals:
        flow(console, [str(refusal)], "yellow", label="refused")
    print_verification(found.verification, console)
    if found.ran is Ran.BODY:
        flow(console, ["onnxruntime runs the body"], label="runs")
    if found.kernel is not None:
        told = ["onnxruntime runs its own kernel, not the body", numbers_phrase(found.kernel)]
        flow(console, told, "yellow", label="runs")
    flow(console, map(written_phrase, found.outputs), label="written")
    print_removed(found.outputs, found.removed, console)


def _print_formals(label: str, formals: Sequence[Formal], console: Console) -> None:
    told = [
        typed(ValueInfoProto(name=each.name, type=each.type)) if each.type else each.name for each in formals
    ]
    flow(console, told or ["none"], label=label)

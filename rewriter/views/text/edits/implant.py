"""Prints a model with pieces in place of modules in a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console

from rewriter.basics.display import counted
from rewriter.edits.implants import Implant, Implanting
from rewriter.verdict.phrases import certificate_phrase, numbers_phrase
from rewriter.verdict.verification import Verdict
from rewriter.views.summary import head_phrases, summarize
from rewriter.views.text.parts import flow
from rewriter.views.text.rewrite_report import print_removed, verdict_sign, written_phrase


def print_implanting(found: Implanting, console: Console) -> None:
    """Print the pieces and their borders, the proof, the numbers, and the written and removed files."""
    flow(console, head_phrases(summarize(found.analysis)), "bold")
    if found.analysis.grouped:
        flow(console, ["functions that rewrite had made were inlined"], label="flat")
    for each in found.implants:
        flow(console, _sizes(each), label="implant")
        flow(console, _border(each), label="border")
        if each.conversion is not None:
            versions = f"ONNX's operators {each.conversion.before} to {each.conversion.after}"
            flow(console, [versions, numbers_phrase(each.conversion.numbers)], label="converted")
    sign, style = verdict_sign(Verdict.EQUAL, console)
    flow(
        console,
        [f"{sign} outside of the pieces", certificate_phrase(found.certificate)],
        style,
        label="proof",
    )
    inside = counted(len(found.implants), "piece")
    flow(console, [f"{inside} as given, byte for byte but for names and places"], label="")
    flow(console, [numbers_phrase(found.numeric)], label="numbers")
    flow(console, map(written_phrase, found.outputs), label="written")
    print_removed(found.outputs, found.removed, console)


def _sizes(each: Implant) -> Iterator[str]:
    seated = each.seated
    yield f"{each.target}: {each.piece}"
    after = counted(len(seated.nodes) + len(seated.added), "node")
    yield f"{after} for {len(seated.seat.border.nodes):,}"


def _border(each: Implant) -> Iterator[str]:
    """Yield the inputs and outputs that do not have the name of the value that they stand for, and counts."""
    matched = each.seated.seat.matched
    for word, pairs in (("input", matched.inputs), ("output", matched.outputs)):
        others = [f"{name} is {value}" for name, value in pairs.items() if name != value]
        yield counted(len(pairs), word) + ("" if others else " matched by name")
        yield from others

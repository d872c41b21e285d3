"""Prints a model with pieces in place of modules in a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console

from rewriter.basics.display import counted, listed
from rewriter.edits.implants import Implant, Implanting
from rewriter.verdict.phrases import certificate_phrase, numbers_phrase
from rewriter.verdict.verification import Verdict
from rewriter.views.summary import head_phrases, summarize
from rewriter.views.text.edits.inlined import print_inlined
from rewriter.views.text.parts import flow
from rewriter.views.text.rewrite_report import print_removed, verdict_sign, written_phrase


def print_implanting(found: Implanting, console: Console) -> None:
    """Print the pieces and their borders, the proof, the numbers, and the written and removed files."""
    flow(console, head_phrases(summarize(found.analysis)), "bold")
    print_inlined(console, made=found.flattened)
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
    flow(console, _inside(found), label="")
    draws = list(dict.fromkeys(name for each in found.implants for name in each.draws))
    random = [f"pieces draw random numbers by {listed(draws)}, so each run differs"] if draws else []
    flow(console, [numbers_phrase(found.numeric), *random], label="numbers")
    flow(console, map(written_phrase, found.outputs), label="written")
    print_removed(found.outputs, found.removed, console)


def _inside(found: Implanting) -> Iterator[str]:
    """Yield what the nodes of the result are compared with, and the number of nodes at the borders."""
    converted = sum(each.conversion is not None for each in found.implants)
    inlined = sum(each.inlined and each.conversion is None for each in found.implants)
    if given := len(found.implants) - converted - inlined:
        yield f"{counted(given, 'piece')} as given, byte for byte but for names and places"
    if inlined:
        yield f"{counted(inlined, 'piece')} as inlined, byte for byte but for names and places"
    if converted:
        yield f"{counted(converted, 'piece')} as converted, byte for byte but for names and places"
    if added := sum(len(each.seated.added) for each in found.implants):
        yield f"{counted(added, 'node')} added at the borders"


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
        if word == "input" and each.left_out:
            yield f"does not read {listed(each.left_out)}"

"""Prints the map of a state dict, and new weights, in a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from rewriter.basics.display import counted
from rewriter.checkpoints.lora.beside.keep import KeptAdapter
from rewriter.checkpoints.lora.fitting import AdapterPrefix
from rewriter.checkpoints.lora.merged_state import FittedAdapter
from rewriter.checkpoints.missing import Missing
from rewriter.checkpoints.names.held import Held
from rewriter.checkpoints.plan import RefitPlan
from rewriter.checkpoints.refit import Refit
from rewriter.checkpoints.weight_map import WeightMap
from rewriter.evidence.claims import Holds
from rewriter.verdict.phrases import numbers_phrase
from rewriter.verdict.verification import Verdict
from rewriter.views.escape import visible
from rewriter.views.summary import head_phrases, summarize
from rewriter.views.text.parts import cut_middle, emit, flow, signs
from rewriter.views.text.rewrite_report import print_removed, verdict_sign, written_phrase

_MOST = 20
"""Number of tensors or keys that a list of a refit shows."""
_HEAD = ("key", "initializer", "holds", "shape")


def print_weights(found: WeightMap, console: Console) -> None:
    """Print the map as a table, the keys that the file does not give, and the written file."""
    flow(console, head_phrases(summarize(found.analysis)), "bold")
    missing = [f"{counted(len(found.missing), 'key')} not"] if found.missing else []
    extent = "all keys by a reference" if found.complete else "further keys are not known without --reference"
    flow(console, [f"the file gives {counted(len(found.given), 'key')}", *missing, extent])
    keys = [each for each in found.held if each.key not in found.no_keys]
    if keys:
        console.print()
        _print_table([_HEAD, *map(_row, keys)], console)
        console.print()
    for each in found.held:
        if each.key in found.no_keys:
            key, _, holds, shape = _row(each)
            flow(console, [f"{key} {holds}", shape], label="no key")
    for key, other in found.tied.items():
        flow(console, [f"{key} = {other}"], label="tied")
    for absent in found.missing:
        flow(console, [_absence(absent)], label="missing")
    flow(console, map(written_phrase, found.outputs), label="written")
    print_removed(found.outputs, found.removed, console)


def _absence(missing: Missing) -> str:
    return f"{missing.key} {missing.absence}{f': {missing.of}' if missing.of else ''}"


def _row(held: Held) -> tuple[str, ...]:
    claim = held.claim
    holds = str(claim.holds or Holds.UNKNOWN)
    if claim.formula or claim.detail:
        holds = f"{holds}: {claim.formula or claim.detail}"
    shape = held.shape if held.shape is not None else held.part_dims
    initializer = "same name" if held.initializer == held.key else held.initializer
    return str(held.key), initializer, holds, "x".join(map(str, shape)) or "scalar"


def _print_table(rows: Sequence[Sequence[str]], console: Console) -> None:
    """Print rows in columns; keys and initializers are cut in the middle to fit."""
    mark = signs(console)
    cells = [[visible(cell) for cell in row] for row in rows]
    widths = [max(cell_len(row[at]) for row in cells) for at in range(len(_HEAD))]
    free = console.width - sum(min(width, 24) for width in widths[2:]) - 2 * (len(widths) - 1)
    key = min(widths[0], max(free - min(widths[1], free // 3), 20))
    widths[:2] = [key, min(widths[1], max(free - key, 9))]
    for number, row in enumerate(cells):
        fitted = [
            cut_middle(cell, width, mark.dots).ljust(width) for cell, width in zip(row, widths, strict=True)
        ]
        emit(console, Text("  ".join(fitted), "dim" if number == 0 else ""))


def print_refit(found: Refit, console: Console) -> None:
    """Print the tensors with new weights, everything without, the proof, and the written files."""
    plan = found.plan
    flow(console, head_phrases(summarize(found.analysis)), "bold")
    tensors = counted(len(plan.fitted), "tensor")
    if plan.fitted or found.kept is None:
        flow(console, [plan.new.name, f"new weights for {tensors}", *_kinds(plan)], label="weights")
    if prefix := _prefix(plan):
        flow(console, [prefix], label="names")
    if plan.adapter is not None and plan.adapter.changes:
        flow(console, list(_merged(plan.adapter)), label="merged")
    if found.kept is not None:
        flow(console, _beside(found.kept), label="beside")
    casts = Counter(f"{each.given} to {each.dtype}" for each in plan.fitted if each.given != each.dtype)
    beside = found.kept.layers if found.kept is not None else ()
    casts.update(f"{each.given} to {each.dtype}" for each in 2 * beside if each.given != each.dtype)
    flow(console, [f"{counted(count, 'tensor')} from {cast}" for cast, count in casts.items()], label="cast")
    kept = Counter(plan.kept.values())
    flow(console, [f"{count:,}: {sign}" for sign, count in kept.items()], label="kept")
    _print_list("tied", [f"{key} = {other}" for key, other in plan.tied.items()], console)
    _print_list("unused", plan.unused, console)
    lacking = [f"{'key ' if each.is_key else ''}{each.name}: {each.reason}" for each in plan.lacking]
    for line in lacking:
        flow(console, [line], "yellow", label="lacking")
    if found.proof is not None:
        sign, style = verdict_sign(Verdict.EQUAL, console)
        rest = "without the nodes beside, all else" if found.kept is not None else "all else"
        told = f"{counted(found.proof.tensors, 'tensor')} as their formulas"
        shown = [told] if found.proof.tensors or found.kept is None else []
        first, *others = [*shown, f"{rest} as in the model"]
        flow(console, [f"{sign} read back: {first}", *others], style, label="proof")
    if found.numeric is not None:
        flow(console, ["beside and merged", numbers_phrase(found.numeric)], label="numbers")
    flow(console, map(written_phrase, found.outputs), label="written")
    print_removed(found.outputs, found.removed, console)


def _kinds(plan: RefitPlan) -> list[str]:
    kinds = Counter(type(each.formula).__name__.lower() for each in plan.fitted)
    return [f"{count:,} {_KINDS.get(kind, kind)}" for kind, count in kinds.items()]


def _beside(kept: KeptAdapter) -> list[str]:
    """Return the number of layers with an adapter beside them, by scale and rank."""
    kinds = Counter(f"{each.scale:g} B A, rank {each.rank}" for each in kept.layers)
    nodes = sum(len(each.nodes) for each in kept.layers)
    return [
        *(f"{counted(count, 'layer')} + {kind}" for kind, count in kinds.most_common(_MOST)),
        f"{nodes:,} nodes",
        *_difference(kept.prefix),
    ]


def _merged(adapter: FittedAdapter) -> Iterator[str]:
    """Yield the changes that an adapter makes, each kind with its number of weights, and its prefix."""
    changes = Counter(adapter.changes.values())
    for change, count in changes.most_common(_MOST):
        yield f"{counted(count, 'weight')} {change}"
    if len(changes) > _MOST:
        yield f"and {len(changes) - _MOST:,} more kinds"
    yield from _difference(adapter.prefix)


def _difference(prefix: AdapterPrefix) -> list[str]:
    """Return the prefixes of an adapter and of what it changes, if they differ."""
    lost, added = prefix
    told = f"{lost or 'no prefix'} in the adapter, {added or 'no prefix'} in the weights"
    return [told] if lost or added else []


_KINDS = {
    "key": "as they are",
    "permuted": "transposed",
    "alike": "of equal keys",
    "combined": "sums or products",
    "expanded": "repeated",
    "gates": "with gates in another order",
    "gathered": "rows",
    "mapped": "functions of their elements",
    "normscale": "factors of a batch norm",
    "normshift": "with the shift of a batch norm",
    "resizedgrid": "resized",
    "rowrange": "rows",
    "scaled": "with factors",
    "scaledchannels": "with the factors of a batch norm",
    "spectralnorm": "with spectral norm",
    "sum": "sums",
    "weightnorm": "with weight norm",
}
"""Class of a formula in lower case -> words for its tensors."""


def _prefix(plan: RefitPlan) -> str:
    ours, theirs = plan.prefixes.file, plan.prefixes.keys
    return (
        f"{ours or 'no prefix'} in the file, {theirs or 'no prefix'} in the checkpoint"
        if ours or theirs
        else ""
    )


def _print_list(label: str, lines: Iterable[str], console: Console) -> None:
    entries = list(lines)
    more = [f"and {len(entries) - _MOST:,} more"] if len(entries) > _MOST else []
    if entries:
        flow(console, [*entries[:_MOST], *more], label=label)

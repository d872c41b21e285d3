"""Prints extracted and split models in a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from onnx import ModelProto, TensorProto, ValueInfoProto
from rich.console import Console

from rewriter.basics.display import counted
from rewriter.cutting.check import Check
from rewriter.cutting.extract import Extraction
from rewriter.cutting.plan.footprint import Footprint
from rewriter.cutting.split import Split
from rewriter.runtime.child_limits import size_text
from rewriter.verdict.phrases import certificate_phrase, numbers_phrase
from rewriter.verdict.verification import Verdict
from rewriter.views.summary import head_phrases, summarize
from rewriter.views.text.parts import flow
from rewriter.views.text.rewrite_report import print_removed, verdict_sign, written_phrase


def print_extraction(found: Extraction, console: Console) -> None:
    """Print the extracted model, its interface, the proof, and the written and removed files."""
    flow(console, head_phrases(summarize(found.analysis)), "bold")
    constants = [f"{counted(found.constants, 'constant')} of other modules"] if found.constants else []
    flow(console, [str(found.wanted), *_sizes(found.model), *constants], label="extract")
    _print_values("inputs", found.model.graph.input, set(found.piece.inputs), console)
    _print_values("outputs", found.model.graph.output, set(found.piece.outputs), console)
    if found.returning:
        text = "inputs that other nodes compute from its outputs: " + ", ".join(found.returning)
        flow(console, [text], "yellow", label="returns")
    if found.hoisted:
        flow(console, ["nodes of a graph body; of a loop, the first iteration was compared"], label="body")
    if found.check is not None:
        _print_checks([found.check], console)
    flow(console, map(written_phrase, found.outputs), label="written")
    print_removed(found.outputs, found.removed, console)


def print_split(found: Split, console: Console) -> None:
    """Print the parts, the values that pass between them, the proof, and the written and removed files."""
    flow(console, head_phrases(summarize(found.analysis)), "bold")
    before = ["the beginning", *map(str, found.at)]
    for number, (part, start) in enumerate(zip(found.parts, before, strict=True)):
        feeds = found.feeds[number].items()
        taken = [f"{name} from part {source}" for name, source in feeds if source is not None]
        flow(console, [f"from {start}", *_sizes(part.model), *taken], label=f"part {number}")
        for each in found.memory[number : number + 1]:
            flow(console, _memory_phrases(each), label="memory")
    for at, count in found.left.items():
        text = f"{counted(count, 'node')} of {at} stay in an earlier part, which reads their results"
        flow(console, [text], "yellow", label="shared")
    _print_checks(found.checks, console)
    flow(console, map(written_phrase, found.outputs), label="written")
    print_removed(found.outputs, found.removed, console)


def _memory_phrases(memory: Footprint) -> list[str]:
    parts = ("weights", memory.weights), ("inputs", memory.inputs), ("activations", memory.activations)
    total = f"{'more than' if memory.unknown else 'about'} {size_text(memory.total)}"
    reasons = [f"of {counted(count, 'node')}, {reason}" for reason, count in memory.unknown.items()]
    return [total, *(f"{name} {size_text(size)}" for name, size in parts), *reasons]


def _sizes(model: ModelProto) -> list[str]:
    return [counted(len(model.graph.node), "node"), counted(len(model.graph.initializer), "initializer")]


def _print_values(label: str, infos: Iterable[ValueInfoProto], names: set[str], console: Console) -> None:
    shown = [typed(info) for info in infos if info.name in names]
    flow(console, shown or ["none"], label=label)


def typed(info: ValueInfoProto) -> str:
    """Format a value with its type: `hidden float 2 x seq x 128`."""
    tensor = info.type.tensor_type
    if not info.type.HasField("tensor_type"):
        return f"{info.name} {(info.type.WhichOneof('value') or 'no type').removesuffix('_type')}"
    if not tensor.HasField("shape"):
        return f"{info.name} {TensorProto.DataType.Name(tensor.elem_type).lower()} of unknown rank"
    dims = [str(d.dim_value) if d.HasField("dim_value") else d.dim_param or "?" for d in tensor.shape.dim]
    element = TensorProto.DataType.Name(tensor.elem_type).lower()
    return f"{info.name} {element} {' x '.join(dims) or 'scalar'}"


def _print_checks(checks: Sequence[Check], console: Console) -> None:
    """Print the verdicts; parts with the same verdict and phrases share a line."""
    for (verdict, *phrases), count in Counter((check.verdict, *_phrases(check)) for check in checks).items():
        sign, style = verdict_sign(Verdict(verdict), console)
        parts = f"{count} parts: " if count > 1 else ""
        flow(console, [f"{sign} {parts}{verdict}", *map(str, phrases)], style, label="proof")


def _phrases(check: Check) -> Iterator[str]:
    verification = check.verification
    yield certificate_phrase(verification.certificate)
    if check.unchecked is not None:
        yield f"neither checked nor loaded: {check.unchecked}"
    elif check.fault is not None:
        yield f"{'like the whole model: ' if check.fault_of_whole else ''}{check.fault}"
    else:
        yield "full checker and onnxruntime take it"
    yield numbers_phrase(verification.numeric)
    if check.unsteady and verification.numeric is not None and verification.numeric.taken:
        yield f"random, not compared: {', '.join(check.unsteady)}"

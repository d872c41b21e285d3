"""Prints the explanation of a node, value, weight or module in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console

from rewriter.basics.display import counted
from rewriter.insight.lookup.explained_module import ModuleEvidence
from rewriter.insight.lookup.explained_tensors import ExplainedValue, ExplainedWeight, Holder, Readers
from rewriter.insight.lookup.explanation import Explanation
from rewriter.model.tensors import dtype_name
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import OwnedBy, Parameter
from rewriter.views.coverage import source_words
from rewriter.views.escape import as_text, shown_path
from rewriter.views.text.claims import print_claims
from rewriter.views.text.parts import flow

_LISTED = 4
"""Maximum number of nodes or conflicting modules that are listed by name."""
_MODULES = 12
"""Maximum number of modules with readers that are listed."""
_INPUTS = {"model": "the model", "body": "the body of a node", "function": "a function"}
_REASONS = {
    OwnedBy.CLAIM: "its parameter name is known",
    OwnedBy.VARIABLE: "the name of the variable contains the layer",
    OwnedBy.READERS: "the lowest module that holds all its readers",
    OwnedBy.UNPLACED_READER: "a node that is not placed reads it",
    OwnedBy.WEIGHT: "scale, zero point or group index of a weight there",
    OwnedBy.WRITER: "no node reads it, and a node there writes it",
    OwnedBy.NOBODY: "no node reads it",
}


def print_explanation(found: Explanation, console: Console) -> None:
    """Print what a model says about a name, and other kinds of things that have the name."""
    analysis = found.analysis
    for value in found.values:
        _print_value(analysis, value, console)
    for weight in found.weights:
        _print_weight(analysis, weight, console)
    if found.module is not None:
        _print_module(found.module, console)
    for node in found.nodes:
        print_claims(analysis, node, console)
    for subject in found.also:
        flow(console, [f"a {subject} has this name too: --as {subject} explains it"], "dim", label="also")


def _print_value(analysis: Analysis, found: ExplainedValue, console: Console) -> None:
    graph = analysis.graph
    flow(console, [as_text(graph.value_names[found.value])], "bold")
    origin = "a sparse initializer"
    if found.input_of is not None:
        origin = f"an input of {_INPUTS[found.input_of]}"
    if found.producer is not None:
        origin = f"written by {_node(analysis, found.producer)}"
    flow(console, [origin, *(["an output of the model"] if found.is_output else [])], label="value")
    _print_readers(analysis, found.readers, console)


def _print_weight(analysis: Analysis, found: ExplainedWeight, console: Console) -> None:
    tensor = analysis.graph.initializers[found.value]
    flow(console, [as_text(tensor.name)], "bold")
    shape = f"{dtype_name(tensor.data_type)} ({', '.join(map(str, tensor.dims))})"
    flow(console, [f"initializer {shape}"], label="weight")
    for holder in found.holders:
        _print_holder(holder, console)
    _print_readers(analysis, found.readers, console)


def _print_holder(holder: Holder, console: Console) -> None:
    tensor = holder.tensor
    part = tensor.part
    phrases = [f"elements {part.start} to {part.stop} of axis {part.axis}"] if part else []
    flow(console, [shown_path(holder.module), *phrases], "green", label="module")
    flow(console, [_REASONS[tensor.owned_by]], label="because")
    flow(console, [tensor.role, counted(tensor.count, "element")], label="role")
    for parameter, source in holder.parameters:
        flow(console, list(_parameter(holder, parameter, source)), label="parameter")


def _parameter(holder: Holder, parameter: Parameter, source: str | None) -> list[str]:
    phrases = [str(holder.module.child(parameter.name))]
    more = ", ".join(filter(None, (parameter.formula, parameter.differs)))
    phrases += [f"{parameter.holds} ({as_text(more)})" if more else str(parameter.holds)]
    return phrases + ([f"by {source_words(source)}"] if source else [])


def _print_readers(analysis: Analysis, readers: Sequence[Readers], console: Console) -> None:
    if not readers:
        flow(console, ["none"], label="readers")
    for number, each in enumerate(readers[:_MODULES]):
        module = "not placed" if each.module is None else shown_path(each.module)
        names = [_node(analysis, node) for node in each.nodes[:_LISTED]]
        names += [f"{len(each.nodes) - _LISTED:,} more"] if len(each.nodes) > _LISTED else []
        flow(console, [f"{module}: {', '.join(names)}"], label="" if number else "readers")
    if len(readers) > _MODULES:
        flow(console, [f"{len(readers) - _MODULES:,} more modules; --json has all"], "dim", label="")


def _node(analysis: Analysis, node: int) -> str:
    return as_text(analysis.graph.names[node]) or f"(no name, node {node})"


def _print_module(found: ModuleEvidence, console: Console) -> None:
    module = found.module
    flow(console, [shown_path(module.path)], "bold")
    named = module.class_name or (f"{module.inferred_class}?" if module.inferred_class else "unknown")
    phrases = [named, *([str(module.kind)] if module.kind else [])]
    phrases += [f"by {source_words(found.class_source)}"] if found.class_source else []
    phrases += ["inferred from operators and parameters"] if module.inferred_class else []
    flow(console, phrases, label="class")
    flow(console, [f"{module.calls:,}"], label="calls")
    flow(console, _counts("own", len(module.nodes), module.total_nodes), label="nodes")
    flow(console, _by_source(found.by_source, "node") or ["none of its own"], label="evidence")
    flow(console, _counts("own parameter elements", found.own, found.total), label="params")
    for parameter in module.parameters:
        shape = f"{parameter.dtype} ({', '.join(map(str, parameter.shape))})"
        flow(console, [f"{parameter.name} in {parameter.initializer}", shape], label="")
    flow(console, _known_by(found), label="known by")
    flow(console, _conflicts(found), "yellow" if found.unsure else "", label="conflict")


def _counts(what: str, own: int, total: int) -> list[str]:
    return [f"{own:,} {what}", f"{total:,} with all modules below"]


def _by_source(counts: Mapping[str, int], noun: str) -> list[str]:
    return [f"{source_words(source)}: {counted(count, noun)}" for source, count in counts.items()]


def _known_by(found: ModuleEvidence) -> list[str]:
    """Name the witnesses that name the module itself, and what they name it for; the root needs none."""
    if not found.module.path:
        return ["the model itself"]
    phrases = _by_source(found.claims, "node") + _by_source(found.weights, "parameter")
    phrases += [f"{source_words(witness)}: it was called" for witness in found.called]
    if phrases or found.class_source:
        return phrases or [f"{source_words(found.class_source or '')}: its class"]
    return ["the paths of modules below it"]


def _conflicts(found: ModuleEvidence) -> list[str]:
    if not found.unsure:
        return ["none"]
    others = [f"{shown_path(path)}: {count:,}" for path, count in [*found.conflicts.items()][:_LISTED]]
    others += [f"{len(found.conflicts) - _LISTED:,} more"] if len(found.conflicts) > _LISTED else []
    return [f"{counted(found.unsure, 'node')}, claimed for", *others]

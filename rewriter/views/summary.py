"""Figures and phrases on a model file and its contents, which several views show."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from onnx import GraphProto, ModelProto

from rewriter.basics.display import counted
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.analysis import Analysis
from rewriter.modules.module_tree import ModuleTree
from rewriter.paths import ModulePath
from rewriter.views.escape import as_text

_MOST_DOMAINS = 8
"""Maximum number of domains that a line names."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Summary of a model file.

    Attributes:
        file: name of the file without its folder; None for a model in memory.
        producer: name and version of the exporter; '' if the file does not state it.
        opset: version of the default domain; None if the file does not import it.
        opsets: domain -> version; the default domain is ''.
        functions: domain -> number of local functions in it.
        nodes: number of nodes, including those in graph bodies and functions.
        initializers: number of initializers, including those in graph bodies.
    """

    file: str | None
    producer: str
    opset: int | None
    opsets: dict[str, int]
    functions: dict[str, int]
    nodes: int
    initializers: int


def summarize(analysis: Analysis) -> Summary:
    """Summarise the file of `analysis`."""
    return summarize_graph(analysis.graph, analysis.path, analysis.model)


def summarize_graph(graph: GraphIndex, path: Path | None, model: ModelProto | None = None) -> Summary:
    """Summarise a model.

    Args:
        graph: its index.
        path: the file; None for a model in memory.
        model: the model with imports, producer and functions to report; None for the indexed one.
    """
    model = graph.model if model is None else model
    opsets: dict[str, int] = {}
    for entry in model.opset_import:
        domain = as_text(entry.domain)
        opsets["" if domain == "ai.onnx" else domain] = entry.version
    graphs = [body.proto for body in graph.bodies if isinstance(body.proto, GraphProto)]
    return Summary(
        file=path.name if path else None,
        producer=f"{as_text(model.producer_name)} {as_text(model.producer_version)}".strip(),
        opset=opsets.get(""),
        opsets=opsets,
        functions=dict(Counter(as_text(function.domain) for function in model.functions)),
        nodes=len(graph.nodes),
        initializers=sum(len(graph.initializer) + len(graph.sparse_initializer) for graph in graphs),
    )


def subtree_sizes(tree: ModuleTree) -> dict[ModulePath, int]:
    """Count the modules of each subtree, including its root."""
    sizes = dict.fromkeys(tree.modules, 1)
    for module in tree.innermost_first():
        if module.parent is not None:
            sizes[module.parent] += sizes[module.path]
    return sizes


def head_phrases(summary: Summary) -> list[str]:
    """Describe the file in a few phrases: name, exporter and contents."""
    name, producer = summary.file or "(model in memory)", summary.producer or "unknown producer"
    return [name, producer, *figure_phrases(summary)]


def figure_phrases(summary: Summary) -> list[str]:
    """Describe the contents of the file in a few phrases: opsets, functions, nodes, initializers."""
    phrases = ["no opset" if summary.opset is None else f"opset {summary.opset}"]
    foreign = {
        domain: version for domain, version in summary.opsets.items() if domain not in summary.functions
    }
    named = [f"{domain} {version}" for domain, version in foreign.items() if domain]
    phrases += named[:_MOST_DOMAINS]
    if len(named) > _MOST_DOMAINS:
        phrases.append(f"{len(named) - _MOST_DOMAINS:,} more domains")
    if summary.functions:
        phrases.append(counted(sum(summary.functions.values()), "function"))
    return [*phrases, counted(summary.nodes, "node"), counted(summary.initializers, "initializer")]


def human(count: int) -> str:
    """Format a count: `987`, `1.2k`, `345M`, `7.1B`; at most five characters up to `9999T`."""
    for power, unit in ((1, ""), (1e3, "k"), (1e6, "M"), (1e9, "B"), (1e12, "T")):
        scaled = count / power
        if scaled < 999.5 or unit == "T":
            return f"{scaled:.1f}{unit}" if unit and scaled < 99.95 else f"{scaled:.0f}{unit}"
    raise AssertionError("the last unit takes every count")

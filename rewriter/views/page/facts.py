"""Collects the data of the page, in columns, so that keys are not repeated for every module.

A column has one entry per module, parents before children. Classes, operators and types are numbers that
point into a table of texts. Long names are shortened, and characters that could mislead are escaped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from rewriter.evidence.certainty import Certainty
from rewriter.evidence.claims import Holds
from rewriter.insight.figures import bytes_of
from rewriter.insight.stats import Port
from rewriter.modules.module import Module, Parameter
from rewriter.modules.module_tree import ModuleTree
from rewriter.paths import ROOT, ModulePath
from rewriter.verdict.phrases import proof_phrases
from rewriter.views.coverage import coverage_phrases, source_words, would_help
from rewriter.views.json.types import JsonObject
from rewriter.views.page.dataflow import dataflow_json
from rewriter.views.page.differences import differences_json
from rewriter.views.page.findings import Findings
from rewriter.views.page.texts import TextTable, known_text, shown, type_text
from rewriter.views.rows import folding_of
from rewriter.views.summary import head_phrases, summarize

_KEPT = 3
"""Number of entries of a weight that are never left out: name, type, bytes."""
_MOST_PORTS = 24
"""Maximum number of listed inputs, and of listed outputs, of a module."""


def page_facts(findings: Findings, by: str) -> JsonObject:
    """Return all data of the page.

    Args:
        findings: the results to show.
        by: the figure that sizes show at first.
    """
    texts = TextTable()
    columns = _columns(findings, texts)
    facts: JsonObject = {
        "head": _head(findings),
        "by": by,
        "measures": list(findings.measures),
        "homeless": {each: findings.outside_modules(each) for each in findings.measures},
        "placement": _placement(findings.analysis.tree),
        "verified": _verified(findings),
        "functions": [
            {"name": shown(each.name), "domain": shown(each.domain), "nodes": each.nodes}
            for each in findings.functions
        ],
        "modules": columns,
        "dataflow": dataflow_json(findings, texts),
        "profile": _profile(findings),
        "diff": None if findings.diff is None else differences_json(findings.diff, _numbers(findings), shown),
        "texts": list(texts.texts),
    }
    return facts


def _numbers(findings: Findings) -> dict[ModulePath, int]:
    return {path: number for number, path in enumerate(findings.analysis.tree.modules)}


def _head(findings: Findings) -> JsonObject:
    analysis, stats = findings.analysis, findings.stats
    summary = summarize(analysis)
    file, *phrases = head_phrases(summary)
    return {
        "file": shown(file),
        "phrases": [shown(each) for each in phrases],
        "coverage": [shown(each) for each in coverage_phrases(analysis.tree)],
        "notes": [shown(each) for each in analysis.notes],
        "help": would_help(analysis.model)
        if analysis.tree.placements and not any(analysis.tree.placements)
        else None,
        "nodes": stats.nodes,
        "modules": len(analysis.tree),
        "parameters": stats.figures[ROOT].parameters[1],
        "bytes": stats.figures[ROOT].parameter_bytes[1],
        "flops": stats.flops,
        "unknown": sum(stats.unknown.values()),
        "reasons": [[shown(reason), count] for reason, count in list(stats.unknown.items())[:8]],
        "fault": None if stats.fault is None else shown(stats.fault),
        "grouped": analysis.grouped,
    }


def _placement(tree: ModuleTree) -> JsonObject:
    return {
        "sources": [[source_words(source), certainty, n] for (source, certainty), n in _kinds(tree).items()],
        "placed": tree.placed,
        "conflicts": tree.conflicts,
    }


def _kinds(tree: ModuleTree) -> Counter[tuple[str, Certainty]]:
    """Count the nodes with a module by the evidence for it and its certainty."""
    return Counter((place.source, place.certainty) for place in tree.placements if place is not None)


def _verified(findings: Findings) -> JsonObject | None:
    if (verified := findings.verified) is None:
        return None
    return {
        "original": shown(verified.original),
        "verdict": str(verified.outcome.verdict),
        "phrases": [shown(each) for each in proof_phrases(verified.outcome)[1:]],
    }


def _columns(findings: Findings, texts: TextTable) -> JsonObject:
    analysis, stats = findings.analysis, findings.stats
    tree, number = analysis.tree, _numbers(findings)
    sources = {kind: at for at, kind in enumerate(_kinds(tree))}
    figures = [stats.figures[module.path] for module in tree]
    parameters = findings.own("parameters")
    became = _functions(findings)
    boundaries = [stats.boundaries.get(module.path, ((), ())) for module in tree]
    return {
        "name": [shown(module.path.name) for module in tree],
        "parent": [-1 if module.parent is None else number[module.parent] for module in tree],
        "class": [texts.number(module.shown_class) for module in tree],
        "full": [texts.number(module.class_name) for module in tree],
        "folding": [shown(folding_of(module)) for module in tree],
        "calls": [module.calls for module in tree],
        "nodes": [len(module.nodes) for module in tree],
        "parameters": [parameters.get(module.path, 0) for module in tree],
        "held": [each.parameters[1] for each in figures],
        "bytes": [each.parameter_bytes[1] for each in figures],
        "flops": [each.flops[0] for each in figures],
        "unknown": [each.unknown[0] for each in figures],
        "evidence": [_evidence(tree, module, sources) for module in tree],
        "operators": [
            [part for operator, n in each.operators.items() for part in (texts.number(operator), n)]
            for each in figures
        ],
        "weights": [[_weight(each, module, texts) for each in module.parameters] for module in tree],
        "inputs": [_ports(ins, texts) for ins, _ in boundaries],
        "outputs": [_ports(outs, texts) for _, outs in boundaries],
        "functions": [became.get(module.path, []) for module in tree],
    }


def _evidence(tree: ModuleTree, module: Module, sources: dict[tuple[str, Certainty], int]) -> list[int]:
    """Return source and number of nodes, alternating; nodes with conflicting claims count as source -1."""
    counts: Counter[int] = Counter()
    for node in module.nodes:
        if (place := tree.placements[node]) is not None:
            counts[-1 if place.conflicting else sources[place.source, place.certainty]] += 1
    return [part for source, count in sorted(counts.items()) for part in (source, count)]


def _weight(parameter: Parameter, module: Module, texts: TextTable) -> list[object]:
    """Return name, type, bytes, initializer (0 if the path of the parameter is its name), and remarks.

    Entries at the end that are 0 or empty are dropped.
    """
    same = parameter.initializer == module.path.child(parameter.name)
    said = _held(parameter)
    if (part := parameter.part) is not None:
        slices = (part, part.inner) if part.inner else (part,)
        said.append("part of it: " + ", ".join(f"axis {s.axis}, {s.start} to {s.stop}" for s in slices))
    if parameter.shared_with:
        others = ", ".join(shown(path) or "(root)" for path in parameter.shared_with[:4])
        more = len(parameter.shared_with) - 4
        said.append(f"shared with {others}" + (f" and {more} more" if more > 0 else ""))
    entry: list[object] = [
        shown(parameter.name),
        texts.number(type_text(parameter.dtype, parameter.shape)),
        bytes_of(parameter),
        0 if same else shown(parameter.initializer),
        "; ".join(said),
    ]
    while len(entry) > _KEPT and entry[-1] in (0, ""):
        entry.pop()
    return entry


def _held(parameter: Parameter) -> list[str]:
    """Describe the relation of an initializer to its parameter; [] for the parameter itself or a part."""
    said = ["transposed"] if parameter.transposed else []
    if parameter.holds is Holds.UNKNOWN:
        return [*said, "not known to be unchanged"]
    if parameter.holds in (Holds.RESHAPED, Holds.PACKED, Holds.FOLDED):
        said.append(str(parameter.holds))
    return [*said, *(shown(each) for each in (parameter.formula, parameter.differs) if each)]


def _ports(ports: Iterable[Port], texts: TextTable) -> list[object]:
    """Return name and type, alternating, and at the end the number of omitted ports, if any."""
    listed = list(ports)
    found: list[object] = []
    for port in listed[:_MOST_PORTS]:
        found += [shown(port.name), texts.number(known_text(port.known))]
    return [*found, len(listed) - _MOST_PORTS] if len(listed) > _MOST_PORTS else found


def _functions(findings: Findings) -> dict[ModulePath, list[int]]:
    found: dict[ModulePath, list[int]] = {}
    for number, function in enumerate(findings.functions):
        for path in function.modules:
            found.setdefault(path, []).append(number)
    return found


def _profile(findings: Findings) -> JsonObject | None:
    if (profile := findings.profile) is None:
        return None
    columns = [
        (each.own, each.total if each.path else profile.total, each.kernels) for each in profile.modules
    ]
    return {
        "runs": profile.runs,
        "total": profile.total.median,
        "span": profile.span.median,
        "mapped": profile.mapped,
        "shared": profile.share_of(profile.shared),
        "unmapped": [shown(name) for name in profile.unmapped_kernels[:12]],
        "own": [_micro(own.median) for own, _, _ in columns],
        "low": [_micro(total.low) for _, total, _ in columns],
        "median": [_micro(total.median) for _, total, _ in columns],
        "high": [_micro(total.high) for _, total, _ in columns],
        "kernels": [kernels for _, _, kernels in columns],
    }


def _micro(time: float) -> float:
    """Round microseconds to nanoseconds, since more digits take space and exceed a profiler's precision."""
    return round(time, 3)

"""What programs read: what each verb finds out, as JSON with published schemas.

Every result names its schema and version in `schema`. A key is never renamed or removed and never changes
its meaning within a version. The schemas are JSON Schema draft 2020-12, in `schemas/`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
from importlib import resources

from rewriter.evidence.claim import Source
from rewriter.evidence.operands import Role
from rewriter.insight.figures import totals
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Module, ModuleTree, Parameter
from rewriter.modules.selection import nodes_inside
from rewriter.proof.certificate import Certificate
from rewriter.proof.compare import Numeric
from rewriter.proof.verification import Verdict, Verification
from rewriter.proof.words import reason_of
from rewriter.views.escape import as_text
from rewriter.views.report import PassRecord, Report
from rewriter.views.sources import Comparison
from rewriter.views.summary import Summary, summarize

JsonObject = dict[str, object]
"""A JSON object; what it holds is told by its schema, and the tests hold it to that."""

TREE = "rewriter.tree/1"
REWRITE = "rewriter.rewrite/2"
VERIFY = "rewriter.verify/2"
EXPLAIN = "rewriter.explain/1"
SOURCES = "rewriter.sources/1"


def schema(name: str) -> JsonObject:
    """A published schema.

    Args:
        name: of a verb (`tree`, `rewrite`, `diff`, ...), `sources` for `tree --compare-sources`, or
            `modules` for the sidecar.

    Raises:
        FileNotFoundError: there is no schema of that name.
    """
    file = resources.files("rewriter.views").joinpath("schemas", f"{name}.schema.json")
    loaded: JsonObject = json.loads(file.read_text("utf-8"))
    return loaded


def tree_json(analysis: Analysis, modules: Sequence[Module] | None = None) -> JsonObject:
    """The tree of a model and the place of every node, as `tree.schema.json` tells.

    Args:
        analysis: the model.
        modules: list these and the nodes inside them; all where None.
    """
    summary = summarize(analysis)
    inside = None if modules is None else nodes_inside(analysis.tree, modules)
    return {
        "schema": TREE,
        "model": {
            "nodes": summary.nodes,
            "initializers": summary.initializers,
            "opset": summary.opset,
            "producer": summary.producer,
        },
        "opsets": summary.opsets,
        "placement": placement_json(analysis.tree),
        **_original_json(analysis),
        "modules": _modules_json(analysis.tree, modules),
        "nodes": _nodes_json(analysis, inside),
        **({"notes": list(analysis.notes)} if analysis.notes else {}),
    }


def sources_json(comparison: Comparison) -> JsonObject:
    """Witnesses side by side, as `sources.schema.json` tells."""
    return {
        "schema": SOURCES,
        "nodes": comparison.nodes,
        "witnesses": [
            {
                "witness": row.witness,
                "claimed": row.claimed,
                "agreeing": row.agreeing,
                "parameters": row.parameters,
                "classes": row.classes,
                "seconds": row.seconds,
                **({"verdicts": dict(row.verdicts)} if row.verdicts else {}),
            }
            for row in comparison.rows
        ],
        "agreement": [
            {"witnesses": list(pair), "both": both, "same": same}
            for pair, (both, same) in comparison.agreement.items()
        ],
    }


def rewrite_json(report: Report) -> JsonObject:
    """What one rewrite did, as `rewrite.schema.json` tells."""
    return {
        "schema": REWRITE,
        "input": _file_json(report.before),
        "output": _file_json(report.after),
        "placement": placement_json(report.analysis.tree),
        "placement_after": placement_json(report.tree),
        **_original_json(report.analysis),
        "passes": [_pass_json(record) for record in report.passes],
        "refusals": [
            {"module": refusal.module, "reason": refusal.reason.name.lower(), "witness": refusal.witness}
            for refusal in report.refusals
        ],
        "verification": _verification_json(report.verification),
        "seconds": dict(report.seconds),
        "outputs": [str(path) for path in report.outputs],
        "removed": [str(path) for path in report.removed],
        **({"notes": list(report.analysis.notes)} if report.analysis.notes else {}),
    }


def _file_json(summary: Summary) -> JsonObject:
    return {
        "nodes": summary.nodes,
        "initializers": summary.initializers,
        "functions": sum(summary.functions.values()),
        "opset": summary.opset,
        "opsets": summary.opsets,
    }


def _pass_json(record: PassRecord) -> JsonObject:
    return {
        "name": record.name,
        "changes": dict(record.changes),
        "differences": [
            {
                "module": difference.module,
                "other": difference.other,
                "node": as_text(difference.node) if difference.node else None,
                "other_node": as_text(difference.other_node) if difference.other_node else None,
                "what": difference.what,
                "calls": difference.calls,
            }
            for difference in record.outcome.differences
        ],
        "copies": {as_text(copy): as_text(original) for copy, original in record.outcome.copies.items()},
    }


def verify_json(verification: Verification) -> JsonObject:
    """The outcome of comparing two models, as `verify.schema.json` tells."""
    return {"schema": VERIFY, "verification": _verification_json(verification)}


def placement_json(tree: ModuleTree) -> JsonObject:
    """How many nodes were placed, by which evidence, and on how many witnesses disagree."""
    return {
        "nodes": len(tree.placements),
        "placed": tree.placed,
        "by_source": {str(source): count for source, count in tree.by_source.items()},
        "conflicts": tree.conflicts,
    }


def _original_json(analysis: Analysis) -> JsonObject:
    """What the original gave, and how far it fits; nothing where there was none."""
    if (fit := analysis.original) is None:
        return {}
    tree = analysis.tree
    return {
        "original": {
            "name": as_text(fit.name),
            "nodes": len(tree.placements),
            "placed": tree.by_source.get(Source.LIKE, 0),
            "share": fit.share,
            "weights": {"shared": fit.weights.count, "of": fit.weights.of},
            "values": {"shared": fit.values.count, "of": fit.values.of},
        }
    }


def parameter_json(parameter: Parameter) -> JsonObject:
    """One parameter and the initializer that holds it."""
    return {
        "name": parameter.name,
        "initializer": as_text(parameter.initializer),
        "shape": list(parameter.shape),
        "dtype": parameter.dtype,
        "transposed": parameter.transposed,
        **({"part": parameter.part._asdict()} if parameter.part else {}),
    }


def reference_json(module: Module) -> JsonObject:
    """What a reference told of a module; nothing where there was none."""
    told: JsonObject = {}
    if module.full_scope is not None:
        told["full_scope"] = module.full_scope
    if module.declared:
        told["declared"] = [
            {
                "name": each.name,
                "shape": list(each.shape),
                "trainable": each.trainable,
                "buffer": each.buffer,
                "same_as": each.same_as,
            }
            for each in module.declared
        ]
    return told


def _modules_json(tree: ModuleTree, modules: Iterable[Module] | None) -> list[JsonObject]:
    counts = {role: totals(tree, role) for role in Role}
    return [
        {
            **_module_json(module),
            "elements": {
                f"{role}s": dict(zip(("own", "total"), of_role[module.path], strict=True))
                for role, of_role in counts.items()
            },
        }
        for module in (tree if modules is None else modules)
    ]


def _module_json(module: Module) -> JsonObject:
    return {
        "path": module.path,
        "class": module.class_name,
        **({"inferred_class": module.inferred_class} if module.inferred_class else {}),
        "kind": module.kind,
        "depth": module.depth,
        "parent": module.parent,
        "children": list(module.children),
        "leaf": module.leaf,
        "calls": module.calls,
        "nodes": {"own": len(module.nodes), "total": module.total_nodes},
        "parameters": [parameter_json(parameter) for parameter in module.parameters],
        **reference_json(module),
    }


def _nodes_json(analysis: Analysis, inside: Collection[int] | None) -> list[JsonObject]:
    nodes: list[JsonObject] = []
    for number, placement in enumerate(analysis.tree.placements):
        if inside is not None and number not in inside:
            continue
        node = analysis.graph.nodes[number]
        nodes.append(
            {
                "name": as_text(node.name),
                "op": as_text(node.op_type),
                "outputs": [as_text(name) for name in node.output],
                "module": placement.module if placement else None,
                "call": placement.call if placement else None,
                "source": str(placement.source) if placement else None,
            }
        )
    return nodes


def _verification_json(verification: Verification) -> JsonObject:
    equal = verification.verdict is Verdict.EQUAL
    return {
        "verdict": str(verification.verdict),
        "reason": None if equal and verification.missing is None else as_text(reason_of(verification)),
        "accepted": verification.accepted,
        "notes": [as_text(note) for note in verification.notes],
        "certificate": certificate_json(verification.certificate),
        "numeric": numeric_json(verification.numeric),
        "optimised": None if verification.optimised is None else numeric_json(verification.optimised),
    }


def certificate_json(certificate: Certificate) -> JsonObject:
    """What was proved symbolically, or why nothing was."""
    return {
        "equal": certificate.equal,
        "identical": certificate.identical,
        "outputs": certificate.outputs,
        "interface": certificate.interface,
        "difference": None if certificate.difference is None else as_text(certificate.difference),
    }


def numeric_json(numeric: Numeric | None) -> JsonObject:
    """What numbers say; JSON has no infinity: a difference without bound is `exact` false, `max_abs` null."""
    if numeric is None:
        numeric = Numeric(skipped="not asked for")
    tolerance = numeric.tolerance
    return {
        "runs": numeric.runs,
        "exact": numeric.exact,
        "max_abs": _finite(numeric.max_abs),
        "max_rel": _finite(numeric.relative),
        "rounding": numeric.rounding,
        "tolerance": None if tolerance is None else _without_none(asdict(tolerance)),
        "within": numeric.within,
        "worst": _worst(numeric),
        "skipped": numeric.skipped,
        "error": numeric.error,
        "identical": numeric.identical,
    }


def _worst(numeric: Numeric) -> JsonObject | None:
    """The place of the largest relative difference."""
    if numeric.worst_output is None:
        return None
    return {
        "output": as_text(numeric.worst_output),
        "where": as_text(numeric.where or ""),
        "abs": _finite(numeric.worst_abs),
        "rel": _finite(numeric.relative),
    }


def _without_none(fields: JsonObject) -> JsonObject:
    return {name: value for name, value in fields.items() if value is not None}


def _finite(figure: float | None) -> float | None:
    return figure if figure is not None and math.isfinite(figure) else None


def explain_json(analysis: Analysis, nodes: Sequence[int]) -> JsonObject:
    """Every claim on some nodes, the winner first; see `schemas/explain.schema.json`."""
    return {"schema": EXPLAIN, "nodes": [_claims_json(analysis, node) for node in nodes]}


def _claims_json(analysis: Analysis, node: int) -> JsonObject:
    proto = analysis.graph.nodes[node]
    placement = analysis.tree.placements[node]
    return {
        "name": as_text(proto.name),
        "op": as_text(proto.op_type),
        "outputs": [as_text(name) for name in proto.output],
        "module": as_text(placement.module) if placement else None,
        "claims": [
            {
                "module": as_text(claim.module),
                "class": as_text(claim.class_name) if claim.class_name else None,
                "call": claim.call,
                "source": str(claim.source),
                "detail": as_text(claim.detail),
            }
            for claim in analysis.claims[node]
        ],
    }

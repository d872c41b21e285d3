"""Collects the evidence for one module: the witnesses that name it, and the evidence for its nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rewriter.evidence.roles import Role
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Module
from rewriter.modules.totals import totals
from rewriter.paths import ROOT, ModulePath


@dataclass(frozen=True, slots=True)
class ModuleEvidence:
    """The evidence for a module; of a module that no witness names, modules below have a name.

    Attributes:
        module: the module.
        class_source: the witness that states its class; None for an unknown class.
        claims: kind of evidence -> number of nodes that it claims for the module itself, most first.
        weights: kind of evidence -> number of parameters that it claims for the module itself, most first.
        called: names of the witnesses that say that the module was called.
        by_source: kind of evidence -> number of the module's own nodes that it placed, most first.
        conflicts: other module -> number of own nodes that another witness claims for it, most first.
        unsure: number of own nodes with a conflict.
        own: number of elements of its own parameters.
        total: number of elements of its parameters and of those of all modules below.
    """

    module: Module
    class_source: str | None
    claims: Mapping[str, int]
    weights: Mapping[str, int]
    called: tuple[str, ...]
    by_source: Mapping[str, int]
    conflicts: Mapping[ModulePath, int]
    unsure: int
    own: int
    total: int

    @property
    def named(self) -> bool:
        """Whether a witness names the module itself; the root needs no name."""
        return bool(self.claims or self.weights or self.called or self.class_source)


def evidence_of(analysis: Analysis, module: Module) -> ModuleEvidence:
    """Collect the evidence for a module."""
    tree, path = analysis.tree, module.path
    placements = [place for node in module.nodes if (place := tree.placements[node]) is not None]
    claims = Counter(
        str(source)
        for of_node in analysis.claims
        for source in dict.fromkeys(claim.source for claim in of_node if claim.module == path)
    )
    weights = Counter(
        str(source)
        for source, _ in dict.fromkeys(
            (each.source, each.name) for each in analysis.parameters if (each.name.parent or ROOT) == path
        )
    )
    own, total = totals(tree.modules, Role.PARAMETER)[path]
    return ModuleEvidence(
        module,
        next(_class_sources(analysis, module), None),
        dict(claims.most_common()),
        dict(weights.most_common()),
        tuple(heard.witness for heard in analysis.heard if path in heard.testimony.called),
        dict(Counter(str(place.source) for place in placements).most_common()),
        dict(Counter(other for place in placements for other in place.conflicting).most_common()),
        sum(bool(place.conflicting) for place in placements),
        own,
        total,
    )


def _class_sources(analysis: Analysis, module: Module) -> Iterator[str]:
    if module.class_name:
        for heard in analysis.heard:
            if heard.testimony.classes.get(module.path) == module.class_name:
                yield heard.witness

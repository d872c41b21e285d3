"""Witness: a reference, aligned with the module paths of the file.

A file may have `model.encoder` for the reference's `encoder` (a wrapper was exported), or the reverse (a
part of the reference was), or both. Agreement decides: the pair of prefixes under which most
paths and parameters of the file are in the reference, and fewest are missing there.

The reference names classes and lists. It moves a node only if the scope in a name was read as a module
that the reference does not have, and exactly one reading of that scope as one of its modules is simplest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rewriter.evidence.claims import Claim, Source, Testimony
from rewriter.evidence.names.grammar import scope_of_node_name, scope_of_value_name
from rewriter.evidence.names.scope_alignment import Alignment, align, align_from_elsewhere
from rewriter.evidence.names.scope_rules import forms
from rewriter.evidence.reference.module_list import Reference, ReferenceModule, full_scope
from rewriter.paths import ROOT, ModulePath
from rewriter.refusals import UsageError

_TRIED = 16
"""Number of prefix pairs that are examined, the most suggested first."""
_COMMON = 4
"""A suffix that more names of the reference share suggests no pair."""
_FROM_SCOPES = frozenset({Source.SCOPE_NAME, Source.VALUE_NAME})

UNKNOWN_PLACE = "reference: no name in this file shows where it stands; a checkpoint would"

Shapes = Mapping[ModulePath, tuple[int, ...]]
"""Full name of a parameter -> its shape in the file, in either order if it may be transposed."""


@dataclass(frozen=True)
class Fit:
    """The alignment of a reference with a file.

    Attributes:
        reference: the reference.
        inside: the module of the file that holds it; the root if nothing wraps it.
        part: the module of the reference that was exported; the root if all of it was.
        found: paths and parameters of the file that are in the reference.
        missing: those that are not, or have another shape.
    """

    reference: Reference
    inside: ModulePath
    part: ModulePath
    found: int
    missing: tuple[str, ...]

    def modules(self) -> Iterator[tuple[ModulePath, ReferenceModule]]:
        """Path in the file, and module of the reference."""
        for path, module in self.reference.modules.items():
            if self.part.holds(path):
                yield self.inside.child(path.relative_to(self.part)), module

    def full_scopes(self) -> dict[ModulePath, str]:
        """Path in the file -> the name that torch's trace-module map would give the module there."""
        return {
            path: full_scope(module.class_name, self.inside.child(first.relative_to(self.part)))
            for path, module in self.modules()
            if module.class_name and (first := module.first_path) is not None and self.part.holds(first)
        }

    def note(self) -> str:
        """The fit in one line, for users."""
        modules = sum(1 for _ in self.modules())
        part = f"{self.part} of " if self.part else ""
        phrases = [
            f"reference: {part}{self.reference.name} is {self.inside or 'the root'}",
            f"{modules:,} modules",
        ]
        for trainable, what in ((True, "trainable"), (False, "frozen"), (None, "known")):
            if count := self.reference.count(self.part, trainable=trainable):
                phrases.append(f"{count:,} parameters {what}")
        if self.missing:
            more = f" and {len(self.missing) - 1:,} more" if len(self.missing) > 1 else ""
            phrases.append(f"not in it: {self.missing[0]}{more}")
        return ", ".join(phrases)


def find_fit(
    references: Sequence[Reference], modules: Collection[ModulePath], parameters: Shapes, file: str
) -> Fit | None:
    """The reference that fits a file best, and its prefixes; None if nothing has a name in the file.

    Args:
        references: possible sources of the model.
        modules: the known modules of the file.
        parameters: its named parameters.
        file: name of the file in errors.

    Raises:
        UsageError: none fits: more names of the file are missing in it than present.
    """
    named = {path for path in modules if path}
    if not named and not parameters:
        return None
    fits = [
        _fit(reference, inside, part, named, parameters)
        for reference in references
        for inside, part in _suggestions(reference, (*named, *parameters))
    ]
    best = max(fits, key=lambda fit: fit.found - len(fit.missing), default=None)
    if best is None or best.found <= len(best.missing):
        names = " or ".join(reference.name for reference in references)
        what = f"not in it: {best.missing[0]}" if best and best.missing else "no name is in both"
        raise UsageError(f"{file}: the reference {names} does not fit: {what}; give what was exported")
    return best


def _fit(
    reference: Reference,
    inside: ModulePath,
    part: ModulePath,
    modules: Iterable[ModulePath],
    parameters: Shapes,
) -> Fit:
    found, missing = 0, []
    for path in sorted(modules):
        if inside.holds(path) and path != inside:
            known = part.child(path.relative_to(inside)) in reference.modules
            found += known
            missing += [] if known else [str(path)]
    for name, shape in parameters.items():
        if inside.holds(name):
            declared = reference.shapes.get(part.child(name.relative_to(inside)))
            known = declared is not None and _alike(shape, declared)
            found += known
            missing += [] if known else [_difference(name, shape, declared)]
    return Fit(reference, inside, part, found, tuple(missing))


def _alike(shape: tuple[int, ...], declared: tuple[int, ...]) -> bool:
    return shape == declared or (len(shape) == 2 and shape == declared[::-1])


def _difference(name: str, shape: tuple[int, ...], declared: tuple[int, ...] | None) -> str:
    if declared is None:
        return name
    return f"{name} of shape {list(shape)}, which it has as {list(declared)}"


def _suggestions(reference: Reference, names: Iterable[ModulePath]) -> list[tuple[ModulePath, ModulePath]]:
    """Pairs (inside, part) under which names agree, those that most names suggest first."""
    suffixes: dict[str, list[ModulePath]] = {}
    for known in (*reference.modules, *reference.shapes):
        for prefix, suffix in _splits(known):
            suffixes.setdefault(suffix, []).append(prefix)
    votes: Counter[tuple[ModulePath, ModulePath]] = Counter()
    for name in names:
        for inside, suffix in _splits(name):
            parts = suffixes.get(suffix, ())
            # The longest common suffix: shorter ones suggest the same with longer prefixes.
            fresh = [part for part in parts if not inside or not part or inside.name != part.name]
            if len(fresh) <= _COMMON or not inside:
                votes.update((inside, part) for part in fresh)
            elif ROOT in fresh:
                votes[inside, ROOT] += 1
    ranked = sorted(votes, key=lambda pair: (-votes[pair], pair[0].depth + pair[1].depth, pair))
    return ranked[:_TRIED]


def _splits(path: ModulePath) -> Iterator[tuple[ModulePath, str]]:
    """`a.b.c` -> (root, `a.b.c`), (`a`, `b.c`), (`a.b`, `c`)."""
    yield ROOT, str(path)
    position = path.find(".")
    while position >= 0:
        yield ModulePath(path[:position]), path[position + 1 :]
        position = path.find(".", position + 1)


def testify(fit: Fit, claims: Sequence[Sequence[Claim]]) -> Testimony:
    """Classes and lists from the reference, and modules of nodes whose scope it does not have."""
    modules = dict(fit.modules())
    owners = {of_node[0].module for of_node in claims if of_node}
    lists = {path for path, module in modules.items() if module.is_list and path not in owners}
    return Testimony(
        tuple(_moved(fit, modules, claims)),
        {path: module.class_name for path, module in modules.items() if module.class_name},
        calls=dict.fromkeys(lists, 0),
        notes=(fit.note(),),
    )


def _moved(
    fit: Fit, modules: Mapping[ModulePath, ReferenceModule], claims: Sequence[Sequence[Claim]]
) -> Iterator[Claim]:
    candidates = [path for path, module in modules.items() if path and not module.is_list]
    readings: dict[str, ModulePath | None] = {}
    for of_node in claims:
        if not of_node or of_node[0].source not in _FROM_SCOPES:
            continue
        winner = of_node[0]
        if winner.module in modules or not fit.inside.holds(winner.module):
            continue
        text = _chain(of_node)
        if text is None:
            continue
        if text not in readings:
            readings[text] = _read(text, candidates)
        if (module := readings[text]) is not None:
            class_name = modules[module].class_name
            yield Claim(winner.node, module, class_name, Source.REFERENCE, winner.call, winner.detail)


def _chain(claims: Sequence[Claim]) -> str | None:
    """The call chain in the name that a claim came from."""
    for claim in claims:
        if claim.source in _FROM_SCOPES:
            scope = scope_of_node_name(claim.detail) or scope_of_value_name(claim.detail)
            if scope is not None and scope.chain:
                return scope.text
    return None


def _read(text: str, candidates: Sequence[ModulePath]) -> ModulePath | None:
    """The module that a scope reads as most simply; None for none or several."""
    for read in (align, align_from_elsewhere):
        found: dict[ModulePath, Alignment] = {}
        for chain in forms(text):
            for path in candidates:
                if path not in found and (alignment := read(chain, path)):
                    found[path] = alignment
        ranked = sorted(found, key=lambda path: (found[path].detour, found[path].hidden))
        if ranked:
            plainest = [(found[path].detour, found[path].hidden) for path in ranked[:2]]
            return None if any(a == b for a, b in pairwise(plainest)) else ranked[0]
    return None

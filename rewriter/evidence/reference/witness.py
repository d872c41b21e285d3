"""Witness: a reference, aligned with the module paths of the file.

A file may have `model.encoder` for the reference's `encoder` (a wrapper was exported), or the reverse (a part
of the reference was exported), or both. Agreement decides: of the likely pairs of prefixes, the one with the
largest difference between the names of the file that are in the reference and those that are missing.

The reference names classes and lists. It moves a node only if the scope in a name was read as a module that
the reference does not have, and the simplest reading as a module of the reference is unique.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rewriter.basics.display import counted
from rewriter.errors import UsageError
from rewriter.evidence.claims import Claim, Source, Testimony
from rewriter.evidence.names.scope_alignment import Alignment, align, align_from_elsewhere
from rewriter.evidence.names.scope_grammar import scope_of_node_name, scope_of_value_name
from rewriter.evidence.names.scope_rules import forms
from rewriter.evidence.reference.module_list import Reference, ReferenceModule, full_scope
from rewriter.paths import ROOT, ModulePath

_TRIED = 16
"""Maximum number of prefix pairs to examine for a reference, the most suggested first."""
_COMMON = 4
"""Maximum names of the reference with a suffix; a more common suffix suggests only pairs with the root."""
_FROM_SCOPES = frozenset({Source.SCOPE_NAME, Source.VALUE_NAME})

UNKNOWN_PLACE = "reference: no name in this file shows where the reference belongs; a checkpoint would"

Shapes = Mapping[ModulePath, tuple[int, ...]]
"""Full name of a parameter -> its shape in the file, which may hold the transpose."""


@dataclass(frozen=True)
class Fit:
    """The alignment of a reference with a file.

    Attributes:
        reference: the reference.
        inside: the module of the file that holds the reference; the root if nothing wraps it.
        part: the module of the reference that was exported; the root if all of it was.
        found: number of paths and parameters of the file, inside of `inside`, that are in the reference.
        missing: those that the reference lacks, or has with another shape.
    """

    reference: Reference
    inside: ModulePath
    part: ModulePath
    found: int
    missing: tuple[str, ...]

    def modules(self) -> Iterator[tuple[ModulePath, ReferenceModule]]:
        """Yield the modules of the exported part of the reference, each with its path in the file."""
        for path, module in self.reference.modules.items():
            if self.part.holds(path):
                yield self.inside.child(path.relative_to(self.part)), module

    def shape(self, name: ModulePath) -> tuple[int, ...] | None:
        """Return the declared shape of a parameter of the file; None if the reference lacks it."""
        if not self.inside.holds(name):
            return None
        return self.reference.shapes.get(self.part.child(name.relative_to(self.inside)))

    def full_scopes(self) -> dict[ModulePath, str]:
        """Return path in the file -> the name in torch's trace-module map, for modules of known class."""
        return {
            path: full_scope(module.class_name, self.inside.child(first.relative_to(self.part)))
            for path, module in self.modules()
            if module.class_name and (first := module.first_path) is not None and self.part.holds(first)
        }

    def note(self) -> str:
        """Describe the fit in one line, for users."""
        modules = sum(1 for _ in self.modules())
        part = f"{self.part} of " if self.part else ""
        phrases = [
            f"reference: {part}{self.reference.name} is {self.inside or 'the root'}",
            counted(modules, "module"),
        ]
        for trainable, what in ((True, "trainable"), (False, "frozen"), (None, "known")):
            if count := self.reference.count(self.part, trainable=trainable):
                phrases.append(f"{counted(count, 'parameter')} {what}")
        if lazy := sum(map(self.part.holds, self.reference.lazy)):
            phrases.append(f"{counted(lazy, 'lazy parameter')} of unknown shape")
        if self.missing:
            more = f" and {len(self.missing) - 1:,} more" if len(self.missing) > 1 else ""
            phrases.append(f"not in it: {self.missing[0]}{more}")
        return ", ".join(phrases)


def find_fit(
    references: Sequence[Reference], modules: Collection[ModulePath], parameters: Shapes, file: str
) -> Fit | None:
    """Return the best fit of a reference; None if no module or parameter of the file has a name.

    Args:
        references: possible sources of the model.
        modules: the known modules of the file.
        parameters: the named parameters of the file.
        file: name of the file in errors.

    Raises:
        UsageError: no reference fits: each lacks at least as many names of the file as it has.
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
            full = part.child(name.relative_to(inside))
            declared = reference.shapes.get(full)
            known = full in reference.lazy or (declared is not None and _alike(shape, declared))
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
    """Return pairs (inside, part) under which names agree, those that most names suggest first."""
    suffixes: dict[str, list[ModulePath]] = {}
    for known in (*reference.modules, *reference.shapes):
        for prefix, suffix in _splits(known):
            suffixes.setdefault(suffix, []).append(prefix)
    votes: Counter[tuple[ModulePath, ModulePath]] = Counter()
    for name in names:
        for inside, suffix in _splits(name):
            parts = suffixes.get(suffix, ())
            # Only the longest common suffix counts: a shorter one lengthens both prefixes by the same atoms.
            fresh = [part for part in parts if not inside or not part or inside.name != part.name]
            if len(fresh) <= _COMMON or not inside:
                votes.update((inside, part) for part in fresh)
            elif ROOT in fresh:
                votes[inside, ROOT] += 1
    ranked = sorted(votes, key=lambda pair: (-votes[pair], pair[0].depth + pair[1].depth, pair))
    return ranked[:_TRIED]


def _splits(path: ModulePath) -> Iterator[tuple[ModulePath, str]]:
    """Yield the splits of a path: `a.b.c` -> (root, `a.b.c`), (`a`, `b.c`), (`a.b`, `c`)."""
    yield ROOT, str(path)
    position = path.find(".")
    while position >= 0:
        yield ModulePath(path[:position]), path[position + 1 :]
        position = path.find(".", position + 1)


def testify(fit: Fit, claims: Sequence[Sequence[Claim]]) -> Testimony:
    """Return classes and lists of the reference, and claims on nodes whose module the reference lacks."""
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
    """Return the call chain in the name that a claim came from; None without one."""
    for claim in claims:
        if claim.source in _FROM_SCOPES:
            scope = scope_of_node_name(claim.detail) or scope_of_value_name(claim.detail)
            if scope is not None and scope.chain:
                return scope.text
    return None


def _read(text: str, candidates: Sequence[ModulePath]) -> ModulePath | None:
    """Return the module with the simplest reading of a scope; None for none or several."""
    for read in (align, align_from_elsewhere):
        found: dict[ModulePath, Alignment] = {}
        for chain in forms(text):
            for path in candidates:
                if path not in found and (alignment := read(chain, path)):
                    found[path] = alignment
        ranked = sorted(found, key=lambda path: (found[path].detour, found[path].hidden))
        if ranked:
            simplest = [(found[path].detour, found[path].hidden) for path in ranked[:2]]
            return None if any(a == b for a, b in pairwise(simplest)) else ranked[0]
    return None

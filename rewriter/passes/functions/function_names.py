"""Names of functions, and lists of numbers as text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from onnx import FunctionProto, ModelProto

from rewriter.model import metadata
from rewriter.model.operator_set.operator_names import names as operator_names
from rewriter.model.operator_set.operators import canonical
from rewriter.modules.module import Module
from rewriter.paths import ModulePath
from rewriter.regions.region_tree import Region

_RESERVED = frozenset({"", "ai", "com"})
"""First atoms of domains that belong to other organisations (`ai.onnx`, `com.microsoft`)."""


class FunctionNames:
    """Source of (domain, name) pairs that no other function of the model has; no operator has these names.

    A function is named after its class, else after the last name of its path that is not a number. `Module`
    is appended to a name that an operator has, in any domain: onnxruntime 1.24 to 1.32 treats nodes called
    `Sub` or `Gather` as these operators, and aborts the process if such a node has too few inputs. The domain
    of the function for one call is made from the path of the module. The domain of a shared function is made
    from the package of the class; without a package it is `modules`. Names and the parts of
    domains are ASCII identifiers, since ONNX's text form cannot read back others.

    Args:
        model: the model of the functions.
        ours: functions of the model that will be replaced.
    """

    def __init__(self, model: ModelProto, ours: Iterable[FunctionProto] = ()) -> None:
        replaced = {(function.domain, function.name) for function in ours}
        self.taken = {(function.domain, function.name) for function in model.functions} - replaced
        self.foreign = {opset.domain for opset in model.opset_import} - {domain for domain, _ in replaced}

    def of(self, region: Region, module: Module) -> tuple[str, str]:
        """Return the domain and name of the function for a region."""
        name = _of_no_operator(identifier(module.short_class or last_word(region.module)))
        domain = self._own(_domain(region))
        unique, attempt = domain, 1
        while (unique, name) in self.taken:
            attempt += 1
            unique = f"{domain}_{attempt}"
        self.taken.add((unique, name))
        return unique, name

    def shared(self, class_name: str | None, name: str) -> tuple[str, str]:
        """Return domain and name of a function for all calls with one body, by class or else by `name`."""
        package, _, last = (class_name or name).rpartition(".")
        domain = self._own(".".join(map(identifier, package.split("."))) if package else "modules")
        base = unique = _of_no_operator(identifier(last))
        attempt = 1
        while (domain, unique) in self.taken or unique in operator_names():
            attempt += 1
            unique = f"{base}_{attempt}"
        self.taken.add((domain, unique))
        return domain, unique

    def _own(self, domain: str) -> str:
        """Return the domain, below `modules` if the model imports it or another organisation owns it."""
        if domain in self.foreign or domain.partition(".")[0] in _RESERVED:
            return f"modules.{domain}"
        return domain


def identifier(text: str) -> str:
    """Return the nearest C identifier in ASCII."""
    plain = re.sub(r"[^0-9A-Za-z_]", "_", text) or "_"
    return f"_{plain}" if plain[0].isdigit() else plain


def _of_no_operator(name: str) -> str:
    """Append `Module` to a name while an operator has it: `Softmax` becomes `SoftmaxModule`."""
    while name in operator_names():
        name += "Module"
    return name


def _domain(region: Region) -> str:
    """Return a domain from a path: `encoder.layer_0` from `encoder.layer.0`.

    Calls and segments after the first add their number.
    """
    parts: list[str] = []
    for atom in region.module.atoms:
        if atom.isdecimal() and parts:
            parts[-1] += f"_{atom}"
        else:
            parts.append(identifier(atom))
    if region.call:
        parts.append(f"call_{region.call}")
    if region.segment:
        parts.append(f"part_{region.segment}")
    return ".".join(parts)


def last_word(path: ModulePath) -> str:
    """Return the last name of a path that is not a number; the last name if all are numbers."""
    return next((atom for atom in reversed(path.atoms) if not atom.isdecimal()), path.name)


def import_domains(owner: ModelProto | FunctionProto, domains: set[str]) -> None:
    """Import, as version 1, those domains that are not imported yet."""
    known = {canonical(opset.domain) for opset in owner.opset_import}
    for domain in sorted(domain for domain in domains if canonical(domain) not in known):
        owner.opset_import.add(domain=domain, version=1)


def ranges(numbers: Sequence[int]) -> str:
    """Return numbers as text, in the given order: `3-5,9` for `[3, 4, 5, 9]`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def places_of(owner: metadata.HasMetadata, key: str, most: int) -> list[int]:
    """Return the numbers that `ranges` wrote into an entry; none for a missing or foreign entry."""
    try:
        return numbers_of(metadata.get(owner, key) or "", most)
    except ValueError:
        return []


def numbers_of(text: str, most: int) -> list[int]:
    """Return the numbers in a text that `ranges` wrote.

    Args:
        text: the numbers, as runs.
        most: maximum count of numbers, since a short entry may stand for billions.

    Raises:
        ValueError: the text holds something else than numbers and runs, or too many numbers.
    """
    numbers: list[int] = []
    for run in text.split(",") if text else ():
        first, _, last = run.partition("-")
        start, stop = int(first), int(last or first) + 1
        if stop - start + len(numbers) > most:
            raise ValueError("more numbers than nodes")
        numbers.extend(range(start, stop))
    return numbers

"""Reads the modules that truly own the tensors of a file: by `weight_truth`, or of a fixture."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from typing import Any

from rewriter.paths import ROOT, ModulePath, common_ancestor

_MOST_CHOICES = 100


@dataclass(frozen=True, slots=True)
class Truth:
    """The parameters of a torch module and their tensors in a file.

    Attributes:
        owners: tensor -> the modules of the parameters that it holds, and their lowest common module.
        learned: tensor that holds parameters, not buffers -> the number of elements of these.
        modules: the paths of all modules.
        parameters: number of elements of the parameters of the module.
    """

    owners: Mapping[str, frozenset[ModulePath]]
    learned: Mapping[str, int]
    modules: frozenset[str]
    parameters: int


def truth_of(path: Path) -> Truth | None:
    """Return the truth about the weights of a file; None without one."""
    beside = path.with_suffix(".weights.json")
    if beside.exists():
        return _from_values(json.loads(beside.read_text("utf-8")))
    beside = path.with_name("truth.json")
    known = json.loads(beside.read_text("utf-8")) if beside.exists() else {"files": {}}
    if path.stem not in known["files"]:
        return None
    held = {name: [each["parameter"]] for name, each in known["files"][path.stem]["initializers"].items()}
    names = [alias for m in known["modules"] for alias in (m["path"], *m.get("aliases", ()))]
    return Truth(_owners(held), {}, frozenset(names), 0)


def _from_values(known: Mapping[str, Any]) -> Truth:
    held, sizes, buffers = known["tensors"], known["sizes"], set(known["buffers"])
    learned = {
        tensor: sum(sizes[group[0]] for group in groups)
        for tensor, groups in held.items()
        if not any(buffers.issuperset(group) for group in groups)
    }
    return Truth(_owners(held), learned, frozenset(known["modules"]), known["parameters"])


def _owners(held: Mapping[str, Sequence[Sequence[str]]]) -> dict[str, frozenset[ModulePath]]:
    found = {}
    for tensor, groups in held.items():
        modules = [[ModulePath(name).parent or ROOT for name in group] for group in groups]
        common = {common_ancestor(choice) or ROOT for choice in islice(product(*modules), _MOST_CHOICES)}
        found[tensor] = frozenset(common.union(*modules))
    return found

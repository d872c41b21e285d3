"""References made from the truth about the fixtures, which needs no torch."""

from __future__ import annotations

from pathlib import Path

from rewriter.evidence.reference.module_list import Declared, Reference, ReferenceModule
from rewriter.evidence.side_inputs import Given
from rewriter.paths import ModulePath
from tests.exports import truth_of

LISTS = ("torch.nn.modules.container.ModuleList", "torch.nn.modules.container.ModuleDict")


def truth(folder: Path, inside: str = "", part: str = "") -> Given:
    """The module of a fixture, put inside another module, or the part of it that `part` names."""
    modules = {}
    for entry in truth_of(folder)["modules"]:
        for name in (entry["path"], *entry.get("aliases", ())):
            if ModulePath(part).holds(name):
                path = ModulePath(inside).child(ModulePath(name).relative_to(part))
                first = ModulePath(inside).child(ModulePath(entry["path"]).relative_to(part))
                declared = tuple(
                    Declared(each, tuple(shape), trainable=True)
                    for each, shape in entry["parameters"].items()
                ) + tuple(
                    Declared(each, tuple(shape), trainable=False, buffer=True)
                    for each, shape in entry.get("unsaved_buffers", {}).items()
                )
                modules[path] = ReferenceModule(
                    path, entry["class"], declared, first, entry["class"] in LISTS
                )
    above = [ReferenceModule(path, "pkg.Wrapper") for path in ModulePath(inside).ancestors()]
    whole = {module.path: module for module in reversed(above)} | modules
    return Given(references=(Reference("truth", whole),))

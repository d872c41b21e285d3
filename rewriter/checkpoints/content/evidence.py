"""Evidence in the file for the keys behind its tensors: names, the exporter's record, and the readers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rewriter.checkpoints.content.targets import TargetTensor
from rewriter.checkpoints.formula import Formula, Key
from rewriter.evidence.metadata.dynamo import folded_from
from rewriter.evidence.parameters.parameter_names import readers_of
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.analysis import Analysis


class FileEvidence:
    """Names and placements of a file, in terms of the keys of a checkpoint."""

    def __init__(self, analysis: Analysis, keys: Iterable[str]) -> None:
        self._graph: GraphIndex = analysis.graph
        self._keys = KeysByName(keys)
        self._modules = [each.module if each else None for each in analysis.tree.placements]
        self._claimed: dict[str, list[str]] = {}
        self._folded: dict[str, list[str]] = {}
        for module in analysis.tree:
            for parameter in module.parameters:
                name = f"{module.path}.{parameter.name}" if module.path else parameter.name
                self._claimed.setdefault(parameter.initializer, []).append(name)
            for target in module.folded_into:
                self._folded.setdefault(target, []).append(module.path)

    def own_key(self, target: TargetTensor) -> str | None:
        """Return the key that a tensor is named after; None without one."""
        return self._keys.of(target.name)

    def readers(self, target: TargetTensor) -> set[str]:
        """Return the modules of the nodes that read a tensor; '?' for an unplaced one."""
        nodes = readers_of(self._graph, target.value)
        return {"?" if (module := self._modules[node]) is None else module for node in nodes}

    def reads_it_alone(self, target: TargetTensor, key: str) -> bool:
        """Whether all readers of a tensor are in the module that owns a key."""
        return all(self._owns(module, key) for module in self.readers(target))

    def choose(self, target: TargetTensor, formulas: Sequence[Formula]) -> Sequence[Formula]:
        """Return the candidates for which the file speaks; all of them if it speaks for none."""
        own = self.own_key(target)
        named = [formula for formula in formulas if isinstance(formula, Key) and formula.name == own]
        if named:
            return named
        for tell in (self.recorded(target), self._by_claim(target), self._by_norm(target)):
            if kept := [formula for formula in formulas if tell and tell & set(formula.keys)]:
                formulas = kept
        modules = self.readers(target)
        read = [
            formula
            for formula in formulas
            if any(self._owns(module, key) for key in formula.keys for module in modules)
        ]
        return read or formulas

    def _owns(self, module: str, key: str) -> bool:
        return self._keys.agree(key.rpartition(".")[0], module)

    def recorded(self, target: TargetTensor) -> set[str]:
        """Return the keys from which the exporter computed a tensor, by its own record."""
        record = folded_from(self._graph).get(target.value, ())
        return {key for name in record if (key := self._keys.of(name))}

    def _by_claim(self, target: TargetTensor) -> set[str]:
        return {key for name in self._claimed.get(target.name, ()) if (key := self._keys.of(name))}

    def _by_norm(self, target: TargetTensor) -> set[str]:
        """Return the keys of batch norms that were folded into the readers of a tensor."""
        norms = {norm for module in self.readers(target) for norm in self._folded.get(module, ())}
        return (
            {key for key in self._keys.names if any(self._owns(norm, key) for norm in norms)}
            if norms
            else set()
        )


class KeysByName:
    """Keys of a checkpoint, found by the names of a file, which may have a further prefix or lack one."""

    def __init__(self, keys: Iterable[str]) -> None:
        self.names = tuple(keys)
        self._endings: dict[str, list[str]] = {}
        for key in self.names:
            for ending in _endings(key):
                self._endings.setdefault(ending, []).append(key)

    def of(self, name: str) -> str | None:
        """Return the key of a name: the same one, else the only one that differs by a prefix."""
        if name in (exact := self._endings.get(name, [])):
            return name
        if exact:
            return exact[0] if len(exact) == 1 else None
        inner = (ending for ending in _endings(name) if "." in ending)
        return next((ending for ending in inner if ending in self._endings.get(ending, ())), None)

    @staticmethod
    def agree(owner: str, module: str) -> bool:
        """Whether the owner of a key and a module of the file are the same, up to a prefix."""
        if owner == module:
            return True
        short, long = sorted((owner, module), key=len)
        return bool(short) and long.endswith(f".{short}")


def _endings(name: str) -> list[str]:
    atoms = name.split(".")
    return [".".join(atoms[start:]) for start in range(len(atoms))]

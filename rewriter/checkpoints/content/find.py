"""Finds the formulas of the tensors of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rewriter.checkpoints.content.alike import alike
from rewriter.checkpoints.content.evidence import FileEvidence
from rewriter.checkpoints.content.independent import is_generated
from rewriter.checkpoints.content.kinds.all_kinds import Kinds
from rewriter.checkpoints.content.kinds.derived import weights_of
from rewriter.checkpoints.content.old import FEW, Old, OldWeights, is_dull, is_simple
from rewriter.checkpoints.content.targets import TargetTensor, targets_of
from rewriter.checkpoints.formula import Formula
from rewriter.checkpoints.names.constants import is_stated
from rewriter.model.tensors import Array, np_type
from rewriter.modules.analysis import Analysis


@dataclass(frozen=True, slots=True)
class FoundFormulas:
    """The formulas of the tensors of a model.

    A tensor that is in neither mapping does not depend on the checkpoint, as far as can be told: integers;
    generated numbers; small or equal numbers that no unread key explains; and, if every key is read, tensors
    that are no multiple of a key and that no operator reads as a weight.

    Attributes:
        formulas: name of a tensor -> the formula that gives it from the old checkpoint. `evaluate` raises
            ValueError where candidates agree on the old checkpoint and differ on the new one.
        unresolved: name of a tensor -> the reason why it has no formula.
        unread: the floating-point keys that no formula reads.
        left_out: those of them with few elements, with simple or equal ones, or of a normalised weight. An
            exporter may have left them out (times 1, plus 0), or computed a number from them that occurs
            everywhere. So the file may not express other ones: these keys have to keep their old tensors.
    """

    formulas: Mapping[str, Formula]
    unresolved: Mapping[str, str]
    unread: tuple[str, ...]
    left_out: tuple[str, ...]


def find_formulas(
    analysis: Analysis, old: Old, progress: Callable[[str], None] = lambda station: None
) -> FoundFormulas:
    """Return for each stored tensor of a model its formula of a checkpoint, or why there is none.

    Args:
        analysis: the model.
        old: the checkpoint that was exported.
        progress: called with the name of each step as it begins.
    """
    progress("checkpoint")
    search = _FormulaSearch(analysis, old)
    progress("formulas")
    for target in search.targets:
        search.look_up(target)
    return search.found()


@dataclass(frozen=True, slots=True)
class _Looked:
    """A target with its candidates; `weak` ones say little: equal elements, or fewer than `FEW`.

    `stated` ones of these have numbers that programs state.
    """

    target: TargetTensor
    candidates: list[Formula]
    weak: bool
    stated: bool
    generated: bool
    simple: bool
    size: int


class _FormulaSearch:
    def __init__(self, analysis: Analysis, old: Old) -> None:
        self.targets = targets_of(analysis)
        self._folder = analysis.path.parent if analysis.path else None
        self._old = OldWeights(old, _types(self.targets))
        self._kinds = Kinds(self._old)
        self._evidence = FileEvidence(analysis, self._old.shapes)
        self._looked: list[_Looked] = []
        self._formulas: dict[str, Formula] = {}
        self._unresolved: dict[str, str] = {}

    def look_up(self, target: TargetTensor) -> None:
        """Collect the candidates of a tensor, reading its content once."""
        array = None if target.fault else target.read(self._folder)
        if array is None:
            self._unresolved[target.name] = target.fault or "its content cannot be read"
            return
        weak = array.size < FEW or is_dull(array)
        stated = weak and all(is_stated(float(number)) for number in array.reshape(-1)[:FEW])
        candidates = self._kinds.find(array)
        generated = not candidates and is_generated(array)
        multiple = None if candidates or generated or weak else self._kinds.multiple_of(array)
        if multiple is not None:
            self._unresolved[target.name] = f"it is {multiple} times a number of unknown origin"
        self._looked.append(
            _Looked(target, candidates, weak, stated, generated, is_simple(array), array.size)
        )

    def found(self) -> FoundFormulas:
        """Return the result: named and telling tensors first, since weak ones depend on what is left over."""
        weak = [each for each in self._looked if each.weak and not self._is_named(each)]
        for each in self._looked:
            if each not in weak and each.candidates:
                chosen = self._evidence.choose(each.target, each.candidates)
                self._formulas[each.target.name] = alike(chosen)
        for each in weak:
            self._settle_weak(each)
        self._widen()
        unread = self._unread()
        self._settle_unknown(unread)
        self._doubt_folded(unread)
        normed = {key for formula in weights_of(self._old.shapes) for key in formula.keys}
        left_out = [key for key in unread if key in normed or self._may_be_left_out(key)]
        return FoundFormulas(self._formulas, self._unresolved, tuple(unread), tuple(left_out))

    def _is_named(self, looked: _Looked) -> bool:
        own = self._evidence.own_key(looked.target)
        return any(own in formula.keys for formula in looked.candidates)

    def _settle_weak(self, looked: _Looked) -> None:
        """Resolve a tensor whose content says little by an unusual number; equal numbers show no formula."""
        name, used = looked.target.name, self._used()
        telling = [each for each in looked.candidates if not looked.simple and self._is_unusual(each)]
        if looked.size < FEW and telling:
            self._formulas[name] = alike(self._evidence.choose(looked.target, telling))
            return
        if looked.candidates and looked.size >= FEW:
            origin = alike(self._evidence.choose(looked.target, looked.candidates))
            self._unresolved[name] = f"its numbers are equal, so nothing shows that it is {origin}"
        elif free := [formula for formula in looked.candidates if used.isdisjoint(formula.keys)]:
            self._unresolved[name] = f"it equals {alike(free)}, which may be chance: only the number shows it"

    def _is_unusual(self, formula: Formula) -> bool:
        return not any(is_simple(self._old.read(key)) for key in formula.keys)

    def _widen(self) -> None:
        """Let a tensor stand for all unread keys that it equals, unless only one module reads it."""
        used = self._used()
        for each in self._looked:
            chosen = self._formulas.get(each.target.name)
            if chosen is None or not each.candidates:
                continue
            unread = [formula for formula in each.candidates if used.isdisjoint(formula.keys)]
            if unread and not self._evidence.reads_it_alone(each.target, chosen.keys[0]):
                self._formulas[each.target.name] = alike([chosen, *unread])

    def _doubt_folded(self, unread: list[str]) -> None:
        """Name the tensors of equal numbers into which a batch norm may be folded: it has an unread mean."""
        sizes = {self._old.shapes[key]: key for key in unread if key.endswith("running_mean")}
        for each in self._looked:
            mean = sizes.get((each.size,))
            if each.weak and mean and self._formulas.pop(each.target.name, None) is not None:
                self._unresolved[each.target.name] = (
                    f"its numbers are equal, and {mean} may be folded into it"
                )

    def _settle_unknown(self, unread: list[str]) -> None:
        """Name the tensors without candidates, unless they are constants as far as can be told."""
        for each in self._looked:
            known = each.candidates or each.target.name in self._unresolved
            if not known and (reason := self._reason(each, unread)):
                self._unresolved[each.target.name] = f"no formula gives it; {reason}"

    def _reason(self, looked: _Looked, unread: list[str]) -> str:
        """Return a reason to think that a tensor depends on the checkpoint; '' for none."""
        if recorded := sorted(self._evidence.recorded(looked.target)):
            return f"the exporter computed it from {', '.join(recorded[:3])}"
        if looked.stated if looked.weak else looked.generated:
            return ""
        if unread:
            return f"no tensor reads {', '.join(unread[:3])}"
        return "its numbers are those of no constant that programs state"

    def _used(self) -> set[str]:
        return {key for formula in self._formulas.values() for key in formula.keys}

    def _unread(self) -> list[str]:
        used = self._used()
        return [key for key in self._old.shapes if key not in used and self._old.is_float(key)]

    def _may_be_left_out(self, key: str) -> bool:
        array: Array = self._old.read(key)
        return array.size < FEW or is_dull(array) or is_simple(array)


def _types(targets: list[TargetTensor]) -> tuple[np.dtype[Any], ...]:
    types = {
        target.holder.dtype if isinstance(target.holder, np.ndarray) else np_type(target.holder.data_type)
        for target in targets
        if not target.fault
    }
    return tuple(sorted((each for each in types if each is not None), key=lambda each: each.name))

"""Plans new weights for a model: the formula of each tensor, and everything that has none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from rewriter.checkpoints.by_content import by_content, resolve_by_names
from rewriter.checkpoints.content import FoundFormulas
from rewriter.checkpoints.decisions import (
    Decision,
    by_name,
    by_value,
    refuse_doubtful_numbers,
    refuse_merged_constants,
    taken_by,
)
from rewriter.checkpoints.formula import Formula
from rewriter.checkpoints.lora.merged_state import FittedAdapter
from rewriter.checkpoints.names.by_name import NoFormula
from rewriter.checkpoints.names.constants import Sign
from rewriter.checkpoints.names.merged import Equality
from rewriter.checkpoints.names.prefixes import Prefixes, prefixes_of
from rewriter.checkpoints.names.recorded_state import recorded_origins
from rewriter.checkpoints.names.single_numbers import stated_in_checkpoint, stated_in_file
from rewriter.checkpoints.names.spare_keys import doubt_about, tied_keys
from rewriter.checkpoints.tensors.state_dict import StateDict
from rewriter.errors import UsageError
from rewriter.evidence.parameters.stored_tensors import Stored
from rewriter.evidence.parameters.tensor_roles import operands_of
from rewriter.model.tensors import Array, dtype_name
from rewriter.modules.analysis import Analysis

_LEFT_OUT = "no tensor holds it; the exporter may have left it out for its old values, such as zeros"


@dataclass(frozen=True, slots=True)
class OldFormulas:
    """Formulas found by content, and the checkpoint that shows them.

    Attributes:
        by_content: the formulas.
        old: the checkpoint that was exported.
    """

    by_content: FoundFormulas
    old: StateDict


@dataclass(frozen=True, slots=True)
class Fitted:
    """A tensor of the file that gets new weights.

    Attributes:
        name: its name: of the initializer, or of the value that a Constant writes.
        value: its number in the index of the model.
        formula: the formula; its keys are names of the file, or of the old checkpoint.
        stored: its shape and type.
        given: the element type in the new checkpoint, by numpy's name.
    """

    name: str
    value: int
    formula: Formula
    stored: Stored
    given: str

    @property
    def dtype(self) -> str:
        """The element type in the file, by numpy's name if it has one."""
        return dtype_name(self.stored.data_type)


@dataclass(frozen=True, slots=True)
class Lacking:
    """A tensor of the file without a formula, or a key of the checkpoint that may be in some tensor.

    Attributes:
        name: the name of the tensor, or the key.
        reason: the reason.
        shape: the shape.
        is_key: whether it is a key of the checkpoint.
    """

    name: str
    reason: str
    shape: tuple[int, ...]
    is_key: bool = False


@dataclass(frozen=True, slots=True)
class RefitPlan:
    """New weights for a model.

    Attributes:
        new: the checkpoint.
        prefixes: the prefixes of names that differ between file and checkpoint.
        fitted: the tensors that get new weights, in file order.
        lacking: tensors without a formula, in file order, then keys that may be in some tensor.
        kept: name of a floating-point tensor that depends on no weight -> the sign of it.
        tied: key that no tensor takes -> a key with the same tensor, which one takes.
        unused: the other keys that no tensor takes.
        adapter: the adapter that is merged into the weights; None without one.
    """

    new: StateDict
    prefixes: Prefixes
    fitted: tuple[Fitted, ...]
    lacking: tuple[Lacking, ...]
    kept: Mapping[str, Sign]
    tied: Mapping[str, str]
    unused: tuple[str, ...]
    adapter: FittedAdapter | None = None

    def read(self, name: str) -> Array:
        """Return the new tensor for a key of a formula."""
        return self.new.read(self.prefixes.key_of(name))


def plan(
    analysis: Analysis, new: StateDict, *, prefix: str | None = None, found: OldFormulas | None = None
) -> RefitPlan:
    """Plan new weights for a model.

    Args:
        analysis: the model.
        new: the new checkpoint; by names alone, only tensors that may be equal to others are read.
        prefix: the prefix of its keys, as the user states it; None to find it.
        found: formulas found by content; None for names alone.

    Raises:
        UsageError: no name of the file is a key of the checkpoint, or several prefixes fit.
    """
    held = by_value(analysis)
    names = [str(each.key) for of_value in held.values() for each in of_value]
    names += [
        name for value in analysis.graph.initializers for name in recorded_origins(analysis.graph, value)
    ]
    if found is not None:
        names = [key for formula in found.by_content.formulas.values() for key in formula.keys]
    prefixes = prefixes_of(dict.fromkeys(names), new.entries, prefix)
    if not any(prefixes.key_of(name) in new.entries for name in names):
        raise UsageError(f"{analysis.path or 'model'}: {_misfit(names, new)}")
    if found is not None:
        changed = dict.fromkeys(_changed(found, prefixes, new), _LEFT_OUT) | dict(
            _parted(found, prefixes, new)
        )
        decisions = by_content(analysis, found.by_content, prefixes, new)
        all_read = not found.by_content.unread
        resolve_by_names(analysis, decisions, held, prefixes, new, found.old, all_read=all_read)
        refuse_doubtful_numbers(analysis, decisions, stated_in_checkpoint(found.old))
        refuse_merged_constants(analysis, decisions, prefixes, new)
        return _planned(analysis, new, prefixes, decisions, changed.get)
    decisions = by_name(analysis, held, prefixes, new)
    refuse_doubtful_numbers(analysis, decisions, stated_in_file(analysis, held))
    refuse_merged_constants(analysis, decisions, prefixes, new)
    refused = [value for value, each in decisions.items() if isinstance(each, NoFormula)]
    names = [each.key for value in refused for each in held.get(value, ())]
    names += [name for value in refused for name in recorded_origins(analysis.graph, value)]
    explained = set(map(prefixes.key_of, names))

    def doubt(key: str) -> str | None:
        return None if key in explained else doubt_about(key, new, analysis, prefixes)

    return _planned(analysis, new, prefixes, decisions, doubt)


def _changed(found: OldFormulas, prefixes: Prefixes, new: StateDict) -> Iterator[str]:
    """Yield the keys that the exporter may have left out, and that have other tensors now."""
    for name in found.by_content.left_out:
        key = prefixes.key_of(name)
        if key in new.entries and not np.array_equal(new.read(key), found.old.read(name)):
            yield key


def _parted(found: OldFormulas, prefixes: Prefixes, new: StateDict) -> Iterator[tuple[str, str]]:
    """Yield the keys that no formula reads, but that were equal to one that some reads, and no longer are."""
    taken = {key for formula in found.by_content.formulas.values() for key in formula.keys}
    if unread := [key for key in found.by_content.unread if key in found.old.entries]:
        shown = {key: found.old.entries[key] for key in (*taken, *unread) if key in found.old.entries}
        equality = Equality(new)
        for name, same in tied_keys(taken, replace(found.old, entries=shown)):
            key, other = prefixes.key_of(name), prefixes.key_of(same)
            if key in new.entries and other in new.entries and not equality.same(key, other):
                yield (
                    key,
                    f"no tensor holds it; it was equal to {other}, and equal nodes may have been merged",
                )


def _misfit(names: list[str], new: StateDict) -> str:
    if not names:
        return "no weight has the name of a parameter; give the weights that were exported by --checkpoint"
    key = next(iter(new.entries), "nothing")
    return (
        f"none of its weights, such as {names[0]}, is among the keys of {new.name}, such as {key}; give the "
        "checkpoint of this model"
    )


def _planned(
    analysis: Analysis,
    new: StateDict,
    prefixes: Prefixes,
    decisions: Mapping[int, Decision],
    doubt: Callable[[str], str | None],
) -> RefitPlan:
    """Return the plan; `doubt` gives the reason why the model may compute with a key that no tensor takes."""
    stored, names = operands_of(analysis.graph).stored, analysis.graph.value_names
    fitted: list[Fitted] = []
    lacking: list[Lacking] = []
    kept: dict[str, Sign] = {}
    for value, decision in decisions.items():
        name = str(names[value])
        if isinstance(decision, Sign):
            if stored[value].is_float:
                kept[name] = decision
        elif isinstance(decision, NoFormula):
            lacking.append(Lacking(name, decision.reason, stored[value].dims))
        else:
            types = [new.entries[prefixes.key_of(key)].dtype.name for key in decision.keys]
            given = types[0] if types else dtype_name(stored[value].data_type)
            fitted.append(Fitted(name, value, decision, stored[value], given))
    taken = taken_by(decisions.values(), prefixes)
    tied = dict(tied_keys(taken, new))
    unused = tuple(key for key in new.entries if key not in taken and key not in tied)
    for key in unused:
        if new.entries[key].is_float and (reason := doubt(key)):
            lacking.append(Lacking(key, reason, new.entries[key].shape, is_key=True))
    return RefitPlan(new, prefixes, tuple(fitted), tuple(lacking), kept, tied, unused)

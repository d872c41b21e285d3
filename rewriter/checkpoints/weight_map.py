"""The map of a state dict: which tensor of the file holds each key, how, and which keys are in none."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from rewriter.basics.display import Display, counted, listed
from rewriter.basics.nearest import fits_nothing
from rewriter.checkpoints.missing import Absence, Missing
from rewriter.checkpoints.names.held import Held, held_parameters
from rewriter.checkpoints.names.recorded_state import made_from, state_of
from rewriter.checkpoints.tensors.safetensors import write_safetensors
from rewriter.checkpoints.tensors.state_dict import StateTensor
from rewriter.checkpoints.tensors.unarranged import is_given, parameter_in
from rewriter.errors import UnreadableModel, UsageError
from rewriter.evidence.claims import Holds
from rewriter.model.storage import external_data, output_targets
from rewriter.model.tensors import Array, array_of, np_type
from rewriter.modules.analysis import Analysis
from rewriter.paths import ROOT, ModulePath

_OF_TENSORS = re.compile(
    r"(?<=in_proj_weight)_(?:q|k|v|kv)$|(?<=in_proj_bias)_(?:q|k|v|kv)$|(?<=\.weight)_bias$"
)
"""Endings of names that the evidence gives to tensors, but that no key has: rows of a parameter, and the bias
of a layer that had none before a norm was folded in."""
_COUNTER = "num_batches_tracked"
"""The name of torch's counter of training steps in batch norms."""


@dataclass(frozen=True, slots=True, repr=False)
class WeightMap(Display):
    """The state dict of a model.

    Attributes:
        analysis: the model.
        held: the parameters that tensors of the file hold, in file order.
        given: the keys of the state dict that the file gives -> the parameter.
        missing: the keys that it does not give, as far as they are known.
        complete: whether all keys are known, by a reference.
        no_keys: the names in `held` that are no keys: rows of a parameter, a bias that the exporter added.
        outputs: the written file.
        removed: the sidecar of a model that the output replaced.
    """

    analysis: Analysis
    held: tuple[Held, ...]
    given: dict[ModulePath, Held]
    missing: tuple[Missing, ...]
    complete: bool
    no_keys: frozenset[ModulePath] = frozenset()
    outputs: tuple[Path, ...] = ()
    removed: tuple[Path, ...] = ()

    @property
    def tied(self) -> dict[ModulePath, ModulePath]:
        """Key that the file gives since a reference ties it -> the key of the same tensor."""
        return {key: each.key for key, each in self.given.items() if key != each.key}

    def read(self, key: str) -> Array:
        """Return the tensor of a key that the file gives.

        Raises:
            UsageError: the file does not give the key.
            UnreadableModel: the tensor cannot be read.
        """
        held = self.given.get(ModulePath(key))
        if held is None:
            raise UsageError(f"{self.analysis.path or 'model'}: {fits_nothing('key', key, self.given)}")
        return _entry(self.analysis, held).read()

    def entries(self) -> dict[str, StateTensor]:
        """Return the state dict: key that the file gives -> the tensor, which is read when it is needed."""
        return {str(key): _entry(self.analysis, each) for key, each in self.given.items()}

    def _brief(self) -> str:
        return (
            f"{counted(len(self.given), 'key')}, not in the file: {listed(each.key for each in self.missing)}"
        )


def weights(analysis: Analysis, output: Path | None = None) -> WeightMap:
    """Map the keys of the state dict to the tensors of a model, and write the state dict as safetensors.

    Args:
        analysis: the model.
        output: the file to write; None to write nothing.

    Raises:
        UsageError: the file gives no key, or the output would replace an input.
        UnreadableModel: a tensor cannot be read.
        CannotWrite: the output cannot be written.
    """
    held = held_parameters(analysis)
    recorded = _recorded(analysis, held)
    given: dict[ModulePath, Held] = {}
    for each in held:
        if is_given(each) and (not recorded or each.key in recorded):
            given.setdefault(each.key, each)
    declared = dict(_declared(analysis))
    given |= {key: given[same] for key, same in declared.items() if key not in given and same in given}
    missing = tuple(_missing(analysis, held, given, declared))
    no_keys = frozenset(
        each.key for each in held if _OF_TENSORS.search(each.key) or (recorded and each.key not in recorded)
    )
    found = WeightMap(analysis, held, given, missing, bool(declared), no_keys)
    return found if output is None else _written(found, output)


def _recorded(analysis: Analysis, held: tuple[Held, ...]) -> dict[ModulePath, None]:
    """Return the keys that the exporter recorded; none if most names of the file are others."""
    recorded = {ModulePath(key): None for key in state_of(analysis.graph)}
    return recorded if 2 * sum(each.key in recorded for each in held) >= len(held) else {}


def _written(found: WeightMap, output: Path) -> WeightMap:
    analysis = found.analysis
    name = analysis.path or "model"
    if not found.given:
        raise UsageError(f"{name}: no tensor gives a key of the state dict; name the weights by --checkpoint")
    data = external_data.check_external_data(analysis.model, analysis.path) if analysis.path else ()
    output_targets.demand_targets(analysis.path, (output,), data)
    removed = write_safetensors(found.entries(), output)
    return replace(found, outputs=(output,), removed=removed)


def _entry(analysis: Analysis, held: Held) -> StateTensor:
    folder = analysis.path.parent if analysis.path else None
    tensor = analysis.graph.initializers[held.value]
    dtype = np_type(held.data_type)
    assert dtype is not None, "the tensor gives the parameter back"
    assert held.shape is not None, "the tensor gives the parameter back"

    def read() -> Array:
        content = array_of(tensor, folder)
        if content is None:
            raise UnreadableModel(
                f"{analysis.path or 'model'}: the content of {held.initializer} cannot be read"
            )
        return parameter_in(held, content)

    return StateTensor(held.shape, dtype, read)


def _declared(analysis: Analysis) -> Iterator[tuple[ModulePath, ModulePath | None]]:
    """Yield the keys that a reference declares, each with the earlier key of the same tensor."""
    for module in analysis.tree:
        for each in module.declared:
            yield module.path.child(each.name), each.same_as


def _missing(
    analysis: Analysis,
    held: tuple[Held, ...],
    given: Mapping[ModulePath, Held],
    declared: Mapping[ModulePath, ModulePath | None],
) -> Iterator[Missing]:
    """Yield the keys that are not given: those of tensors, of the exporter's record, and of a reference."""
    recorded = _recorded(analysis, held)
    known: dict[ModulePath, Held | None] = {}
    for each in held:
        key = ModulePath(_OF_TENSORS.sub("", each.key))
        if key in recorded or not recorded:
            known.setdefault(key, each)
    counters = (key.parent.child(_COUNTER) for key in given if key.name == "running_mean" and key.parent)
    for key in (*recorded, *declared, *counters):
        known.setdefault(key, None)
    for key, holder in known.items():
        if key not in given and (not declared or key in declared or key.name == _COUNTER):
            yield _why(analysis, key, holder, declared.get(key))


def _why(analysis: Analysis, key: ModulePath, holder: Held | None, same: ModulePath | None) -> Missing:
    if same is not None:
        return Missing(key, Absence.TIED, same)
    if key.name == _COUNTER:
        return Missing(key, Absence.COUNTER)
    if holder is not None:
        claim = holder.claim
        if claim.holds is Holds.FOLDED:
            return Missing(key, Absence.FOLDED, claim.formula)
        detail = claim.detail or f"{claim.initializer} holds it {claim.holds}"
        doubt = "; the state dict may have no such key" if claim.holds is Holds.UNKNOWN else ""
        return Missing(key, Absence.NOT_EXACT, f"{detail}{doubt}")
    module = key.parent or ROOT
    folded = analysis.tree[module].folded_into if module in analysis.tree else ()
    if folded:
        return Missing(key, Absence.FOLDED, ", ".join(folded))
    behind = made_from(analysis.graph, key)
    return Missing(key, Absence.FOLDED, behind) if behind else Missing(key, Absence.UNREAD)

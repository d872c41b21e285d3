"""The weights of a model as a state dict, where its tensors give its parameters back."""

from __future__ import annotations

from collections.abc import Iterator

from rewriter.checkpoints.missing import Absence, Missing
from rewriter.checkpoints.names.held import Held
from rewriter.checkpoints.tensors.state_dict import StateDict
from rewriter.checkpoints.weight_map import WeightMap
from rewriter.evidence.claims import Holds
from rewriter.evidence.parameters.parameter_names import readers_of

_QUANTISED = "it is held quantised; merge the adapter into the float model and quantise that"


def own_state(found: WeightMap) -> StateDict:
    """Return the state dict that a model gives.

    Args:
        found: its map; keys that a reference ties to others are left out.
    """
    entries = {key: entry for key, entry in found.entries().items() if key not in found.tied}
    return StateDict(str(found.analysis.path or "model"), entries)


def absences(found: WeightMap) -> dict[str, str]:
    """Return key that the file does not give -> the reason.

    Among the keys are those of modules that read only the weight of another module: it is tied to theirs.
    """
    reasons = {str(each.key): _QUANTISED for each in found.held if each.claim.holds is Holds.PACKED}
    for each in found.missing:
        if each.absence is not Absence.UNREAD:
            reasons.setdefault(str(each.key), _reason(each))
    for key, held in _read_by_others(found):
        reasons.setdefault(
            key, f"its module reads {held.key}, and a change of that would change both modules"
        )
    for key, same in found.tied.items():
        reasons[str(key)] = f"it is tied to {same}, and a change of that would change both modules"
    return {key: reason for key, reason in reasons.items() if key not in found.given or key in found.tied}


def ties(found: WeightMap) -> dict[str, str]:
    """Return key of a module that reads the weight of another module instead -> the key of that weight."""
    tied = {key: str(held.key) for key, held in _read_by_others(found) if key not in found.given}
    return tied | {str(key): str(same) for key, same in found.tied.items()}


def _read_by_others(found: WeightMap) -> Iterator[tuple[str, Held]]:
    """Yield the weight that a module has by its name, and the weight of another module that it reads."""
    analysis = found.analysis
    for held in found.held:
        if held.key.name != "weight":
            continue
        for node in readers_of(analysis.graph, held.value):
            place = analysis.tree.placements[node]
            if place is not None and place.module != held.key.parent:
                yield str(place.module.child("weight")), held


def _reason(missing: Missing) -> str:
    told = f" ({missing.of})" if missing.of else ""
    if missing.absence is Absence.FOLDED:
        return f"it was folded before the export{told}; give the exported weights by --checkpoint"
    if missing.absence is Absence.NOT_EXACT:
        return f"the file does not give it exactly{told}; give the exported weights by --checkpoint"
    return f"{missing.absence}{told}"

"""Finds formulas by names: the parameters that an initializer holds, and how it holds them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from rewriter.checkpoints.arrangement import Gates, Joined
from rewriter.checkpoints.formula import Formula, Key, Permuted, Reshaped
from rewriter.checkpoints.names.held import Held
from rewriter.checkpoints.tensors.state_dict import StateDict, StateTensor
from rewriter.evidence.claims import Holds, InitializerSlice


@dataclass(frozen=True, slots=True)
class NoFormula:
    """The reason why a tensor has no formula."""

    reason: str


def formula_of(
    held: Sequence[Held],
    key_of: Callable[[str], str],
    new: StateDict,
) -> Formula | NoFormula:
    """Return an initializer as a formula of a state dict with the names of the file.

    Args:
        held: the parameters in the initializer.
        key_of: name of the file -> key of the checkpoint.
        new: the checkpoint.
    """
    keys = {str(each.key): key_of(each.key) for each in held}
    there = [each for each in held if keys[each.key] in new.entries]
    parts = [each for each in held if each.claim.part is not None]
    if not there or (parts and len(there) < len(held)):
        lacking = next(each for each in held if each not in there)
        return NoFormula(_lacking(lacking, keys[lacking.key]))
    if parts and len(parts) == len(held):
        return _joined(parts, keys, new)
    if parts:
        return NoFormula(f"it holds {held[0].key} by one witness, and parts by another")
    for each in there:
        found = _whole(each, keys[each.key], new.entries[keys[each.key]])
        if isinstance(found, NoFormula):
            return found
    # All of them are the same tensor; `merged` compares their new contents.
    first = there[0]
    return _of_whole(first)


def _lacking(held: Held, key: str) -> str:
    return _folded(held) if held.claim.holds is Holds.FOLDED else f"the checkpoint has no {key}"


def _folded(held: Held) -> str:
    return f"it holds {held.claim.formula}, computed before the export; give the old weights by --checkpoint"


def _whole(held: Held, key: str, entry: StateTensor) -> NoFormula | None:
    """Return the reason why a parameter does not give its initializer; None if it does."""
    claim = held.claim
    if claim.holds is Holds.PACKED:
        return NoFormula(
            f"it holds {held.key} quantised; quantise the new weights with the tool that made the file"
        )
    if claim.holds is Holds.FOLDED:
        return NoFormula(_folded(held))
    if claim.holds is Holds.UNKNOWN and not held.gates:
        doubt = claim.detail or "a tool may have changed its elements and left no sign"
        return NoFormula(f"its name is that of {held.key}, but it may hold something else: {doubt}")
    shape = held.shape
    fits = entry.shape == shape if shape is not None else prod(entry.shape) == prod(held.dims)
    return None if fits else NoFormula(_unlike(key, entry.shape, shape or held.dims))


def _unlike(key: str, there: tuple[int, ...], here: tuple[int, ...]) -> str:
    return f"{key} has the shape {_text(there)} in the checkpoint, and {_text(here)} in the file"


def _text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "scalar"


def _of_whole(held: Held) -> Formula:
    if held.gates:
        return Reshaped(_gated(held), held.dims)
    if held.claim.holds is Holds.TRANSPOSED:
        return Permuted(Key(held.key), (1, 0))
    return Reshaped(Key(held.key), held.dims) if held.claim.holds is Holds.RESHAPED else Key(held.key)


def _gated(held: Held) -> Formula:
    return Gates(Key(held.key), held.gates) if len(held.gates) > 1 else Key(held.key)


def _joined(parts: Sequence[Held], keys: Mapping[str, str], new: StateDict) -> Formula | NoFormula:
    """Return the tensor that slices along one axis fill, or slices of slices."""
    leaves: list[tuple[InitializerSlice, Formula]] = []
    for each in parts:
        part, key = each.claim.part, keys[each.key]
        assert part is not None, "it is a part"
        if each.claim.holds is not Holds.PART or (each.claim.detail and not each.gates):
            return NoFormula(
                f"a part of it is {each.key}, but it differs: {each.claim.detail or each.claim.holds}"
            )
        if (entry := new.entries[key]).shape != each.shape:
            return NoFormula(_unlike(key, entry.shape, each.shape or each.part_dims))
        if each.gates:
            leaves.append((part, Reshaped(_gated(each), each.part_dims)))
        else:
            leaves.append((part, Permuted(Key(each.key), (1, 0)) if each.claim.transposed else Key(each.key)))
    return _filled(leaves, parts[0].dims) or NoFormula("its known parts do not fill it")


def _filled(leaves: Sequence[tuple[InitializerSlice, Formula]], dims: tuple[int, ...]) -> Formula | None:
    """Return the concatenation of slices; None if they overlap, leave a gap, or lie along several axes."""
    axis = leaves[0][0].axis
    if any(part.axis != axis for part, _ in leaves):
        return None
    outer: dict[tuple[int, int], list[tuple[InitializerSlice | None, Formula]]] = {}
    for part, formula in leaves:
        outer.setdefault((part.start, part.stop), []).append((part.inner, formula))
    pieces: list[Formula] = []
    end = 0
    for (start, stop), inner in sorted(outer.items()):
        size = (*dims[:axis], stop - start, *dims[axis + 1 :])
        deeper = [(each, formula) for each, formula in inner if each is not None]
        if start != end or (len(deeper) != len(inner) and len(inner) > 1):
            return None
        piece = _filled(deeper, size) if deeper else inner[0][1]
        if piece is None:
            return None
        pieces.append(piece)
        end = stop
    if end != dims[axis]:
        return None
    return Joined(tuple(pieces), axis) if len(pieces) > 1 else pieces[0]

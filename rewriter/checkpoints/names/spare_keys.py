"""Looks at the keys of a checkpoint that no tensor of the file takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import prod

from rewriter.checkpoints.names.merged import Equality
from rewriter.checkpoints.names.prefixes import Prefixes
from rewriter.checkpoints.names.recorded_state import recorded_arguments, state_of
from rewriter.checkpoints.tensors.state_dict import StateDict
from rewriter.modules.analysis import Analysis
from rewriter.paths import ROOT, ModulePath


def spare_keys(taken: Iterable[str], new: StateDict) -> dict[tuple[int, ...], list[str]]:
    """Return shape -> the floating-point keys of this shape that no tensor takes."""
    used = set(taken)
    found: dict[tuple[int, ...], list[str]] = {}
    for key, entry in new.entries.items():
        if key not in used and entry.is_float:
            found.setdefault(entry.shape, []).append(key)
    return found


def tied_keys(taken: set[str], new: StateDict) -> Iterator[tuple[str, str]]:
    """Yield the keys that no tensor takes, but whose tensor is that of a taken key, with that key."""
    equality = Equality(new)
    by_shape: dict[tuple[int, ...], list[str]] = {}
    for key in new.entries:
        if key in taken:
            by_shape.setdefault(new.entries[key].shape, []).append(key)
    for key, entry in new.entries.items():
        if key not in taken and entry.is_float:
            same = next((each for each in by_shape.get(entry.shape, ()) if equality.same(key, each)), None)
            if same is not None:
                yield key, same


def doubt_about(key: str, new: StateDict, analysis: Analysis, prefixes: Prefixes) -> str | None:
    """Return why the model may compute with a key, though no tensor is known to hold it; None if it does not.

    A module without nodes computes nothing. There are exceptions: a batch norm may be in the weights of a
    layer, without a sign of that in the file; a module may leave the computation to its parent, which the
    dynamo exporter records; and onnxscript removes a product with one and a sum with zero.

    Args:
        key: a key that no tensor takes, with another tensor than any taken key.
        new: the checkpoint.
        analysis: the model.
        prefixes: the prefixes of names that differ between file and checkpoint.
    """
    name, tree = prefixes.name_of(key), analysis.tree
    if node := recorded_arguments(analysis.graph).get(name):
        return f"no tensor is known to hold it, and {node} was computed from it"
    if name in state_of(analysis.graph) and prod(new.entries[key].shape) == 1:
        return (
            "no tensor is known to hold it; the exporter may have left it out, as a factor 1 or a summand 0"
        )
    module = ModulePath(name).parent or ROOT
    if module in tree and tree[module].nodes:
        return f"no tensor is known to hold it, and {module or 'the root'} computes something"
    if f"{key.rpartition('.')[0]}.running_var" in new.entries:
        return "no tensor is known to hold it; this batch norm may have been folded into a layer"
    return None

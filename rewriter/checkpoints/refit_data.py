"""Lays out external data with new weights: computed bytes in place of those of old weights."""

from __future__ import annotations

from collections.abc import Mapping

from onnx import TensorProto

from rewriter.checkpoints.plan import Fitted, RefitPlan
from rewriter.checkpoints.tensors.stream import computed
from rewriter.errors import UnreadableModel
from rewriter.model.storage.packing import Packing, Range, range_of
from rewriter.model.storage.staging import Assembled, Computed, Slice
from rewriter.model.tensors import is_external, np_type


def computed_weight(fitted: Fitted, plan: RefitPlan) -> Computed:
    """Return the new bytes of a tensor, computed when they are written."""
    dtype = np_type(fitted.stored.data_type)
    assert dtype is not None, "it has a formula"
    return computed(fitted.stored.dims, dtype, lambda: fitted.formula.evaluate(plan.read), fitted.name)


def new_contents(
    packing: Packing, messages: Mapping[str, TensorProto], plan: RefitPlan
) -> Mapping[str, Assembled]:
    """Return location -> the content of a data file, with computed bytes in place of the old weights.

    Raises:
        UnreadableModel: a tensor shares bytes with another one, and has another formula.
    """
    new: dict[Range, Fitted] = {}
    for each in plan.fitted:
        if is_external(messages[each.name]):
            place = range_of(messages[each.name], packing.folder)
            if new.setdefault(place, each).formula != each.formula:
                raise UnreadableModel(_sharing(each))
    found = {}
    for location, excerpt in packing.files.items():
        parts: list[tuple[int, Slice | Computed]] = []
        for at, part in excerpt.slices:
            name = part.path.relative_to(packing.folder).as_posix()
            fitted = new.pop(Range(name, part.offset, part.offset + part.length), None)
            parts.append((at, computed_weight(fitted, plan) if fitted else part))
        found[location] = Assembled(tuple(parts))
    for each in new.values():
        raise UnreadableModel(_sharing(each))
    return found


def _sharing(fitted: Fitted) -> str:
    return f"{fitted.name} shares bytes of external data with another tensor; save the model again"

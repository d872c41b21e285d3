"""Proves a written file: each new weight is as its formula says, and all else is as in the model.

The file is read back before it gets its name. Both models, without the content of the tensors with new
weights, must have equal bytes. The content of external tensors that keep their weights is compared, and each
new tensor is compared with its formula, computed again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnx import ModelProto, TensorProto

from rewriter.checkpoints.plan import Fitted, RefitPlan
from rewriter.checkpoints.tensors.stored_messages import clear_content, messages_of
from rewriter.checkpoints.tensors.stream import pieces
from rewriter.errors import NotProved
from rewriter.model import metadata
from rewriter.model.storage import external_data, stale_copies
from rewriter.model.storage.packing import range_of
from rewriter.model.storage.staging import Slice
from rewriter.model.tensors import is_external, np_type


@dataclass(frozen=True, slots=True)
class Proved:
    """Counts of the tensors that were compared with the written file.

    Attributes:
        tensors: number of tensors that are equal to their formulas.
        kept: number of external tensors that kept their content.
    """

    tensors: int
    kept: int


@dataclass(frozen=True, slots=True)
class WrittenFiles:
    """Files that are written, but do not have their names yet.

    Attributes:
        output: the model to write.
        staged: file to write -> the temporary file with its content.
    """

    output: Path
    staged: Mapping[Path, Path]

    def model(self) -> ModelProto:
        """Return the written model, without its external data."""
        return ModelProto.FromString(self.staged[self.output].read_bytes())

    def chunks(self, tensor: TensorProto) -> Iterator[bytes | memoryview]:
        """Yield the written content of a tensor."""
        if not is_external(tensor):
            yield bytes(tensor.raw_data)
            return
        entries = {entry.key: entry.value for entry in tensor.external_data}
        path = self.output.parent / entries["location"]
        part = Slice(path, int(entries.get("offset", 0)), int(entries["length"]))
        with self.staged.get(path, path).open("rb") as stream:
            yield from part.chunks(stream)


def demand_refitted(before: ModelProto, folder: Path, plan: RefitPlan, files: WrittenFiles) -> Proved:
    """Compare a written file with the model and with the formulas.

    Args:
        before: the model that got new weights.
        folder: the folder of its external data.
        plan: the new weights.
        files: the written files.

    Raises:
        NotProved: they differ.
    """
    after = files.model()
    written = messages_of(after)
    for each in plan.fitted:
        if not _is_as_planned(each, plan, files.chunks(written[each.name])):
            raise NotProved(
                f"{files.output}: {each.name} was written otherwise than {each.formula}; nothing was written"
            )
    copy = ModelProto()
    copy.CopyFrom(before)
    for model in (copy, after):
        metadata.erase(model, [stale_copies.KEY])
        found = messages_of(model)
        for each in plan.fitted:
            clear_content(found[each.name])
    kept = _demand_kept(copy, after, folder, files)
    if copy.SerializeToString(deterministic=True) != after.SerializeToString(deterministic=True):
        raise NotProved(
            f"{files.output}: more than weights was changed; nothing was written, please report this model"
        )
    return Proved(len(plan.fitted), kept)


def _is_as_planned(fitted: Fitted, plan: RefitPlan, written: Iterator[bytes | memoryview]) -> bool:
    """Whether a written content is that of the formula, which is computed again."""
    dtype = np_type(fitted.stored.data_type)
    assert dtype is not None, "it has a formula"
    return _same(pieces(fitted.formula.evaluate(plan.read), fitted.stored.dims, dtype, fitted.name), written)


def _demand_kept(before: ModelProto, after: ModelProto, folder: Path, files: WrittenFiles) -> int:
    """Compare the external tensors that kept their content, then remove where it is stored."""
    count = 0
    for ours, theirs in zip(external_data.tensors_of(before), external_data.tensors_of(after), strict=True):
        if is_external(ours) and is_external(theirs):
            location, start, end = range_of(ours, folder)
            part = Slice(folder / location, start, end - start)
            with part.path.open("rb") as stream:
                if not _same(part.chunks(stream), files.chunks(theirs)):
                    raise NotProved(f"{files.output}: {ours.name} has other content; nothing was written")
            clear_content(ours)
            clear_content(theirs)
            count += 1
    return count


def _same(ours: Iterator[bytes | memoryview], theirs: Iterator[bytes | memoryview]) -> bool:
    """Whether two contents are equal, however they are cut into chunks."""
    left = right = memoryview(b"")
    while True:
        left = left if left else memoryview(next(ours, b""))
        right = right if right else memoryview(next(theirs, b""))
        size = min(len(left), len(right))
        if not size:
            return len(left) == len(right)
        if not np.array_equal(np.frombuffer(left[:size], np.uint8), np.frombuffer(right[:size], np.uint8)):
            return False
        left, right = left[size:], right[size:]

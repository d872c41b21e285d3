"""Values of a model that ran before, as files; they are read in parts like those of `Exposed`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from rewriter.runtime.inputs.feeds import Array
from rewriter.runtime.recording.steps import Step


class RecordedValues:
    """Values of one input set.

    Args:
        files: value -> the path of its array, as `numpy.save` writes it.

    Attributes:
        steps: empty, since no value is in a graph body.
    """

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = files
        self.steps: dict[str, tuple[Step, ...]] = {}

    def sizes(self, names: Iterable[str]) -> dict[str, int]:
        """Return the bytes of each value that was recorded."""
        return {name: self._mapped(name).nbytes for name in dict.fromkeys(names) if name in self.files}

    def values(self, names: Sequence[str]) -> dict[str, list[Array]]:
        """Return one array for each value."""
        return {name: [np.asarray(self._mapped(name))] for name in names}

    def _mapped(self, name: str) -> Array:
        found: Array = np.load(self.files[name], mmap_mode="r", allow_pickle=False)
        return found

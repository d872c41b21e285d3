"""Maps the weight files of both models into memory once, so that each page is faulted in once.

onnxruntime would map external data again for every session, and every page would be faulted in again.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from rewriter.runtime.child.job import ExternalWeight
from rewriter.runtime.ort.sessions import ort


class MappedWeights:
    """Weight files of models, each mapped once."""

    def __init__(self) -> None:
        self._maps: dict[Path, mmap.mmap | None] = {}

    def of(self, stored: Iterable[ExternalWeight], folder: Path) -> dict[str, Any]:
        """Return the values of initializers, by name; keep them as long as a session uses them.

        Initializers are left out if their file is too short or cannot be mapped.
        """
        found = {}
        for each in stored:
            content, dtype = self._map(folder / each.location), np.dtype(each.dtype)
            end = each.offset + prod(each.shape) * dtype.itemsize
            if content is not None and end <= len(content):
                array = np.frombuffer(content, dtype, prod(each.shape), each.offset).reshape(each.shape)
                found[each.name] = ort.OrtValue.ortvalue_from_numpy(array)
        return found

    def _map(self, path: Path) -> mmap.mmap | None:
        if path not in self._maps:
            self._maps[path] = None
            try:
                with path.open("rb") as stream:
                    # A private mapping is faster than a shared one, and copies a page only on a write.
                    self._maps[path] = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)
            except (OSError, ValueError):  # onnxruntime reports the fault
                return None
        return self._maps[path]

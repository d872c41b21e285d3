"""Maps the weights of both models into memory once, so that the system looks up each page once.

onnxruntime maps external data anew for every session: the system then looks up every page again.
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
    """The weight files of models, each mapped once."""

    def __init__(self) -> None:
        self._maps: dict[Path, mmap.mmap | None] = {}

    def of(self, stored: Iterable[ExternalWeight], folder: Path) -> dict[str, Any]:
        """Initializer -> its value, to be kept while in use; initializers of missing files are left out."""
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
                    # Private pages are faster to find than shared ones, and are copied only if written to.
                    self._maps[path] = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)
            except (OSError, ValueError):  # onnxruntime reports the fault
                return None
        return self._maps[path]

"""Weights of both models in one memory map, so that they are in memory once and their pages are found once.

onnxruntime maps external data as well, anew for every session: the system then looks up every page again.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from rewriter.runtime.child.job import Stored
from rewriter.runtime.ort import ort


class MappedWeights:
    """The files with the weights of models, each mapped once."""

    def __init__(self) -> None:
        self._maps: dict[Path, mmap.mmap | None] = {}

    def of(self, stored: Iterable[Stored], folder: Path) -> dict[str, Any]:
        """Initializer -> its value, to be kept while it is used; one whose file is gone is left out."""
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
                    # Private pages are found faster than shared ones, and are copied only if written to.
                    self._maps[path] = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)
            except (OSError, ValueError):  # onnxruntime will say what is wrong with it
                return None
        return self._maps[path]

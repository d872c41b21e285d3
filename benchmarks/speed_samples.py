"""Keeps the samples of `speed`, in memory and as lines of JSON in a file, which a later run can continue."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.speed_child import Sample

Key = tuple[str, int, str]
"""Kind of graph, nodes, work."""


class Samples:
    """The measured samples."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.found: defaultdict[Key, list[Sample]] = defaultdict(list)
        self.faults: dict[Key, str] = {}
        self.bytes: dict[tuple[str, int], int] = {}
        self.data: dict[str, int] = {}
        if path is not None and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                self._note(json.loads(line))

    def add(self, kind: str, nodes: int, work: str, sample: dict[str, Any] | None, fault: str | None) -> None:
        """Add a sample, or the reason why there is none."""
        self._keep({"kind": kind, "nodes": nodes, "work": work, "sample": sample, "fault": fault})

    def structure(self, kind: str, nodes: int, size: int) -> None:
        """Record the bytes of a file without its external data."""
        self._keep({"kind": kind, "nodes": nodes, "structure": size})

    def weights(self, kind: str, size: int) -> None:
        """Record the bytes of the external data of a file."""
        self._keep({"kind": kind, "weights": size})

    def _keep(self, line: dict[str, Any]) -> None:
        self._note(line)
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(line) + "\n")

    def _note(self, line: dict[str, Any]) -> None:
        if "structure" in line:
            self.bytes[line["kind"], line["nodes"]] = line["structure"]
        elif "weights" in line:
            self.data[line["kind"]] = line["weights"]
        elif line["sample"] is not None:
            self.found[line["kind"], line["nodes"], line["work"]].append(Sample(**line["sample"]))
        else:
            self.faults[line["kind"], line["nodes"], line["work"]] = line["fault"]

    def of(self, kind: str, nodes: int, work: str) -> Sequence[Sample]:
        """Return the samples of one work on one file."""
        return self.found.get((kind, nodes, work), ())

    def fault(self, kind: str, nodes: int, work: str) -> str | None:
        """Return the reason why there are no samples of this file, or of a smaller one of its kind."""
        faults = [
            (size, fault)
            for (other, size, name), fault in self.faults.items()
            if (other, name) == (kind, work) and size <= nodes
        ]
        return max(faults)[1] if faults else None

    def gave_up(self, kind: str, nodes: int, work: str) -> bool:
        """Whether a work failed on this file or a smaller one, so that it is not tried again."""
        return self.fault(kind, nodes, work) is not None

    def sizes(self, kind: str) -> list[int]:
        """Return the numbers of nodes with which a kind was measured."""
        return sorted({nodes for other, nodes, _ in (*self.found, *self.faults) if other == kind})

    def median(self, kind: str, nodes: int, work: str, field: str = "cpu") -> float | None:
        """Return the median of a figure; None without samples."""
        found = [float(getattr(each, field)) for each in self.of(kind, nodes, work)]
        return median(found) if found else None

    def part(self, kind: str, nodes: int, work: str, part: str) -> float | None:
        """Return the median of the seconds of a part of a work; None without samples."""
        found = [each.parts[part] for each in self.of(kind, nodes, work) if part in each.parts]
        return median(found) if found else None

    def ratio(
        self, kind: str, nodes: int, work: str, other: str, *, other_kind: str | None = None
    ) -> float | None:
        """Return the median of one work divided by the median of another, on files of the same size."""
        ours, theirs = self.median(kind, nodes, work), self.median(other_kind or kind, nodes, other)
        return ours / theirs if ours is not None and theirs else None

    def exponent(self, kind: str, work: str, least: int) -> float | None:
        """Return the slope of log CPU over log nodes, from a size on; None with fewer than two sizes."""
        pairs = [(nodes, self.median(kind, nodes, work)) for nodes in self.sizes(kind) if nodes >= least]
        points = [(nodes, seconds) for nodes, seconds in pairs if seconds]
        if len(points) < 2:
            return None
        x, y = np.log(np.array(points, dtype=float)).T
        return float(np.polyfit(x, y, 1)[0])

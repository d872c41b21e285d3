"""Finds tensors with the same content, up to rounding, among many by their fingerprints.

Fingerprints are sorted by a key that differs little between tensors of the same content. Only fingerprints
with keys close enough for the tolerance are compared.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rewriter.runtime.compare.fingerprints import Fingerprint

Numbers = npt.NDArray[np.float64]

TOLERANCE = 1e-3
"""Maximum difference of two elements, relative to the element plus the root mean square of its tensor.

Files agree with torch to about 1e-5. Different activations hardly ever agree this closely in a whole sample.
"""
_LEAST = 1e-12


class Lookup:
    """Fingerprints by number, searchable by content."""

    def __init__(self, prints: Sequence[Fingerprint | None], tolerance: float = TOLERANCE) -> None:
        self._tolerance = tolerance
        members: dict[tuple[str, int], list[int]] = {}
        for number, each in enumerate(prints):
            if each is not None:
                members.setdefault((each.kind, each.size), []).append(number)
        self._groups: dict[tuple[str, int], tuple[npt.NDArray[np.int64], Numbers, Numbers]] = {}
        for group, numbers in members.items():
            samples = np.array([each.sample for number in numbers if (each := prints[number])])
            keys = _compressed(samples).mean(axis=1)
            order = np.argsort(keys, kind="stable")
            self._groups[group] = (np.array(numbers)[order], samples[order], keys[order])

    def find(self, wanted: Fingerprint) -> list[int]:
        """Return the ascending numbers of the fingerprints with the kind, size and sample of `wanted`.

        Floating-point samples may differ by the tolerance, integers may not.
        """
        group = self._groups.get((wanted.kind, wanted.size))
        if group is None:
            return []
        numbers, samples, keys = group
        share = self._tolerance if wanted.kind == "f" else 0.0
        apart = share * (wanted.scale + np.abs(wanted.sample))
        reach = float(np.max(apart / (1 + np.abs(wanted.sample)))) * 2 + _LEAST
        key = float(_compressed(wanted.sample).mean())
        low, high = np.searchsorted(keys, [key - reach, key + reach])
        same = (np.abs(samples[low:high] - wanted.sample) <= apart + _LEAST * share).all(axis=1)
        return sorted(int(number) for number in numbers[low:high][same])

    def classes(self, prints: Sequence[Fingerprint | None]) -> list[int]:
        """Return the content class of every fingerprint: the number of the first one with its content.

        A missing fingerprint has a class of its own.
        """
        found = [-1] * len(prints)
        for number, each in enumerate(prints):
            if found[number] < 0:
                found[number] = number
                for other in self.find(each) if each is not None else ():
                    if found[other] < 0:
                        found[other] = number
        return found


def _compressed(samples: Numbers) -> Numbers:
    """Compress large numbers: in the mean, the values of a mask must not outweigh all other elements."""
    return np.asarray(np.sign(samples) * np.log1p(np.abs(samples)))

"""Kind: the bias of a layer into which a batch norm was folded: bias + (layer bias - mean) * scale.

For each norm with as many channels, the equation gives the bias that the layer had; it is none, or a key.
Verified on all elements up to rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from rewriter.checkpoints.content.kinds.derived import NormShift, exact
from rewriter.checkpoints.content.kinds.probes import Probes
from rewriter.checkpoints.content.rounding import ROUNDINGS, closest, roundings
from rewriter.checkpoints.formula import Formula, Key, Reshaped
from rewriter.model.tensors import Array

_ROUGH = 1e-3


class Shifts:
    """Search for biases with a folded batch norm."""

    def __init__(self, probes: Probes) -> None:
        self._probes = probes

    def find(self, target: Array) -> list[Formula]:
        """Return the summands of batch norms after layers that give the target."""
        wanted = target.reshape(-1).astype(np.float64)
        formulas, blocks = self._probes.of((target.size, 1, 1))
        keys = [number for number, formula in enumerate(formulas) if isinstance(formula, Key)]
        biases = [formulas[number].keys[0] for number in keys]
        values = blocks[keys].reshape(len(keys), -1) if keys else np.zeros((0, 1))
        places = np.linspace(0, target.size - 1, values.shape[1]).astype(int)
        found: list[tuple[float, Formula]] = []
        for _, shift in self._probes.norms:
            if self._probes.old.shapes[shift.mean] == (target.size,):
                before = self._layer_bias(shift, wanted)
                near = np.abs(values - before[places]) <= _ROUGH * (np.abs(before[places]) + _ROUGH)
                names = ["", *(biases[number] for number in np.flatnonzero(near.all(axis=1)))]
                found += self._fitting(shift, names, target)
        return closest(found)

    def _layer_bias(self, shift: NormShift, wanted: Array) -> Array:
        read = self._probes.old.read
        bias = exact(read, shift.bias) if shift.bias else 0.0
        with np.errstate(all="ignore"):
            return np.asarray((wanted - bias) / shift.scale.evaluate(read) + exact(read, shift.mean))

    def _fitting(self, shift: NormShift, names: list[str], target: Array) -> Iterator[tuple[float, Formula]]:
        """Yield the summands with the biases of given names that give the target, and their roundings."""
        read = self._probes.old.read
        for name in names:
            formula = replace(shift, layer_bias=name)
            terms = np.abs(exact(read, shift.mean)) + (np.abs(exact(read, name)) if name else 0.0)
            error = roundings(formula.evaluate(read), target, terms * np.abs(shift.scale.evaluate(read)))
            if error <= ROUNDINGS:
                yield error, Reshaped(formula, target.shape)

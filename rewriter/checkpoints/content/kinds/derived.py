"""Formulas that PyTorch's modules state: scale and shift of a batch norm, weight norm, spectral norm.

The keys are those that torch documents: `running_mean`, `running_var`, `weight` and `bias` of a batch norm;
`weight_g` and `weight_v` of `torch.nn.utils.weight_norm`; `parametrizations.weight.original0`, `original1` of
`torch.nn.utils.parametrizations.weight_norm`; `parametrizations.weight.original`, `.0._u`, `.0._v` of its
`spectral_norm`; `weight_orig`, `weight_u`, `weight_v` of `torch.nn.utils.spectral_norm`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from rewriter.checkpoints.formula import Formula, Read
from rewriter.model.tensors import Array

_EPSILONS = (1e-5, 1e-3, 1e-6, 1e-4, 2e-5, 1e-8, 1e-12, 0.0)
"""Epsilons of norms, the usual ones first; no state dict holds them."""


def exact(read: Read, key: str) -> Array:
    """Return the tensor of a key in double precision."""
    return read(key).astype(np.float64)


@dataclass(frozen=True, slots=True)
class NormScale:
    """The factor of a batch norm: weight / sqrt(running_var + epsilon); `weight` is '' for a norm without."""

    weight: str
    variance: str
    epsilon: float

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the norm."""
        return tuple(key for key in (self.weight, self.variance) if key)

    def evaluate(self, read: Read) -> Array:
        """Return the factor of each channel."""
        weight: Array = exact(read, self.weight) if self.weight else np.ones(())
        with np.errstate(all="ignore"):
            return np.asarray(weight / np.sqrt(exact(read, self.variance) + self.epsilon))

    def __str__(self) -> str:
        return f"{self.weight or 1} / sqrt({self.variance} + {self.epsilon:g})"


@dataclass(frozen=True, slots=True)
class NormShift:
    """The summand of a batch norm after a layer: bias + scale * (layer_bias - running_mean); '' for none."""

    scale: NormScale
    mean: str
    bias: str
    layer_bias: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the norm, and that of the bias of the layer."""
        return (*self.scale.keys, *(key for key in (self.mean, self.bias, self.layer_bias) if key))

    def evaluate(self, read: Read) -> Array:
        """Return the summand of each channel."""
        before: Array = exact(read, self.layer_bias) if self.layer_bias else np.zeros(())
        bias: Array = exact(read, self.bias) if self.bias else np.zeros(())
        return np.asarray(bias + self.scale.evaluate(read) * (before - exact(read, self.mean)))

    def __str__(self) -> str:
        return f"{self.bias or 0} + ({self.layer_bias or 0} - {self.mean}) * {self.scale}"


@dataclass(frozen=True, slots=True)
class WeightNorm:
    """A direction with a magnitude: magnitude * direction / norm of direction."""

    magnitude: str
    direction: str

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of magnitude and direction."""
        return (self.magnitude, self.direction)

    def evaluate(self, read: Read) -> Array:
        """Return the weight; the axes of the norm are those along which the magnitude has size 1."""
        magnitude, direction = exact(read, self.magnitude), exact(read, self.direction)
        kept = magnitude.shape if magnitude.ndim == direction.ndim else (1,) * direction.ndim
        axes = tuple(axis for axis, size in enumerate(kept) if size != direction.shape[axis])
        length = np.sqrt((direction * direction).sum(axis=axes, keepdims=True)) if axes else abs(direction)
        return np.asarray(direction * (magnitude / length))

    def __str__(self) -> str:
        return f"{self.magnitude} * {self.direction} / norm of {self.direction}"


@dataclass(frozen=True, slots=True)
class SpectralNorm:
    """A weight divided by its largest singular value, which two vectors of the checkpoint estimate."""

    weight: str
    left: str
    right: str

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of weight and vectors."""
        return (self.weight, self.left, self.right)

    def evaluate(self, read: Read) -> Array:
        """Return the weight divided by left * matrix * right; the rows are the axis that `left` fits."""
        weight, left, right = (exact(read, key) for key in self.keys)
        axis = next(axis for axis, size in enumerate(weight.shape) if size == len(left))
        matrix = np.moveaxis(weight, axis, 0).reshape(len(left), -1)
        return np.asarray(weight / (left @ matrix @ right))

    def __str__(self) -> str:
        return f"{self.weight} / ({self.left} * {self.weight} * {self.right})"


def weights_of(shapes: Mapping[str, tuple[int, ...]]) -> Iterator[Formula]:
    """Yield the normalised weights whose keys a checkpoint has."""
    for key in shapes:
        for ending, direction in (("_g", "_v"), (".original0", ".original1")):
            other = f"{key.removesuffix(ending)}{direction}"
            if key.endswith(ending) and _is_magnitude(shapes[key], shapes.get(other, ())):
                yield WeightNorm(key, other)
        for ending, before in ((".original", ".0._"), ("_orig", "_")):
            vectors = [f"{key.removesuffix(ending)}{before}{letter}" for letter in "uv"]
            left, right = (shapes.get(each, ()) for each in vectors)
            estimates = len(left) == len(right) == 1 and left[0] * right[0] == prod(shapes[key])
            if key.endswith(ending) and estimates and left[0] in shapes[key]:
                yield SpectralNorm(key, *vectors)


def _is_magnitude(shape: tuple[int, ...], direction: tuple[int, ...]) -> bool:
    if prod(shape) == 1:
        return bool(direction)
    return len(shape) == len(direction) and all(a in (1, b) for a, b in zip(shape, direction, strict=True))


def norms_of(shapes: Mapping[str, tuple[int, ...]]) -> Iterator[tuple[NormScale, NormShift]]:
    """Yield scale and shift of the batch norms of a checkpoint, for each usual epsilon."""
    for variance in shapes:
        prefix = variance.removesuffix("running_var")
        mean = f"{prefix}running_mean"
        if prefix == variance or shapes.get(mean) != shapes[variance]:
            continue
        weight, bias = (
            key if shapes.get(key) == shapes[variance] else "" for key in (f"{prefix}weight", f"{prefix}bias")
        )
        for epsilon in _EPSILONS:
            scale = NormScale(weight, variance, epsilon)
            yield scale, NormShift(scale, mean, bias)

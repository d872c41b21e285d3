"""Finds the parameters of a torch module in a file by value, without reading a name of the file.

A stored tensor holds a parameter if its elements, in any order, are among those of the parameter; this finds
transposed, reordered, cut and joined weights. A folded or quantised matrix has other elements; it holds the
parameter of as many elements that it correlates with, in one of the orders of its axes. Some tensors have no
truth: folded and quantised vectors, since the bias of a convolution with a folded norm is computed from four
parameters; vectors in half precision, which are equal by chance; and tensors of one repeated element.

The truth about a tensor is a list of groups: it holds one parameter of each group, and the parameters of a
group are equal.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

Array = NDArray[Any]
Groups = list[list[str]]
_SAMPLES = 64
_HALF = 2
_RELATED = 0.6
"""Minimum correlation. Parameters of random numbers correlate by chance with less than 0.5 in 64 elements."""
_FEWEST = 32
"""Minimum elements of a tensor that is compared by correlation."""


class Parameters:
    """The parameters of a module, prepared for searches."""

    def __init__(self, state: Mapping[str, Array]) -> None:
        self.state = {name: array for name, array in state.items() if array.dtype.kind == "f" and array.size}
        self._sorted = {name: np.unique(array.astype(np.float32)) for name, array in self.state.items()}

    def held_by(self, tensor: Array) -> Groups:
        """Return the parameters that a tensor holds; [] if it holds none."""
        flat = tensor.ravel()
        if not flat.size or flat.dtype.kind not in "fiu":
            return []
        if (flat == flat[0]).all():
            return []
        if flat.dtype.kind == "f" and flat.dtype.itemsize > _HALF and (found := self._containing(flat)):
            return found
        return self._related(tensor)

    def _containing(self, flat: Array) -> Groups:
        """Return the parameters that together contain nearly all of some sampled elements, if any do."""
        places = np.linspace(0, flat.size - 1, min(flat.size, _SAMPLES)).astype(int)
        sample = np.unique(flat[places])
        sample = sample[np.abs(sample) > 0]
        if not len(sample):
            return []
        shares = {n: _share_in(known.astype(flat.dtype), sample) for n, known in self._sorted.items()}
        if whole := [name for name, share in shares.items() if share > 0.95]:
            best = min(abs(self.state[name].size - flat.size) for name in whole)
            return [[name for name in whole if abs(self.state[name].size - flat.size) == best]]
        groups = self._groups([name for name, share in shares.items() if share > 0.1])
        return groups if sum(shares[group[0]] for group in groups) > 0.95 and len(groups) <= 4 else []

    def _groups(self, names: list[str]) -> Groups:
        """Return names in groups of equal parameters."""
        groups: Groups = []
        for name in names:
            array = self.state[name]
            equal = (g for g in groups if np.array_equal(self.state[g[0]], array))
            if (group := next(equal, None)) is None:
                groups.append([name])
            else:
                group.append(name)
        return groups

    def _related(self, tensor: Array) -> Groups:
        """Return the parameter that a matrix correlates with, in any order of its axes."""
        squeezed = tensor.squeeze()
        if squeezed.size < _FEWEST or not 2 <= squeezed.ndim <= 5:
            return []
        shares = {}
        orders = [np.transpose(squeezed, order) for order in permutations(range(squeezed.ndim))]
        for candidate, array in self.state.items():
            if array.size == squeezed.size:
                shares[candidate] = max(abs(_correlation(order, array)) for order in orders)
        best = max(shares.values(), default=0.0)
        return [[name for name, share in shares.items() if share > best - 1e-9]] if best > _RELATED else []


def _share_in(known: Array, sample: Array) -> float:
    """Return the share of the sample that is among the sorted elements."""
    places = np.minimum(np.searchsorted(known, sample), len(known) - 1)
    return float((known[places] == sample).mean())


def _correlation(one: Array, other: Array) -> float:
    places = np.linspace(0, one.size - 1, min(one.size, 2048)).astype(int)
    a, b = one.flat[places], other.flat[places].astype(np.float64)  # without a copy of the whole
    if a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def truth_of(model: onnx.ModelProto, state: Mapping[str, Array]) -> dict[str, Groups]:
    """Return stored tensor -> the parameters that it holds, for the tensors that hold any."""
    parameters = Parameters(state)
    packed = dict(_unpacked(model))
    found = {}
    for name, tensor in _tensors(model):
        array = packed[name] if name in packed else numpy_helper.to_array(tensor)
        if array.dtype.kind not in "fiu":  # types that numpy does not have: 4 bits, bfloat16
            array = array.astype(np.float32)
        if held := parameters.held_by(array):
            found[name] = held
    return found


def save(path: Path, module: Any, model: onnx.ModelProto, state: Mapping[str, Array]) -> None:
    """Write the truth about the weights of a file beside it."""
    content = {
        "parameters": sum(parameter.numel() for parameter in module.parameters()),
        "buffers": [name for name, _ in module.named_buffers()],
        "modules": [name for name, _ in module.named_modules(remove_duplicate=False)],
        "tensors": truth_of(model, state),
        "sizes": {name: array.size for name, array in state.items()},
    }
    path.with_suffix(".weights.json").write_text(json.dumps(content, indent=0) + "\n", encoding="utf-8")


def _tensors(model: onnx.ModelProto) -> Iterator[tuple[str, onnx.TensorProto]]:
    """Yield all dense tensors that a file stores, with their names."""
    graphs = [model.graph]
    nodes = [node for function in model.functions for node in function.node]
    while graphs or nodes:
        if graphs:
            graph = graphs.pop()
            yield from ((tensor.name, tensor) for tensor in graph.initializer)
            nodes += graph.node
            continue
        node = nodes.pop()
        for attribute in node.attribute:
            if attribute.name == "value" and node.op_type == "Constant":
                yield node.output[0], attribute.t
            graphs += [attribute.g] if attribute.HasField("g") else []
            graphs += attribute.graphs


def _unpacked(model: onnx.ModelProto) -> Iterator[tuple[str, Array]]:
    """Yield the weights of MatMulNBits as (N, K) integers."""
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type != "MatMulNBits" or node.input[1] not in tensors:
            continue
        numbers = {attribute.name: attribute.i for attribute in node.attribute}
        stored = numpy_helper.to_array(tensors[node.input[1]]).reshape(numbers["N"], -1)
        yield node.input[1], _unpack(stored, numbers.get("bits", 4))[:, : numbers["K"]]


def _unpack(stored: Array, bits: int) -> Array:
    """Return the integers of rows of bytes, the lowest bits first."""
    each: Sequence[Array] = [(stored >> shift) & (2**bits - 1) for shift in range(0, 8, bits)]
    return np.stack(each, axis=-1).reshape(len(stored), -1)

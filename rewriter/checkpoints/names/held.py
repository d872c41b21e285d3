"""Lists the parameters that the tensors of a file hold, by their names in the state dict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rewriter.evidence.claims import Holds, ParameterClaim
from rewriter.evidence.lost_names.gate_names import GATES, OPERANDS
from rewriter.evidence.parameters.parameter_names import readers_of
from rewriter.model.index.graph import GraphIndex
from rewriter.model.tensors import dtype_name
from rewriter.modules.analysis import Analysis
from rewriter.paths import ModulePath

_ORDERS = {"LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2), "RNN": (0,)}
"""Operator -> the gate of torch at each place of ONNX; see `gate_names`."""


@dataclass(frozen=True, slots=True)
class Held:
    """A parameter in a tensor of the file.

    Attributes:
        key: its name in the state dict, with the prefixes of the file.
        value: the initializer in the index of the model.
        dims: the shape of the initializer.
        data_type: its element type, one of `TensorProto.DataType`.
        claim: the claim of the witness, with what the initializer holds of the parameter.
        gates: for a weight of a recurrent layer: the gate of torch at each place of the initializer; else ().
    """

    key: ModulePath
    value: int
    dims: tuple[int, ...]
    data_type: int
    claim: ParameterClaim
    gates: tuple[int, ...] = ()

    @property
    def initializer(self) -> str:
        """The name of the initializer."""
        return self.claim.initializer

    @property
    def part_dims(self) -> tuple[int, ...]:
        """The shape of the part of the initializer that holds the parameter."""
        return self.claim.part.shape(self.dims) if self.claim.part else self.dims

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The shape in the state dict; None if the file does not show it."""
        dims, holds = self.part_dims, self.claim.holds
        if self.gates:
            return dims[1:] if self.key.name.startswith("weight") else dims[-1:]
        if holds is Holds.TRANSPOSED or (holds is Holds.PART and self.claim.transposed):
            return dims[::-1]
        if holds is Holds.RESHAPED:
            lengths = [size for size in dims if size != 1]
            return tuple(lengths) if len(lengths) == 1 else None
        return dims if holds in (Holds.EXACT, Holds.PART) else None

    @property
    def dtype(self) -> str:
        """The element type, by numpy's name if it has one."""
        return dtype_name(self.data_type)


def held_parameters(analysis: Analysis) -> tuple[Held, ...]:
    """Return the parameters in the initializers of the main graph, in the order of the file.

    The first claim on a parameter of an initializer counts.
    """
    graph = analysis.graph
    found: dict[tuple[int, ModulePath], Held] = {}
    for claim in analysis.parameters:
        value = graph.bodies[0].values.get(claim.initializer)
        if value in graph.initializers:
            tensor = graph.initializers[value]
            gates = _gates(graph, value, claim)
            held = Held(claim.name, value, tuple(tensor.dims), tensor.data_type, claim, gates)
            found.setdefault((value, claim.name), held)
    return tuple(sorted(found.values(), key=lambda each: each.value))


def _gates(graph: GraphIndex, value: int, claim: ParameterClaim) -> tuple[int, ...]:
    """Return the order of the gates in an operand that only recurrent operators read; () for others."""
    orders = {_ORDERS.get(graph.operators[node][1], ()) for node in readers_of(graph, value)}
    kinds = [kind for _, of_operand in OPERANDS.values() for kind in of_operand]
    is_weight = claim.name.name.startswith(tuple(f"{kind}_l" for kind in kinds))
    return orders.pop() if is_weight and len(orders) == 1 else ()


def by_initializer(held: tuple[Held, ...]) -> Iterator[tuple[int, list[Held]]]:
    """Yield each initializer with the parameters that it holds."""
    found: dict[int, list[Held]] = {}
    for each in held:
        found.setdefault(each.value, []).append(each)
    yield from found.items()


assert GATES.keys() == _ORDERS.keys(), "every recurrent operator has an order of its gates"

"""Names of the tensors that recurrent operators read, as torch and ONNX write them.

torch has a parameter for each layer and direction: `weight_ih_l0`, `weight_ih_l0_reverse`. ONNX has one
tensor for both directions, and one for both biases: `W`, `R` and `B`. The order of the gates differs, too:

====  =========================  =========================
      torch                      ONNX
====  =========================  =========================
LSTM  input forget cell output   input output forget cell
GRU   reset update new           update reset new
====  =========================  =========================

So no name of a parameter is right for such a tensor. `restore_names` gives it the name of the operand and the
number of the layer: `lstm.W_l0`. It cannot be mistaken for a parameter of the state dict.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from rewriter.model.index.graph import GraphIndex

OPERANDS: Mapping[int, tuple[str, tuple[str, ...]]] = {
    1: ("W", ("weight_ih",)),
    2: ("R", ("weight_hh",)),
    3: ("B", ("bias_ih", "bias_hh")),
}
"""Position of an operand of LSTM, GRU and RNN -> its name in ONNX, and the parameters in each direction."""
GATES: Mapping[str, int] = {"LSTM": 4, "GRU": 3, "RNN": 1}
"""Operator -> number of its gates."""

_STACKED = re.compile(r"(?:^|\.)([WRB])_l\d+$")
_POSITIONS = {letter: position for position, (letter, _) in OPERANDS.items()}


def is_stacked(graph: GraphIndex, value: int) -> bool:
    """Whether a recurrent operator reads an initializer as the operand that its name states: `lstm.W_l0`."""
    name = graph.value_names[value]
    found = _STACKED.search(name) if isinstance(name, str) and "_l" in name else None
    if found is None:
        return False
    position = _POSITIONS[found[1]]
    return any(
        graph.operators[node][1] in GATES and graph.reads[node][position : position + 1] == [value]
        for node in graph.readers[value]
    )

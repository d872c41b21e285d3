"""Predicted memory of one part of a split model."""

from __future__ import annotations

from dataclasses import dataclass

from rewriter.cutting.piece import Cut
from rewriter.cutting.plan.buffers import peak_of
from rewriter.cutting.plan.run_order import run_order
from rewriter.cutting.plan.value_sizes import ValueSizes
from rewriter.model.index.graph import NONE


@dataclass(frozen=True, slots=True)
class Footprint:
    """Predicted memory of one part, in bytes.

    Attributes:
        weights: initializers and constants that the part reads.
        inputs: its inputs, which the caller holds while the part runs.
        activations: the most that computed values, outputs among them, take at once.
        unknown: reason -> number of nodes whose memory is not counted, wholly or in part.
    """

    weights: int
    inputs: int
    activations: int
    unknown: dict[str, int]

    @property
    def total(self) -> int:
        """The sum: weights, inputs and the peak of activations."""
        return self.weights + self.inputs + self.activations


def footprint_of(sizes: ValueSizes, cut: Cut) -> Footprint:
    """Predict the memory of a part, run without onnxruntime's optimisations.

    Args:
        sizes: the sizes of the values of the main graph.
        cut: the content of the part.
    """
    main = sizes.main
    stored = {node for node in cut.nodes if node in main.portable and node not in sizes.unknown}
    constants = {v for n in stored if not main.graph.reads[n] for v in main.graph.writes[n] if v != NONE}
    order = run_order(main, [node for node in cut.nodes if node not in stored])
    unknown: dict[str, int] = {}
    for node in order:
        if (reason := sizes.unknown.get(node)) is not None:
            unknown[reason] = unknown.get(reason, 0) + 1
    return Footprint(
        weights=sum(map(sizes.size, {*cut.weights, *constants})),
        inputs=sum(map(sizes.size, cut.inputs)),
        activations=peak_of(sizes, order, cut.outputs),
        unknown=unknown,
    )

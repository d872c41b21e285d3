"""Finds tensors that may also stand for a constant of the program, which was equal to a parameter.

Exporters merge equal tensors, and a program has constants that are equal to new parameters: the ones that
stand for the missing weight of a norm, tables of sines. Such a tensor gets new weights only if the file shows
that all its readers read a parameter: the dynamo exporter records torch's operator with its arguments on each
node; in other files, the module of each node has such a parameter.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

import numpy as np

from rewriter.checkpoints.content.independent import is_generated
from rewriter.checkpoints.formula import Formula, Read
from rewriter.checkpoints.tensors.stored_messages import message_of
from rewriter.evidence.metadata.dynamo import FX_NODE, signature
from rewriter.evidence.parameters.parameter_names import readers_of
from rewriter.model.metadata import get
from rewriter.model.tensors import array_of
from rewriter.modules.analysis import Analysis
from rewriter.paths import ROOT, ModulePath

_ARGUMENT = re.compile(r"%(\w+)")


class ConstantReaders:
    """The nodes of a model that may read a constant of the program in a tensor with new weights."""

    def __init__(self, analysis: Analysis) -> None:
        self._analysis = analysis
        self._arguments = {name: short for short, name in signature(analysis.graph).items()}

    def of(self, value: int, names: Collection[str]) -> str | None:
        """Return a node that may read a constant in a tensor; None without one.

        Args:
            value: the tensor.
            names: the names in the file of all parameters that have the new tensor.
        """
        nodes = self._analysis.graph.nodes
        return next((nodes[node].name or nodes[node].op_type for node in self._unshown(value, names)), None)

    def _unshown(self, value: int, names: Collection[str]) -> Iterator[int]:
        """Yield the readers of which nothing shows that they read one of the parameters."""
        readers = readers_of(self._analysis.graph, value)
        arguments = {self._arguments[name] for name in names if name in self._arguments}
        own = str(self._analysis.graph.value_names[value])
        owners = {ModulePath(name).parent or ROOT for name in names}
        for node in readers:
            recorded = get(self._analysis.graph.nodes[node], FX_NODE) if arguments else None
            if recorded:
                if (arguments | {own}).isdisjoint(_ARGUMENT.findall(recorded)):
                    yield node
            elif len(readers) > 1 and self._module_of(node) not in owners:
                yield node

    def _module_of(self, node: int) -> ModulePath | None:
        placement = self._analysis.tree.placements[node]
        return placement.module if placement else None


def changes_generated(analysis: Analysis, value: int, formula: Formula, read: Read) -> bool:
    """Whether the numbers of a tensor show no training, and the new ones are others.

    Args:
        analysis: the model.
        value: the tensor.
        formula: its formula.
        read: reads a new tensor by its name in the file.
    """
    tensor = message_of(analysis.graph, value)
    content = None
    if tensor is not None:
        content = array_of(tensor, analysis.path.parent if analysis.path else None)
    if content is None or not is_generated(content):
        return False
    new = formula.evaluate(read)
    return new.shape != content.shape or not np.array_equal(new.astype(content.dtype), content)

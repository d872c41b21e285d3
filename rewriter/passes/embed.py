"""Pass: move constants of the code into the functions that read them.

`group` makes every initializer that a function reads an input of the function. Parameters should be inputs,
but the shapes, indices and factors that the code of a module contains belong into its body. Such a constant
moves if every call of the function gets the same one. `flatten` undoes the move.

Before::

    g (float[2] x) => (float[1, 2] y)
    <float two = {2}, int64[2] shape = {1, 2}> {
      ["/l"] y = modules.l (x, two, shape)
    }
    <domain: "modules", opset_import: ["" : 17]> l (x, two, shape) => (y) {
      ["/l/Mul"] a = Mul (x, two)
      ["/l/Reshape"] y = Reshape (a, shape)
    }

After::

    g (float[2] x) => (float[1, 2] y) {
      ["/l"] y = modules.l (x)
    }
    <domain: "modules", opset_import: ["" : 17]> l (x) => (y) {
      [two] two = Constant <value: tensor = float two {2}> ()
      [shape] shape = Constant <value: tensor = int64[2] shape {1, 2}> ()
      ["/l/Mul"] a = Mul (x, two)
      ["/l/Reshape"] y = Reshape (a, shape)
    }
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar

from rewriter.evidence.metadata import tags
from rewriter.model import metadata
from rewriter.modules.analysis import Analysis
from rewriter.passes.base import Outcome
from rewriter.passes.functions.constants.embedding import embed
from rewriter.passes.preserved_parts import Part


@dataclass(frozen=True, slots=True)
class Embed:
    """Makes inputs of functions that `group` made constants in them, if every call gives the same constant.

    Constants are initializers that are neither parameters nor buffers in the tree, of at most 1,024 bytes.
    """

    name: ClassVar[str] = "embed"
    requires: ClassVar[frozenset[Part]] = frozenset()
    preserves: ClassVar[frozenset[Part]] = frozenset({Part.METADATA})
    undone: ClassVar[bool] = True

    def run(self, analysis: Analysis) -> Outcome:
        """Move the constants that `group` recorded; a model that it did not write stays as it is."""
        model = analysis.model
        try:
            names = [*map(str, json.loads(metadata.get(model, tags.CONSTANTS) or "[]"))]
        except (ValueError, TypeError):
            names = []
        metadata.erase(model, [tags.CONSTANTS])
        return Outcome({"constants moved into functions": embed(model, names)})

"""In the child: measures the local errors of the values of a second model.

In numerical analysis, the error of a value is part local and part propagated. The local error is what remains
if all operands are exact. Here, the second model computes a value from the values of the first model, as far
as these have counterparts, and the result is compared with the value of the first model.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from rewriter.runtime.compare.fingerprints import MOST_BYTES
from rewriter.runtime.compare.intermediate_values import Exposed, in_parts
from rewriter.runtime.compare.tolerance import Distance, distance
from rewriter.runtime.inputs.feeds import Array
from rewriter.runtime.local_errors.forced_model import ForcedModel, element_type
from rewriter.runtime.ort.sessions import RunError
from rewriter.runtime.recording.input_sets import InputSets
from rewriter.runtime.recording.recorded_values import RecordedValues


class Form(NamedTuple):
    """Shape and type of a value in one input set."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


Forms = dict[str, tuple[Form, ...]]
"""Value -> its form in every input set."""


def forms_of(values: Mapping[str, Sequence[Array]]) -> Forms:
    """Return the forms of values."""
    return {name: tuple(Form(a.shape, a.dtype) for a in arrays) for name, arrays in values.items()}


@dataclass(slots=True)
class LocalErrors:
    """Measurement of local errors, in parts that fit into memory.

    Attributes:
        first: the model whose values count as exact.
        second: the model whose errors are measured.
        counterparts: value of the second model's main graph -> its counterpart in the first, with as many
            elements of the same kind.
        forms: the forms of these values of the second model.
        errors: value of the second model -> the largest local error over the input sets.
        as_read: function that the second model applies to the values of the first, such as rounding.
        random: values of the second model that depend on random numbers that both models draw, each behind
            the values that it shares with the other.
        unmeasured: the reason why a value has none, from onnxruntime; None if no run failed.
    """

    first: Exposed | RecordedValues
    second: Exposed
    counterparts: Mapping[str, str]
    forms: Forms
    as_read: Callable[[Array], Array] = lambda array: array
    errors: dict[str, Distance] = field(default_factory=dict)
    random: frozenset[str] = frozenset()
    unmeasured: str | None = None

    def measure(self, names: Collection[str], sizes: Mapping[str, int]) -> None:
        """Measure values of the second model.

        Args:
            names: the values; those that no node of the main graph computes are left out.
            sizes: value of the first model -> bytes that it takes in all input sets.
        """
        known = [name for name in self.counterparts if element_type(self.forms[name][0].dtype)]
        forced, twin = ForcedModel(self.second.model, known), self.counterparts
        names = [name for name in names if name in forced.forced]
        self.random = frozenset(filter(forced.draws, names)) & self._drawn([twin[name] for name in known])
        needs = ((n, {twin[each] for each in (n, *forced.reads(n))}) for n in names)
        for part in in_parts(needs, sizes, MOST_BYTES):
            read = {each for name in part for each in (name, *forced.reads(name))}
            exact = self.first.values(sorted({twin[each] for each in read}))
            self._measure(forced, part, exact)

    def _drawn(self, names: Collection[str]) -> frozenset[str]:
        """Return the values of the second model for whose counterparts the first may draw random numbers.

        Those are all if the first model ran elsewhere.
        """
        twins = ((name, other) for name, other in self.counterparts.items() if other in names)
        if isinstance(self.first, RecordedValues):
            return frozenset(name for name, _ in twins)
        original = ForcedModel(self.first.model, names)
        return frozenset(name for name, other in twins if other in original.forced and original.draws(other))

    def _measure(
        self, forced: ForcedModel, names: Sequence[str], exact: Mapping[str, Sequence[Array]]
    ) -> None:
        """Measure one part; if onnxruntime refuses it, measure its halves."""
        try:
            self.errors.update(self._errors(forced, names, exact))
        except RunError as error:
            if len(names) > 1:
                self._measure(forced, names[: len(names) // 2], exact)
                self._measure(forced, names[len(names) // 2 :], exact)
            else:
                self.unmeasured = self.unmeasured or str(error)

    def _errors(
        self, forced: ForcedModel, names: Sequence[str], exact: Mapping[str, Sequence[Array]]
    ) -> dict[str, Distance]:
        types = {name: element_type(self.forms[name][0].dtype) for name in forced.forced}
        part, added = forced.part(names, types)
        asked = {info.name for info in part.graph.input}
        data = self.second.data
        feeds = [
            {name: array for name, array in given.items() if name in asked}
            | {each.name: self._exact(each.name, number, exact) for each in added}
            for number, given in enumerate(data.sets)
        ]
        inputs = (*(each for each in data.inputs if each.name in asked), *added)
        sets = InputSets(data.folder, inputs, feeds)
        found: dict[str, Distance] = {}
        for number, results in enumerate(sets.run(sets.session(part))):
            for name, result in zip(names, results, strict=True):
                error = distance(exact[self.counterparts[name]][number], np.asarray(result))
                found[name] = max(found.get(name, error), error)
        return found

    def _exact(self, name: str, number: int, exact: Mapping[str, Sequence[Array]]) -> Array:
        """Return the value of the first model in the form of its counterpart in the second."""
        form = self.forms[name][number]
        return self.as_read(exact[self.counterparts[name]][number].reshape(form.shape).astype(form.dtype))

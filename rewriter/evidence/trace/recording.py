"""Plain data of one run of a torch module: calls, the steps in them, and values.

`recorder` makes a recording with torch; any other tool that knows the calls of a model can make one too. A
step is one operator that a call runs itself, not in a nested call. A recording may have no steps.
A value is a number; values of equal content may have different numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from rewriter.paths import ROOT, ModulePath
from rewriter.runtime.compare.fingerprints import Fingerprint, fingerprint
from rewriter.runtime.inputs.feeds import Array

NOWHERE = -1
"""Stands for no call, no step and no tensor."""


class Call(NamedTuple):
    """Call `number` (from 0) of `module`, made by the call `parent`, with its inputs and outputs."""

    module: ModulePath
    class_name: str | None
    number: int
    parent: int
    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()


class Step(NamedTuple):
    """An operator that `call` ran itself; `operator` is its name in torch, such as `addmm`."""

    call: int
    operator: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Recording:
    """One run of a module.

    Attributes:
        calls: the calls in the order in which they began, the root first.
        steps: the steps in execution order.
        prints: value -> its fingerprint; None without one.
        homes: value -> the call in which it was made; NOWHERE for inputs, parameters and buffers of the
            model, and for values that no call made, received or returned.
        makers: value -> the step that made it; NOWHERE if no step did, or none is known.
        classes: module -> its fully qualified class, including modules that were never called, if known.
    """

    calls: tuple[Call, ...]
    steps: tuple[Step, ...]
    prints: tuple[Fingerprint | None, ...]
    homes: tuple[int, ...]
    makers: tuple[int, ...]
    classes: dict[ModulePath, str]


@dataclass(frozen=True, slots=True)
class Trace:
    """Runs of one module on the same sample inputs.

    Attributes:
        recordings: one for each mode of the recorder in which the module runs.
        inputs: name and array of every input; the name is '' for one given by position or inside a list.
    """

    recordings: tuple[Recording, ...]
    inputs: tuple[tuple[str, Array], ...]


Tracer = Callable[[Mapping[str, Array]], Trace]
"""Runs a module on the given inputs, by name, and returns its trace; raises UsageError if it fails."""


class Recorder:
    """Records a run by `enter`, `step` and `leave`."""

    def __init__(self, class_name: str | None = None) -> None:
        self._calls = [Call(ROOT, class_name, 0, NOWHERE)]
        self._steps: list[Step] = []
        self._prints: list[Fingerprint | None] = []
        self._homes: list[int] = []
        self._makers: list[int] = []
        self._stack = [0]
        self._counts: Counter[ModulePath] = Counter()
        self._given: set[int] = set()

    def value(self, array: Any, *, given: bool = False) -> int:
        """Number a new value. No call makes a `given` value: an input, a parameter or a buffer."""
        number = len(self._prints)
        self._prints.append(fingerprint(array))
        self._homes.append(NOWHERE)
        self._makers.append(NOWHERE)
        if given:
            self._given.add(number)
        return number

    def enter(self, module: str, class_name: str | None, inputs: Iterable[int]) -> None:
        """Begin a call. The caller becomes the home of inputs that have no home and are not `given`."""
        values = tuple(inputs)
        self._home(values)
        path = ModulePath(module)
        self._calls.append(Call(path, class_name, self._counts[path], self._stack[-1], values))
        self._counts[path] += 1
        self._stack.append(len(self._calls) - 1)

    def step(self, operator: str, inputs: Iterable[int], outputs: Iterable[int]) -> None:
        """Record an operator of the running call."""
        step = Step(self._stack[-1], operator, tuple(inputs), tuple(outputs))
        for value in step.outputs:
            if self._makers[value] == NOWHERE and value not in self._given:
                self._makers[value] = len(self._steps)
        self._home(step.outputs)
        self._steps.append(step)

    def leave(self, outputs: Iterable[int]) -> None:
        """End the running call. It becomes the home of outputs that have no home and are not `given`."""
        values = tuple(outputs)
        self._home(values)
        call = self._stack.pop()
        self._calls[call] = self._calls[call]._replace(outputs=values)

    def recording(self, classes: dict[ModulePath, str] | None = None) -> Recording:
        """Return the recording of the run so far; without `classes`, those of the called modules."""
        return Recording(
            tuple(self._calls),
            tuple(self._steps),
            tuple(self._prints),
            tuple(self._homes),
            tuple(self._makers),
            classes or {call.module: call.class_name for call in self._calls if call.class_name},
        )

    def _home(self, values: Iterable[int]) -> None:
        for value in values:
            if self._homes[value] == NOWHERE and value not in self._given:
                self._homes[value] = self._stack[-1]

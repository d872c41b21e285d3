"""What a torch module did on sample inputs, as plain data: calls, the steps in them, the values in between.

`tracing` writes this with torch; anything else that knows the calls of a model can do so as well. A step is
one operator that a call runs itself, not through a module it calls; a recording without steps is one of
calls alone. Values are numbers: the same number is the same value, told apart from others that are equal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from rewriter.paths import ROOT, ModulePath
from rewriter.runtime.feeds import Array
from rewriter.runtime.fingerprints import Fingerprint, fingerprint

NOWHERE = -1
"""Stands for no call and no step."""


class Call(NamedTuple):
    """One call: the `number`th of `module`, from 0, made by the call `parent`; values in, values out."""

    module: ModulePath
    class_name: str | None
    number: int
    parent: int
    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()


class Step(NamedTuple):
    """One operator run in `call` itself; `operator` is torch's word for it, such as `addmm`."""

    call: int
    operator: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Recording:
    """One run of a module.

    Attributes:
        calls: in the order in which they began, the root first.
        steps: in the order in which they ran.
        prints: value -> its fingerprint; None where it has none.
        homes: value -> the call in which it was made; NOWHERE for inputs of the model and for parameters.
        makers: value -> the step that made it; NOWHERE where a call is all that is known of it.
        classes: module -> its fully qualified class, modules never called included.
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
        recordings: as different exporters would see it; most of them are the same.
        inputs: name and array of every input; the name is '' where it was given by position.
    """

    recordings: tuple[Recording, ...]
    inputs: tuple[tuple[str, Array], ...]


Tracer = Callable[[Mapping[str, Array]], Trace]
"""Runs a module on inputs made for a file, by name; raises UsageError where it does not run."""


class Recorder:
    """Takes down a run as it goes: `enter`, `step`, `leave`."""

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
        """A number for a new value; `given` are those that no call makes: model inputs, parameters."""
        number = len(self._prints)
        self._prints.append(fingerprint(array))
        self._homes.append(NOWHERE)
        self._makers.append(NOWHERE)
        if given:
            self._given.add(number)
        return number

    def enter(self, module: str, class_name: str | None, inputs: Iterable[int]) -> None:
        """A call begins. Inputs never seen before were made by its caller."""
        values = tuple(inputs)
        self._home(values)
        path = ModulePath(module)
        self._calls.append(Call(path, class_name, self._counts[path], self._stack[-1], values))
        self._counts[path] += 1
        self._stack.append(len(self._calls) - 1)

    def step(self, operator: str, inputs: Iterable[int], outputs: Iterable[int]) -> None:
        """The call that is running ran an operator."""
        step = Step(self._stack[-1], operator, tuple(inputs), tuple(outputs))
        for value in step.outputs:
            if self._makers[value] == NOWHERE and value not in self._given:
                self._makers[value] = len(self._steps)
        self._home(step.outputs)
        self._steps.append(step)

    def leave(self, outputs: Iterable[int]) -> None:
        """The call that is running ends. Outputs never seen before were made by it."""
        values = tuple(outputs)
        self._home(values)
        call = self._stack.pop()
        self._calls[call] = self._calls[call]._replace(outputs=values)

    def recording(self, classes: dict[ModulePath, str] | None = None) -> Recording:
        """What was taken down."""
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

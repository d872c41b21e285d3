"""In the child: runs both models with inner values as outputs, some at a time. Values stay in the process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import onnx

from rewriter.runtime.child.job import Job
from rewriter.runtime.compare.fingerprints import MOST_BYTES
from rewriter.runtime.compare.intermediate_values import Exposed, in_parts
from rewriter.runtime.compare.outcome import Stage
from rewriter.runtime.compare.value_pairs import (
    Compared,
    Pair,
    PortNames,
    PortRequest,
    PortRuns,
    compare_port,
)
from rewriter.runtime.inputs.feeds import Array
from rewriter.runtime.inputs.input import Input
from rewriter.runtime.inputs.input_search import find_inputs
from rewriter.runtime.inputs.signature import signature
from rewriter.runtime.local_errors.measurement import Form, Forms, LocalErrors, forms_of
from rewriter.runtime.ort.sessions import RunError, Session
from rewriter.runtime.recording.input_sets import InputSets
from rewriter.runtime.recording.recorded_values import RecordedValues


def compare_ports(job: Job[PortRequest]) -> PortRuns:
    """Find inputs, then compare the values of each port; if any differ, measure local errors, too."""
    request = job.request
    drawn = job.models[request.drawn_for]
    found = find_inputs(job, request.drawing, lambda: Session(drawn.path, drawn.folder))
    return _Comparison(job, found.feeds).runs()


class _Comparison:
    """Both models on the same input sets.

    Attributes:
        sizes: for each model, value that can be recorded -> its bytes in all input sets.
        forms: for each model, the forms of the values read so far.
    """

    def __init__(self, job: Job[PortRequest], sets: Sequence[Mapping[str, Array]]) -> None:
        self.job, self.request, self.sets = job, job.request, sets
        self.sizes: dict[Stage, dict[str, int]] = {}
        self.models: dict[Stage, Exposed | RecordedValues] = {}
        self.forms: dict[Stage, Forms] = {stage: {} for stage in Stage}
        for stage in Stage:
            try:
                self.models[stage] = self._opened(job, stage)
                self.sizes[stage] = self.models[stage].sizes(self._asked(stage))
            except RunError as error:
                raise RunError(f"the {stage} model does not run: {error}") from error

    def _opened(self, job: Job[PortRequest], stage: Stage) -> Exposed | RecordedValues:
        if stage is Stage.FIRST and self.request.recorded is not None:
            return RecordedValues(self.request.recorded)
        return _exposed(job, stage, self.sets)

    def runs(self) -> PortRuns:
        """Return the results of all ports; leave them without local errors first, as time may run out."""
        ports = self._compared()
        if not any(pair.relative > self.request.tolerance for port in ports for pair in port.pairs):
            return PortRuns(len(self.sets), ports)
        self.job.leave(PortRuns(len(self.sets), ports))
        second = self.models[Stage.SECOND]
        assert isinstance(second, Exposed)
        measured = LocalErrors(
            self.models[Stage.FIRST],
            second,
            self._counterparts(ports),
            self.forms[Stage.SECOND],
        )
        differing = [p.after for port in ports for p in port.pairs if p.max_abs]
        names = (name for name in dict.fromkeys(differing) if name in measured.counterparts)
        measured.measure(list(names), self.sizes[Stage.FIRST])
        ports = tuple(_with_local_errors(port, measured) for port in ports)
        return PortRuns(len(self.sets), ports, unmeasured=measured.unmeasured)

    def _compared(self) -> tuple[Compared, ...]:
        both = {(stage, name): size for stage in Stage for name, size in self.sizes[stage].items()}
        steps = (self.models[Stage.FIRST].steps, self.models[Stage.SECOND].steps)
        compared: list[Compared] = []
        for part in in_parts(((port, _values(port)) for port in self.request.ports), both, MOST_BYTES):
            before, after = (self._read(stage, part) for stage in Stage)
            compared.extend(compare_port(port, before, after, self.request.tolerance, steps) for port in part)
        return tuple(compared)

    def _read(self, stage: Stage, ports: Sequence[PortNames]) -> dict[str, list[Array]]:
        names = dict.fromkeys(name for port in ports for name in _side(port, stage))
        values = self.models[stage].values([name for name in names if name in self.sizes[stage]])
        self.forms[stage].update(forms_of(values))
        return values

    def _asked(self, stage: Stage) -> Iterable[str]:
        return (name for port in self.request.ports for name in _side(port, stage))

    def _counterparts(self, ports: Sequence[Compared]) -> dict[str, str]:
        """Return value of the second model -> its counterpart in the first; each has at most one.

        Pairs of outputs, which every second port has, decide before pairs of inputs: a call has fewer
        outputs, so they are confused less often. Values of bodies are left out.
        """
        first, second = self.models[Stage.FIRST], self.models[Stage.SECOND]
        found: dict[str, str] = {}
        taken: set[str] = set()
        for port in (*ports[::2], *ports[1::2]):
            for pair in port.pairs:
                inner = pair.before in first.steps or pair.after in second.steps
                if not inner and pair.after not in found and pair.before not in taken and self._alike(pair):
                    found[pair.after] = pair.before
                    taken.add(pair.before)
        return found

    def _alike(self, pair: Pair) -> bool:
        """Whether the values of a pair are both floats, or both no floats."""
        before, after = self.forms[Stage.FIRST][pair.before], self.forms[Stage.SECOND][pair.after]
        return all(_is_whole(x) == _is_whole(y) for x, y in zip(before, after, strict=True))


def _is_whole(form: Form) -> bool:
    return form.dtype.kind in "biu"


def _with_local_errors(port: Compared, measured: LocalErrors) -> Compared:
    pairs = tuple(
        pair._replace(local=measured.errors.get(pair.after), random=pair.after in measured.random)
        if measured.counterparts.get(pair.after) == pair.before
        else pair
        for pair in port.pairs
    )
    return port._replace(pairs=pairs)


def _exposed(job: Job[PortRequest], stage: Stage, sets: Sequence[Mapping[str, Array]]) -> Exposed:
    sent = job.models[stage]
    model = onnx.load(sent.path, load_external_data=False)
    inputs = signature(model)
    if stage is not job.request.drawn_for:
        sets = [_renamed(feeds, inputs, job.request.renamed) for feeds in sets]
    return Exposed(model, InputSets(sent.folder, inputs, sets))


def _renamed(
    feeds: Mapping[str, Array], inputs: Sequence[Input], renamed: Mapping[str, str]
) -> dict[str, Array]:
    """Return the arrays under the names of the other model's inputs; numbers get the types of these inputs.

    Arrays for inputs without a counterpart in the other model are left out.
    """
    found: dict[str, Array] = {}
    types = {each.name: each.dtype for each in inputs}
    for name, array in feeds.items():
        if (wanted := renamed.get(name)) in types:
            same = array.dtype in (types[wanted], object)
            found[wanted] = array if same else array.astype(types[wanted])
    return found


def _side(port: PortNames, stage: Stage) -> tuple[str, ...]:
    return port.before if stage is Stage.FIRST else port.after


def _values(port: PortNames) -> set[tuple[Stage, str]]:
    return {(stage, name) for stage in Stage for name in _side(port, stage)}

"""In the child: runs both models with inner values as outputs, some at a time. Values stay in the process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import onnx

from rewriter.runtime.child.job import Job
from rewriter.runtime.compare.fingerprints import MOST_BYTES
from rewriter.runtime.compare.intermediate_values import Exposed, in_parts
from rewriter.runtime.compare.outcome import Stage
from rewriter.runtime.compare.value_pairs import Compared, PortNames, PortRequest, PortRuns, compare_port
from rewriter.runtime.inputs.feeds import Array
from rewriter.runtime.inputs.input import Input
from rewriter.runtime.inputs.input_search import find_inputs
from rewriter.runtime.inputs.signature import signature
from rewriter.runtime.ort.sessions import Session
from rewriter.runtime.recording.input_sets import InputSets


def compare_ports(job: Job[PortRequest]) -> PortRuns:
    """Find inputs, then compare the values of each port."""
    request, original = job.request, job.models[Stage.FIRST]
    found = find_inputs(job, request.drawing, lambda: Session(original.path, original.folder))
    before, after = (_exposed(job, stage, found.feeds) for stage in Stage)
    sizes = before.sizes(name for port in request.ports for name in port.before)
    other_sizes = after.sizes(name for port in request.ports for name in port.after)
    both = {("before", name): size for name, size in sizes.items()}
    both.update({("after", name): size for name, size in other_sizes.items()})
    compared: list[Compared] = []
    for part in in_parts(((port, _values(port)) for port in request.ports), both, MOST_BYTES):
        values = before.values(_names((port.before for port in part), sizes))
        others = after.values(_names((port.after for port in part), other_sizes))
        steps = (before.steps, after.steps)
        compared.extend(compare_port(port, values, others, request.tolerance, steps) for port in part)
    return PortRuns(len(found.feeds), tuple(compared))


def _exposed(job: Job[PortRequest], stage: Stage, sets: Sequence[Mapping[str, Array]]) -> Exposed:
    sent = job.models[stage]
    model = onnx.load(sent.path, load_external_data=False)
    inputs = signature(model)
    if stage is Stage.SECOND:
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


def _values(port: PortNames) -> set[tuple[str, str]]:
    return {("before", name) for name in port.before} | {("after", name) for name in port.after}


def _names(sides: Iterable[Sequence[str]], sizes: Mapping[str, int]) -> list[str]:
    return list(dict.fromkeys(name for side in sides for name in side if name in sizes))

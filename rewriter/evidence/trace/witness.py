"""Witness: matches the tensors that flow in the torch module with the values of the file.

The module runs under hooks on sample inputs (`recorder`); the file runs on the same inputs with the values of
its main graph observed (`intermediates`). A value with the content of a torch tensor was computed in the call
that made the tensor. Values without a match (parts of an operator that torch runs as one, shapes, constants)
lie between matched ones; `call_extents` places their nodes by the readers, the inputs and the file order.

Tensors of equal content are distinguished by their operands, shapes, order and operators; among the rest the
least matched and then the earliest is taken, since exporters compute equal values once. Names of nodes and
values show nothing here. If the readers show several calls and the file order does not choose, the claim is
on their common caller, but on the root only if a reader needs the value there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rewriter.errors import UsageError
from rewriter.evidence.certainty import PlacementRule
from rewriter.evidence.claims import Claim, Source, Testimony
from rewriter.evidence.trace.call_extents import Found, enclose
from rewriter.evidence.trace.recording import NOWHERE, Recording, Trace, Tracer
from rewriter.evidence.trace.sample_inputs import drawn, feeds_of
from rewriter.evidence.trace.tensor_search import TOLERANCE
from rewriter.evidence.trace.value_matches import Matched, match
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.runtime.compare.fingerprints import Fingerprint, fingerprint
from rewriter.runtime.compare.intermediates import intermediates

STRANGE = "--trace: no value of this file is one of the module's; are its weights those of the file?"
OTHER_RESULTS = "--trace: not all results of this file are the module's; the trace places only what agrees"
_HALF = frozenset({10, 16})
"""float16 and bfloat16 as `TensorProto.DataType`."""
_COARSE = 2e-2


@dataclass(frozen=True, slots=True)
class _MatchedRecording:
    """One recording matched with the file."""

    recording: Recording
    matched: Matched


def testify(graph: GraphIndex, trace: Trace | Tracer, path: Path | None) -> Testimony:
    """Return claims on the nodes that the trace explains, with classes and calls of all modules of the trace.

    If no value of the file matches, return a note alone.

    Args:
        graph: the model.
        trace: a trace of its module, or a function that traces the module on inputs drawn here.
        path: the file of the model; its external data lies beside it.

    Raises:
        UsageError: the model or the module does not run on the inputs, the inputs of the trace do not fit
            the model, or no inputs can be drawn.
    """
    if isinstance(trace, Trace):
        return _testify(graph, trace, path)
    failure = UsageError("--trace: no inputs can be drawn for this file; give some beside the module")
    for feeds in drawn(graph.model):
        try:
            return _testify(graph, trace(feeds), path)
        except UsageError as error:
            failure = UsageError(f"{error}; the inputs were drawn, give some beside the module")
    raise failure


def _testify(graph: GraphIndex, trace: Trace, path: Path | None) -> Testimony:
    feeds = feeds_of(graph.model, trace)
    values = intermediates(graph.model, path.parent if path else None, feeds)
    given = {name: print_ for name, array in feeds.items() if (print_ := fingerprint(array))}
    return compare(graph, trace.recordings, values, given)


def compare(
    graph: GraphIndex,
    recordings: Sequence[Recording],
    values: dict[str, Fingerprint],
    inputs: dict[str, Fingerprint],
) -> Testimony:
    """Return the testimony from recordings of the module and values of the file.

    Args:
        graph: the model.
        recordings: runs of the module, the most preferred first; the one with most matches counts.
        values: name -> fingerprint, for the values that nodes of the main graph write.
        inputs: name -> fingerprint, for the inputs of the graph.
    """
    half = any(tensor.data_type in _HALF for tensor in graph.initializers.values())
    tolerance = _COARSE if half else TOLERANCE
    readings = [
        _MatchedRecording(recording, match(graph, recording, values | inputs, tolerance=tolerance))
        for recording in recordings
    ]
    best = max(readings, key=lambda reading: len(reading.matched.tensors))
    if not best.matched.tensors:
        return Testimony(notes=(STRANGE,))
    recording = best.recording
    claims = [
        _claim(node, recording, found)
        for node, found in sorted(enclose(graph, recording, best.matched).items())
    ]
    counts = dict.fromkeys(recording.classes, 0)
    for call in recording.calls:
        counts[call.module] = call.number + 1
    results = [value for value in graph.bodies[0].results if value != NONE and graph.producer[value] != NONE]
    strange = any(value not in best.matched.tensors for value in results)
    return Testimony(
        tuple(claims),
        dict(recording.classes),
        called=frozenset(call.module for call in recording.calls),
        calls=counts,
        notes=(OTHER_RESULTS,) if strange else (),
    )


def _claim(node: int, recording: Recording, found: Found) -> Claim:
    call = recording.calls[found.call]
    text, rule = found.why, PlacementRule.ENCLOSED
    if found.tensor != NOWHERE:
        maker = recording.makers[found.tensor]
        text = f"its result is that of {recording.steps[maker].operator}" if maker != NOWHERE else text
        rule = PlacementRule.MATCHED
    return Claim(node, call.module, call.class_name, Source.ACTIVATION, call.number, text, rule)

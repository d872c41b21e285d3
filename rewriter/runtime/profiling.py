"""Runs one model under onnxruntime's profiler in a child process, as onnxruntime runs it by default.

Files in the folder, beside those of `protocol`:

asked.json        Asked
optimised.onnx    the graph as onnxruntime optimised it, whose nodes are the kernels
profile.json      the events of the profiler
reason            why there is nothing, in one line
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import onnx
from google.protobuf.message import EncodeError

from rewriter.model.graph import GraphIndex
from rewriter.runtime.feeds import Array, Plan
from rewriter.runtime.handed import write_inputs
from rewriter.runtime.kernels import KernelProfile, ProfileError, parse_events, read_profile
from rewriter.runtime.overloads import misread
from rewriter.runtime.protocol import Request, Stage, one_line
from rewriter.runtime.sessions import demand_result, in_child, scratch
from rewriter.runtime.weights import SharedWeights, holds_weights

_WORKER = "rewriter.runtime.profile_worker"
_PROBING_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Asked:
    """How to run: measured runs, runs before them, threads of an operator (0: as onnxruntime chooses).

    Without `rounds` the model is only optimised.
    """

    rounds: int
    warmup: int
    threads: int


@dataclass(frozen=True, slots=True)
class Profiled:
    """What came of it: the kernels, the optimised graph without weights, or why there is nothing.

    `names` are those that the nodes of the model were given, in the order of its GraphIndex: no two alike.
    """

    names: tuple[str, ...] = ()
    kernels: KernelProfile | None = None
    optimised: onnx.ModelProto | None = None
    skipped: str | None = None


def profile_runs(
    model: onnx.ModelProto,
    folder: Path | None,
    plan: Plan | None,
    asked: Asked,
    *,
    given: Mapping[str, Array] | None,
    rename: bool,
    timeout: float,
) -> Profiled:
    """Run a model under the profiler, or only let onnxruntime optimise it.

    Args:
        model: the structure; external weights stay in their files. Never changed.
        folder: where these files lie.
        plan: how to draw inputs; None where nothing is run.
        asked: how to run.
        given: one array per input, instead of drawn ones.
        rename: give every node a name of its own first, so that every kernel can be told.
        timeout: seconds for everything.

    Returns:
        What was found; a crash or a timeout is told, never raised.

    Raises:
        NoRuntime: onnxruntime does not import here.
    """
    if reason := misread(model):
        return Profiled(skipped=reason)
    with scratch() as place:
        data = None if folder is None else str(folder.resolve())
        small = onnx.ModelProto()
        if holds_weights(model):
            small.CopyFrom(SharedWeights(place).move({"model": model})["model"])
            data = str(place)
        else:
            small.CopyFrom(model)
        names = _name_nodes(small) if rename else ()
        inputs = plan if plan is not None else Plan((), {})
        folders: dict[Stage, str | None] = dict.fromkeys(Stage, data)
        request = Request(inputs, 1, 0, given is not None, False, timeout * _PROBING_SHARE, folders)
        request.write(place / "request.json")
        (place / "asked.json").write_text(json.dumps(asdict(asked)), encoding="utf-8")
        try:
            (place / Stage.FIRST.model).write_bytes(small.SerializeToString())
        except (EncodeError, ValueError):
            return Profiled(skipped="a model over 2 GB with its weights loaded cannot be run")
        if given is not None:
            write_inputs(place, (given[each.name] for each in inputs.inputs))
        code = in_child(_WORKER, place, timeout)
        if (why := demand_result(place, code, "optimised.onnx")) is not None:
            return Profiled(skipped=why)
        return _collected(place, names, asked)


def _collected(place: Path, names: tuple[str, ...], asked: Asked) -> Profiled:
    optimised = onnx.load(place / "optimised.onnx", load_external_data=False)
    if not asked.rounds:
        return Profiled(names, None, optimised)
    try:
        events = parse_events((place / "profile.json").read_text(encoding="utf-8", errors="replace"))
        return Profiled(names, read_profile(events, warmup=asked.warmup), optimised)
    except (OSError, ProfileError, ValueError) as error:
        return Profiled(skipped=one_line(f"onnxruntime's profile cannot be read: {error}"))


def _name_nodes(model: onnx.ModelProto) -> tuple[str, ...]:
    """Give every node a name that no other has; one that is its own already is kept."""
    nodes = GraphIndex(model).nodes
    taken: set[str] = set()
    for number, node in enumerate(nodes):
        name = node.name
        if not isinstance(name, str) or not name or name in taken:
            name = f"{node.op_type}#{number}"
            while name in taken:
                name += "'"
            node.name = name
        taken.add(name)
    return tuple(node.name for node in nodes)

"""Runs a model and pieces of it in a child process: do the pieces compute what the whole does?

The whole runs once per input set with every value that a piece takes or gives among its outputs. Each piece
then runs on what was recorded (`chain` false), or on the inputs of the whole and what earlier pieces gave.

    request.json, input-<n>.pb   as in `protocol`           original.onnx   the whole, with more outputs
    parts.json                   which pieces, and how      part-<n>.onnx   their structure
    verdicts.json                what was found, at the end
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import onnx
from google.protobuf.message import EncodeError

from rewriter.runtime.feeds import Array, Plan
from rewriter.runtime.handed import write_inputs
from rewriter.runtime.overloads import first_misread
from rewriter.runtime.protocol import Outcome, Request, Stage, one_line
from rewriter.runtime.seeds import seeded
from rewriter.runtime.sessions import in_child, scratch, why_failed
from rewriter.runtime.weights import SharedWeights, holds_weights

_WORKER = "rewriter.runtime.parts_worker"
_PROBING_SHARE = 0.25
WHOLE = "whole"
"""The key of the whole among the models that share one file of weights."""


@dataclass(frozen=True, slots=True)
class Part:
    """One piece to run.

    Attributes:
        model: its structure; external weights lie where those of the whole do.
        recorded: name of an input or output of the piece -> its name in the whole.
    """

    model: onnx.ModelProto
    recorded: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PartRun:
    """What was found of one piece.

    Attributes:
        fault: what onnx's full checker or onnxruntime has against the model; None where both take it.
        fault_of_whole: the same has something against the whole as well, so the fault is no news.
        outcome: the numbers.
        unsteady: outputs that differ, but from run to run of the whole as well: not held against the piece,
            and in a chain recorded ones are handed on.
        unchecked: why neither was asked; None where both were.
    """

    fault: str | None
    fault_of_whole: bool
    outcome: Outcome
    unsteady: tuple[str, ...] = ()
    unchecked: str | None = None


@dataclass(frozen=True, slots=True)
class WholeRun:
    """How the whole is run.

    Attributes:
        whole: the model that pieces were cut from; external weights stay in their files.
        folder: where the external data of it and its pieces lies.
        plan: how to draw input sets for the whole; or why it is not to be run.
        given: one array per input of the plan, used instead of drawn ones.
        sets: how many input sets to draw.
        timeout: seconds for everything.
        seed: of the drawing.
    """

    whole: onnx.ModelProto
    folder: Path | None
    plan: Plan | str
    given: Mapping[str, Array] | None
    sets: int
    timeout: float
    seed: int = 0

    def judge(self, parts: Sequence[Part], *, chain: bool) -> tuple[PartRun, ...]:
        """Check pieces with onnx's full checker, load them in onnxruntime, and compare what they give.

        Args:
            parts: the pieces; those of a chain in order.
            chain: whether a piece is fed what earlier ones gave instead of what was recorded.

        Returns:
            One verdict per piece. Never raises for what a model does.
        """
        names = (name for part in parts for name in part.recorded.values())
        with scratch() as place:
            fault = self._ask(place, names, parts, chain=chain)
            code = None if fault else in_child(_WORKER, place, self.timeout)
            answer = place / "verdicts.json"
            if answer.exists():
                found = json.loads(answer.read_text(encoding="utf-8"))["verdicts"]
                return tuple(
                    PartRun(
                        each["fault"],
                        each["fault_of_whole"],
                        Outcome(**each["outcome"]),
                        tuple(each["unsteady"]),
                    )
                    for each in found
                )
            why = fault or self._not_done(place, code)
            silent = Outcome(skipped=why)
            if code is not None and code < 0 and _stage(place) not in ("", Stage.FIRST):
                silent = Outcome(error=why)
            return (PartRun(None, False, silent, unchecked=why),) * len(parts)

    def ranks(self, names: Iterable[str]) -> dict[str, int]:
        """The number of dimensions that values have when the whole runs; those that vary are left out."""
        with scratch() as place:
            if self._ask(place, names, (), chain=False) is None:
                in_child(_WORKER, place, self.timeout)
            answer = place / "verdicts.json"
            if not answer.exists():
                return {}
            found: dict[str, int] = json.loads(answer.read_text(encoding="utf-8"))["ranks"]
            return found

    def _ask(self, place: Path, names: Iterable[str], parts: Sequence[Part], *, chain: bool) -> str | None:
        """Write everything into the folder; gives the reason where that cannot be done, or tells nothing."""
        if reason := first_misread((self.whole, *(part.model for part in parts))):
            return reason
        models = {WHOLE: seeded(_exposed(self.whole, names))}
        models.update((f"part-{number}", seeded(part.model)) for number, part in enumerate(parts))
        home = None if self.folder is None else str(self.folder.resolve())
        if holds_weights(self.whole):
            models, home = SharedWeights(place).move(models), str(place)
        self._request(home).write(place / "request.json")
        asked = {
            "silent": self.plan if isinstance(self.plan, str) else None,
            "chain": chain,
            "outputs": len(self.whole.graph.output),
            "parts": [dict(part.recorded) for part in parts],
        }
        (place / "parts.json").write_text(json.dumps(asked), encoding="utf-8")
        try:
            for name, model in models.items():
                file = Stage.FIRST.model if name == WHOLE else f"{name}.onnx"
                (place / file).write_bytes(model.SerializeToString())
        except (EncodeError, ValueError):
            return "a model over 2 GB with its weights loaded cannot be run; leave them external"
        given = self.given if self.given is not None and isinstance(self.plan, Plan) else {}
        write_inputs(place, given.values())
        return None

    def _request(self, home: str | None) -> Request:
        drawing = self.plan if isinstance(self.plan, Plan) else Plan((), {})
        given, probing = self.given is not None, self.timeout * _PROBING_SHARE
        return Request(drawing, self.sets, self.seed, given, False, probing, dict.fromkeys(Stage, home))

    def _not_done(self, place: Path, code: int | None) -> str:
        stage = _stage(place)
        at = f"at the {stage} model: " if stage else ""
        return one_line(f"{at}{why_failed(place, code)}")


def _exposed(whole: onnx.ModelProto, names: Iterable[str]) -> onnx.ModelProto:
    """The whole with values as outputs; onnxruntime infers their types."""
    model = onnx.ModelProto()
    model.CopyFrom(whole)
    graph = model.graph
    there = {info.name for info in (*graph.input, *graph.output)} | {each.name for each in graph.initializer}
    wanted = dict.fromkeys(name for name in names if name not in there)
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in wanted)
    return model


def _stage(place: Path) -> str:
    """Which model the child was at; nothing where it did not come to any."""
    stage = place / "stage"
    return stage.read_text(encoding="utf-8") if stage.exists() else ""


def write_verdicts(place: Path, verdicts: Sequence[PartRun], ranks: Mapping[str, int]) -> None:
    """In the child: write what was found, complete or not at all."""
    draft = place / "verdicts.draft"
    found = {"verdicts": [asdict(each) for each in verdicts], "ranks": dict(ranks)}
    draft.write_text(json.dumps(found), encoding="utf-8")
    draft.replace(place / "verdicts.json")

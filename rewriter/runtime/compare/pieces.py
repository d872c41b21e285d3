"""Runs a model and pieces of it in a child process: checks that the pieces compute the same as the whole.

The part of the whole runs that computes the inputs and outputs of the pieces; other weights of the whole are
not read. Each piece runs on these recorded values or, in a chain, on the inputs of the whole and the outputs
of earlier pieces.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx

from rewriter.model.index.backward_slice import reduce_to
from rewriter.runtime.child.call import Task, run
from rewriter.runtime.child.error_text import one_line
from rewriter.runtime.child.job import Cause, Ended
from rewriter.runtime.compare.outcome import RunOutcome
from rewriter.runtime.inputs.feeds import Array, Drawing, Plan
from rewriter.runtime.inputs.seeds import seed_nodes
from rewriter.runtime.inputs.signature import expose

WHOLE = "whole"
"""The name of the whole among the models; it is read only if a piece has a fault."""
RECORDED = "recorded"
"""The name of the part of the whole that computes the recorded values."""
AT_PIECE = ". cut"
"""Suffix of the names of the stages in which a piece is loaded and run."""
_HALVES = (onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16)
_EXACT = ". exact"
"""Suffix of the names of values before they are rounded."""


@dataclass(frozen=True, slots=True)
class PieceToRun:
    """Piece to run.

    Attributes:
        model: the model of the piece; its external weights are in the folder of the whole.
        recorded: name of an input or output of the piece -> its name in the whole.
    """

    model: onnx.ModelProto
    recorded: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PartRequest:
    """Request to run a model and its pieces.

    Attributes:
        drawing: rules of the input sets for the whole, or the reason not to run it.
        chain: whether a piece reads inputs of the whole and outputs of earlier pieces; if not, it reads
            recorded values.
        parts: for each piece, name of an input or output -> its name in the whole.
    """

    drawing: Drawing | str
    chain: bool
    parts: tuple[Mapping[str, str], ...]


@dataclass(frozen=True, slots=True)
class PartRun:
    """Result of one piece.

    Attributes:
        fault: the error of onnx's full checker or onnxruntime on the model; None if both accept it, or if
            `unchecked` has a reason.
        fault_of_whole: whether the same tool rejects the whole as well, so that the fault is not new.
        outcome: result of comparing the outputs.
        unsteady: outputs that differ from the whole, and also between two runs of the whole with different
            seeds. The piece is not blamed for them, and a chain continues with the recorded values.
        unchecked: the reason why the child gave no report of either tool; None if it gave one.
    """

    fault: str | None
    fault_of_whole: bool
    outcome: RunOutcome
    unsteady: tuple[str, ...] = ()
    unchecked: str | None = None


@dataclass(frozen=True, slots=True)
class PartRuns:
    """One verdict per piece; ranks of inputs of the whole and recorded values, if the same in all runs."""

    verdicts: tuple[PartRun, ...]
    ranks: Mapping[str, int]


TASK: Task[PartRuns] = Task("rewriter.runtime.compare.piece_task:judge_parts")


def piece(number: int) -> str:
    """Return the name of a piece among the models."""
    return f"part-{number}"


def _rounded(part: PieceToRun) -> Iterator[str]:
    """Yield the values of the whole that onnxruntime rounds to half precision in a piece.

    Its CPU kernels compute in float32 where they lack a half type, and it rounds at the ends of a model only.
    """
    for info in (*part.model.graph.input, *part.model.graph.output):
        if info.type.tensor_type.elem_type in _HALVES and info.name in part.recorded:
            yield part.recorded[info.name]


def _round(model: onnx.ModelProto, names: Collection[str]) -> None:
    """Round results of nodes of the main graph as at the ends of a model, by an Identity behind each."""
    nodes = list(model.graph.node)
    del model.graph.node[:]
    for node in nodes:
        model.graph.node.append(node)
        for at, name in enumerate(node.output):
            if name and name in names:
                model.graph.node[-1].output[at] = f"{name}{_EXACT}"
                model.graph.node.add(op_type="Identity", input=[f"{name}{_EXACT}"], output=[name])


def _round_inputs(model: onnx.ModelProto) -> None:
    """Read inputs in half precision through an Identity, as the nodes behind a cut of the whole do.

    onnxruntime computes a node in float32 if all nodes that it reads from are computed so.
    """
    inputs = [info.name for info in model.graph.input if info.type.tensor_type.elem_type in _HALVES]
    for node in model.graph.node:
        node.input[:] = [f"{name}{_EXACT}" if name in inputs else name for name in node.input]
    for name in inputs:
        step = onnx.NodeProto(op_type="Identity", input=[name], output=[f"{name}{_EXACT}"])
        model.graph.node.insert(0, step)


@dataclass(frozen=True, slots=True)
class WholeRun:
    """Settings for the run of the whole.

    Attributes:
        whole: the source model of the pieces; external weights stay in their files.
        folder: the folder of external data of the whole and its pieces.
        plan: the plan for drawing its input sets, or the reason not to run it.
        given: one array per input of the plan, used instead of drawn ones.
        sets: number of input sets to draw.
        timeout: seconds for everything.
        seed: seed of the drawing.
    """

    whole: onnx.ModelProto
    folder: Path | None
    plan: Plan | str
    given: Mapping[str, Array] | None
    sets: int
    timeout: float
    seed: int = 0

    def judge(self, parts: Sequence[PieceToRun], *, chain: bool) -> tuple[PartRun, ...]:
        """Check pieces with onnx's full checker, run them in onnxruntime, and compare their outputs.

        If the whole is not run, the pieces are only checked and loaded.

        Args:
            parts: the pieces; those of a chain in order.
            chain: as in `PartRequest`.

        Returns:
            One verdict per piece. Failures of a model never raise.
        """
        names = [name for part in parts for name in part.recorded.values()]
        found = self._run(names, parts, chain=chain)
        if not isinstance(found, Ended):
            return found.verdicts
        at_piece = found.stage.endswith(AT_PIECE)
        why = one_line(f"at the {found.stage} model: {found.how}" if at_piece else found.how)
        crashed = at_piece and found.cause is Cause.CRASH
        outcome = RunOutcome(error=why) if crashed else RunOutcome(skipped=why)
        return (PartRun(None, False, outcome, unchecked=why),) * len(parts)

    def ranks(self, names: Iterable[str]) -> Mapping[str, int]:
        """Run the part of the whole that computes the named values; return their ranks, and those of inputs.

        Values of varying rank and values that are no arrays are left out; all are left out if the part does
        not run.
        """
        found = self._run(names, (), chain=False)
        return {} if isinstance(found, Ended) else found.ranks

    def _run(self, names: Iterable[str], parts: Sequence[PieceToRun], *, chain: bool) -> PartRuns | Ended:
        """Run the part of the whole that computes the values `names`, then the pieces."""
        drawing: Drawing | str = (
            self.plan if isinstance(self.plan, str) else Drawing(self.plan, self.sets, self.seed, self.given)
        )
        request = PartRequest(drawing, chain, tuple(part.recorded for part in parts))
        models = {WHOLE: self.whole, RECORDED: self.whole}
        models.update((piece(number), part.model) for number, part in enumerate(parts))
        wanted = tuple(names)

        rounded = {name for part in parts for name in _rounded(part)}

        def edit(name: str, model: onnx.ModelProto) -> None:
            if name == RECORDED:
                reduce_to(model.graph, wanted)
                expose(model, wanted)
                _round(model, rounded)
            elif name != WHOLE:
                _round_inputs(model)
            if name != WHOLE:
                seed_nodes(model)

        return run(
            TASK, request, models, folders=dict.fromkeys(models, self.folder), edit=edit, timeout=self.timeout
        )

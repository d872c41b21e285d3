"""What the parent asks of the child that runs models, and what comes back: files in a temporary folder.

request.json    Request          first.onnx, second.onnx   structure; weights where they always were
input-<n>.pb    TensorProto      the user's inputs, in the order of the plan
stage           text             which model the child is at, for the report of a crash
rounds          nothing          the original runs with Loops that run never or once, as nobody asked it to
outcome.json    Outcome          written at the end under another name, then renamed
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

from rewriter.runtime.difference import Difference, Tolerance
from rewriter.runtime.feeds import Plan
from rewriter.runtime.inputs import Bound, Input, Rounds

REASON = "reason"
"""The file in which a child says why it has nothing to give, in one line."""
NO_RUNTIME = 3
"""The exit code of a child in which onnxruntime does not import; the reason says what mends it."""
SCRATCH = "rewriter-"
"""How the names of the temporary folders begin."""
ROUNDS = "rounds"
"""The file that tells that a crash is one of an input set for Loops, without which all else can be told."""
FEW = 2
"""Input sets that are drawn where every run is dear: then both are of one size, which spares a third run."""
_LONGEST_LINE = 300


class Stage(StrEnum):
    """Which model runs."""

    FIRST = "first"
    SECOND = "second"

    @property
    def model(self) -> str:
        """The file of its structure."""
        return f"{self}.onnx"


@dataclass(frozen=True, slots=True)
class Stored:
    """An initializer of the main graph that lies in a file.

    Attributes:
        name: the initializer.
        location: the file, relative to the folder of the model.
        offset: bytes before it.
        dtype: its type, in numpy's words.
        shape: its shape.
    """

    name: str
    location: str
    offset: int
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """One comparison.

    Attributes:
        plan: how to draw input sets for the original.
        sets: how many sets to draw; one set of the user's own inputs where `given`.
        given: the inputs lie in files.
        optimised: with onnxruntime's graph optimisations instead of without.
        probing: seconds after which no further sizes are tried.
        folders: where the external data of either model lies.
        draws: the original may give something else each time it runs, so runs must be the same in number.
        weights: what of the external data of either model can be mapped into memory.
        tolerance: how far results may be apart; None where nothing was allowed.
        names: input of the original -> what the rewritten model calls it, where that is another name.
    """

    plan: Plan
    sets: int
    seed: int
    given: bool
    optimised: bool
    probing: float
    folders: dict[Stage, str | None]
    draws: bool = True
    weights: Mapping[Stage, tuple[Stored, ...]] = field(default_factory=dict)
    tolerance: Tolerance | None = None
    names: Mapping[str, str] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Writes the request as JSON."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Request:
        """Reads what `write` wrote."""
        fields = json.loads(path.read_text(encoding="utf-8"))
        inputs = (
            Input(each["name"], each["element"], None if each["dims"] is None else tuple(each["dims"]))
            for each in fields["plan"]["inputs"]
        )
        bounds = {
            name: tuple(Bound(**bound) for bound in found) for name, found in fields["plan"]["bounds"].items()
        }
        told = fields["plan"]["rounds"]
        rounds = Rounds(tuple(told["inputs"]), told["sizes"])
        fields["plan"] = Plan(tuple(inputs), bounds, tuple(fields["plan"]["constants"]), rounds)
        fields["folders"] = {Stage(stage): folder for stage, folder in fields["folders"].items()}
        fields["weights"] = {
            Stage(stage): tuple(Stored(**{**each, "shape": tuple(each["shape"])}) for each in stored)
            for stage, stored in fields["weights"].items()
        }
        if fields["tolerance"] is not None:
            fields["tolerance"] = Tolerance(**fields["tolerance"])
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What running both models showed.

    Attributes:
        runs: number of input sets that both models were run on.
        skipped: why nothing can be said, in one line.
        error: why the rewritten model gave no results although the original did.
        exact: whether every output of every run was the same bit for bit; None where there is nothing to
            compare.
        max_abs: the largest absolute difference of all; infinite where no number says how far apart.
        relative: the largest relative to the largest magnitude of its output, see `Difference`.
        rounding: whether all differences may come from rounding, see `Difference`.
        within: whether all are within the tolerance of the request; None where there was none.
        worst_output: the output with the largest relative difference.
        worst_abs: the absolute difference there.
        where: the input set and element of it.
        ort_version: of the onnxruntime that ran.
    """

    runs: int = 0
    skipped: str | None = None
    error: str | None = None
    exact: bool | None = None
    max_abs: float | None = None
    relative: float | None = None
    rounding: bool | None = None
    within: bool | None = None
    worst_output: str | None = None
    worst_abs: float | None = None
    where: str | None = None
    ort_version: str | None = None

    @classmethod
    def of(
        cls, found: Sequence[tuple[int, str, Difference]], runs: int, ort_version: str, *, judged: bool
    ) -> Outcome:
        """The outcome of runs.

        Args:
            found: every difference, with the number of its input set and the name of its output.
            runs: number of input sets.
            ort_version: of onnxruntime.
            judged: whether there was a tolerance.
        """
        if not found:
            within = True if judged else None
            return cls(runs, None, None, True, 0.0, 0.0, False, within, ort_version=ort_version)
        number, name, worst = max(found, key=lambda each: (each[2].relative, each[2].largest))
        return cls(
            runs=runs,
            exact=False,
            max_abs=max(each.largest for _, _, each in found),
            relative=worst.relative,
            rounding=all(each.rounding for _, _, each in found),
            within=all(each.within for _, _, each in found) if judged else None,
            worst_output=name,
            worst_abs=worst.largest,
            where=one_line(f"input set {number}: {worst.where}"),
            ort_version=ort_version,
        )

    def write(self, path: Path) -> None:
        """Writes the outcome as JSON, complete or not at all."""
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(self)), encoding="utf-8")
        draft.replace(path)

    @classmethod
    def read(cls, path: Path) -> Outcome:
        """Reads what `write` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


def one_line(text: object) -> str:
    """A message fit for one line of a terminal: no control characters, not too long."""
    plain = "".join(char if char.isprintable() else " " for char in str(text))
    line = " ".join(plain.split())
    return line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 3]}..."

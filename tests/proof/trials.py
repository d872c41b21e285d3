"""The child process of `benchmarks.mutants`: mutants and harmless rewrites of `subjects`, judged by number.

Reads jobs from standard input, one `{"what": "mutant" or "harmless", "number": ..., "subjects": ...}` to a
line, and answers with one line each. onnxruntime may crash on a mutant; nobody but this process then dies.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from onnx import ModelProto

from rewriter.proof.certificate import certify
from tests.proof import boundaries, mutants
from tests.proof.harmless import EDITS
from tests.proof.judge import differ, run
from tests.proof.subjects import subject
from tests.properties.graphs import draw_model

KINDS = (*boundaries.KINDS, *mutants.KINDS)
SUBJECTS = 300
ATTEMPTS = 60
"""Mutants made for one job until onnxruntime runs one."""
LAST = ("outline", "spell_otherwise")
"""Edits after which others would make models that onnxruntime refuses."""
MEMORY = 8 << 30
"""Bytes of the process: a mutant may ask for any amount."""
NOWHERE = Path()

Feeds = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one job.

    Attributes:
        kind: of mutation, or the edits with a plus between.
        outcome: `differs` or `same` by onnxruntime, `unfit` where it ran no attempt, `crashed`.
        certified: whether the certificate took both models for equal; it must say the same both ways.
        edit: what was edited.
        refused: attempts that onnxruntime refused.
        refused_certified: those of them that were certified.
        said: what the certificate said.
    """

    kind: str
    outcome: str
    certified: bool
    edit: str = ""
    refused: int = 0
    refused_certified: int = 0
    said: str = ""


@lru_cache(maxsize=SUBJECTS)
def original(number: int) -> tuple[ModelProto, Feeds, list[list[Any]]]:
    """A subject, three input sets that take both sides of every condition, and what it answers."""
    model = draw_model(Random(number), runnable=True) if number % 4 == 3 else subject(number)
    feeds = [_feed(model, number, each) for each in range(3)]
    return model, feeds, run(model, NOWHERE, feeds)


def _feed(model: ModelProto, number: int, turn: int) -> dict[str, Any]:
    """Input set `turn`; in the last one, inputs with a default are given as well."""
    rng = np.random.default_rng((number, turn))
    defaults = {tensor.name for tensor in model.graph.initializer}
    feed: dict[str, Any] = {}
    for position, info in enumerate(model.graph.input):
        dims = [dim.dim_value for dim in info.type.tensor_type.shape.dim]
        if info.name in defaults and turn < 2:
            continue
        if info.type.tensor_type.elem_type == 9:
            feed[info.name] = (
                np.full(dims, (turn + position) % 2 == 0) if not dims else rng.random(dims) < 0.5
            )
        elif info.type.tensor_type.elem_type == 1:
            feed[info.name] = rng.normal(size=dims).astype(np.float32)
    return feed


def mutant_trial(number: int, subjects: int) -> Trial:
    """The mutant of a number: kinds take turns, subjects and edits are drawn until onnxruntime runs one."""
    kind = KINDS[number % len(KINDS)]
    refused = refused_certified = 0
    for attempt in range(ATTEMPTS):
        rng = np.random.default_rng((number, attempt))
        model, feeds, results = original(int(rng.integers(subjects)))
        made = _mutant(model, kind, (number, attempt))
        if made is None:
            continue
        certified, said = _certified(model, made[0])
        try:
            after = run(made[0], NOWHERE, feeds)
        except Exception:  # onnxruntime raises its own kinds
            refused += 1
            refused_certified += certified
            continue
        outcome = "differs" if differ(results, after) else "same"
        return Trial(kind, outcome, certified, made[1], refused, refused_certified, said)
    return Trial(kind, "unfit", False, "", refused, refused_certified)


def _mutant(model: ModelProto, kind: str, seed: tuple[int, ...]) -> tuple[ModelProto, str] | None:
    if kind in boundaries.KINDS:
        return boundaries.mutant(model, kind, seed)
    copy = ModelProto()
    copy.CopyFrom(model)
    edit = mutants.KINDS[kind](mutants.Workpiece(copy, mutants.types_of(model), np.random.default_rng(seed)))
    return None if edit is None else (copy, edit)


def harmless_trial(number: int, subjects: int) -> Trial:
    """Up to three harmless edits of one subject; the first kinds take turns."""
    rng = np.random.default_rng((number, 10**6))
    names = list(EDITS)
    chosen = [names[number % len(names)], *rng.choice(names, int(rng.integers(3)))]
    chosen = sorted(dict.fromkeys(map(str, chosen)), key=lambda name: (name in LAST, name == LAST[1]))
    model, feeds, results = original(int(rng.integers(subjects)))
    after = ModelProto()
    after.CopyFrom(model)
    for name in chosen:
        EDITS[name](after, rng)
    certified, said = _certified(model, after)
    try:
        answer = run(after, NOWHERE, feeds)
    except Exception as error:
        return Trial(chosen[0], "unfit", certified, " + ".join(chosen), said=f"{said} | {error}"[:400])
    outcome = "differs" if differ(results, answer) else "same"
    return Trial(chosen[0], outcome, certified, " + ".join(chosen), said=said)


def _certified(before: ModelProto, after: ModelProto) -> tuple[bool, str]:
    there, back = certify(before, after), certify(after, before)
    assert there.equal == back.equal, (there, back)
    return there.equal, there.difference or ""


TRIALS: dict[str, Callable[[int, int], Trial]] = {"mutant": mutant_trial, "harmless": harmless_trial}


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for line in sys.stdin:
        job = json.loads(line)
        print(json.dumps(asdict(TRIALS[job["what"]](job["number"], job["subjects"]))), flush=True)


if __name__ == "__main__":
    main()

"""The child process of `benchmarks.mutants`: mutants and harmless rewrites of `subjects`, judged by number.

Reads jobs from standard input, one `{"what": "mutant" or "harmless", "number": ..., "subjects": ...}` to a
line, and answers with one line each. onnxruntime may crash on a mutant; nobody but this process then dies.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from onnx import FunctionProto, ModelProto, NodeProto, helper

from rewriter.proof.certificate import certify
from rewriter.runtime.ort.overloads import misread
from tests.proof import boundaries, mutants, storage
from tests.proof.harmless import EDITS
from tests.proof.judge import differ, run
from tests.proof.subjects import subject
from tests.properties.graphs import draw_model

KINDS = (*boundaries.KINDS, *storage.KINDS, *mutants.KINDS)
REWRITES = (*EDITS, storage.store_elsewhere.__name__)
SUBJECTS = 300
ATTEMPTS = 60
"""Mutants made for one job until onnxruntime runs one."""
LAST = ("outline", "spell_otherwise")
"""Edits after which others would make models that onnxruntime refuses."""
MEMORY = 8 << 30
"""Bytes of the process: a mutant may ask for any amount."""
ALONE = frozenset({"function_opset"})
"""Kinds for which functions are run alone as well: inside a model, onnxruntime reads them under its opset."""

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


@dataclass(frozen=True, slots=True)
class Original:
    """A subject; where onnxruntime misreads it, its results mean nothing.

    Attributes:
        feeds: three input sets that take both sides of every condition.
        results: what it answers.
        folder: where its data lies, if any lies outside.
        twin: another folder with that data, for what is made of the model.
    """

    model: ModelProto
    feeds: Feeds
    results: list[list[Any]]
    folder: Path
    twin: Path


@lru_cache(maxsize=1)
def _scratch() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="trials-")


@lru_cache(maxsize=SUBJECTS)
def original(number: int) -> Original:
    """The subject of a number; one in four has tensors outside."""
    model = draw_model(Random(number), runnable=True) if number % 4 == 3 else subject(number)
    folder = Path(_scratch().name) / str(number) / "before"
    folder.mkdir(parents=True, exist_ok=True)
    if number % 4 == 1:
        storage.move_out(model, folder, np.random.default_rng(number))
    feeds = [_feed(model, number, each) for each in range(3)]
    return Original(model, feeds, run(model, folder, feeds), folder, storage.twin(folder, "after"))


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
        before = original(int(rng.integers(subjects)))
        made = _mutant(before, kind, (number, attempt))
        if made is None or misread(before.model) or misread(made[0]):
            continue
        certified, said = _certified(before, made[0], by_reference=attempt % 2 == 0)
        try:
            after = run(made[0], before.twin, before.feeds)
        except Exception:  # onnxruntime raises its own kinds
            refused += 1
            refused_certified += certified
            continue
        differs = differ(before.results, after) or (kind in ALONE and _alone_differs(before, made[0]))
        outcome = "differs" if differs else "same"
        return Trial(kind, outcome, certified, made[1], refused, refused_certified, said)
    return Trial(kind, "unfit", False, "", refused, refused_certified)


def _mutant(before: Original, kind: str, seed: tuple[int, ...]) -> tuple[ModelProto, str] | None:
    if kind in boundaries.KINDS:
        return boundaries.mutant(before.model, kind, seed)
    if kind in storage.KINDS:
        return storage.mutant(before.model, before.twin, kind, seed)
    copy = ModelProto()
    copy.CopyFrom(before.model)
    types = mutants.types_of(before.model)
    edit = mutants.KINDS[kind](mutants.Workpiece(copy, types, np.random.default_rng(seed)))
    return None if edit is None else (copy, edit)


def _alone_differs(before: Original, after: ModelProto) -> bool:
    """Whether a function computes something else as a model of its own, under the opset that it imports.

    False where onnxruntime runs only one of both, or neither.
    """
    changed = [
        (old, new)
        for old, new in zip(before.model.functions, after.functions, strict=True)
        if old.opset_import != new.opset_import
    ]
    for old, new in changed:
        for call in before.model.graph.node:
            if (call.domain, call.op_type, call.overload) != (old.domain, old.name, old.overload):
                continue
            try:
                one, other = (_alone(function, call) for function in (old, new))
            except Exception:  # onnxruntime raises its own kinds
                continue
            if differ(one, other):
                return True
    return False


def _alone(function: FunctionProto, call: NodeProto) -> list[list[Any]]:
    """The results of a call, in a model with the opset of the function."""
    rng = np.random.default_rng(0)
    names = list(dict.fromkeys(name for name in call.input if name))
    infos = [helper.make_tensor_value_info(name, 1, [2, 3]) for name in names]
    results = [helper.make_tensor_value_info(name, 1, [2, 3]) for name in call.output if name]
    imports = {opset.domain: opset for opset in function.opset_import}
    imports.setdefault(function.domain, helper.make_opsetid(function.domain, 1))
    model = helper.make_model(
        helper.make_graph([call], "alone", infos, results),
        opset_imports=list(imports.values()),
        ir_version=10,
        functions=[function],
    )
    return run(model, Path(), [{name: rng.normal(size=(2, 3)).astype(np.float32) for name in names}])


def harmless_trial(number: int, subjects: int) -> Trial:
    """Up to three harmless edits of one subject; the first kinds take turns."""
    rng = np.random.default_rng((number, 10**6))
    chosen = [REWRITES[number % len(REWRITES)], *rng.choice(REWRITES, int(rng.integers(3)))]
    chosen = sorted(dict.fromkeys(map(str, chosen)), key=lambda name: (name in LAST, name == LAST[1]))
    before = original(int(rng.integers(subjects)))
    if any(node.overload for node in before.model.graph.node):
        # onnxruntime does not find overloads from inside of functions.
        chosen = [name for name in chosen if name != "outline"] or ["rename_everything"]
    after = ModelProto()
    after.CopyFrom(before.model)
    for name in chosen:
        if name in EDITS:
            EDITS[name](after, rng)
        else:
            storage.store_elsewhere(after, before.twin, rng)
    by_reference = storage.store_elsewhere.__name__ not in chosen and number % 2 == 0
    certified, said = _certified(before, after, by_reference=by_reference)
    if reason := misread(before.model) or misread(after):
        return Trial(chosen[0], "unfit", certified, " + ".join(chosen), said=f"{said} | {reason}"[:400])
    try:
        answer = run(after, before.twin, before.feeds)
    except Exception as error:
        return Trial(chosen[0], "unfit", certified, " + ".join(chosen), said=f"{said} | {error}"[:400])
    outcome = "differs" if differ(before.results, answer) else "same"
    return Trial(chosen[0], outcome, certified, " + ".join(chosen), said=said)


def _certified(before: Original, after: ModelProto, *, by_reference: bool) -> tuple[bool, str]:
    """What the certificate says, both ways: data outside by reference, in one folder, or by its bytes."""
    folder = before.twin if by_reference else before.folder
    there = certify(before.model, after, before_folder=folder, after_folder=before.twin)
    back = certify(after, before.model, before_folder=before.twin, after_folder=folder)
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

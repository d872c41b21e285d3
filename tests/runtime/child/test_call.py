"""What a child gives comes back as it was; how it ended without a result is told."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest

import rewriter.runtime
from rewriter.errors import NoRuntime
from rewriter.runtime.child import call
from rewriter.runtime.child.call import Task, demand_runtime, run
from rewriter.runtime.child.job import PARTIAL, STAGE, Cause, Ended, Job, write
from rewriter.runtime.ort.sessions import RunError
from tests.build import model

SILENT = "the process for onnxruntime ended without a result"
ANSWER: Task[Any] = Task("tests.runtime.child.test_call:answer")
REFUSE: Task[Any] = Task("tests.runtime.child.test_call:refuse")


def answer(job: Job[object]) -> object:
    """A task: what was asked, and what was sent with it."""
    return job.request, {name: onnx.load(sent.path).graph.name for name, sent in job.models.items()}


def refuse(job: Job[object]) -> object:
    """A task that says why it has nothing."""
    job.enter("late")
    job.leave({"half": 1})
    raise RunError("no\nsuch thing")


def test_all_that_is_asked_comes_back_as_it_was() -> None:
    asked = {
        "strings": np.array(["é", ""], object),
        "narrow": np.arange(3).astype(ml_dtypes.int4),
        "bits": np.array([np.nan, -0.0, np.inf], np.float32),
        "none": np.zeros((0, 2)),
    }
    models = {"a": model("g (float[2] x) => (float[2] y) { y = Abs (x) }")}
    came = run(ANSWER, asked, models, timeout=60)
    assert not isinstance(came, Ended)
    found, names = came
    assert names == {"a": "g"}
    assert list(found) == list(asked)
    for name, array in asked.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert found[name].tolist() == array.tolist() if name == "strings" else True
        assert found[name].tobytes() == array.tobytes() if name != "strings" else True


def test_a_task_that_has_nothing_says_why_and_where() -> None:
    found = run(REFUSE, None, {}, timeout=60)
    assert found == Ended("no such thing", Cause.TOLD, stage="late", partial={"half": 1})


def test_models_are_changed_on_their_way_alone() -> None:
    asked = model("g (float[2] x) => (float[2] y) { y = Abs (x) }")

    def edit(name: str, sent: onnx.ModelProto) -> None:
        sent.graph.name = f"{name} changed"

    came = run(ANSWER, None, {"a": asked}, edit=edit, timeout=60)
    assert (came, asked.graph.name) == ((None, {"a": "a changed"}), "g")


def test_a_fault_of_ours_is_not_taken_for_a_large_model() -> None:
    def edit(name: str, sent: onnx.ModelProto) -> None:
        raise ValueError("ours")

    with pytest.raises(ValueError, match="ours"):
        run(ANSWER, None, {"a": model("g () => () {}")}, edit=edit, timeout=60)


@pytest.mark.parametrize(
    ("code", "how", "cause"),
    [
        (0, SILENT, Cause.FAILURE),
        (7, "the process for onnxruntime failed: exit code 7", Cause.FAILURE),
        (-9, "onnxruntime crashed (signal 9, SIGKILL)", Cause.CRASH),
    ],
)
def test_an_end_without_an_answer_is_told(
    code: int, how: str, cause: Cause, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(task: str, folder: Path, timeout: float) -> int:
        (folder / "stderr").write_text("")
        (folder / STAGE).write_text("second")
        write([1], folder / PARTIAL)
        return code

    monkeypatch.setattr(call, "in_child", end)
    ended = run(Task("nothing:at_all"), None, {}, timeout=1)
    assert ended == Ended(how, cause, max(0, -code), "second", [1])


def test_a_runtime_that_is_not_there_is_demanded() -> None:
    demand_runtime(Ended("crashed", Cause.CRASH))
    with pytest.raises(NoRuntime, match="gone"):
        demand_runtime(Ended("gone", Cause.NO_RUNTIME))


def test_every_task_is_a_function() -> None:
    tasks = set()
    for found in pkgutil.walk_packages(rewriter.runtime.__path__, "rewriter.runtime."):
        if not found.name.endswith("__main__"):
            known = vars(importlib.import_module(found.name)).values()
            tasks |= {each.name for each in known if isinstance(each, Task)}
    assert len(tasks) == 11
    for name in tasks:
        module, function = name.split(":")
        assert callable(getattr(importlib.import_module(module), function))

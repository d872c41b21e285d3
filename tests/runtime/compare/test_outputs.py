"""The child process may die in any way; the parent says how and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import onnx
import pytest
from google.protobuf.message import EncodeError
from onnx import parser

from rewriter.runtime.child import call, process
from rewriter.runtime.child.job import Ended
from rewriter.runtime.compare import outputs
from rewriter.runtime.compare.outcome import RunOutcome, Stage
from rewriter.runtime.inputs.feeds import LOOPED, Drawing
from rewriter.runtime.inputs.planning import plan
from tests.processes import PATIENCE, alive, wait_for

pytestmark = pytest.mark.usefixtures("processes_are_real")
HEADER = '<ir_version: 9, opset_import: ["" : 21]>\n'
QUICK = "g (float[2] x) => (float[2] y) { y = Identity(x) }"
ENDLESS = """g (float[2] x) => (float[2] y) {
    go = Constant<value = bool {1}>()
    y = Loop(, go, x) <body = b (int64 i, bool on, float[2] s) => (bool still, float[2] t)
        { still = Identity(on) t = Neg(s) }> }"""


def run(before: str, after: str, timeout: float = PATIENCE) -> RunOutcome:
    models = {Stage.FIRST: parser.parse_model(HEADER + before)}
    models[Stage.SECOND] = parser.parse_model(HEADER + after)
    drawing = Drawing(plan(models[Stage.FIRST]), 1)
    return outputs.compare_runs(models, dict.fromkeys(Stage), drawing, optimised=False, timeout=timeout)


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def start(*args: object, **options: object) -> subprocess.Popen[bytes]:
        started.append(real(*args, **options))  # type: ignore[call-overload]
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    yield started
    assert all(child.poll() is not None for child in started)


def kill_at(stage: Stage, scratch: Path, children: list[subprocess.Popen[bytes]], number: int) -> None:
    """Sends the child a signal, once it has entered a stage."""

    def kill() -> None:
        wait_for(lambda: entered(stage, scratch))
        os.kill(children[0].pid, number)

    threading.Thread(target=kill, daemon=True).start()


def entered(stage: Stage, scratch: Path) -> bool:
    """Whether a child is at a model."""
    return [path.read_text() for path in scratch.glob("*/stage")] == [stage]


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_a_crash_of_the_original_is_told(
    scratch: Path, children: list[subprocess.Popen[bytes]], number: signal.Signals
) -> None:
    kill_at(Stage.FIRST, scratch, children, number)
    reason = f"the first model crashed onnxruntime (signal {int(number)}, {number.name})"
    assert run(ENDLESS, QUICK) == RunOutcome(skipped=reason)
    assert not list(scratch.iterdir())


def test_a_crash_of_the_second_model_alone_is_an_error_of_that(
    scratch: Path, children: list[subprocess.Popen[bytes]]
) -> None:
    kill_at(Stage.SECOND, scratch, children, signal.SIGSEGV)
    reason = "the second model crashed onnxruntime (signal 11, SIGSEGV)"
    assert run(QUICK, ENDLESS) == RunOutcome(error=reason)


@pytest.mark.parametrize(
    ("before", "after", "stage"), [(ENDLESS, QUICK, Stage.FIRST), (QUICK, ENDLESS, Stage.SECOND)]
)
def test_a_model_that_never_ends_times_out(
    scratch: Path,
    children: list[subprocess.Popen[bytes]],
    before: str,
    after: str,
    stage: Stage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A clock that stands still until the child is at the model, however long that takes.
    clock = SimpleNamespace(monotonic=lambda: 2.0 * entered(stage, scratch))
    monkeypatch.setattr(process, "time", clock)
    reason = f"the {stage} model timed out: not done after 1.5 s; --timeout gives it longer"
    assert run(before, after, timeout=1.5) == RunOutcome(skipped=reason)
    assert not list(scratch.iterdir())
    assert children[0].returncode == -signal.SIGKILL


def test_an_interrupt_ends_the_child_and_clears_up(
    scratch: Path, children: list[subprocess.Popen[bytes]], interruptible: None
) -> None:
    def interrupt() -> None:
        wait_for(lambda: entered(Stage.FIRST, scratch))
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        run(ENDLESS, QUICK)
    assert not list(scratch.iterdir())


def test_the_child_does_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    before = tmp_path / "endless.onnx"
    onnx.save(parser.parse_model(HEADER + ENDLESS), before)
    script = (
        "import subprocess, onnx, sys\n"
        "real = subprocess.Popen\n"
        "def start(*a, **k):\n"
        "    child = real(*a, **k); print(child.pid, flush=True); return child\n"
        "subprocess.Popen = start\n"
        "from rewriter.verdict.numbers import compare\n"
        f"m = onnx.load({str(before)!r})\n"
        "compare(m, m, before_folder=None, after_folder=None)\n"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "TMPDIR": str(tmp_path),
    }
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    wait_for(lambda: list(tmp_path.glob("*/stage")))
    assert alive(child)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: not alive(child))
    assert not list(tmp_path.glob("rewriter-*"))


def test_a_task_that_cannot_start_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "TASK", call.Task("rewriter.runtime.no_such_task:run"))
    outcome = run(QUICK, QUICK)
    assert outcome.skipped is not None
    assert outcome.skipped.startswith("the process for onnxruntime failed: ")
    assert "No module named 'rewriter.runtime.no_such_task'" in outcome.skipped


def test_a_model_too_large_to_send_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call, "holds_weights", lambda model: False)
    monkeypatch.setattr(outputs, "may_draw", lambda model: False)

    class Large:
        """What protobuf does with a message over 2 GB, without the 2 GB."""

        functions = ()

        def SerializeToString(self) -> bytes:  # noqa: N802
            raise EncodeError("Failed to serialize proto")

    drawing = Drawing(plan(parser.parse_model(HEADER + QUICK)), 1)
    models = cast("dict[Stage, onnx.ModelProto]", {Stage.FIRST: Large()})
    outcome = outputs.compare_runs(models, {}, drawing, optimised=False, timeout=60)
    assert outcome.skipped == "a model over 2 GB with its weights loaded cannot be run; leave them external"


def test_modules_in_the_working_folder_are_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "onnxruntime.py").write_text("raise SystemExit('taken in')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    assert run(QUICK, QUICK).exact is True


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    run(QUICK, QUICK.replace("Identity", "Nonsense"))
    assert capfd.readouterr() == ("", "")


def test_onnxruntime_is_loaded_in_the_child_alone() -> None:
    check = "import sys, rewriter.verdict.numbers; sys.exit('onnxruntime' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    assert subprocess.run([sys.executable, "-c", check], env=environment, check=False).returncode == 0


@pytest.mark.parametrize(("taken", "given"), [(4.0, [10.0, 6.0]), (10.0, [10.0])])
def test_both_processes_share_the_timeout(
    taken: float, given: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second process starts if the first ends in an extra set for Loops and leaves time."""
    times: list[float] = []
    now = 0.0

    def ended(*arguments: object, timeout: float, **named: object) -> Ended:
        nonlocal now
        times.append(timeout)
        now += taken
        return Ended("onnxruntime crashed", stage=LOOPED)

    monkeypatch.setattr(outputs, "run", ended)
    monkeypatch.setattr(outputs, "monotonic", lambda: now)
    assert run(QUICK, QUICK, timeout=10.0).skipped is not None
    assert times == given

"""A fork is what a real process would have been."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import forks

pytestmark = pytest.mark.skipif(not forks.AVAILABLE, reason="nothing is forked here")

SCRIPTS = {
    "prints": "print('out'); import sys; print('err', file=sys.stderr)",
    "words": "import sys; print(sys.argv)",
    "code": "raise SystemExit(7)",
    "text": "import sys; sys.exit('no')",
    "main": "print(__name__); here = 1; import __main__; print(__main__.here)",
    "closed": "import sys; sys.stdout.close()",
    "signal": "import os; os.kill(os.getpid(), 9)",
    "folder": "import os; print(os.getcwd())",
    "environment": "import os; print(os.environ['SAID'], 'HOME' in os.environ)",
    "input": "import sys; print(repr(sys.stdin.read()))",
    "encoding": "print('\u2713', __import__('sys').stdout.encoding)",
    "interrupts": "import signal; print(signal.getsignal(signal.SIGINT))",
}


def real(*words: str | Path, cwd: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_does_what_a_process_does(name: str, tmp_path: Path) -> None:
    environment = {"SAID": "this", "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    words = ("-c", SCRIPTS[name], "one", "two words")
    fork = forks.run(*words, cwd=tmp_path, env=environment)
    process = real(*words, cwd=tmp_path, env=environment)
    assert (fork.returncode, fork.stdout, fork.stderr) == (
        process.returncode,
        process.stdout,
        process.stderr,
    )


def test_a_fault_shows_where(tmp_path: Path) -> None:
    done = forks.run("-c", "def f():\n    1 / 0\nf()", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert "in f" in done.stderr
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_modules_files_and_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import beside; print(beside.NAME, __file__)")
    (tmp_path / "beside.py").write_text("NAME = 'beside'")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    for words in (("-m", "mine"), (str(tmp_path / "mine.py"),), ("-P", "-m", "mine")):
        fork = forks.run(*words, cwd=tmp_path, env=environment)
        assert (fork.returncode, fork.stdout) == (0, f"beside {tmp_path / 'mine.py'}\n"), fork.stderr
    missing = forks.run("-m", "no_such_module")
    assert (missing.returncode, missing.stderr) == (1, f"{sys.executable}: No module named no_such_module\n")


def test_modules_of_the_working_folder_are_found_unless_it_is_kept_out(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("print('found')")
    assert forks.run("-m", "mine", cwd=tmp_path).stdout == "found\n"
    assert forks.run("-P", "-m", "mine", cwd=tmp_path).returncode == 1


def test_forks_know_nothing_of_each_other(tmp_path: Path) -> None:
    first = forks.run(
        "-c", "import os, rewriter; rewriter.mark = 1; os.environ['MARK'] = '1'; print(os.getpid())"
    )
    second = forks.run(
        "-c", "import os, rewriter; print(hasattr(rewriter, 'mark'), 'MARK' in os.environ, os.getpid())"
    )
    assert second.stdout.startswith("False False ")
    assert first.stdout.strip() != second.stdout.split()[-1]


def test_one_that_runs_is_killed(tmp_path: Path) -> None:
    fork = forks.Fork([sys.executable, "-c", "import time; time.sleep(600)"])
    assert fork.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        fork.wait(0.01)
    fork.kill()
    assert fork.wait() == fork.poll() == -signal.SIGKILL
    fork.kill()  # it is gone


def test_a_program_is_one_for_a_shell(tmp_path: Path) -> None:
    forks.program(
        tmp_path / "again", "-c", "import sys; print(sys.stdin.read() * 2, sys.argv[1:]); sys.exit(3)"
    )
    done = subprocess.run(
        ["bash", "-c", "echo -n in | ./again 'a b' c | tr a-z A-Z; exit ${PIPESTATUS[1]}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "ININ ['A B', 'C']\n", "")

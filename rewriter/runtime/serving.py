"""What every child process has in common: it ends with its parent, and tells why it has nothing to give.

Run as `python -m rewriter.runtime.<worker> FOLDER`, by `sessions.in_child` alone.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rewriter.runtime.protocol import NO_RUNTIME, REASON, SCRATCH, one_line


def serve(work: Callable[[Path], None], *, told: tuple[type[Exception], ...] = ()) -> None:
    """Do the work in the folder that the command line names, and end the process.

    Args:
        work: reads what the parent wrote, and writes what was found.
        told: errors that are an answer: their text is what the parent tells.
    """
    _expendable()
    folder = Path(sys.argv[1])
    try:
        work(folder)
    except told as error:
        (folder / REASON).write_text(one_line(error), encoding="utf-8")
        os._exit(1)
    # Not through the interpreter's shutdown: a fault while onnxruntime unloads is no fault of the model.
    os._exit(0)


def needed(package: str) -> Any:
    """A package that the process cannot do without; where it does not import, the process ends and says so.

    That is no fault of any model.
    """
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            _leave(package, error)
        _leave(package, None)
        raise
    except Exception as error:  # a library that it needs is missing, or was built for another system
        _leave(package, error)
        raise


def _leave(package: str, error: Exception | None) -> None:
    """End the process, where it is one that `serve` will run in, with the reason in its folder."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()
    if not folder.name.startswith(SCRATCH) or not folder.is_dir():
        return
    if error is None:
        reason = f"{package} is not installed: pip install {package}"
    else:
        why = one_line(f"{type(error).__name__}: {error}")
        reason = f"{package} does not import ({why}): pip install --force-reinstall {package}"
    (folder / REASON).write_text(reason, encoding="utf-8")
    os._exit(NO_RUNTIME)


def _expendable() -> None:
    """Make this process end with its parent, and before it where memory runs out (Linux)."""
    threading.Thread(target=_die_with_parent, daemon=True).start()
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def _die_with_parent() -> None:
    """Ends this process when the parent is gone: the other end of stdin closes then, however it died.

    Nobody else is left then to remove the folder, which may hold all weights.
    """
    os.read(0, 1)
    folder = Path(sys.argv[1])
    if folder.name.startswith(SCRATCH):
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)

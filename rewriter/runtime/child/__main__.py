"""Entry point of a child: does one job. `process` runs `python -m rewriter.runtime.child TASK FOLDER`."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
from importlib import import_module
from pathlib import Path

from rewriter.errors import NoRuntime
from rewriter.runtime.child.error_text import one_line
from rewriter.runtime.child.job import ANSWER, JOB, SCRATCH, Cause, Ended, TaskError, read, write


def main(task: str, folder: Path) -> None:
    """Do the job in a folder, and write the answer there."""
    threading.Thread(target=_die_with_parent, args=(folder,), daemon=True).start()
    with contextlib.suppress(OSError):  # Linux then kills this process first when memory runs out
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    module, function = task.split(":")
    try:
        found = getattr(import_module(module), function)(read(folder / JOB))
    except NoRuntime as error:
        found = Ended(str(error), Cause.NO_RUNTIME)
    except TaskError as error:
        found = Ended(one_line(error))
    write(found, folder / ANSWER)


def _die_with_parent(folder: Path) -> None:
    """End this process when the parent has ended, which closes stdin in any case.

    First remove the folder, which may hold all weights: no other process would remove it.
    """
    os.read(0, 1)
    if folder.name.startswith(SCRATCH):
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
    # Skip the interpreter's shutdown: a fault while onnxruntime unloads is no fault of the model.
    os._exit(0)

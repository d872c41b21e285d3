"""Takes one measurement of `speed`: `python -m benchmarks.speed_child WORK FILE SMALL`.

The work runs once on a small file, so that everything is imported. The run on the file itself is then
measured: wall and CPU seconds, the increase of peak memory, and the peaks of its child processes. Short works
are repeated, and the medians are taken. The result is one line of JSON.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.speed_works import WORKS
from rewriter.runtime.child_limits import own_memory

_ENOUGH, _MOST = 0.3, 7
"""CPU seconds, and number of runs, after which a work is not repeated."""
_LOOK = 0.01


@dataclass(frozen=True, slots=True)
class Sample:
    """Cost of one work.

    Attributes:
        wall: wall seconds.
        cpu: CPU seconds, including child processes.
        peak: peak memory in bytes, above the memory before the work.
        child: the largest peak of a child process in bytes, including mapped files.
        own: the largest peak of a child process in bytes, without mapped files.
        parts: part of the work -> wall seconds.
    """

    wall: float
    cpu: float
    peak: int = 0
    child: int = 0
    own: int = 0
    parts: dict[str, float] = field(default_factory=dict)


class _Children(threading.Thread):
    """Thread that watches the memory of child processes."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = self.own = 0
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.wait(_LOOK):
            for child in _children():
                self.own = max(self.own, own_memory(child))
                self.peak = max(self.peak, _status("VmHWM", child))


def _children() -> list[int]:
    with suppress(OSError):
        return [
            int(word)
            for task in Path("/proc/self/task").iterdir()
            for word in (task / "children").read_text().split()
        ]
    return []


def _status(key: str, process: int | str = "self") -> int:
    """Return a figure of the system on a process, in bytes; 0 if there is none."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith(f"{key}:"):
                return int(line.split()[1]) << 10
    return 0


def _cpu() -> float:
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in spent)


def measure(name: str, source: Path, small: Path) -> Sample:
    """Do a work on the small file, then on the other, and return the cost of the latter."""
    work = WORKS[name]
    work(small, small.with_name("out.onnx"))  # refers to the data in the folder
    gc.collect()
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    before = _status("VmRSS")
    looking = _Children()
    looking.start()
    walls: list[float] = []
    cpus: list[float] = []
    parts: dict[str, float] = {}
    while not cpus or (sum(cpus) < _ENOUGH and len(cpus) < _MOST):
        start, spent = time.perf_counter(), _cpu()
        parts = dict(work(source, source.with_name("out.onnx")) or {})
        walls.append(time.perf_counter() - start)
        cpus.append(_cpu() - spent)
    looking.done.set()
    peak = max(_status("VmHWM") - before, 0)
    return Sample(median(walls), median(cpus), peak, looking.peak, looking.own, parts)


def main() -> None:
    """Measure, and print the result; entry point of the child process."""
    name, *paths = sys.argv[1:]
    source, small = map(Path, paths)
    print(json.dumps(asdict(measure(name, source, small))), flush=True)


if __name__ == "__main__":
    main()

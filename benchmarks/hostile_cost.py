"""Measures the cost of refusing hostile files of 15 MB.

`python -m benchmarks.hostile_cost [--verbs=a,b] [GLOB...]` makes the files of `benchmarks.hostile_kinds`
whose names match, one by one in a temporary folder, and runs every verb on them in a new process. If all
kinds were requested, it writes benchmarks/results/hostile_cost.md. The measure is `onnx.load` of a valid file
of 12 MB: on a file that it refuses, a verb may take at most 25 times the processor time of this load, start
of Python included, and 1 GiB of memory. A file that a verb does not refuse has no bound here.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from multiprocessing import get_context
from pathlib import Path

from benchmarks.hostile_kinds import COUNT, kinds, ordinary

RESULTS = Path(__file__).with_name("results") / "hostile_cost.md"
TIMES, MEMORY = 25, 1 << 30
"""Limits: processor time as a multiple of a raw parse, and bytes of memory."""
BROKEN = 70
"""Exit code of an internal error."""
LONGEST = 300
"""Processor seconds after which a verb is ended."""
VERBS: dict[str, tuple[str, ...]] = {
    "tree": ("tree", "FILE"),
    "rewrite": ("rewrite", "FILE", "-o", "OUT"),
    "rewrite --functions": ("rewrite", "FILE", "-o", "OUT", "--functions", "shared"),
    "verify": ("verify", "FILE", "FILE"),
    "flatten": ("flatten", "FILE", "-o", "OUT"),
    "stats": ("stats", "FILE"),
    "explain": ("explain", "FILE", "0"),
    "doctor": ("doctor", "FILE"),
    "extract": ("extract", "FILE", "*", "-o", "OUT"),
    "report": ("report", "FILE", "-o", "PAGE"),
}
PARSE = (
    "import onnx, sys, time; t = time.process_time(); onnx.load(sys.argv[1]); print(time.process_time() - t)"
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of one process: exit code or negative signal, processor seconds, peak bytes, text."""

    code: int
    seconds: float
    peak: int
    said: str

    @property
    def refused(self) -> bool:
        """Whether the verb refused its input, or a signal ended it."""
        return self.code == 3 or self.code < 0

    def is_over(self, parse: float) -> bool:
        """Whether the cost exceeds the limits, given the seconds of a raw parse."""
        return self.seconds > TIMES * parse or self.peak > MEMORY


def cost(words: Sequence[str], folder: Path) -> Cost:
    """Run Python with some arguments, and return the cost."""
    out, err = folder / "out.txt", folder / "err.txt"
    actions = [
        (os.POSIX_SPAWN_OPEN, number, str(path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        for number, path in ((1, out), (2, err))
    ]
    limited = (
        "-c",
        f"import os, resource, sys; resource.setrlimit(resource.RLIMIT_CPU, ({LONGEST}, {LONGEST})); "
        "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])",
    )
    pid = os.posix_spawn(sys.executable, [sys.executable, *limited, *words], os.environ, file_actions=actions)
    _, status, used = os.wait4(pid, 0)
    said = (err if words[0] == "-m" else out).read_text("utf-8", "replace").strip()
    return Cost(os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss << 10, said)


def _write(make: Callable[[], bytes], path: Path) -> None:
    path.write_bytes(make())


def _made(name: str, path: Path) -> None:
    """Write a file in a new process, since the memory of a parent counts in the peak of its children."""
    make = ordinary if not name else dict(kinds())[name]
    _write(make, path)


def make(name: str, path: Path) -> None:
    """Write the file of a kind, or the valid file if the name is empty."""
    process = get_context("spawn").Process(target=_made, args=(name, path))
    process.start()
    process.join()
    assert process.exitcode == 0, name


def measure(
    names: Sequence[str], verbs: Sequence[str], folder: Path
) -> tuple[float, dict[str, dict[str, Cost]]]:
    """Return the seconds of a raw parse, and the cost by kind and verb."""
    path = folder / "model.onnx"
    make("", path)
    parse = min(float(cost(("-c", PARSE, str(path)), folder).said) for _ in range(5))
    print(f"onnx.load of {path.stat().st_size:,} bytes: {parse:.2f} s", flush=True)
    found: dict[str, dict[str, Cost]] = {}
    for name in names:
        make(name, path)
        found[name] = {}
        for verb in verbs:
            places = {"FILE": str(path), "OUT": str(folder / "out.onnx"), "PAGE": str(folder / "out.html")}
            words = [places.get(word, word) for word in VERBS[verb]]
            took = found[name][verb] = cost(("-m", "rewriter", *words), folder)
            over = "  OVER" if took.refused and took.is_over(parse) else ""
            figures = f"{took.code:4} {took.seconds:7.2f} s {took.peak >> 20:6} MB{over}"
            print(f"{name:45} {verb:20} {figures}  {took.said[-110:]!r}", flush=True)
    return parse, found


def table(parse: float, found: dict[str, dict[str, Cost]]) -> str:
    """Return the results as a page; verbs that were not measured have no column."""
    verbs = list(next(iter(found.values())))
    lines = [
        "# Cost of refusing 15 MB",
        "",
        f"`python -m benchmarks.hostile_cost --verbs={','.join(verbs)}`. `onnx.load` takes {parse:.2f} s for",
        f"a valid file of {COUNT:,} nodes, 12 MB. In the table: processor time with the start of Python, in",
        f"multiples of that, and peak memory in MB. Bounds for a refusal: {TIMES} times, {MEMORY >> 20} MB.",
        "Bold: over the bounds, or an internal error. In brackets: not refused.",
        "",
        f"| a file of | {' | '.join(verbs)} |",
        "|---|" + "---:|" * len(verbs),
    ]
    for name, row in found.items():
        lines.append(f"| {name} | {' | '.join(_cell(took, parse) for took in row.values())} |")
    return "\n".join(lines) + "\n"


def _cell(took: Cost, parse: float) -> str:
    text = f"{took.seconds / parse:.0f}x {took.peak >> 20}"
    if took.code == BROKEN:
        return f"**internal error, {text}**"
    if not took.refused:
        return f"({text})"
    return f"**{text}**" if took.is_over(parse) else text


def main(words: Sequence[str]) -> None:
    """Measure, and write the page if all kinds were measured."""
    chosen = [word.removeprefix("--verbs=") for word in words if word.startswith("--verbs=")]
    globs = [word for word in words if not word.startswith("--verbs=")]
    verbs = chosen[0].split(",") if chosen else list(VERBS)
    names = [name for name, _ in kinds() if not globs or any(fnmatchcase(name, glob) for glob in globs)]
    with tempfile.TemporaryDirectory() as folder:
        parse, found = measure(names, verbs, Path(folder))
    if not globs:
        RESULTS.write_text(table(parse, found), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

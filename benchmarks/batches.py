"""Runs the same 500 files through the local pool, Dask and Ray, also with workers and parents killed midway.

`python -m benchmarks.batches [FOLDER...]` writes benchmarks/results/batch.md. The files are the shipped
exports, exports in the given folders (which served no tuning), and small models to make up 500; every 25th is
damaged. Needs `dask[distributed]` and `ray`; the page names those that were not installed.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path

import onnx

from rewriter import batch
from rewriter.batch.ledger import Ledger
from tests.build import chain

FILES = 500
RESULTS = Path(__file__).with_name("results") / "batch.md"
ROOT = Path(__file__).resolve().parent.parent
EXPORTS = ROOT / "fixtures" / "exports"
REQUEST = batch.Request(numbers=False)
_LARGEST = 4 << 20
_LEDGER = "rewriter-batch.jsonl"


@dataclass(frozen=True, slots=True)
class Row:
    """Result of processing all files in one way.

    Attributes:
        what: description of the way.
        seconds: wall time.
        digest: digest of the names and contents of all outputs.
        done: number of files by status.
        twice: number of files that the ledger has more than once.
        note: remarks, for example on killed processes.
    """

    what: str
    seconds: float
    digest: str
    done: Counter[str]
    twice: int
    note: str = ""


def make(folder: Path, extra: list[Path]) -> Counter[str]:
    """Fill a folder with 500 models, and return their number by source."""
    made: Counter[str] = Counter()
    for kind, home in [("fixtures", EXPORTS), *(("held out", each) for each in extra)]:
        for path in sorted(home.rglob("*.onnx")):
            if sum(made.values()) < FILES and path.stat().st_size <= _LARGEST:
                target = folder / kind.replace(" ", "_") / path.relative_to(home)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target)
                for data in path.parent.glob(f"{path.name}*data"):
                    shutil.copy(data, target.parent)
                made[kind] += 1
    while sum(made.values()) < FILES:
        number = made["small"]
        path = folder / "small" / f"{number // 50}" / f"m{number}.onnx"
        path.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(chain(*(f"/layers.{each}/act/Relu" for each in range(2 + number % 40))), path)
        made["small"] += 1
    for path in sorted(folder.rglob("*.onnx"))[::25]:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        made["cut off midway"] += 1
    return made


def digest(out: Path) -> str:
    """Return a digest of all outputs except the ledger, whose lines are in order of completion."""
    found = hashlib.blake2b(digest_size=8)
    for path in sorted(out.rglob("*")):
        if path.is_file() and "rewriter-batch" not in path.name:
            found.update(path.relative_to(out).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def recorded(out: Path) -> Counter[str]:
    """Count the lines of the ledger for each target."""
    with Ledger(out / _LEDGER) as ledger:
        names = list(ledger.records())
    text = (out / _LEDGER).read_text("utf-8")
    return Counter({name: text.count(f'"target": "{name}"') for name in names})


def row(what: str, source: Path, out: Path, engine: str, note: str = "") -> Row:
    """Process all files, or the rest of them if an earlier run was interrupted."""
    started = time.monotonic()
    found = batch.run(source, out, REQUEST, engine=engine)
    seconds = time.monotonic() - started
    assert len(found.records) == FILES
    twice = sum(count > 1 for count in recorded(out).values())
    statuses = Counter(str(record.status) for record in found.records)
    return Row(what, seconds, digest(out), statuses, twice, note)


def wait_for(out: Path, count: int) -> None:
    """Wait until `count` files are recorded."""
    while not (out / _LEDGER).exists() or (out / _LEDGER).read_bytes().count(b"\n") < count:
        time.sleep(0.02)


@contextmanager
def begun(source: Path, out: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a batch in its own process."""
    command = [sys.executable, "-m", "rewriter", "batch", str(source), "-o", str(out), "--no-numbers", *words]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        yield process


def workers_of(process: subprocess.Popen[bytes]) -> list[int]:
    """Return the processes of the pool of a batch."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def killed_parent(source: Path, out: Path) -> Row:
    """Kill the parent twice midway, then run the batch to its end."""
    kept = []
    for at in (FILES // 4, FILES // 2):
        with begun(source, out) as process:
            wait_for(out, at)
            process.kill()
        kept.append(sum(recorded(out).values()))
    note = f"SIGKILL at {kept[0]} and {kept[1]} recorded files"
    return row("local, parent killed twice, run again", source, out, "local", note)


def killed_workers(source: Path, out: Path) -> Row:
    """Kill workers midway; the batch goes on by itself."""
    killed = 0
    with begun(source, out) as process:
        for at in (FILES // 5, FILES // 3, FILES // 2):
            wait_for(out, at)
            os.kill(workers_of(process)[0], signal.SIGKILL)
            killed += 1
        code = process.wait()
    note = f"{killed} times SIGKILL to a worker; exit code {code}, that of the damaged files"
    return row("local, workers killed", source, out, "local", note)


def two_at_once(source: Path, out: Path) -> Row:
    """Let two runs share an output folder."""
    with begun(source, out, "--jobs", "1") as one, begun(source, out, "--jobs", "1") as other:
        codes = (one.wait(), other.wait())
    return row("local, two runs at once", source, out, "local", f"exit codes {codes[0]} and {codes[1]}")


def on_dask(source: Path, out: Path) -> Row:
    """Run on a Dask cluster of two processes on this machine."""
    cluster_of = import_module("distributed").LocalCluster  # may be missing
    with cluster_of(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        address = cluster.scheduler_address.replace("tcp://", "dask://")
        return row("Dask LocalCluster, 2 workers", source, out, address)


def on_ray(source: Path, out: Path) -> Row:
    """Run on Ray on this machine."""
    return row("Ray local", source, out, "ray")


def main(folders: list[str]) -> None:
    """Run all ways and write the table."""
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
    ways: list[tuple[str, Callable[[Path, Path], Row]]] = [
        ("", lambda source, out: row("local, one process per core", source, out, "local")),
        ("", killed_parent),
        ("", killed_workers),
        ("", two_at_once),
        ("distributed", on_dask),
        ("ray", on_ray),
    ]
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch, "src")
        made = make(source, [Path(folder) for folder in folders])
        rows, missing = [], []
        for number, (package, way) in enumerate(ways):
            if package and find_spec(package) is None:
                missing.append(package)
                continue
            rows.append(way(source, Path(scratch, f"out-{number}")))
            print(rows[-1], flush=True)
        again = row("the first folder once more", source, Path(scratch, "out-0"), "local")
    RESULTS.write_text(page([*rows, again], made, missing, folders), "utf-8")
    assert len({each.digest for each in rows}) == 1, "other bytes came out"
    assert not any(each.twice for each in rows), "a file was done twice"


def page(rows: list[Row], made: Counter[str], missing: list[str], folders: list[str]) -> str:
    """Return the results as Markdown."""
    packages = ("onnx-module-rewriter", "onnx", "distributed", "ray")
    versions = [f"{name} {metadata.version(name)}" for name in packages if _installed(name)]
    lines = [
        "# Batches",
        "",
        f"`python -m benchmarks.batches{' FOLDER' * len(folders)}`: {FILES} files: "
        + ", ".join(f"{count} {kind}" for kind, count in made.items() if kind != "cut off midway")
        + f". {made['cut off midway']} of these are cut off midway, so that they fail. Without numbers in "
        "onnxruntime. FOLDER is a corpus of exports outside of this repository.",
        "",
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores shared with other work, "
        f"Python {platform.python_version()}, {', '.join(versions)}.",
        "",
        "| who | seconds | done | failed | recorded twice | digest of all outputs | |",
        "|---|---|---|---|---|---|---|",
    ]
    for each in rows:
        failed = sum(each.done.values()) - each.done["done"]
        cells = (
            each.what,
            f"{each.seconds:.1f}",
            each.done["done"],
            failed,
            each.twice,
            each.digest,
            each.note,
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    same = len({each.digest for each in rows}) == 1
    lines += [
        "",
        f"All runs wrote the same bytes: {'yes' if same else 'NO'}. For runs that were killed, the seconds "
        "are those of the last run, which recognises finished files by digests of their contents.",
    ]
    if missing:
        lines += ["", f"Not measured, not installed: {', '.join(missing)}."]
    return "\n".join(lines) + "\n"


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


if __name__ == "__main__":
    main(sys.argv[1:])

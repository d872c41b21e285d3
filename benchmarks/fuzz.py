"""Fuzzes every target of `tests/fuzz/targets.py` for some seconds, guided by coverage, with atheris.

    pip install atheris                              # 35 MB, Linux and macOS; not needed for the tests
    python -m benchmarks.fuzz --seconds 120          # each target
    python -m benchmarks.fuzz certificate rewrite --seconds 600 --corpus FOLDER

If an input raises anything but an error of the rewriter, it is recorded, one input for each place that
raised, and the run goes on. More than ten seconds or 2 GiB for one input end the run of a target. The exit
code is 1 if anything was found.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import click

from benchmarks.reporting import table

ROOT = Path(__file__).parent.parent
NAMES = (
    *("load_bytes", "load_mangled", "evidence", "parsers", "sidecar_reader", "truth_reader"),
    *("certificate", "rewrite"),
)
HANG, MEMORY = 10, 2048
"""Maximum seconds for one input, and maximum MiB for the process."""


def recording(run: Callable[[bytes], None], found: Path, count: list[int]) -> Callable[[bytes], None]:
    """Wrap a target so that it records faults instead of raising them: one input for each place."""

    def one(data: bytes) -> None:
        count[0] += 1
        try:
            run(data)
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)[1:]
            where = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames[-3:]]
            place = hashlib.sha256(repr((type(error).__name__, where)).encode()).hexdigest()[:12]
            if not (found / f"{place}.json").exists():
                record = {"error": f"{type(error).__name__}: {error}"[:400], "where": where}
                (found / f"{place}.json").write_text(json.dumps({**record, "input": data.hex()}))

    return one


def fuzz(name: str, seconds: int, corpus: Path, found: Path) -> None:
    """Fuzz one target in this process, which ends with the run."""
    import atheris  # noqa: PLC0415  may be missing

    with atheris.instrument_imports(include=["rewriter", "tests.fuzz"]):
        from tests.fuzz import targets  # noqa: PLC0415  instrumented by this import
    for number, data in enumerate(targets.corpus(name)):
        (corpus / f"seed{number}").write_bytes(data)
    count = [0]
    arguments = [f"-max_total_time={seconds}", f"-timeout={HANG}", f"-rss_limit_mb={MEMORY}", "-max_len=4096"]
    arguments += [f"-artifact_prefix={found}/", "-print_final_stats=1", "-verbosity=0", str(corpus)]
    atheris.Setup([sys.argv[0], *arguments], recording(targets.TARGETS[name], found, count))
    atheris.Fuzz()


def run(name: str, seconds: int, corpus: Path, found: Path) -> tuple[int, str]:
    """Fuzz one target in a child; return the number of inputs run, and the fault that ended the run."""
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "benchmarks.fuzz", name, "--child", "--seconds", str(seconds)]
    child = subprocess.run(
        [*command, "--corpus", str(corpus), "--found", str(found)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds + 300,
        check=False,
    )
    lines = [line for line in child.stderr.splitlines() if "number_of_executed_units" in line]
    executed = int(lines[-1].split()[-1]) if lines else 0
    return executed, "" if child.returncode == 0 else child.stderr[-1500:]


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(NAMES))
@click.option("--seconds", default=20, help="Seconds for each target.")
@click.option("--corpus", type=click.Path(path_type=Path), help="Folder that keeps inputs with new coverage.")
@click.option("--found", type=click.Path(path_type=Path), help="Folder of the faults.")
@click.option("--child", is_flag=True, hidden=True)
def main(names: tuple[str, ...], seconds: int, corpus: Path | None, found: Path | None, child: bool) -> None:
    """Fuzz targets (default: all)."""
    if child:
        assert corpus and found
        fuzz(names[0], seconds, corpus, found)
        return
    with tempfile.TemporaryDirectory() as scratch:
        kept, faults = corpus or Path(scratch) / "corpus", found or Path(scratch) / "found"
        rows, told = [], []
        for name in names or NAMES:
            began = time.monotonic()
            executed, fault = run(name, seconds, kept / name, faults / name)
            records = [json.loads(path.read_text()) for path in sorted((faults / name).glob("*.json"))]
            rows.append((name, executed, f"{time.monotonic() - began:.0f}", len(records) + bool(fault)))
            told += [f"{name}: {record['error']} at {' '.join(record['where'])}" for record in records]
            told += [f"{name}: {fault}"] if fault else []
        print(table(("target", "inputs", "seconds", "faults"), rows))
        print("\n".join(told))
    sys.exit(bool(told))


if __name__ == "__main__":
    main()

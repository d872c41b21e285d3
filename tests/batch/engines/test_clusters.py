"""The same bytes whoever does the work; Dask and Ray where they are installed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from rewriter import batch
from rewriter.batch.record import Status
from rewriter.errors import EngineLost, UsageError
from tests.batch.making import QUICK, contents, dies_at_poison, folder_of, hangs, lines
from tests.processes import PATIENCE, wait_for

NAMES = [f"part{number % 2}/m{number}.onnx" for number in range(6)]
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(tmp_path_factory.mktemp("many") / "src", *NAMES)


@pytest.fixture(scope="module")
def whole(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The outputs of the local pool."""
    out = tmp_path_factory.mktemp("local") / "out"
    assert batch.run(source, out, QUICK, jobs=1).exit_code == 0
    return contents(out)


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    distributed = pytest.importorskip(
        "distributed", reason="Dask is not installed: pip install dask[distributed]"
    )
    before = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, (str(ROOT), before))
    )  # workers import these tests
    try:
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs="CRITICAL"
        ) as found:
            yield found.scheduler_address.replace("tcp://", "dask://")
    finally:
        os.environ["PYTHONPATH"] = before


@pytest.fixture(scope="module")
def ray() -> Iterator[ModuleType]:
    found: ModuleType = pytest.importorskip("ray", reason="Ray is not installed: pip install ray")
    found.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": str(ROOT)}},
    )
    yield found
    found.shutdown()


@pytest.mark.parametrize(
    ("engine", "module"), [("dask://127.0.0.1:9", "distributed"), ("ray://127.0.0.1:9", "ray")]
)
def test_a_dead_address_is_one_line(
    engine: str, module: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(module, reason=f"{module} is not installed")
    monkeypatch.setattr("rewriter.batch.engines.dask.PATIENCE", 1.0)
    with pytest.raises(EngineLost, match=f"^{engine}: no cluster answers: .*; check the address$"):
        batch.run(source, tmp_path, QUICK, engine=engine)


def test_dask(cluster: str, source: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    assert batch.run(source, tmp_path, QUICK, engine=cluster).exit_code == 0
    assert contents(tmp_path) == whole
    assert len(batch.run(source, tmp_path, QUICK, engine=cluster).kept) == len(lines(tmp_path)) == 6


def test_ray(ray: ModuleType, source: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    assert batch.run(source, tmp_path, QUICK, engine="ray").exit_code == 0
    assert contents(tmp_path) == whole
    assert len(batch.run(source, tmp_path, QUICK, engine="ray").kept) == len(lines(tmp_path)) == 6
    assert ray.is_initialized()  # it was not ours to end


def test_a_dask_worker_dies(cluster: str, tmp_path: Path) -> None:
    _one_dies(cluster, tmp_path)


def test_a_ray_worker_dies(ray: ModuleType, tmp_path: Path) -> None:
    assert ray.is_initialized()
    _one_dies("ray", tmp_path)


def _one_dies(engine: str, folder: Path) -> None:
    source = folder_of(folder / "src", "a.onnx", "once.onnx", "poison.onnx")
    found = batch.run(source, folder / "out", QUICK, engine=engine, work=dies_at_poison)
    assert [record.status for record in found.records] == [Status.DONE, Status.DONE, Status.CRASHED]
    assert len(lines(folder / "out")) == 3


@pytest.mark.parametrize(("engine", "package"), [("dask://127.0.0.1:9", "distributed"), ("ray", "ray")])
def test_without_the_package_it_says_so(
    engine: str, package: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(UsageError, match=f"needs {package}; pip install"):
        batch.run(source, tmp_path, QUICK, engine=engine)


@contextmanager
def dask(*words: str, path: str = str(ROOT)) -> Iterator[subprocess.Popen[bytes]]:
    """A process of Dask whose imports come from `path` first."""
    command = [sys.executable, "-P", "-m", "dask", *words, "--no-dashboard"]
    process = subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": path}, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def scheduler(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A scheduler of Dask in a process of its own, with one worker that has the package; and its address."""
    pytest.importorskip("distributed", reason="Dask is not installed: pip install dask[distributed]")
    file = folder / "scheduler.json"
    with dask("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file)) as process:
        wait_for(lambda: file.exists() and file.read_text())
        address = json.loads(file.read_text())["address"].replace("tcp://", "dask://")
        with worker(address):
            yield process, address


def worker(address: str, path: str = str(ROOT)) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """A worker of a scheduler, with one thread."""
    place = address.replace("dask://", "tcp://")
    return dask("worker", place, "--no-nanny", "--nthreads", "1", path=path)


def test_a_dask_worker_without_the_package_is_left_out(
    source: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "rewriter.py").write_text("raise ImportError('an old environment')")
    news: list[str] = []
    with scheduler(tmp_path) as (_, address), worker(address, str(tmp_path)) as bare:
        _see_workers(address, 2)
        found = batch.run(
            source, tmp_path / "out", QUICK, engine=address, watch=lambda state: news.extend(state.news)
        )
        assert bare.poll() is None
    assert found.exit_code == 0
    assert contents(tmp_path / "out") == whole
    assert "1 of 2 workers with rewriter" in news[-1]
    assert "(ImportError: an old environment)" in news[-1]


def test_a_dask_scheduler_dies(source: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    with scheduler(tmp_path) as (process, address):
        _see_workers(address, 1)
        with pytest.raises(EngineLost, match=rf"^{address}: .* of 6 files finished; run the same command"):
            batch.run(source, tmp_path / "out", QUICK, engine=address, told=lambda *_: process.kill())
    assert batch.run(source, tmp_path / "out", QUICK, jobs=1).kept
    assert contents(tmp_path / "out") == whole


def _see_workers(address: str, count: int) -> None:
    client_of = import_module("distributed").Client
    with client_of(address.replace("dask://", "tcp://"), set_as_default=False) as client:
        client.wait_for_workers(count, timeout=PATIENCE)


def test_a_file_that_hangs_ends_on_dask(cluster: str, tmp_path: Path) -> None:
    _one_hangs(cluster, tmp_path)


def test_a_file_that_hangs_ends_on_ray(ray: ModuleType, tmp_path: Path) -> None:
    assert ray.is_initialized()
    _one_hangs("ray", tmp_path)


def _one_hangs(engine: str, folder: Path) -> None:
    source = folder_of(folder / "src", "hangs.onnx")
    (record,) = batch.run(source, folder / "out", QUICK, engine=engine, work=hangs, file_timeout=0.5).records
    assert record.status is Status.TIMED_OUT

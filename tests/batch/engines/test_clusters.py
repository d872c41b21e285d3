"""The same bytes whoever does the work; Dask and Ray where they are installed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from rewriter import batch
from rewriter.batch.record import Status
from rewriter.errors import UsageError
from tests.batch.making import QUICK, contents, dies_at_poison, folder_of, lines

NAMES = [f"part{number % 2}/m{number}.onnx" for number in range(6)]
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(tmp_path_factory.mktemp("many") / "src", *NAMES)


@pytest.fixture(scope="module")
def whole(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the local pool gives."""
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

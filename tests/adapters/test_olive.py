"""Workflows of Olive with the tree in them, run for real."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import onnx
import pytest

import rewriter
from rewriter.errors import UsageError
from tests.exports import EXPORTS

reason = "Olive is not installed: pip install 'onnx-module-rewriter[olive]'"
pytest.importorskip("olive", reason=reason)
pytestmark = pytest.mark.filterwarnings("ignore")  # Olive's own


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Olive reports to its makers, and keeps a cache, unless told otherwise."""
    monkeypatch.setenv("OLIVE_DISABLE_TELEMETRY", "1")
    monkeypatch.chdir(tmp_path)


def workflow(model: Path, folder: Path, **passes: dict[str, Any]) -> Path:
    """Run passes of Olive on a model; the model that they give."""
    from olive import run

    from rewriter.adapters.olive import package_config

    config = {
        "input_model": {"type": "OnnxModel", "model_path": str(model)},
        "passes": passes,
        "output_dir": str(folder / "out"),
        "cache_dir": str(folder / "cache"),
        "log_severity_level": 4,
    }
    best = run(config, package_config=package_config()).get_best_candidate()
    assert best.model_config["model_attributes"].get("module_tree", {}).get("certificate", True)
    (written,) = Path(best.model_path).glob("*.onnx")
    return written


FIXTURES = [EXPORTS / "bert" / "ts.onnx", EXPORTS / "gpt2" / "dy.onnx", EXPORTS / "cond" / "dy.onnx"]


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.parent.name)
def test_a_workflow_gives_the_tree(path: Path, tmp_path: Path) -> None:
    output = workflow(path, tmp_path, tree={"type": "OnnxModuleTree", "restore_names": True})
    ours = rewriter.rewrite(path, restore_names=True, numbers=False)
    assert onnx.load(output) == ours.result
    assert rewriter.verify(path, output).verdict == "equal"
    assert [file.name for file in output.parent.iterdir() if "modules" in file.name] == []  # see the adapter


def test_quantisation_takes_the_tree_and_like_brings_it_back(tmp_path: Path) -> None:
    source = EXPORTS / "bert" / "ts.onnx"
    rewriter.rewrite(source, tmp_path / "tree.onnx", restore_names=True)
    output = workflow(
        tmp_path / "tree.onnx",
        tmp_path,
        quantise={"type": "OnnxDynamicQuantization"},
        tree={"type": "OnnxModuleTree", "like": str(tmp_path / "tree.onnx")},
    )
    tree = rewriter.tree(output)
    assert {module.path for module in tree.select("model.encoder.**")} == {
        module.path for module in rewriter.tree(source).select("model.encoder.**")
    }
    assert tree.coverage > 0.9
    assert any("Integer" in node.op_type for node in onnx.load(output).graph.node)


def test_weights_in_files_come_along(tmp_path: Path) -> None:
    for file in (EXPORTS / "external_data").glob("dy.onnx*"):
        shutil.copy(file, tmp_path)
    path = workflow(tmp_path / "dy.onnx", tmp_path, tree={"type": "OnnxModuleTree", "functions": "shared"})
    assert rewriter.verify(tmp_path / "dy.onnx", path).verdict == "equal"
    assert onnx.load(path, load_external_data=False).functions


def test_the_package_config_is_olives_and_ours(capsys: pytest.CaptureFixture[str]) -> None:
    import runpy

    from rewriter.adapters.olive import package_config

    assert {"OnnxModuleTree", "OnnxDynamicQuantization"} <= package_config()["passes"].keys()
    runpy.run_module("rewriter.adapters.olive", run_name="__main__")
    assert json.loads(capsys.readouterr().out) == package_config()


def test_other_models_are_refused() -> None:
    from olive.hardware import DEFAULT_CPU_ACCELERATOR
    from olive.passes.olive_pass import create_pass_from_dict

    from rewriter.adapters.olive import OnnxModuleTree

    step = create_pass_from_dict(OnnxModuleTree, {}, True, DEFAULT_CPU_ACCELERATOR)
    with pytest.raises(UsageError, match="not a object; convert it first"):
        step._run_for_config(object(), step.config, "o")

"""The fixtures are complete, explain themselves, and their truth fits the files. Needs no torch."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import onnx
import pytest

EXPORTS = Path(__file__).resolve().parent.parent / "fixtures" / "exports"
FOLDERS = sorted(path for path in EXPORTS.iterdir() if path.is_dir() and path.name != "__pycache__")
VARIANTS = ("ts", "ts_dyn", "dy", "dy_dyn")
TORCHSCRIPT = ("ts", "ts_dyn")

each_folder = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


@cache
def truth_of(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "truth.json").read_text())
    return content


@cache
def expected_of(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "expected.toml").read_text())


@cache
def model_of(folder: Path, variant: str) -> onnx.ModelProto:
    return onnx.load(folder / f"{variant}.onnx", load_external_data=False)


def nodes_of(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from nodes_of(attribute.g)


def modules_of(folder: Path) -> dict[str, dict[str, Any]]:
    return {module["path"]: module for module in truth_of(folder)["modules"]}


def test_there_are_fixtures() -> None:
    assert len(FOLDERS) >= 65


@each_folder
def test_folder_is_complete(folder: Path) -> None:
    for name in ("make.py", "truth.json", "expected.toml"):
        assert (folder / name).is_file(), name
    assert expected_of(folder)["why"].endswith(".")


@each_folder
def test_every_variant_exists_or_is_explained(folder: Path) -> None:
    truth = truth_of(folder)
    present = [variant for variant in VARIANTS if (folder / f"{variant}.onnx").is_file()]
    assert present == expected_of(folder)["variants"]
    assert present == list(truth["files"])
    assert sorted({*present, *truth["not_exported"]}) == sorted(VARIANTS)
    assert not set(present) & set(truth["not_exported"])
    assert all(truth["not_exported"].values())


@each_folder
def test_modules_are_as_expected(folder: Path) -> None:
    modules = modules_of(folder)
    assert expected_of(folder)["module"], "no facts checked by hand"
    for fact in expected_of(folder)["module"]:
        found = modules[fact["path"]]
        assert {key: found.get(key) for key in fact} == fact


@each_folder
def test_call_order_agrees_with_calls(folder: Path) -> None:
    order = Counter(truth_of(folder)["call_order"])
    assert {path: module["calls"] for path, module in modules_of(folder).items()} == {
        path: order[path] for path in modules_of(folder)
    }


@each_folder
def test_every_node_in_the_truth_is_in_the_file_and_its_module_is_known(folder: Path) -> None:
    modules = modules_of(folder)
    known = {alias: module for module in modules.values() for alias in module.get("aliases", ())} | modules
    for variant, file in truth_of(folder)["files"].items():
        names = Counter(node.name for node in nodes_of(model_of(folder, variant).graph))
        assert file["nodes"], variant
        for name, (path, call, class_name) in file["nodes"].items():
            assert names[name] == 1, f"{variant}: {name}"
            assert known[path]["class"] == class_name, f"{variant}: {name}"
            assert call is None or 0 <= call < known[path]["calls"], f"{variant}: {name}"


@each_folder
def test_scopes_follow_from_nodes(folder: Path) -> None:
    for variant in TORCHSCRIPT:
        if variant not in truth_of(folder)["files"]:
            continue
        file = truth_of(folder)["files"][variant]
        seen: dict[str, set[str]] = {}
        for name, (path, *_) in file["nodes"].items():
            seen.setdefault(name.rpartition("/")[0], set()).add(path)
        stated = {
            scope: {paths} if isinstance(paths, str) else set(paths)
            for scope, paths in file["scopes"].items()
        }
        assert stated == seen


@each_folder
def test_scopes_nodes_and_parameters_are_as_expected(folder: Path) -> None:
    files = truth_of(folder)["files"]
    expected = expected_of(folder)
    for fact in expected.get("scope", ()):
        assert files[fact["file"]]["scopes"][fact["scope"]] == fact["module"]
    for fact in expected.get("node", ()):
        nodes = files[fact["file"]]["nodes"]
        graph = model_of(folder, fact["file"]).graph
        names = [fact["name"]] if "name" in fact else [n.name for n in graph.node if n.op_type == fact["op"]]
        assert names
        for name in names:
            assert nodes[name][0] == fact["module"]
            assert nodes[name][1] == fact.get("call", nodes[name][1])
    for fact in expected.get("parameter", ()):
        assert files[fact["file"]]["initializers"][fact["initializer"]]["parameter"] == fact["parameter"]


@each_folder
def test_initializers_exist_and_name_parameters(folder: Path) -> None:
    modules = modules_of(folder)
    known = {f"{p}.{name}".lstrip(".") for p, module in modules.items() for name in module["parameters"]}
    known |= {
        f"{alias}.{name}"
        for module in modules.values()
        for alias in module.get("aliases", ())
        for name in module["parameters"]
    }
    for variant, file in truth_of(folder)["files"].items():
        stored = {tensor.name for tensor in model_of(folder, variant).graph.initializer}
        assert set(file["initializers"]) <= stored
        for weight in file["initializers"].values():
            assert set(weight["parameter"]) <= known


@each_folder
def test_no_file_names_a_folder_of_the_exporting_machine(folder: Path) -> None:
    for variant in truth_of(folder)["files"]:
        content = (folder / f"{variant}.onnx").read_bytes()
        assert b"/site-packages/" not in content.replace(b'"site-packages/', b"")
        assert str(EXPORTS.parent.parent).encode() not in content

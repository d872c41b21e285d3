from __future__ import annotations

import os
from pathlib import Path

import onnx
import pytest

from rewriter.errors import UnreadableModel
from rewriter.model import limits
from rewriter.model.storage import external_data, files
from tests.exports import EXPORTS


def test_external_data_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    path = EXPORTS / "external_data" / "dy.onnx"
    model = files.load(path)
    assert external_data.external_locations(model) == {
        "dy.onnx.data": (path.parent / "dy.onnx.data").stat().st_size
    }
    assert external_data.check_external_data(model, path) == ("dy.onnx.data",)
    assert not any(t.raw_data for t in model.graph.initializer if t.HasField("data_location"))


def test_tensors_are_found_everywhere() -> None:
    def tensor(name: str) -> onnx.TensorProto:
        return onnx.helper.make_tensor(name, onnx.TensorProto.FLOAT, [1], [0.0])

    def graph(name: str, inner: list[onnx.NodeProto]) -> onnx.GraphProto:
        return onnx.helper.make_graph(inner, name, [], [], [tensor(f"{name} initializer")])

    constant = onnx.helper.make_node("Constant", [], ["c"], value=tensor("attribute"))
    several = onnx.helper.make_node("Custom", [], ["d"], tensors=[tensor("first"), tensor("second")])
    branch = onnx.helper.make_node("If", ["c"], ["e"], then_branch=graph("then", [constant]))
    many = onnx.helper.make_node("Custom", [], ["f"], graphs=[graph("one", []), graph("two", [])])
    model = onnx.helper.make_model(graph("main", [branch, several, many]))
    sparse = onnx.SparseTensorProto(values=tensor("values"), indices=tensor("indices"), dims=[1])
    model.graph.sparse_initializer.append(sparse)
    inside = onnx.helper.make_node("Constant", [], ["g"], value=tensor("in function"))
    model.functions.append(onnx.FunctionProto(name="f", domain="d", node=[inside]))
    assert sorted(found.name for found in external_data.tensors_of(model)) == sorted(
        [
            *("main initializer", "then initializer", "attribute", "first", "second", "in function"),
            *("one initializer", "two initializer", "values", "indices"),
        ]
    )


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model.onnx")
    with pytest.raises(UnreadableModel, match="a pipe or device"):
        files.load(tmp_path / "model.onnx")


def _sparse(path: Path, size: int) -> Path:
    """A file of so many bytes that takes no room on the disk."""
    with path.open("wb") as file:
        file.truncate(size)
    return path


@pytest.mark.parametrize("bound", [limits.MOST_BYTES, 1 << 40])
@pytest.mark.parametrize("size", [limits.MOST_BYTES + 1, 5 << 30])
def test_more_than_protobuf_reads_is_refused_unread(
    bound: int, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _sparse(tmp_path / "large.onnx", size)
    monkeypatch.delattr(Path, "read_bytes")
    with limits.within(limits.Limits(bytes=bound)), pytest.raises(UnreadableModel) as refused:
        files.load(path)
    message = str(refused.value)
    assert message.startswith(f"{path}: the file has {size:,} bytes, and protobuf reads 2,147,483,647; ")
    assert "external data" in message
    assert "--limit" not in message


def test_the_largest_file_is_read_and_a_lower_bound_can_be_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _sparse(tmp_path / "large.onnx", limits.MOST_BYTES)
    monkeypatch.setattr(Path, "read_bytes", lambda _: b"")
    with pytest.raises(UnreadableModel, match="is empty"):
        files.load(path)
    below = limits.Limits(bytes=limits.MOST_BYTES - 1)
    with limits.within(below), pytest.raises(UnreadableModel, match="--limit bytes=NUMBER"):
        files.load(path)

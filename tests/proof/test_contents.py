"""Contents of tensors as keys: external data, and texts in constants."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from rewriter.proof.certificate import certify
from tests.proof.texts import model, unary


def external(folder: Path, values: list[float], **entries: str) -> onnx.ModelProto:
    """`y = x + w`, where `w` lies in the file `w` of a folder."""
    folder.mkdir(exist_ok=True)
    (folder / "w").write_bytes(np.array(values, np.float32).tobytes())
    made = model(unary("y = Add(x, w)", more=", float[2] w"))
    del made.graph.input[2]
    tensor = made.graph.initializer.add(name="w", data_type=TensorProto.FLOAT, dims=[2])
    tensor.data_location = TensorProto.EXTERNAL
    for key, text in {"location": "w", **entries}.items():
        tensor.external_data.add(key=key, value=text)
    return made


def test_data_counts_by_its_bytes_where_folders_differ(tmp_path: Path) -> None:
    here, there = tmp_path / "a", tmp_path / "b"
    one, same, other = external(here, [1, 2]), external(there, [1, 2]), external(tmp_path / "c", [1, 3])
    assert certify(one, same, before_folder=here, after_folder=there).equal
    assert not certify(one, other, before_folder=here, after_folder=tmp_path / "c").equal


def test_data_of_which_nobody_knows_the_folder_equals_no_other(tmp_path: Path) -> None:
    one, same = external(tmp_path / "a", [1, 2]), external(tmp_path / "b", [1, 2])
    same.graph.node[0].doc_string = same.graph.name = "another"
    same.graph.node[0].input[:] = ["w", "x"]
    for folders in ((None, tmp_path / "b"), (tmp_path / "a", None)):
        found = certify(one, same, before_folder=folders[0], after_folder=folders[1])
        assert not found.equal


@pytest.mark.parametrize(
    "entries", [{"offset": "-4"}, {"length": "-4"}, {"offset": "many"}, {"length": "99"}]
)
def test_places_that_no_file_has_prove_nothing(entries: dict[str, str], tmp_path: Path) -> None:
    one = external(tmp_path / "a", [1, 2], **entries)
    other = external(tmp_path / "b", [1, 2], **entries)
    other.graph.node[0].input[:] = ["w", "x"]
    found = certify(one, other, before_folder=tmp_path / "a", after_folder=tmp_path / "b")
    assert "external data 'w' cannot be read" in str(found.difference)


@pytest.mark.parametrize("values", [["a"], ["a", "b"]])
def test_a_constant_of_texts_equals_an_initializer(values: list[str]) -> None:
    text = 'g (string[N] x) => (bool[N] y) { t = Constant<value_strings = ["a"]>() y = Equal(x, t) }'
    before = model(text)
    strings = before.graph.node[0].attribute[0].strings
    del strings[:]
    strings.extend(value.encode() for value in values)
    after = onnx.ModelProto()
    after.CopyFrom(before)
    del after.graph.node[0]
    after.graph.initializer.append(numpy_helper.from_array(np.array(values, object), "t"))
    assert certify(before, after).equal
    after.graph.initializer[0].string_data[0] = b"other"
    assert not certify(before, after).equal
    assert helper.get_attribute_value(before.graph.node[0].attribute[0]) == [v.encode() for v in values]


def stripped(*read: str) -> onnx.ModelProto:
    """`y = x * v - x * w`, where `read` are v and w, without the contents of both."""
    made = model(
        f"g (float[2] x) => (float[2] y) {{ p = Mul(x, {read[0]}) q = Mul(x, {read[1]}) y = Sub(p, q) }}"
    )
    for name in ("v", "w"):
        made.graph.initializer.add(name=name, data_type=TensorProto.FLOAT, dims=[2], raw_data=b"")
    return made


def test_weights_without_content_count_by_their_names() -> None:
    same, other = stripped("v", "w"), stripped("v", "v")
    same.graph.node.insert(0, same.graph.node.pop(1))
    assert certify(stripped("v", "w"), same).equal
    assert not certify(stripped("v", "w"), other).equal


def test_a_constant_without_content_equals_nothing() -> None:
    made = model("g () => (float[2] y) { y = Identity(w) }")
    empty = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2])
    made.graph.node.insert(0, helper.make_node("Constant", [], ["w"], value=empty))
    other = model("g () => (float[2] y) { y = Identity(w) }")
    other.graph.initializer.append(empty)
    assert certify(made, other).difference == "no proof: tensor 'w' has no content"

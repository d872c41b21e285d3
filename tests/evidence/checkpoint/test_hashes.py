"""Initializers named by content."""

from __future__ import annotations

import json
import pickle
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from rewriter import pipeline
from rewriter.api.functions import load, rewrite
from rewriter.api.side_inputs import read_evidence
from rewriter.errors import RewriterError, UnreadableModel, UsageError
from rewriter.evidence.checkpoint import witness as checkpoint_match
from rewriter.evidence.checkpoint.files import tensors_in
from rewriter.evidence.checkpoint.hashes import Checkpoint
from rewriter.evidence.claims import InitializerSlice, Source
from rewriter.evidence.side_inputs import Given
from rewriter.model import tensors
from rewriter.modules.analysis import Analysis
from rewriter.modules.totals import totals
from rewriter.views.json import parameter_json
from tests.evidence.checkpoints import Array, nameless, parameters_of, write_safetensors
from tests.exports import EXPORTS, file_in_turn, truth_of
from tests.references import truth

BERT = EXPORTS / "bert" / "ts.onnx"
RNG = np.random.default_rng(0)


def random(*shape: int, dtype: str = "float32") -> Array:
    return RNG.normal(size=shape).astype(dtype)


def named(found: Analysis) -> dict[str, dict[str, bool]]:
    """Return initializer -> parameter that its content shows -> whether it is transposed."""
    names: dict[str, dict[str, bool]] = {}
    for claim in found.parameters:
        if claim.source == Source.CHECKPOINT:
            names.setdefault(claim.initializer, {})[str(claim.name)] = claim.transposed
    return names


def net(*held: TensorProto) -> onnx.ModelProto:
    """Build a model whose nodes add all initializers to one input, in order."""
    nodes = [
        helper.make_node("Add", [f"s{n}" if n else "x", each.name], [f"s{n + 1}"])
        for n, each in enumerate(held)
    ]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", f"s{len(nodes)}"))
    return helper.make_model(helper.make_graph(nodes, "g", [x], [y], held))


def content(name: str, array: Array) -> TensorProto:
    return numpy_helper.from_array(np.ascontiguousarray(array), name)


def by_content(model: onnx.ModelProto, folder: Path, tensors: dict[str, Array]) -> Analysis:
    file = write_safetensors(folder / "model.safetensors", tensors)
    return pipeline.load(model, read_evidence(checkpoint=file))


@file_in_turn
def test_every_parameter_is_named_when_no_name_is_left(path: Path, tmp_path: Path) -> None:
    model, new_names = nameless(path)
    file = tmp_path / path.name
    file.write_bytes(model.SerializeToString())
    for data in path.parent.glob(f"{path.name}.*"):
        (tmp_path / data.name).write_bytes(data.read_bytes())
    weights = write_safetensors(tmp_path / "model.safetensors", parameters_of(path.parent))
    found = named(pipeline.load(file, read_evidence(checkpoint=weights)))
    initializers = truth_of(path.parent)["files"][path.stem]["initializers"]
    for initializer, true in initializers.items():
        names = found.pop(new_names[initializer], {})
        assert names, initializer
        assert set(names) <= set(true["parameter"])
        assert set(names.values()) == {true["transposed"]}
    assert not found  # no other initializer is a parameter


@file_in_turn
def test_with_names_only_what_has_none_is_named(path: Path, tmp_path: Path) -> None:
    weights = write_safetensors(tmp_path / "model.safetensors", parameters_of(path.parent))
    found = pipeline.load(path, read_evidence(checkpoint=weights))
    initializers = truth_of(path.parent)["files"][path.stem]["initializers"]
    for module in found.tree:
        for parameter in module.parameters:
            true = initializers.get(parameter.initializer)
            if true is not None:
                assert module.path.child(parameter.name) in true["parameter"]
                assert parameter.transposed == true["transposed"]
    assert initializers.keys() <= {claim.initializer for claim in found.parameters}


def test_names_stand_where_the_file_has_them(tmp_path: Path) -> None:
    """The exported module wraps the model of the checkpoint, or is a part of it."""
    weights = parameters_of(BERT.parent)
    inner = {name.removeprefix("model."): array for name, array in weights.items()}
    outer = {f"net.{name}": array for name, array in weights.items()}
    other = {f"bert.{name}": array for name, array in inner.items()}
    for checkpoint in (inner, outer, other):
        found = by_content(onnx.load(BERT), tmp_path, checkpoint)
        assert named(found) == named(by_content(onnx.load(BERT), tmp_path, weights))
        assert {str(claim.name) for claim in found.parameters} == weights.keys()
    model, _ = nameless(BERT)
    found = by_content(model, tmp_path, inner)  # no name in the file shows the prefix
    assert {str(claim.name) for claim in found.parameters} == inner.keys()


def test_the_readers_are_placed_and_a_reference_finds_its_place(tmp_path: Path) -> None:
    model, _ = nameless(BERT)
    weights = write_safetensors(tmp_path / "model.safetensors", parameters_of(BERT.parent))
    given = replace(truth(BERT.parent, part="model"), checkpoint=Checkpoint(weights))
    found = pipeline.load(model, given)
    assert found.tree["model.encoder.layer.1.attention.self.query"].short_class == "Linear"
    assert found.tree["model.embeddings"].short_class == "BertEmbeddings"
    sources = {claims[0].source for claims in found.claims if claims}
    assert sources == {Source.CHECKPOINT, Source.DATAFLOW}
    assert len(found.notes) == 2


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "float64"])
@pytest.mark.parametrize("stored", ["float32", "float16", "bfloat16"])
def test_other_floating_types(dtype: str, stored: str, tmp_path: Path) -> None:
    type_of = {"bfloat16": np.dtype(ml_dtypes.bfloat16)}
    weight = random(8, 6).astype(type_of.get(stored, stored))
    in_file = weight.astype(type_of.get(dtype, dtype))
    found = by_content(net(content("v", in_file.T)), tmp_path, {"fc.weight": weight, "b": random(3)})
    assert named(found) == {"v": {"fc.weight": True}}


def test_reshaped_content(tmp_path: Path) -> None:
    weight = random(8, 6)
    found = by_content(net(content("v", weight.reshape(8, 6, 1, 1))), tmp_path, {"conv.weight": weight})
    assert named(found) == {"v": {"conv.weight": False}}


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("turned", [False, True])
def test_parameters_behind_each_other(axis: int, turned: bool, tmp_path: Path) -> None:
    shapes = {"q": (8, 8), "k": (4, 8), "v": (4, 8)} if axis == 0 else {"q": (8, 8), "k": (8, 4), "v": (8, 4)}
    weights = {f"attn.{name}.weight": random(*shape) for name, shape in shapes.items()}
    fused = np.concatenate(list(weights.values()), axis)
    found = by_content(net(content("w", fused.T if turned else fused)), tmp_path, weights)
    along = 1 - axis if turned else axis
    parts = {module.path.name: module.parameters[0] for module in found.tree if module.parameters}
    assert {name: part.part for name, part in parts.items()} == {
        "q": InitializerSlice(along, 0, 8),
        "k": InitializerSlice(along, 8, 12),
        "v": InitializerSlice(along, 12, 16),
    }
    assert {part.transposed for part in parts.values()} == {turned}
    assert {name: part.count for name, part in parts.items()} == {"q": 64, "k": 32, "v": 32}
    assert totals(found.tree.modules)[found.tree.root.path][1] == 128
    assert parameter_json(parts["k"])["part"] == {"axis": along, "start": 8, "stop": 12}
    assert found.tree.placements[0] is not None
    assert found.tree.placements[0].module == "attn"


def test_vectors_behind_each_other(tmp_path: Path) -> None:
    biases = {f"attn.{name}.bias": random(8) for name in "qkv"}
    found = by_content(net(content("b", np.concatenate(list(biases.values())))), tmp_path, biases)
    assert named(found) == {"b": dict.fromkeys(biases, False)}
    short = np.concatenate([biases["attn.q.bias"], random(3)])
    with pytest.raises(UsageError, match="does not fit"):
        by_content(net(content("b", short), content("w", random(2, 2))), tmp_path, biases)


def test_equal_contents_are_told_apart_by_what_stands_beside_them(tmp_path: Path) -> None:
    weights = {
        "a.weight": random(4, 4),
        "a.bias": np.zeros(4, np.float32),
        "b.weight": random(4, 4),
        "b.bias": np.zeros(4, np.float32),
    }
    numbered = [content(f"v{n}", array) for n, array in enumerate(weights.values())]
    found = named(by_content(net(*numbered), tmp_path, weights))
    # v1 stands between the weights of a and b and may be either's bias; v3 stands behind b's weight.
    assert found == {"v0": {"a.weight": False}, "v2": {"b.weight": False}, "v3": {"b.bias": False}}


def test_plain_numbers_and_integers_are_no_parameters_by_chance(tmp_path: Path) -> None:
    weights = {
        "fc.weight": random(4, 4),
        "far.scale": np.array(1.0, np.float32),
        "far.steps": np.array(0),
        "far.index": np.arange(4),
    }
    constants = [content("one", np.array(1.0, np.float32)), content("none", np.array(0))]
    padding = [content(f"p{n}", random(2)) for n in range(4)]
    model = net(content("w", weights["fc.weight"]), *padding, *constants, content("i", np.arange(4)))
    assert named(by_content(model, tmp_path, weights)) == {"w": {"fc.weight": False}}


def test_tied_weights_bear_both_names(tmp_path: Path) -> None:
    path = EXPORTS / "tied_weights" / "ts.onnx"
    found = by_content(nameless(path)[0], tmp_path, parameters_of(path.parent))
    names = [name for of_one in named(found).values() for name in of_one]
    assert {"embed.weight", "lm_head.weight"} <= set(names)


def test_names_are_restored(tmp_path: Path) -> None:
    model, _ = nameless(EXPORTS / "nanogpt" / "dy.onnx")
    (tmp_path / "in.onnx").write_bytes(model.SerializeToString())
    parameters = parameters_of(EXPORTS / "nanogpt")
    weights = write_safetensors(tmp_path / "model.safetensors", parameters)
    report = rewrite(
        tmp_path / "in.onnx", tmp_path / "out.onnx", restore_names=True, numbers=False, checkpoint=weights
    )
    assert report.verification.certificate.equal
    tensors = {tensor.name for tensor in onnx.load(tmp_path / "out.onnx").graph.initializer}
    assert len(tensors & parameters.keys()) > 20
    again = load(tmp_path / "out.onnx")
    assert {p.initializer for m in again.tree for p in m.parameters} >= tensors & parameters.keys()


def test_external_data_is_read_once_and_within_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = {"fc.weight": random(8, 8)}
    onnx.save(
        net(content("w", weights["fc.weight"])), tmp_path / "m.onnx",
        save_as_external_data=True, location="m.data", size_threshold=0,
    )  # fmt: skip
    given = read_evidence(checkpoint=write_safetensors(tmp_path / "model.safetensors", weights))
    reads: list[str] = []

    def counted(tensor: TensorProto, folder: Path | None) -> Array | None:
        reads.append(tensor.name)
        return tensors.array_of(tensor, folder)

    monkeypatch.setattr(checkpoint_match, "array_of", counted)
    for _ in range(3):
        assert named(pipeline.load(tmp_path / "m.onnx", given)) == {"w": {"fc.weight": False}}
    assert reads == ["w"]
    data = tmp_path / "m.data"
    data.rename(tmp_path / "elsewhere")
    fresh = Given(checkpoint=Checkpoint(tmp_path / "model.safetensors"))
    with pytest.raises(UnreadableModel, match="is missing"):
        pipeline.load(tmp_path / "m.onnx", fresh)
    data.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnreadableModel, match="is a link"):
        pipeline.load(tmp_path / "m.onnx", fresh)


def test_one_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"does not fit: none of its 1 tensors is in this file"):
        by_content(onnx.load(BERT), tmp_path, {"fc.weight": random(4, 4)})


def test_only_one_tensor_is_in_memory_at_a_time(tmp_path: Path) -> None:
    """Six tensors of 8 MB need the memory of less than three."""
    import tracemalloc

    file = tmp_path / "model.safetensors"
    write_safetensors(file, {f"w{n}": np.full((1024, 2048), n, np.float32) for n in range(6)})
    tracemalloc.start()
    try:
        Checkpoint(file).index({})
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()


def test_several_files_with_an_index(tmp_path: Path) -> None:
    first, second = {"a.weight": random(4, 4)}, {"b.weight": random(4, 4)}
    write_safetensors(tmp_path / "one.safetensors", first)
    write_safetensors(tmp_path / "two.safetensors", second)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(
        json.dumps({"weight_map": {"a.weight": "one.safetensors", "b.weight": "two.safetensors"}})
    )
    assert dict(tensors_in(index)).keys() == {"a.weight", "b.weight"}
    index.write_text(json.dumps({"weight_map": {"a.weight": "../one.safetensors"}}))
    with pytest.raises(UnreadableModel, match="outside its folder"):
        list(tensors_in(index))


def header(of: object, data: bytes = b"") -> bytes:
    text = json.dumps(of).encode()
    return struct.pack("<Q", len(text)) + text + data


ONE = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01",
        struct.pack("<Q", 1 << 60) + b"{}",
        header({"a": ONE}),
        header({"a": {**ONE, "shape": [3]}}, bytes(8)),
        header({"a": {**ONE, "shape": [-2]}}, bytes(8)),
        header({"a": {**ONE, "shape": [1 << 40, 1 << 40]}}, bytes(8)),
        header({"a": {**ONE, "data_offsets": [-8, 0]}}, bytes(8)),
        header({"a": {**ONE, "data_offsets": [8, 0]}}, bytes(8)),
        header({"a": {"dtype": "F32"}}, bytes(8)),
        header({"a": 1}),
        header([]),
        struct.pack("<Q", 100_000) + b"[" * 100_000,
    ],
)
def test_a_damaged_file_is_refused_in_one_line(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(data)
    with pytest.raises(RewriterError, match=r"model.safetensors: not a safetensors file") as caught:
        list(tensors_in(tmp_path / "model.safetensors"))
    assert "\n" not in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableModel, match="no such file"):
        load(BERT, checkpoint=tmp_path / "absent.safetensors")


def test_elements_that_numpy_has_no_word_for_are_passed_over(tmp_path: Path) -> None:
    entries = {
        "a": {"dtype": "F4", "shape": [4], "data_offsets": [0, 2]},
        "b": {**ONE, "data_offsets": [2, 10]},
    }
    (tmp_path / "model.safetensors").write_bytes(header(entries, bytes(10)))
    assert [name for name, _ in tensors_in(tmp_path / "model.safetensors")] == ["b"]


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch", reason="torch is not installed: pip install '.[torch]'")


@pytest.mark.parametrize("wrap", [False, True])
def test_files_of_torch(torch: Any, wrap: bool, tmp_path: Path) -> None:
    weights = parameters_of(BERT.parent)
    tensors = {name: torch.from_numpy(array.copy()) for name, array in weights.items()}
    tensors["half"] = torch.tensor([1.5, 2.5], dtype=torch.bfloat16)
    file = tmp_path / "pytorch_model.bin"
    torch.save({"epoch": 3, "state_dict": tensors} if wrap else tensors, file)
    read = dict(tensors_in(file))
    assert read.keys() == tensors.keys()
    assert read["half"].tobytes() == np.array([1.5, 2.5], ml_dtypes.bfloat16).tobytes()
    model, _ = nameless(BERT)
    found = named(pipeline.load(model, read_evidence(checkpoint=file)))
    assert {name for of_one in found.values() for name in of_one} == weights.keys()


class Trap:
    """Object that runs code when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("sprung"),))


def test_nothing_in_a_file_of_torch_is_run(
    torch: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"a": torch.zeros(2), "b": Trap()}, "model.bin")
    Path("plain.bin").write_bytes(pickle.dumps(Trap()))
    for name in ("model.bin", "plain.bin"):
        with pytest.raises(UnreadableModel, match="does not read it as mere tensors"):
            list(tensors_in(Path(name)))
    assert not Path("sprung").exists()

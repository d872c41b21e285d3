from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto

from rewriter.errors import UnreadableModel
from rewriter.model.storage.atomic_outputs import write_atomically
from rewriter.model.storage.data_copies import copies_to
from rewriter.model.storage.packing import SHARED, Packing, pack
from rewriter.model.storage.staging import CHUNK, chunks_of
from rewriter.model.tensors import array_of
from tests.build import model


def reading(
    *ranges: tuple[int, int | None], location: str = "w.data", kind: int = TensorProto.UINT8
) -> ModelProto:
    """A model with tensors `t0`, `t1` ... at the ranges (offset, length) of a file."""
    made = model("g (float[2] x) => (float[2] y) { y = Abs (x) }")
    for number, (offset, length) in enumerate(ranges):
        tensor = made.graph.initializer.add(
            name=f"t{number}", data_type=kind, dims=[4 if length is None else length]
        )
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)
        tensor.external_data.add(key="offset", value=str(offset))
        if length is not None:
            tensor.external_data.add(key="length", value=str(length))
    return made


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with a data file of 4096 bytes, no two runs of which are alike."""
    (tmp_path / "from").mkdir()
    (tmp_path / "to").mkdir()
    content = b"".join(number.to_bytes(2, "big") for number in range(2048))
    (tmp_path / "from" / "w.data").write_bytes(content)
    return tmp_path / "from"


def written(packing: Packing, folder: Path) -> None:
    for name, content in packing.files.items():
        (folder / name).write_bytes(b"".join(chunks_of(content)))


def contents(made: ModelProto, folder: Path) -> list[bytes]:
    found = [array_of(tensor, folder) for tensor in made.graph.initializer]
    return [array.tobytes() for array in found if array is not None]


def packed(source: Path, **models: ModelProto) -> tuple[Packing, dict[str, list[bytes]]]:
    """Pack, write, and check that every model reads the same bytes as before; return these."""
    packing = pack(models, source)
    target = source.with_name("to")
    written(packing, target)
    found = {}
    for name, each in models.items():
        moved = copies_to(target, source / "m.onnx", ["w.data"], packing).relocated(each)
        found[name] = contents(moved, target)
        assert found[name] == contents(each, source)
        assert len(found[name]) == len(each.graph.initializer)
    return packing, found


def test_only_what_is_read_is_written(source: Path) -> None:
    packing, found = packed(source, m=reading((100, 32), (3000, 48)))
    assert packing.files["m.data"].size == 32 + 48
    assert found["m"][0] == (source / "w.data").read_bytes()[100:132]


def test_a_range_is_written_once(source: Path) -> None:
    packing, _ = packed(source, m=reading((100, 32), (100, 32)))
    assert packing.files["m.data"].size == 32


def test_ranges_that_overlap_stay_together(source: Path) -> None:
    packing, _ = packed(source, m=reading((100, 40), (120, 40), (110, 8), (160, 16)))
    assert packing.files["m.data"].size == 60 + 4 + 16  # from 100 to 160, a gap, and what only touches


def test_each_model_has_a_file_and_what_several_read_is_shared(source: Path) -> None:
    models = {name: reading((0, 16), (offset, 32)) for name, offset in (("a", 64), ("b", 128))}
    packing, _ = packed(source, **models)
    assert {name: each.size for name, each in packing.files.items()} == {
        "a.data": 32,
        "b.data": 32,
        SHARED: 16,
    }


def test_what_one_model_reads_twice_is_not_shared(source: Path) -> None:
    packing, _ = packed(source, a=reading((0, 16), (8, 16)), b=reading((64, 16)))
    assert sorted(packing.files) == ["a.data", "b.data"]


def test_two_spellings_of_a_file_are_one(source: Path) -> None:
    models = {"a": reading((0, 16)), "b": reading((0, 16), location="./w.data")}
    assert sorted(packed(source, **models)[0].files) == [SHARED]


def test_an_empty_tensor_keeps_a_place(source: Path) -> None:
    made = reading((0, 16), (64, 0))
    packing = pack({"m": made}, source)
    moved = copies_to(source.with_name("to"), source / "m.onnx", ["w.data"], packing).relocated(made)
    assert [entries(tensor)["length"] for tensor in moved.graph.initializer] == ["16", "0"]


def entries(tensor: TensorProto) -> dict[str, str]:
    return {entry.key: entry.value for entry in tensor.external_data}


def test_large_ranges_are_aligned_and_gaps_are_small(source: Path) -> None:
    (source / "w.data").write_bytes(bytes(1 << 21))
    for length, alignment in ((16, 16), (1 << 16, 1 << 12), (1 << 20, 1 << 16)):
        made = reading((0, 7), *((7 + number * length, length) for number in range(2)))
        packing = pack({"m": made}, source)
        assert [at % alignment for at, _ in packing.files["m.data"].slices] == [0, 0, 0]
    made = reading(*((number * 1025, 1025) for number in range(1000)))
    assert pack({"m": made}, source).files["m.data"].size <= 1.1 * 1025 * 1000


def test_a_missing_length_is_that_of_the_shape_or_of_the_file(source: Path) -> None:
    packing, _ = packed(source, m=reading((100, None)))
    assert packing.files["m.data"].size == 4
    unknown = reading((4000, None), kind=TensorProto.UNDEFINED)
    packing = pack({"m": unknown}, source)
    assert packing.files["m.data"].size == 96
    packing.move(unknown.graph.initializer[0])
    assert entries(unknown.graph.initializer[0]) == {"location": "m.data", "offset": "0", "length": "96"}


def test_what_holds_of_the_old_file_alone_goes(source: Path) -> None:
    tensor = reading((100, 32)).graph.initializer[0]
    for key in ("checksum", "prepacked_0", "basepath"):
        tensor.external_data.add(key=key, value="old")
    made = ModelProto()
    made.graph.initializer.append(tensor)
    pack({"m": made}, source).move(tensor)
    assert set(entries(tensor)) == {"location", "offset", "length", "basepath"}


def test_the_data_of_constants_is_packed_too(source: Path) -> None:
    made = reading()
    node = made.graph.node.add(op_type="Constant", output=["c"])
    node.attribute.append(onnx.helper.make_attribute("value", reading((64, 32)).graph.initializer[0]))
    assert packed(source, m=made)[0].files["m.data"].size == 32


def test_content_is_read_in_bounded_chunks(source: Path) -> None:
    with (source / "w.data").open("wb") as stream:
        stream.truncate(3 * CHUNK)
    packing = pack({"m": reading((1, 2 * CHUNK + 1))}, source)
    sizes = [len(chunk) for chunk in chunks_of(packing.files["m.data"])]
    assert (max(sizes), sum(sizes)) == (CHUNK, 2 * CHUNK + 1)


def test_a_source_that_shrinks_meanwhile_is_an_error(source: Path) -> None:
    made, target = reading((1000, 3000)), source.with_name("to")
    (source / "m.onnx").write_bytes(made.SerializeToString())
    planned = copies_to(target, source / "m.onnx", ["w.data"], pack({"m.onnx": made}, source))
    (source / "w.data").write_bytes(bytes(2000))
    with pytest.raises(UnreadableModel, match="changed while it was read"):
        write_atomically({target / "m.onnx": b"model"}, planned)
    assert not list(target.iterdir())


def test_a_packed_file_never_replaces_other_data(source: Path) -> None:
    made, target = reading((100, 32)), source.with_name("to")
    packing = pack({"m.onnx": made}, source)
    (target / "m.onnx.data").write_bytes(b"mine")
    planned = copies_to(target, source / "m.onnx", ["w.data"], packing)
    (named,) = planned.files
    assert planned.renamed == {"m.onnx.data": named.name}
    assert entries(planned.relocated(made).graph.initializer[0])["location"] == named.name
    (target / "m.onnx.data").write_bytes((source / "w.data").read_bytes()[100:132])
    again = copies_to(target, source / "m.onnx", ["w.data"], packing)
    assert (again.files, again.renamed, again.there) == ({}, {}, (target / "m.onnx.data",))


ranges = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 200)), max_size=8)


@settings(max_examples=40)
@given(ranges, ranges)
def test_any_ranges_of_two_models(first: list[tuple[int, int]], second: list[tuple[int, int]]) -> None:
    """Each range is found again; no byte of a file is written twice, into whichever file."""
    read = range(500)
    made = {"a": reading(*first), "b": reading(*second)}
    packing = pack(made, Path("from"))
    placed: list[int] = []
    found: dict[str, dict[int, int]] = {}
    for name, content in packing.files.items():
        end = 0
        for at, part in content.slices:
            assert at >= end
            assert not at % 16
            end = at + part.length
            placed += read[part.offset : part.offset + part.length]
            found.setdefault(name, {}).update(zip(range(at, end), read[part.offset :], strict=False))
    assert len(placed) == len(set(placed))
    assert set(placed) == {byte for at, length in first + second for byte in range(at, at + length)}
    for (origin, start, end), (location, offset) in packing.places.items():
        assert origin == "w.data"
        assert [found[location][offset + byte - start] for byte in range(start, end)] == [*range(start, end)]

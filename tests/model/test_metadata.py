from __future__ import annotations

import onnx
from hypothesis import given
from hypothesis import strategies as st

from rewriter.model import metadata

keys = st.sampled_from(["a", "b", "c", "d"])
entries = st.lists(st.tuples(keys, st.text(max_size=2)), max_size=6)
wanted = st.dictionaries(keys, st.text(max_size=2))


def node(content: list[tuple[str, str]]) -> onnx.NodeProto:
    proto = onnx.NodeProto()
    for key, value in content:
        proto.metadata_props.add(key=key, value=value)
    return proto


def pairs(proto: onnx.NodeProto) -> list[tuple[str, str]]:
    return [(entry.key, entry.value) for entry in proto.metadata_props]


@given(entries, wanted)
def test_what_is_written_is_read(content: list[tuple[str, str]], new: dict[str, str]) -> None:
    proto = node(content)
    before = metadata.read(proto)
    changed = metadata.write(proto, new)
    assert metadata.read(proto) == before | new
    assert changed == (before != before | new)
    assert not metadata.write(proto, new)
    assert [pair for pair in pairs(proto) if pair[0] not in new] == [p for p in content if p[0] not in new]


@given(entries, wanted)
def test_entries_stay_in_place(content: list[tuple[str, str]], new: dict[str, str]) -> None:
    proto = node(content)
    metadata.write(proto, new)
    assert [key for key, _ in pairs(proto)][: len(content)] == [key for key, _ in content]


@given(entries, st.sets(keys))
def test_erase(content: list[tuple[str, str]], doomed: set[str]) -> None:
    proto = node(content)
    assert metadata.erase(proto, doomed) == any(key in doomed for key, _ in content)
    assert pairs(proto) == [pair for pair in content if pair[0] not in doomed]
    assert not metadata.erase(proto, doomed)

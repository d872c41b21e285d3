"""State dicts from files, folders and memory."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rewriter.checkpoints.tensors.safetensors import write_safetensors
from rewriter.checkpoints.tensors.state_dict import StateDict, of_mapping, of_path
from rewriter.errors import UnreadableModel, UsageError
from tests.checkpoints.models import drawn

STATE = {"a.weight": drawn(3, 2), "a.count": np.array(7), "b.half": drawn(5).astype(np.float16)}


def same(found: StateDict) -> bool:
    return found.entries.keys() == STATE.keys() and all(
        found.read(key).dtype == array.dtype and np.array_equal(found.read(key), array)
        for key, array in STATE.items()
    )


def test_a_written_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    write_safetensors(of_mapping(STATE).entries, path)
    assert same(of_path(path))
    size = int.from_bytes(path.read_bytes()[:8], "little")
    assert size % 8 == 0
    assert set(json.loads(path.read_bytes()[8 : 8 + size])) == {"__metadata__", *STATE}


def test_shards_in_a_folder(tmp_path: Path) -> None:
    for number, key in enumerate(STATE):
        write_safetensors(of_mapping({key: STATE[key]}).entries, tmp_path / f"{number}.safetensors")
    index = {"weight_map": {key: f"{number}.safetensors" for number, key in enumerate(STATE)}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    found = of_path(tmp_path)
    assert same(found)
    assert len(found.files) == 4
    (tmp_path / "2.safetensors").write_bytes((tmp_path / "0.safetensors").read_bytes())
    with pytest.raises(UnreadableModel, match=r"'a.weight' is in another file"):
        of_path(tmp_path)
    with pytest.raises(UnreadableModel, match=r"holds none of model.safetensors.index.json"):
        of_path(Path(__file__).parent)


def test_what_is_no_state_dict_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read from a int"):
        of_mapping(3)
    with pytest.raises(UsageError, match="'a' is a list, no array"):
        of_mapping({"a": [1.0]})
    damaged = tmp_path / "w.safetensors"
    damaged.write_bytes(b"\xff" * 100)
    with pytest.raises(UnreadableModel, match="not a safetensors file, or cut off"):
        of_path(damaged)

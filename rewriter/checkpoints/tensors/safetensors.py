"""Writes state dicts as safetensors files, one tensor in memory at a time.

The format: see `evidence.checkpoint.files`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from rewriter.checkpoints.tensors.state_dict import StateTensor
from rewriter.checkpoints.tensors.stream import computed
from rewriter.model.storage.atomic_outputs import write_atomically
from rewriter.model.storage.staging import Assembled, Computed, Slice

_ALIGNED = 8
_SPELLED = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint64": "U64",
    "uint32": "U32",
    "uint16": "U16",
    "uint8": "U8",
    "bool": "BOOL",
}
"""Element type, by numpy's name -> its name in safetensors."""


def is_writable(dtype: np.dtype[np.generic]) -> bool:
    """Whether safetensors has an element type."""
    return dtype.name in _SPELLED


def write_safetensors(entries: Mapping[str, StateTensor], output: Path) -> tuple[Path, ...]:
    """Write tensors by key, and return the sidecars that the output replaced.

    Raises:
        CannotWrite: the file cannot be written.
    """
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    parts: list[tuple[int, Slice | Computed]] = []
    end = 0
    for key, entry in entries.items():
        part = computed(entry.shape, entry.dtype, entry.read, key)
        offsets = [end, end + part.length]
        header[key] = {
            "dtype": _SPELLED[entry.dtype.name],
            "shape": list(entry.shape),
            "data_offsets": offsets,
        }
        parts.append((end, part))
        end += part.length
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNED)
    head = len(text).to_bytes(8, "little") + text
    start = Computed(len(head), lambda: iter([head]))
    content = Assembled(((0, start), *((len(head) + at, part) for at, part in parts)))
    return write_atomically({output: content})

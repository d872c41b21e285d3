"""Reads the arrays that models run on: from an archive, from a test data set, or from a function."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import numpy_helper

from rewriter.errors import UsageError
from rewriter.evidence.reference.sources import named, names_object, telling
from rewriter.model.tensors import is_external
from rewriter.pipeline import Inputs

_TENSOR = re.compile(r"input_(\d+)\.pb")
"""Files of a test data set: https://github.com/onnx/onnx/blob/main/docs/OnnxBackendTest.md."""


def read_inputs(source: str | PathLike[str] | Inputs | None) -> Inputs | None:
    """Return input name -> array, or the given mapping itself.

    Args:
        source: the path of an `.npz` archive; a folder with `input_0.pb`, `input_1.pb`, ..., each of them a
            TensorProto with the name of its input; or `file.py:function` or `package.module:function`, and
            the function returns the mapping.

    Raises:
        UsageError: the source is none of these; a tensor has no name; the archive has pickled objects; or the
            function raises or returns something else.
    """
    if source is None or isinstance(source, Mapping):
        return source
    path = Path(source)
    if path.is_dir():
        return dict(_test_data(path))
    if not path.exists() and names_object(fspath(source)):
        return _returned(fspath(source))
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; check the path") from None
    except (OSError, ValueError, AttributeError, TypeError, zipfile.BadZipFile):
        raise UsageError(f"{path}: not an .npz file of plain arrays; make it with numpy.savez") from None


def _test_data(folder: Path) -> Iterator[tuple[str, Any]]:
    """Yield the name and the array of each tensor, in the order of the numbers in the file names."""
    files = sorted(
        (int(found[1]), path) for path in folder.iterdir() if (found := _TENSOR.fullmatch(path.name))
    )
    if not files:
        raise UsageError(f"{folder}: has no input_0.pb; give an .npz file, or a folder of such tensors")
    for _, path in files:
        tensor = onnx.TensorProto()
        try:
            tensor.ParseFromString(path.read_bytes())
            array = None if is_external(tensor) else numpy_helper.to_array(tensor)
        except (OSError, DecodeError, ValueError, TypeError, KeyError):
            array = None
        if array is None:
            raise UsageError(f"{path}: not a tensor with its data; write TensorProto.SerializeToString()")
        if not tensor.name:
            raise UsageError(
                f"{path}: its tensor has no name; give an .npz file with the names of the inputs"
            )
        yield tensor.name, array


def _returned(source: str) -> Inputs:
    with telling(source, "gives no inputs"):
        function = named(source)
        arrays = function() if callable(function) else function
    if not isinstance(arrays, Mapping) or not all(isinstance(name, str) for name in arrays):
        raise UsageError(f"{source}: gives {type(arrays).__name__}; it must give a dict of arrays by input")
    return {name: np.asarray(array) for name, array in arrays.items()}

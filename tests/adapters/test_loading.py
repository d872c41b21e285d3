"""Adapters are loaded when they are used, and say what they lack."""

from __future__ import annotations

import subprocess
import sys

import pytest

import rewriter
from rewriter import adapters


def test_each_is_there_by_name() -> None:
    assert dir(adapters) == ["graphsurgeon", "olive", "onnx_ir", "onnxruntime", "torch"]
    assert rewriter.adapters is adapters
    assert rewriter.adapters.onnxruntime.__name__ == "rewriter.adapters.onnxruntime"
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        adapters.nonsense  # noqa: B018


def test_what_is_missing_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for library, adapter, extra in (
        ("olive", "olive", "olive"),
        ("onnx_graphsurgeon", "graphsurgeon", "graphsurgeon"),
    ):
        for name in [*sys.modules]:
            if name.partition(".")[0] == library or name.startswith(f"rewriter.adapters.{adapter}"):
                monkeypatch.delitem(sys.modules, name)
        monkeypatch.delitem(vars(adapters), adapter, raising=False)
        monkeypatch.setitem(sys.modules, library, None)
        with pytest.raises(ModuleNotFoundError, match=rf"needs {library}.*: pip install '.*\[{extra}\]'"):
            getattr(adapters, adapter)


def test_importing_rewriter_imports_none_of_them() -> None:
    code = (
        "import sys, rewriter.api.functions; "
        "print([name for name in sys.modules if 'rewriter.adapters' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"

"""Functions of `replace` that a runtime may run a kernel for are not inlined on the way."""

from __future__ import annotations

import onnx
import pytest

import rewriter
from rewriter.errors import UsageError
from tests.build import chain

REFUSED = "a runtime may run a kernel for com.microsoft:Fused"


@pytest.fixture
def replaced() -> onnx.ModelProto:
    layers = chain("/l.0/Relu", "/l.1/Relu")
    return rewriter.replace(layers, "l.0", "com.microsoft:Fused").model


def test_a_kernel_is_no_body(replaced: onnx.ModelProto) -> None:
    with pytest.raises(UsageError, match=REFUSED):
        rewriter.tap(replaced, "l.1", numbers=False)
    with pytest.raises(UsageError, match=f"{REFUSED}, and .*; 'rewriter flatten' makes a file with the body"):
        rewriter.drop(replaced, "l.1", numbers=False)
    with pytest.raises(UsageError, match=REFUSED):
        rewriter.implant(replaced, {"l.1": chain("/l.1/Neg")}, numbers=False)

"""Inputs and outputs of the calls of a torch module, in files; these tests need torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rewriter.errors import UsageError
from rewriter.paths import ROOT, ModulePath

torch = pytest.importorskip("torch", reason="a torch module is run")
TorchModule: Any = torch.nn.Module

from rewriter.evidence.trace.value_recorder import run_module  # noqa: E402  torch is needed to import it


class Block(TorchModule):  # type: ignore[misc]
    """Its own multiplication stands between two submodules, the second of which works in place."""

    def __init__(self) -> None:
        super().__init__()
        self.up = torch.nn.Linear(4, 4)
        self.act = torch.nn.ReLU(inplace=True)

    def forward(self, x: Any) -> Any:
        return self.act(self.up(x) * 2)


def run(module: Any, inputs: Any, folder: Path) -> Any:
    return run_module(module, inputs, folder, "it")


def test_calls_and_values(tmp_path: Path) -> None:
    torch.manual_seed(0)
    block, x = Block(), torch.randn(3, 4)
    found = run(torch.nn.Sequential(block, block), x, tmp_path)
    assert [(str(call.module), call.number) for call in found.calls] == [
        ("0.up", 0),
        ("0.act", 0),
        ("0", 0),
        ("0.up", 1),
        ("0.act", 1),
        ("0", 1),
        ("", 0),
    ]
    up, act, first, *_, root = found.calls
    assert up.inputs == first.inputs == ("(root) input 0",)
    assert first.outputs == act.outputs != act.inputs
    assert root.outputs == found.calls[-2].outputs
    assert found.writers[act.inputs[0]] == (ModulePath("0"), 0)
    assert found.writers[act.outputs[0]] == (ModulePath("0.act"), 0)
    assert "(root) input 0" not in found.writers
    assert found.modules[0] == ROOT
    with torch.no_grad():
        scaled = (block.up(x) * 2).numpy()
    np.testing.assert_array_equal(np.load(found.files[act.inputs[0]]), scaled)
    np.testing.assert_array_equal(np.load(found.files[act.outputs[0]]), np.maximum(scaled, 0))


def test_weights_and_what_is_no_array_are_left_out(tmp_path: Path) -> None:
    class Odd(TorchModule):  # type: ignore[misc]
        def forward(self, x: Any, weight: Any) -> Any:
            return torch.complex(x, x), x @ weight

    class Whole(TorchModule):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.odd, self.weight = Odd(), torch.nn.Parameter(torch.ones(4, 2))

        def forward(self, x: Any) -> Any:
            return self.odd(x, self.weight)[1]

    (odd, root) = run(Whole(), {"x": torch.ones(3, 4)}, tmp_path).calls
    assert odd.inputs == ("(root) input 0",)
    assert odd.outputs == root.outputs == ("odd call 0 output 1",)


def test_a_module_that_fails_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^it: .*Linear does not run on the inputs: RuntimeError"):
        run(torch.nn.Linear(4, 4), torch.ones(1, 3), tmp_path)

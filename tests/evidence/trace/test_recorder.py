"""A torch module runs under hooks; these tests need torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest

from rewriter.api import functions as api
from rewriter.api.side_inputs import read_evidence
from rewriter.errors import UsageError
from rewriter.evidence.claims import Source

torch = pytest.importorskip("torch", reason="tracing a torch module needs torch")

from rewriter.evidence.trace.recorder import Mode, record, trace  # noqa: E402  torch is needed to import it

FACTORY = """
import torch

class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.down = torch.nn.Linear(4, 6), torch.nn.Linear(6, 4)
        self.drop = torch.nn.Dropout(0.5)

    def forward(self, x):
        return x + self.drop(self.down(torch.nn.functional.gelu(self.up(x))))

def make():
    torch.manual_seed(0)
    block = Block()
    return torch.nn.Sequential(block, torch.nn.Tanh(), block), torch.randn(2, 4)

def broken():
    return Block(), torch.randn(2, 3)

def alone():
    return make()[0]

def inputs():
    return torch.randn(2, 4)

class Leaving(torch.nn.Module):
    def forward(self, x):
        raise SystemExit(0)

def leaving():
    return Leaving(), torch.randn(2, 4)

def left():
    raise SystemExit(0)
"""


@pytest.fixture(scope="module")
def factory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("factory") / "traced_model.py"
    path.write_text(FACTORY)
    return path


@pytest.fixture(scope="module")
def stripped(factory: Path) -> onnx.ModelProto:
    """Write an export of the module by hand: initializers hold its weights, no name shows a module."""
    given: dict[str, object] = {}
    exec(compile(factory.read_text(), factory.name, "exec"), given)
    module, _ = given["make"]()  # type: ignore[operator]
    weights = {
        name.removeprefix("0."): tensor.detach().numpy() for name, tensor in module[0].state_dict().items()
    }
    proto: onnx.ModelProto = onnx.parser.parse_model(
        """<ir_version: 10, opset_import: ["" : 20]> g (float[2,4] i) => (float[2,4] o) {
        a = Gemm<transB=1>(i, w1, b1) b = Gelu(a) c = Gemm<transB=1>(b, w2, b2) d = Add(i, c)
        e = Tanh(d)
        f = Gemm<transB=1>(e, w1, b1) h = Gelu(f) j = Gemm<transB=1>(h, w2, b2) o = Add(e, j) }"""
    )
    for name, weight in (("w1", "up.weight"), ("b1", "up.bias"), ("w2", "down.weight"), ("b2", "down.bias")):
        proto.graph.initializer.append(onnx.numpy_helper.from_array(weights[weight], name))
    return proto


def test_every_node_finds_its_module_and_call(factory: Path, stripped: onnx.ModelProto) -> None:
    found = api.load(stripped, trace=f"{factory}:make")
    block = [("0.up", 0), ("0", 0), ("0.down", 0), ("0", 0), ("1", 0)]
    again = [("0.up", 1), ("0", 1), ("0.down", 1), ("0", 1)]
    placements = found.tree.placements
    assert [(place.module, place.call) for place in placements if place] == block + again
    assert {place.source for place in placements if place} == {Source.ACTIVATION}
    assert found.tree["0.drop"].class_name == "torch.nn.modules.dropout.Dropout"
    assert found.tree["0.up"].calls == 2


def test_inputs_are_drawn_for_a_module_alone(factory: Path, stripped: onnx.ModelProto) -> None:
    alone = api.tree(stripped, trace=f"{factory}:alone")
    assert alone.placements == api.tree(stripped, trace=f"{factory}:make").placements


def test_a_module_that_does_not_fit_the_drawn_inputs_says_so(stripped: onnx.ModelProto) -> None:
    with pytest.raises(UsageError, match=r"does not run on the sample inputs: .*drawn"):
        api.load(stripped, trace=torch.nn.Linear(3, 3))


def test_without_torch_the_command_that_installs_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'onnx-module-rewriter\[torch\]'") as caught:
        read_evidence(trace="package.module:make")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mode", list(Mode))
def test_all_modes_see_the_same_calls(factory: Path, mode: Mode) -> None:
    module = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Tanh())
    calls = record(module, (torch.randn(2, 3),), mode).calls
    assert [(call.module, call.parent) for call in calls] == [("", -1), ("0", 0), ("1", 0)]


class Counts(torch.nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("runs", torch.zeros(()))

    def forward(self, x: Any) -> Any:
        self.runs += 1
        return x + torch.rand(3)


def test_the_module_is_left_as_it_was() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Dropout(), Counts())
    module[1].eval()
    x = torch.randn(2, 3)
    numbers = torch.get_rng_state()
    module[0].bias.requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    trace(module, x)
    assert [child.training for child in module.modules()] == [True, True, False, True]
    assert torch.equal(torch.get_rng_state(), numbers)
    assert module[0].weight.requires_grad
    assert not module[0].bias.requires_grad
    assert all(not child._forward_hooks and not child._forward_pre_hooks for child in module.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
    assert not torch.compiler.is_exporting()


def test_buffers_that_the_module_replaced_or_added_are_put_back() -> None:
    class Replaces(torch.nn.Module):  # type: ignore[misc, name-defined]
        runs: Any
        none: Any

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("runs", torch.zeros(()))
            self.register_buffer("none", None)

        def forward(self, x: Any) -> Any:
            self.runs = self.runs + 1
            self.none = self.runs
            self.register_buffer("cache", torch.ones(3))
            return x + self.runs

    module = torch.nn.Sequential(Replaces())
    runs = module[0].runs
    trace(module, torch.randn(2, 3))
    assert module[0].runs is runs
    assert float(runs) == 0
    assert module[0].none is None
    assert module.state_dict().keys() == {"0.runs"}


def test_a_tensor_written_over_is_another_value() -> None:
    class InPlace(torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, x: Any) -> Any:
            y = x + 1
            y.mul_(3)
            return y

    steps = record(torch.nn.Sequential(InPlace()), (torch.ones(2),)).steps
    assert [step.operator for step in steps] == ["add", "mul_"]
    assert steps[1].inputs == steps[0].outputs
    assert steps[1].outputs != steps[1].inputs


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("broken", "does not run on the sample inputs"),
        ("inputs", "needs"),
        ("missing", "missing"),
        ("leaving", "does not run on the sample inputs: SystemExit: 0"),
        ("left", "cannot be built: SystemExit: 0"),
    ],
)
def test_what_cannot_be_traced_is_a_fault_of_use(factory: Path, name: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as caught:
        read_evidence(trace=f"{factory}:{name}")
    assert "\n" not in str(caught.value)

"""A file against the torch module that it was exported from; these tests need torch."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import numpy_helper
from rich.console import Console

import rewriter
from rewriter.errors import UsageError
from rewriter.insight.comparison.module_diff import Diff
from rewriter.views.json.diff import diff_json
from rewriter.views.text.differences.printing import print_diff
from tests.build import model
from tests.cli.running import run

torch = pytest.importorskip("torch", reason="a torch module is run")
TorchModule: Any = torch.nn.Module

NET = """g (float[3,4] x) => (float[3,2] y)
<float[4,4] "block.up.weight", float[4] "block.up.bias", float[2,4] "head.weight", float[2] "head.bias"> {
  ["/block/up/Gemm"] h = Gemm<transB = 1>(x, "block.up.weight", "block.up.bias")
  ["/block/act/Relu"] k = Relu(h)
  ["/block/Add"] s = Add(k, x)
  ["/head/Gemm"] y = Gemm<transB = 1>(s, "head.weight", "head.bias")
}"""


class Block(TorchModule):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.up, self.drop = torch.nn.Linear(4, 4), torch.nn.Dropout(0.5)
        self.act = torch.nn.ReLU(inplace=True)

    def forward(self, x: Any) -> Any:
        return self.drop(self.act(self.up(x))) + x


class Net(TorchModule):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.block, self.head = Block(), torch.nn.Linear(4, 2)

    def forward(self, x: Any) -> Any:
        return self.head(self.block(x))


@pytest.fixture
def net() -> Any:
    torch.manual_seed(0)
    return Net()


def file_of(net: Any, body: str = NET) -> Any:
    made = model(body)
    del made.graph.initializer[:]
    for name, tensor in net.state_dict().items():
        made.graph.initializer.append(numpy_helper.from_array(tensor.numpy(), name))
    return made


def test_an_export_equals_its_module(net: Any) -> None:
    found = rewriter.diff(file_of(net), (net, torch.randn(3, 4)))
    assert found.equal
    assert found.numbers is not None
    assert {str(call.path) for call in found.numbers.calls} == {"", "block", "block.up", "block.act", "head"}
    assert found.unseen == ()
    assert not found.half


@pytest.mark.parametrize("module", ["block.up", "head"])
def test_the_module_with_other_weights_is_named(net: Any, module: str) -> None:
    made = file_of(net)
    with torch.no_grad():
        net.get_submodule(module).bias[0] += 1
    for found in (rewriter.diff(made, net), rewriter.diff(net, made)):
        assert found.first is not None
        assert (str(found.first.path), found.first.own, found.first.measured) == (module, True, True)
        assert found.first.figures[0] == pytest.approx(1, rel=1e-4)


def test_another_computation_between_modules_belongs_to_the_module_around(net: Any) -> None:
    found = rewriter.diff(file_of(net, NET.replace("Add(k, x)", "Sub(k, x)")), net)
    assert found.first is not None
    assert (str(found.first.path), found.first.own) == ("block", True)


FOLDED = """g (float[1,2,5,5] x) => (float[1,2,3,3] y)
<float[2,2,3,3] "conv.weight", float[2] "conv.bias"> {
  ["/conv/Conv"] h = Conv(x, "conv.weight", "conv.bias") ["/act/Relu"] y = Relu(h)
}"""


class Folded(TorchModule):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = torch.nn.Conv2d(2, 2, 3), torch.nn.BatchNorm2d(2)
        self.act = torch.nn.ReLU()

    def forward(self, x: Any) -> Any:
        return self.act(self.norm(self.conv(x)))


@pytest.mark.parametrize(("shift", "named"), [(0.0, None), (0.5, "conv")])
def test_a_folded_norm_is_no_fault_of_the_convolution(shift: float, named: str | None) -> None:
    torch.manual_seed(0)
    net = Folded().eval()
    with torch.no_grad():
        net.norm.running_var.fill_(4.0)
        net.norm.bias.fill_(1.0)
    fused = torch.nn.utils.fusion.fuse_conv_bn_eval(net.conv, net.norm)
    with torch.no_grad():
        fused.bias += shift
    held = {"conv.weight": fused.weight.detach(), "conv.bias": fused.bias.detach()}
    made = model(FOLDED)
    del made.graph.initializer[:]
    made.graph.initializer.extend(numpy_helper.from_array(each.numpy(), name) for name, each in held.items())
    found = rewriter.diff(made, (net, torch.randn(1, 2, 5, 5)))
    assert (str(found.first.path) if found.first else None) == named
    assert found.equal == (named is None)


def test_random_numbers_are_not_known() -> None:
    class Noisy(TorchModule):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return x + torch.rand_like(x)

    class Around(TorchModule):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.noisy, self.act = Noisy(), torch.nn.ReLU()

        def forward(self, x: Any) -> Any:
            return self.act(self.noisy(x))

    text = """g (float[8] x) => (float[8] y) {
      ["/noisy/RandomUniformLike"] r = RandomUniformLike(x) ["/noisy/Add"] h = Add(x, r)
      ["/act/Relu"] y = Relu(h)
    }"""
    found = rewriter.diff(model(text), (Around(), torch.ones(8)))
    assert found.first is None
    assert not found.equal
    assert "not known: 3 calls differ, by random numbers" in said(found)


def test_arrays_are_inputs_of_both(net: Any) -> None:
    made, zeros = file_of(net), {"x": np.zeros((3, 4), np.float32)}
    with torch.no_grad():
        net.block.up.weight[0, 0] += 1
    assert rewriter.diff(made, net, inputs=zeros).equal
    assert not rewriter.diff(made, net).equal


def test_text_and_json(net: Any) -> None:
    found = rewriter.diff(file_of(net), (net, torch.randn(3, 4)))
    assert said(found).startswith("✓ equal within 0.0001, relative, at 5 calls")
    assert "Net -> (model in memory) · 6 modules matched by path" not in said(found)
    assert "1 module of torch (block.drop)" in said(found)
    assert diff_json(found)["equal"]


def said(found: Diff) -> str:
    console = Console(file=io.StringIO(), width=200)
    print_diff(found, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_what_does_not_fit_is_one_line(net: Any) -> None:
    made = file_of(net)
    with pytest.raises(UsageError, match="Net: no sample input fits input 'x'"):
        rewriter.diff(made, (net, torch.randn(2, 4)))
    with pytest.raises(UsageError, match=r"Sequential does not run on .*; they were drawn, give --inputs"):
        rewriter.diff(made, torch.nn.Sequential(torch.nn.Linear(5, 5)).eval())
    with pytest.raises(UsageError, match="both are torch modules"):
        rewriter.diff(net, net)
    with pytest.raises(UsageError, match="leave out --no-numbers"):
        rewriter.diff(made, net, numbers=False)


def test_on_the_command_line(
    tmp_path: Path, net: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.onnx").write_bytes(file_of(net).SerializeToString())
    torch.save(net.state_dict(), tmp_path / "net.pt")
    (tmp_path / "nets.py").write_text(
        "from tests.pipeline.test_torch_comparison import Net\nimport torch\n"
        "def make():\n"
        "    net = Net()\n"
        "    net.load_state_dict(torch.load('net.pt'))\n"
        "    return net, torch.ones(3, 4)\n"
    )
    assert run("diff", "net.onnx", "nets.py:make") == 0
    assert "nets.py:make -> net.onnx" in capsys.readouterr().out
    assert run("diff", "net.onnx", "nets.py:make", "--only", "no_such") == 2
    assert run("diff", "net.onnx", "nets.py:nothing") == 2
    assert "nets.py:nothing" in capsys.readouterr().err

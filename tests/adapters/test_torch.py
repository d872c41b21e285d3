"""Exports of torch, by both of its exporters, that come with their tree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest

import rewriter
from rewriter.errors import CannotWrite, UsageError
from tests.exports import stripped

torch: Any = pytest.importorskip("torch")
pytest.importorskip("onnxscript")

EXPORTERS = pytest.mark.parametrize("dynamo", [False, True], ids=["torchscript", "dynamo"])
pytestmark = pytest.mark.filterwarnings("ignore")  # torch's own, of which there are many


class Block(torch.nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.ReLU())

    def forward(self, x: Any) -> Any:
        return self.body(x) + x


class Net(torch.nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.blocks = torch.nn.ModuleList([Block(), Block()])

    def forward(self, x: Any) -> Any:
        for block in self.blocks:
            x = block(x)
        return x


def exported(path: Path | None, **keywords: Any) -> Any:
    torch.manual_seed(0)
    adapter: Any = rewriter.adapters
    return adapter.torch.export(Net().eval(), (torch.ones(2, 8),), path, **keywords)


@EXPORTERS
def test_an_export_comes_with_its_tree(dynamo: bool, tmp_path: Path) -> None:
    report = exported(tmp_path / "net.onnx", dynamo=dynamo, input_names=["features"])
    assert report.result == tmp_path / "net.onnx"
    assert report.verification.certificate.equal
    assert report.verification.numeric.agrees
    tree = rewriter.tree(tmp_path / "net.onnx")
    assert tree.coverage == 1
    assert tree["blocks.1"].short_class == "Block"
    assert tree["blocks.1.body.0"].short_class == "Linear"
    torch.manual_seed(0)
    torch.onnx.export(
        Net().eval(), (torch.ones(2, 8),), tmp_path / "plain.onnx", dynamo=dynamo, input_names=["features"]
    )
    plain = onnx.load(tmp_path / "plain.onnx")
    assert stripped(plain) == stripped(onnx.load(tmp_path / "net.onnx"))
    names = {file.name for file in tmp_path.iterdir() if file.name.startswith("net")}
    assert names - {"net.onnx.data"} == {"net.onnx", "net.modules.json"}


class Convolutions(torch.nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.stem = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.GELU())
        self.head = torch.nn.Linear(4, 2)

    def forward(self, x: Any) -> Any:
        return self.head(self.stem(x).mean((2, 3)))


class Attention(torch.nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.embed = torch.nn.Embedding(10, 8)
        self.attend = torch.nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, tokens: Any) -> Any:
        x = self.embed(tokens)
        return self.attend(x, x, x, need_weights=False)[0]


@EXPORTERS
@pytest.mark.parametrize("net", [Convolutions, Attention])
def test_trees_have_the_classes_of_the_module(net: Any, dynamo: bool, tmp_path: Path) -> None:
    module = net().eval()
    args = (torch.ones(1, 3, 8, 8),) if net is Convolutions else (torch.zeros(1, 3, dtype=torch.long),)
    adapter: Any = rewriter.adapters
    report = adapter.torch.export(module, args, tmp_path / "net.onnx", dynamo=dynamo, verbose=False)
    assert report.verification.certificate.equal
    assert report.verification.numeric.agrees
    tree = rewriter.tree(tmp_path / "net.onnx")
    classes = {path: type(child).__name__ for path, child in module.named_modules()}
    named = {each.path: each.short_class for each in tree if each.path in classes and each.class_name}
    assert len(named) >= 3
    assert named == {path: classes[path] for path in named}


def test_keywords_of_both_are_passed_on(tmp_path: Path) -> None:
    report = exported(
        tmp_path / "net.onnx",
        dynamo=True,
        external_data=True,
        opset_version=20,
        verbose=False,
        rewriting={"functions": "shared", "restore_names": True, "numbers": False},
    )
    model = onnx.load(tmp_path / "net.onnx", load_external_data=False)
    assert {each.version for each in model.opset_import if not each.domain} == {20}
    assert "Block" in {function.name for function in model.functions}
    assert report.verification.numeric is None


def test_without_a_file_there_is_a_program() -> None:
    report = exported(None, dynamo=True, verbose=False)
    assert isinstance(report.result, torch.onnx.ONNXProgram)
    ours = report.result(torch.ones(2, 8))
    torch.manual_seed(0)
    assert torch.allclose(ours[0], Net().eval()(torch.ones(2, 8)), atol=1e-6)
    assert report.result.exported_program is not None
    assert rewriter.tree(report.result)["blocks.0.body"].short_class == "Sequential"


def test_an_exported_program_has_no_classes_to_give(tmp_path: Path) -> None:
    program = torch.export.export(Net().eval(), (torch.ones(2, 8),))
    adapter: Any = rewriter.adapters
    report = adapter.torch.export(program, (), tmp_path / "net.onnx", verbose=False)
    assert report.verification.verdict == "equal"
    assert report.analysis.tree.coverage == 1


def test_what_fails_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match="does not exist"):
        exported(tmp_path / "nowhere" / "net.onnx")
    with pytest.raises(UsageError, match="no kind of functions fits 'many'"):
        exported(tmp_path / "net.onnx", dynamo=False, rewriting={"functions": "many"})
    with pytest.raises(Exception, match="nonsense"):
        exported(tmp_path / "net.onnx", nonsense=1)
    assert not [*tmp_path.iterdir()]

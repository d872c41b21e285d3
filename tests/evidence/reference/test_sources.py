"""References from torch modules; these tests need torch and transformers, which are optional."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rewriter.api.functions import load
from rewriter.api.side_inputs import read_evidence
from rewriter.errors import UsageError
from rewriter.evidence.reference.module_list import Reference
from tests.exports import EXPORTS, truth_of

BERT = EXPORTS / "bert" / "ts.onnx"
FIXTURE = {
    "vocab_size": 60,
    "hidden_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 512,
    "max_position_embeddings": 32,
}


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch", reason="torch is not installed: pip install '.[torch]'")


@pytest.fixture(scope="module")
def transformers(torch: ModuleType) -> Any:
    return pytest.importorskip(
        "transformers", reason="transformers is not installed: pip install '.[transformers]'"
    )


def bert_config(transformers: Any, folder: Path, **changes: Any) -> Path:
    config = transformers.BertConfig(**(FIXTURE | changes))
    config.architectures = ["BertForMaskedLM"]
    config.save_pretrained(folder)
    return folder


def torch_names(model: Any) -> set[str]:
    """Return the full scope names that torch's own exporter makes."""
    from torch.jit import _trace
    from torch.onnx._internal.torchscript_exporter import utils

    utils._setup_trace_module_map(model, False)
    try:
        return set(_trace._trace_module_map.values())
    finally:
        _trace._trace_module_map = None


def one(text: str) -> Reference:
    (reference,) = read_evidence(reference=text).references
    return reference


def test_a_config_names_48_modules_and_all_parameters(transformers: Any, tmp_path: Path) -> None:
    folder = bert_config(transformers, tmp_path, vocab_size=30522, max_position_embeddings=512)
    bert = next(each for each in read_evidence(reference=folder).references if each.name == "BertModel")
    classes = [str(module.class_name) for module in bert.modules.values()]
    assert len(classes) == 48
    assert sum(name.startswith("transformers.") for name in classes) == 18
    assert sum(name.startswith("torch.nn.") for name in classes) == 30
    assert bert.count(trainable=True) == 4_385_920
    assert bert.count(trainable=False) == 0


def test_the_part_that_was_exported_is_found(transformers: Any, tmp_path: Path) -> None:
    """The config names BertForMaskedLM; the file contains a wrapper around BertModel."""
    found = load(BERT, reference=bert_config(transformers, tmp_path))
    inside = [module for module in found.tree if module.path]
    truth = {entry["path"]: entry["class"] for entry in truth_of(BERT.parent)["modules"] if entry["path"]}
    assert {module.path: module.class_name for module in inside} == truth
    assert found.tree.root.class_name is None
    assert found.notes == ("reference: BertModel is model, 48 modules, 425,344 parameters trainable",)


def test_full_scopes_are_those_of_torch(transformers: Any, torch: Any) -> None:
    wrapped = torch.nn.Module()
    wrapped.model = transformers.BertModel(transformers.BertConfig(**FIXTURE))
    found = load(BERT, reference=wrapped)
    assert {module.full_scope for module in found.tree} == torch_names(wrapped)


def test_nothing_is_allocated_or_downloaded(transformers: Any, tmp_path: Path) -> None:
    """The model has a terabyte of weights, and a backbone on a hub."""
    big = bert_config(transformers, tmp_path / "big", hidden_size=65536, num_hidden_layers=16)
    assert read_evidence(reference=big).references[0].count(trainable=True) > 1e11
    (tmp_path / "hub.json").write_text(
        '{"model_type": "no-such-model", "auto_map": {"AutoModel": "a/b--c.D"}}'
    )
    with pytest.raises(UsageError, match=r"hub.json: cannot be built: KeyError"):
        read_evidence(reference=tmp_path / "hub.json")


NET = """
import torch
from dataclasses import dataclass
print("noise")

@dataclass
class Size:
    width: int = 4

class Net(torch.nn.Module):
    def __init__(self, width=Size().width):
        super().__init__()
        self.parts = torch.nn.ModuleList([torch.nn.Linear(width, width)])
        self.norm = torch.nn.BatchNorm1d(width)
        self.again = self.parts[0]
        self.head = torch.nn.Linear(width, width)
        self.head.weight = self.again.weight
        self.head.bias.requires_grad_(False)

    def forward(self, x):
        return self.head(self.norm(self.again(x)))

def make():
    return Net(6)

def wrong():
    return 3

built = Net(8)
"""


@pytest.fixture
def net(torch: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "a_net.py").write_text(NET)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "a_net", raising=False)
    return tmp_path / "a_net.py"


@pytest.mark.parametrize(
    ("attribute", "width"), [("Net", 4), ("Net()", 4), ("make", 6), ("make()", 6), ("built", 8)]
)
@pytest.mark.parametrize("by_file", [True, False])
def test_files_and_packages(
    net: Path, attribute: str, width: int, by_file: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    reference = one(f"{net if by_file else 'a_net'}:{attribute}")
    assert capsys.readouterr().out == ""
    classes = {path: module.class_name for path, module in reference.modules.items()}
    assert classes == {
        "": "a_net.Net",
        "parts": "torch.nn.modules.container.ModuleList",
        "parts.0": "torch.nn.modules.linear.Linear",
        "norm": "torch.nn.modules.batchnorm.BatchNorm1d",
        "again": "torch.nn.modules.linear.Linear",
        "head": "torch.nn.modules.linear.Linear",
    }
    assert [path for path, module in reference.modules.items() if module.is_list] == ["parts"]
    firsts = {path: module.first_path for path, module in reference.modules.items()}
    assert firsts == {path: "parts.0" if path == "again" else path for path in firsts}
    ties = {str(name): each.same_as for name, each in reference.declared() if each.same_as}
    assert ties == {name: "parts.0." + name.rpartition(".")[2] for name in ties}
    assert set(ties) == {"again.weight", "again.bias", "head.weight"}
    assert [str(name) for name, each in reference.declared() if each.buffer] == [
        "norm.running_mean",
        "norm.running_var",
        "norm.num_batches_tracked",
    ]
    assert reference.count(trainable=True) == width * width + 3 * width
    assert reference.count(trainable=False) == width


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a_net.py:wrong", "makes int, no torch.nn.Module"),
        ("a_net.py:absent", "cannot be built: AttributeError"),
        ("absent.py:Net", "absent.py: no such file"),
        ("absent.module:Net", "cannot be built: ModuleNotFoundError"),
        ("a_net:Size", "makes Size, no torch.nn.Module"),
    ],
)
def test_what_cannot_be_built(net: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_evidence(reference=text)


def test_a_live_module(torch: Any) -> None:
    found = load(EXPORTS / "tied_weights" / "ts.onnx", reference=tied(torch))
    truth = {m["path"]: m["class"] for m in truth_of(EXPORTS / "tied_weights")["modules"]}
    assert {m.path: m.class_name for m in found.tree if m.path} == {p: c for p, c in truth.items() if p}
    assert found.notes == ("reference: Module is the root, 4 modules, 232 parameters trainable",)


def tied(torch: Any) -> Any:
    module = torch.nn.Module()
    module.embed, module.body = torch.nn.Embedding(20, 8), torch.nn.Linear(8, 8)
    module.lm_head = torch.nn.Linear(8, 20, bias=False)
    module.lm_head.weight = module.embed.weight
    return module


def test_a_lazy_parameter_has_no_elements_yet(torch: Any) -> None:
    module = tied(torch)
    module.body = torch.nn.LazyLinear(8)
    found = load(EXPORTS / "tied_weights" / "ts.onnx", reference=module)
    shapes = {each.name: each.shape for each in found.tree["body"].declared}
    assert shapes == {"weight": None, "bias": None}
    assert found.notes == (
        "reference: Module is the root, 4 modules, 160 parameters trainable, "
        "2 lazy parameters of unknown shape",
    )

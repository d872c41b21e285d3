"""Tapped values are those that forward hooks of torch see: the outputs of the modules."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rewriter
from tests.edits.models import run

torch: Any = pytest.importorskip("torch")
pytest.importorskip("onnxscript")

WITHIN = 1e-4
FEWEST = 30
"""The modules of all models together that must be compared, by each exporter."""


class Residual(torch.nn.Module):  # type: ignore[misc]
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = torch.nn.Conv2d(width, width, 3, padding=1)
        self.act = torch.nn.SiLU()
        self.second = torch.nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Any) -> Any:
        return x + self.second(self.act(self.first(x)))


class Images(torch.nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.stem = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, stride=2), torch.nn.ReLU())
        self.blocks = torch.nn.Sequential(*(Residual(8) for _ in range(2)))
        self.pool = torch.nn.AdaptiveAvgPool2d(1)
        self.heads = torch.nn.ModuleList([torch.nn.Linear(8, 5), torch.nn.Linear(8, 4)])

    def forward(self, x: Any) -> Any:
        pooled = self.pool(self.blocks(self.stem(x))).flatten(1)
        return [head(pooled) for head in self.heads]


class Attention(torch.nn.Module):  # type: ignore[misc]
    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (torch.nn.Linear(width, width) for _ in range(4))

    def forward(self, x: Any) -> Any:
        scores = self.query(x) @ self.key(x).transpose(1, 2) / x.shape[-1] ** 0.5
        return self.out(scores.softmax(-1) @ self.value(x))


class Layer(torch.nn.Module):  # type: ignore[misc]
    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention, self.norm = Attention(width), torch.nn.LayerNorm(width)
        self.mlp = torch.nn.Sequential(
            torch.nn.Linear(width, 2 * width), torch.nn.GELU(), torch.nn.Linear(2 * width, width)
        )

    def forward(self, x: Any) -> Any:
        return x + self.mlp(self.norm(x + self.attention(x)))


class Words(torch.nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.embed = torch.nn.Embedding(20, 16)
        self.layers = torch.nn.ModuleList([Layer(16), Layer(16)])
        self.lstm = torch.nn.LSTM(16, 12, batch_first=True)
        self.tag = torch.nn.Linear(12, 7)

    def forward(self, tokens: Any) -> Any:
        x = self.embed(tokens)
        for layer in self.layers:
            x = layer(x)
        return self.tag(self.lstm(x)[0])


def compared(module: Any, given: Any, folder: Path, *, dynamo: bool) -> Iterator[tuple[str, bool]]:
    """Yield each module with a tap of its name, and whether the tap and the hook agree."""
    seen: dict[str, Any] = {}

    def hook(path: str) -> Any:
        def keep(_: Any, __: Any, result: Any) -> None:
            seen[path] = (result[0] if isinstance(result, tuple) else result).detach().numpy()

        return keep

    for path, each in module.eval().named_modules():
        if path:
            each.register_forward_hook(hook(path))
    with torch.no_grad():
        module(given)
    expected = dict(seen)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        more = {"external_data": False} if dynamo else {}
        torch.onnx.export(module, (given,), folder / "m.onnx", dynamo=dynamo, verbose=False, **more)
    tapped = rewriter.tap(folder / "m.onnx", "**", folder / "taps.onnx", numbers=False).analysis.model
    values = run(tapped, **{tapped.graph.input[0].name: given.numpy()})
    for path in expected.keys() & values.keys():
        wanted, found = expected[path], values[path]
        largest = np.max(np.abs(wanted))
        yield path, wanted.shape == found.shape and bool(np.max(np.abs(wanted - found)) <= WITHIN * largest)


@pytest.mark.parametrize("dynamo", [False, True], ids=["torchscript", "dynamo"])
def test_taps_are_what_hooks_see(dynamo: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    cases = ((Images(), torch.rand(2, 3, 12, 12)), (Words(), torch.randint(0, 20, (2, 6))))
    agree = {
        (type(module).__name__, path): same
        for module, given in cases
        for path, same in compared(module, given, tmp_path, dynamo=dynamo)
    }
    assert len(agree) >= FEWEST
    assert [case for case, same in agree.items() if not same] == []

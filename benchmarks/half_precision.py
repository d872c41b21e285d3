"""Checks `precision` on models that leave the range of fp16, by onnx's reference in half precision.

    python -m benchmarks.half_precision            # the models that may be looked at
    python -m benchmarks.half_precision --held-out # every third model, apart
    python -m benchmarks.half_precision --write    # both, into results/half_precision.md

It needs torch. Each model has one or more modules whose values leave the range by construction. The list of
`precision --format ort-fp16` goes to onnxruntime's converter, and onnx's reference evaluator, which computes
in half precision where the file says so, runs the converted file. Without a list, the same file shows what
half precision does to it.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

import rewriter
from benchmarks.reporting import environment, publish, table
from rewriter.model.index.cycles import in_dataflow_order

TOLERANCE = 1e-2
_HELD_OUT = 3
"""Every third model is held out."""


class Net(NamedTuple):
    """Model, its input, and the modules whose values leave the range."""

    module: Any
    inputs: Any
    beyond: frozenset[str]


def _nets() -> dict[str, Callable[[], Net]]:
    import torch  # noqa: PLC0415
    from torch import nn  # noqa: PLC0415

    class Fn(nn.Module):  # type: ignore[misc]  # torch has no types here
        def __init__(self, fn: Callable[[Any], Any]) -> None:
            super().__init__()
            self.fn = fn

        def forward(self, x: Any) -> Any:
            return self.fn(x)

    class Rms(nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return x / torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-6)

    class Attention(nn.Module):  # type: ignore[misc]
        def __init__(self, size: int, scale: float) -> None:
            super().__init__()
            self.q, self.k, self.v = (nn.Linear(size, size) for _ in range(3))
            self.scale = scale

        def forward(self, x: Any) -> Any:
            scores = (self.q(x) * self.scale) @ (self.k(x) * self.scale).transpose(-1, -2)
            return torch.softmax(scores / self.scale**2, -1) @ self.v(x)

    class Residual(nn.Module):  # type: ignore[misc]
        def __init__(self, inner: Any) -> None:
            super().__init__()
            self.norm, self.inner = nn.LayerNorm(16), inner

        def forward(self, x: Any) -> Any:
            return x + self.inner(self.norm(x))

    def net(*parts: tuple[str, Any], beyond: str, size: int = 16, by: float = 1.0) -> Callable[[], Net]:
        def build() -> Net:
            torch.manual_seed(0)
            module = nn.Sequential()
            for name, part in parts:
                module.add_module(name, part)
            return Net(module.eval(), torch.randn(4, size) * by, frozenset(beyond.split()))

        return build

    def lin(of: int = 16, to: int = 16) -> Any:
        return nn.Linear(of, to)

    def big(value: float) -> Any:
        layer = nn.Linear(16, 16)
        nn.init.constant_(layer.bias, value)
        return layer

    def log_sum(x: Any) -> Any:
        return torch.log(torch.exp(x).sum(-1, keepdim=True)) - x

    def norm(x: Any) -> Any:
        return x / torch.sqrt((x**2).sum(-1, keepdim=True))

    def standard(x: Any) -> Any:
        centred = x - x.mean(-1, keepdim=True)
        return centred / torch.sqrt((centred**2).mean(-1, keepdim=True) + 1e-5)

    def cubic(x: Any) -> Any:
        return torch.tanh(0.01 * (x + 0.044715 * x**3)) * 0.5

    return {
        "rms": net(("a", big(400.0)), ("norm", Rms()), ("b", lin()), beyond="norm"),
        "variance": net(("a", lin()), ("norm", Fn(standard)), ("b", lin()), beyond="norm", by=900.0),
        "log_sum_exp": net(("a", big(13.0)), ("norm", Fn(log_sum)), ("b", lin()), beyond="norm"),
        "cubic_gelu": net(("a", big(150.0)), ("act", Fn(cubic)), ("b", lin()), beyond="act"),
        "length": net(("a", lin()), ("norm", Fn(norm)), ("b", lin()), beyond="norm", by=700.0),
        "attention": net(("a", lin()), ("attention", Attention(16, 400.0)), ("b", lin()), beyond="attention"),
        "bias": net(("a", lin()), ("large", big(9e4)), ("norm", nn.LayerNorm(16)), beyond="large norm"),
        "product": net(
            ("a", big(500.0)), ("gate", Fn(lambda x: (x * x) / 1000.0)), ("b", lin()), beyond="gate"
        ),
        "two_norms": net(
            ("a", big(300.0)), ("n1", Rms()), ("b", big(500.0)), ("n2", Rms()), ("c", lin()), beyond="n1 n2"
        ),
        "sum": net(
            ("a", big(8000.0)),
            ("pool", Fn(lambda x: x.sum(-1, keepdim=True) / 16.0)),
            ("b", lin(1, 4)),
            beyond="pool",
        ),
        "residual": net(
            ("a", lin()),
            ("block", Residual(big(7e4))),
            ("norm", nn.LayerNorm(16)),
            beyond="block block.inner norm",
        ),
        "exponential": net(
            ("a", big(11.5)), ("scale", Fn(lambda x: torch.exp(x) * 1e-4)), ("b", lin()), beyond="scale"
        ),
        "square_root": net(
            ("a", big(260.0)), ("root", Fn(lambda x: torch.sqrt(x**2 + 1))), ("b", lin()), beyond="root"
        ),
        "wide_mean": net(
            ("a", lin(16, 512)),
            ("up", Fn(lambda x: (x * 3e4).mean(-1, keepdim=True) / 1e4)),
            beyond="up",
            by=4.0,
        ),
        "layer_of_two": net(
            ("n", nn.LayerNorm(16)), ("up", big(4e4)), ("twice", Fn(lambda x: (x + x) * 1e-4)), beyond="twice"
        ),
    }


def row_of(name: str, build: Callable[[], Net], folder: Path) -> list[object]:
    """Return name, whether the modules beyond the range are named, and errors with and without the list."""
    import torch  # noqa: PLC0415
    from onnxruntime.transformers.float16 import convert_float_to_float16  # noqa: PLC0415
    from onnxruntime.transformers.onnx_model import OnnxModel  # noqa: PLC0415

    made = build()
    path = folder / f"{name}.onnx"
    torch.onnx.export(made.module, (made.inputs,), str(path), dynamo=False, input_names=["x"])
    feeds = {"x": made.inputs.numpy()}
    found = rewriter.precision(path, inputs=feeds, tolerance=TOLERANCE)
    beyond = {str(module.path) for module in found.modules if module.overflows}
    model = onnx.load(path)
    (exact,) = _run(model, feeds)

    def error(block: list[str]) -> float:
        copy = onnx.ModelProto.FromString(model.SerializeToString())
        half = convert_float_to_float16(copy, keep_io_types=True, node_block_list=block, op_block_list=[])
        OnnxModel(half).remove_cascaded_cast_nodes()  # else it rounds between two nodes in fp32, too
        nodes = [half.graph.node[at] for at in in_dataflow_order(half.graph.node)]
        nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
        del half.graph.node[:]
        half.graph.node.extend(nodes)  # onnxruntime's converter appends its Casts at the end
        with np.errstate(all="ignore"):
            (got,) = _run(half, feeds)
        far = np.abs(got.astype(np.float64) - exact)
        return float(np.where(np.isnan(far), np.inf, far).max() / np.abs(exact).max())

    kept = error(list(found.names().names))
    return [
        name,
        " ".join(sorted(made.beyond)),
        "yes" if made.beyond <= beyond else "no",
        " ".join(map(str, found.kept)),
        f"{error([]):.2g}",
        f"{kept:.2g}",
        "yes" if kept <= TOLERANCE else "no",
    ]


def _run(model: onnx.ModelProto, feeds: dict[str, Any]) -> list[Any]:
    """Return the outputs of a model from onnx's reference evaluator."""
    return list(ReferenceEvaluator(model).run(None, feeds))


def report(*, held_out: bool) -> str:
    """Return the table of the models, as Markdown."""
    warnings.simplefilter("ignore")
    chosen = [
        (name, build)
        for at, (name, build) in enumerate(_nets().items())
        if (at % _HELD_OUT == _HELD_OUT - 1) == held_out
    ]
    with tempfile.TemporaryDirectory() as folder:
        rows = [row_of(name, build, Path(folder)) for name, build in chosen]
    heads = [
        "model",
        "beyond the range",
        "named",
        "kept in fp32",
        "error, all in fp16",
        "with the list",
        "within 1e-2",
    ]
    named, within = (sum(row[at] == "yes" for row in rows) for at in (2, 6))
    return f"{table(heads, rows)}\n\nNamed in {named} of {len(rows)}, within 1e-2 in {within} of {len(rows)}."


@click.command()
@click.option("--held-out", is_flag=True, help="Only the models that are held out.")
@click.option("--write", is_flag=True, help="Write both tables to results/half_precision.md.")
def main(held_out: bool, write: bool) -> None:
    if not write:
        click.echo(report(held_out=held_out))
        return
    titles = (
        "# Does a model agree in half precision with the list of `precision`?",
        "    python -m benchmarks.half_precision --write",
        environment(),
        "## Models that were looked at",
    )
    parts = [report(held_out=held) for held in (False, True)]
    publish("half_precision", "\n\n".join((*titles, parts[0], "## Held-out models", parts[1])))


if __name__ == "__main__":
    main()

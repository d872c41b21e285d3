"""Compares the number of parameters by torch, by the module tree, and by onnx-tool.

Needs torch, transformers and onnx-tool. The models have random weights. PyTorch counts the parameters of the
module: tied weights once, and a batch norm that the exporter folded into a convolution.
"""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from benchmarks.exporting import CNNS, MODELS, Tensors, available, export
from benchmarks.reporting import table
from rewriter import pipeline

HEADER = ("", "torch", "this tree", "onnx-tool")
_EAGER: dict[str, Any] = {"layers": 2, "attention": "eager"}  # onnx-tool does not know `IsNaN` of the default
_SIZES = {"bert": _EAGER, "llama": _EAGER}


def _plain(source: Path, target: Path) -> None:
    source.rename(target)


def _int8(source: Path, target: Path) -> None:
    from onnxruntime.quantization import quantize_dynamic  # noqa: PLC0415

    quantize_dynamic(source, target)


def _int4(source: Path, target: Path) -> None:
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer  # noqa: PLC0415

    quantizer = MatMulNBitsQuantizer(onnx.load(source), block_size=32, is_symmetric=True)
    quantizer.process()
    onnx.save(quantizer.model.model, target)


ROWS: tuple[tuple[str, Callable[[Path, Path], None], str], ...] = (
    ("resnet", _plain, ""),
    ("mobilenet", _plain, ""),
    ("bert", _plain, ""),
    ("bert", _int8, "int8 "),
    ("llama", _int4, "int4 "),
)
"""Name of the model, change of the file, and name of the change."""


def by_onnx_tool(path: Path, inputs: Tensors) -> str:
    """Return the number of parameters by onnx-tool, or its refusal."""
    import onnx_tool  # noqa: PLC0415

    try:
        graph = onnx_tool.Model(str(path)).graph
        graph.shape_infer({name: np.asarray(tensor) for name, tensor in inputs.items()})
        graph.profile()
        return f"{int(graph.params):,}"
    except Exception as error:  # whatever it raises is its answer
        return f"refused: {type(error).__name__}"


def _rows() -> Iterator[tuple[object, ...]]:
    with tempfile.TemporaryDirectory() as folder:
        for name, change, word in ROWS:
            sizes = _SIZES.get(name, {})
            module = (MODELS | CNNS)[name](**sizes)[0]
            torch_count = sum(parameter.numel() for parameter in module.parameters())
            for variant in ("ts", "dy"):
                source, target = Path(folder, "source.onnx"), Path(folder, "target.onnx")
                inputs = export(name, variant, source, **sizes)
                change(source, target)
                count = pipeline.load(target).tree.root.params
                tool = by_onnx_tool(target, inputs)
                yield f"{word}{name} {variant}", f"{torch_count:,}", f"{count:,}", tool


def counts() -> str:
    """Return the table; a line that says what is missing if it cannot be made."""
    if not available() or not importlib.util.find_spec("onnx_tool"):
        return "Not compared with torch and onnx-tool: they are not installed."
    return table(HEADER, _rows())

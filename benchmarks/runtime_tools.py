"""Writes a model as every tool of onnxruntime writes it, for `benchmarks.verbs`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    quantize_dynamic,
    quantize_static,
    shape_inference,
)
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
from onnxruntime.transformers import float16, optimizer

from rewriter.runtime.inputs.planning import draw

Write = Callable[[Path, Path], object]
_LEVELS = onnxruntime.GraphOptimizationLevel
_KEPT_WIDE = ["Softmax", "LayerNormalization", "ReduceMean", "Pow", "Sqrt", "Div", "Gather"]
"""Operators that stay float32 in a mixed model."""


class _Drawn(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types here
    """Samples drawn for a model."""

    def __init__(self, source: Path) -> None:
        self._samples = iter(draw(onnx.load(source), sets=2))

    def get_next(self) -> Any:
        """Return the next sample; None at the end."""
        return next(self._samples, None)


def _half(source: Path, target: Path, **options: Any) -> None:
    onnx.save(float16.convert_float_to_float16(onnx.load(source), **options), target)


def _static(source: Path, target: Path, *, form: Any, per_channel: bool, prepared: bool) -> None:
    if prepared:
        shape_inference.quant_pre_process(str(source), target)
    start = target if prepared else source
    quantize_static(str(start), str(target), _Drawn(source), quant_format=form, per_channel=per_channel)


def _few_bits(source: Path, target: Path) -> None:
    quantizer = MatMulNBitsQuantizer(onnx.load(source), block_size=16, is_symmetric=False)
    quantizer.process()
    quantizer.model.save_model_to_file(str(target))


def _fused(source: Path, target: Path, *, level: int, half: bool = False) -> None:
    """Optimise as `onnxruntime.transformers` does, with what it finds of heads and sizes by itself."""
    found = optimizer.optimize_model(str(source), "bert", num_heads=0, hidden_size=0, opt_level=level)
    if half:
        found.convert_float_to_float16(keep_io_types=True)
    found.save_model_to_file(str(target))


def _session(source: Path, target: Path, *, level: Any) -> None:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level, options.optimized_model_filepath = level, str(target)
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])


TOOLS: dict[str, Write] = {
    "fp16": _half,
    "fp16-io": partial(_half, keep_io_types=True),
    "mixed": partial(_half, keep_io_types=True, op_block_list=_KEPT_WIDE),
    "qdq": partial(_static, form=QuantFormat.QDQ, per_channel=True, prepared=False),
    "qdq-prepared": partial(_static, form=QuantFormat.QDQ, per_channel=False, prepared=True),
    "qoperator": partial(_static, form=QuantFormat.QOperator, per_channel=False, prepared=False),
    "dynamic": lambda source, target: quantize_dynamic(str(source), str(target)),
    "nbits": _few_bits,
    **{f"fused-{level}": partial(_fused, level=level) for level in (0, 1, 2, 99)},
    "fused-1-fp16": partial(_fused, level=1, half=True),
    "session-basic": partial(_session, level=_LEVELS.ORT_ENABLE_BASIC),
    "session-extended": partial(_session, level=_LEVELS.ORT_ENABLE_EXTENDED),
    "session-layout": partial(_session, level=_LEVELS.ORT_ENABLE_LAYOUT),
    "session-all": partial(_session, level=_LEVELS.ORT_ENABLE_ALL),
}
"""Name -> a function that reads a file and writes the changed one."""


def written(source: Path, folder: Path) -> Iterator[tuple[str, Path | Exception]]:
    """Run every tool on a file; yield its name, and the file or the error of the tool."""
    np.random.seed(0)
    for name, write in TOOLS.items():
        target = folder / f"{name}.onnx"
        try:
            write(source, target)
        except Exception as error:  # every tool has its own
            yield name, error
        else:
            yield name, target

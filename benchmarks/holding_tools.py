"""Tools that change weights or names of an exported file, for `benchmarks.holding`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import onnxsim
import onnxslim
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

Run = Callable[[Path, Path, NDArray[Any]], object]


class _Once(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types here
    """One sample."""

    def __init__(self, inputs: NDArray[Any]) -> None:
        self.samples = iter([{"x": inputs}])

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        """Return the sample, then None."""
        return next(self.samples, None)


def _optimised(level: Any) -> Run:
    def run(source: Path, target: Path, inputs: NDArray[Any]) -> None:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level, options.optimized_model_filepath = level, str(target)
        onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])

    return run


def _stripped(source: Path, target: Path, inputs: NDArray[Any]) -> None:
    """Remove all metadata."""
    model = onnx.load(source)
    owners: tuple[Any, ...] = (model, model.graph, *model.graph.node, *model.graph.value_info)
    for each in owners:
        del each.metadata_props[:]
    onnx.save(model, target)


def _renamed(source: Path, target: Path, inputs: NDArray[Any]) -> None:
    """Remove all metadata, and rename nodes and values, except for initializers, inputs and outputs."""
    _stripped(source, target, inputs)
    model = onnx.load(target)
    graph = model.graph
    kept = {each.name for each in graph.initializer}
    kept |= {each.name for each in (*graph.input, *graph.output)}
    names: dict[str, str] = {}
    for number, node in enumerate(graph.node):
        node.name = f"n{number}"
        node.input[:] = [names.get(name, name) for name in node.input]
        names |= {name: f"t{number}_{at}" for at, name in enumerate(node.output) if name and name not in kept}
        node.output[:] = [names.get(name, name) for name in node.output]
    del graph.value_info[:]
    onnx.save(model, target)


def _four_bits(source: Path, target: Path, inputs: NDArray[Any]) -> None:
    quantizer = MatMulNBitsQuantizer(onnx.load(source), block_size=16, is_symmetric=True)
    quantizer.process()
    quantizer.model.save_model_to_file(str(target))


def _static(format_: Any, *, per_channel: bool) -> Run:
    def run(source: Path, target: Path, inputs: NDArray[Any]) -> None:
        reader = _Once(inputs)
        quantize_static(str(source), str(target), reader, quant_format=format_, per_channel=per_channel)

    return run


def _dynamic(source: Path, target: Path, inputs: NDArray[Any]) -> None:
    quantize_dynamic(str(source), str(target), weight_type=QuantType.QInt8)


_LEVELS = onnxruntime.GraphOptimizationLevel

TOOLS: dict[str, Run] = {
    "onnxslim": lambda source, target, inputs: onnx.save(onnxslim.slim(str(source)), target),
    "onnxsim": lambda source, target, inputs: onnx.save(onnxsim.simplify(onnx.load(source))[0], target),
    "ort_basic": _optimised(_LEVELS.ORT_ENABLE_BASIC),
    "ort_extended": _optimised(_LEVELS.ORT_ENABLE_EXTENDED),
    "stripped": _stripped,
    "renamed": _renamed,
    "dynamic": _dynamic,
    "qdq": _static(QuantFormat.QDQ, per_channel=True),
    "qoperator": _static(QuantFormat.QOperator, per_channel=False),
    "four_bits": _four_bits,
}
"""Name -> a function that reads a file, writes the changed one, and takes a sample input."""

"""The tools that the doctor warns of, each as its users call it: a path in, what it makes of the file out."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto

Rewriting = Callable[[Path], ModelProto]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Tools print tables and warn of much."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def options(**settings: Any) -> Any:
    import onnxruntime

    found = onnxruntime.SessionOptions()
    found.log_severity_level = 4
    found.intra_op_num_threads = 1
    for name, setting in settings.items():
        setattr(found, name, setting)
    return found


def session(path: Path) -> Any:
    import onnxruntime

    return onnxruntime.InferenceSession(path, options(), providers=["CPUExecutionProvider"])


def aborts(path: Path) -> bool:
    """Whether making a session ends the process, in a process of its own."""
    code = "import sys, onnxruntime; onnxruntime.InferenceSession(sys.argv[1])"
    return (
        subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, check=False).returncode
        < 0
    )


def session_of_bytes(path: Path) -> Any:
    import onnxruntime

    return onnxruntime.InferenceSession(path.read_bytes(), options(), providers=["CPUExecutionProvider"])


def runs(model: ModelProto) -> bool:
    """Whether onnxruntime makes a session of it."""
    import onnxruntime

    try:
        onnxruntime.InferenceSession(model.SerializeToString(), options(), providers=["CPUExecutionProvider"])
    except Exception:
        return False
    return True


def value(model: ModelProto) -> float:
    """The first element of the first output, the input being -1, -2, ..."""
    import onnxruntime

    made = onnxruntime.InferenceSession(
        model.SerializeToString(), options(), providers=["CPUExecutionProvider"]
    )
    (port, *_) = made.get_inputs()
    array = -1 - np.arange(np.prod(port.shape), dtype=np.float32).reshape(port.shape)
    return float(made.run(None, {port.name: array})[0].ravel()[0])


def value_by_function(path: Path) -> float:
    """The same, the body of the only function as a model of its own, with the opsets it imports."""
    model = onnx.load(path)
    (function,) = model.functions
    model.ClearField("functions")
    model.ClearField("opset_import")
    model.opset_import.extend(function.opset_import)
    model.graph.ClearField("node")
    model.graph.node.extend(function.node)
    names = dict(zip(function.input, (info.name for info in model.graph.input), strict=True))
    names |= dict(zip(function.output, (info.name for info in model.graph.output), strict=True))
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    return value(model)


def notes_of(model: ModelProto) -> int:
    """Nodes with metadata, wherever they stand."""
    every = (model.graph.node, *(each.node for each in model.functions))
    return sum(bool(node.metadata_props) for nodes in every for node in nodes)


def optimised(path: Path) -> ModelProto:
    """What a session writes; basic optimisations."""
    import onnxruntime

    written = path.with_name("optimised.onnx")
    level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    onnxruntime.InferenceSession(
        path,
        options(optimized_model_filepath=str(written), graph_optimization_level=level),
        providers=["CPUExecutionProvider"],
    )
    return onnx.load(written)


def seconds_to_load(path: Path) -> float:
    """CPU time, the least of five: others may be at work as well."""
    session(path)
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        session(path)
        best = min(best, time.process_time() - start)
    return best


def quantised(path: Path) -> ModelProto:
    from onnxruntime.quantization import quantize_dynamic

    with quiet():
        quantize_dynamic(path, path.with_name("quantised.onnx"))
    return onnx.load(path.with_name("quantised.onnx"))


def calibrated(path: Path) -> ModelProto:
    """Quantised by what sessions compute of ones."""
    from onnxruntime.quantization import CalibrationDataReader, quantize_static

    class Ones(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.feeds = iter([_ones(onnx.load(path))])

        def get_next(self) -> dict[str, Any] | None:
            return next(self.feeds, None)

    with quiet():
        quantize_static(path, path.with_name("calibrated.onnx"), Ones())
    return onnx.load(path.with_name("calibrated.onnx"))


def _ones(model: ModelProto) -> dict[str, Any]:
    """A one for every element of every input."""
    return {
        info.name: np.ones(
            [dim.dim_value for dim in info.type.tensor_type.shape.dim],
            onnx.helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type),
        )
        for info in model.graph.input
    }


def preprocessed(path: Path) -> ModelProto:
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with quiet():
        quant_pre_process(path, path.with_name("preprocessed.onnx"), skip_symbolic_shape=True)
    return onnx.load(path.with_name("preprocessed.onnx"))


def fused(path: Path) -> ModelProto:
    from onnxruntime.transformers.optimizer import optimize_model

    model: ModelProto = optimize_model(str(path), model_type="bert", opt_level=0).model
    return model


def halved_by_runtime(path: Path) -> ModelProto:
    from onnxruntime.transformers.float16 import convert_float_to_float16

    with quiet():
        model: ModelProto = convert_float_to_float16(onnx.load(path))
    return model


def halved(path: Path) -> ModelProto:
    from onnxconverter_common.float16 import convert_float_to_float16

    with quiet():
        model: ModelProto = convert_float_to_float16(onnx.load(path))
    return model


def read_by_openvino(path: Path) -> Any:
    import openvino

    return openvino.Core().read_model(path)


def converted(path: Path) -> ModelProto:
    from onnx import version_converter

    return version_converter.convert_version(onnx.load(path), 18)


def inlined(path: Path) -> ModelProto:
    import onnx.inliner

    return onnx.inliner.inline_local_functions(onnx.load(path))


def inlined_to(path: Path, target: Path) -> None:
    onnx.save(inlined(path), target)


def evaluated(path: Path) -> Any:
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(str(path))


def computed(path: Path) -> Any:
    """What the reference evaluator computes of ones."""
    return evaluated(path).run(None, _ones(onnx.load(path)))


def checked(path: Path) -> None:
    onnx.checker.check_model(onnx.load(path))


def cut(path: Path, end: str) -> ModelProto:
    from onnx.utils import extract_model

    extract_model(path, path.with_name("cut.onnx"), ["x"], [end])
    return onnx.load(path.with_name("cut.onnx"))


def prefixed(path: Path) -> ModelProto:
    from onnx.compose import add_prefix

    return add_prefix(onnx.load(path), "p/")


def slimmed(path: Path) -> ModelProto:
    import onnxslim

    with quiet():
        model: ModelProto = onnxslim.slim(onnx.load(path))
    return model


def simplified(path: Path) -> ModelProto:
    import onnxsim

    with quiet():
        model: ModelProto = onnxsim.simplify(onnx.load(path))[0]
    return model


def trimmed(path: Path) -> ModelProto:
    import onnxoptimizer

    model: ModelProto = onnxoptimizer.optimize(onnx.load(path))
    return model


def folded(path: Path) -> ModelProto:
    import onnxscript.optimizer

    model: ModelProto = onnxscript.optimizer.optimize(onnx.load(path))
    return model


def operated(path: Path) -> ModelProto:
    import onnx_graphsurgeon

    with quiet():
        model: ModelProto = onnx_graphsurgeon.export_onnx(onnx_graphsurgeon.import_onnx(onnx.load(path)))
    return model


def sorted_by_graphsurgeon(path: Path) -> Any:
    import onnx_graphsurgeon

    with quiet():
        return onnx_graphsurgeon.import_onnx(onnx.load(path)).toposort()


def carried(path: Path) -> ModelProto:
    import onnx_ir

    model: ModelProto = onnx_ir.serde.serialize_model(onnx_ir.serde.deserialize_model(onnx.load(path)))
    return model

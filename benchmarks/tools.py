"""Runs other tools on files in child processes, to read the files that they write.

Every tool is imported inside its function: if one is not installed, it is reported as missing and the others
run. Results are kept by the content of the input and the version of the tool.
"""

from __future__ import annotations

import hashlib
import multiprocessing
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

Tool = Callable[[Path, Path], None]
"""Function that reads the first file and writes the second."""


def onnxslim(source: Path, target: Path) -> None:
    import onnxslim

    onnxslim.slim(str(source), str(target))


def onnxsim(source: Path, target: Path) -> None:
    import onnx
    import onnxsim

    simplified, _ = onnxsim.simplify(str(source))
    onnx.save(simplified, str(target))


def _onnxruntime(source: Path, target: Path, level: str) -> None:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, f"ORT_ENABLE_{level}")
    options.optimized_model_filepath = str(target)
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])


def ort_basic(source: Path, target: Path) -> None:
    _onnxruntime(source, target, "BASIC")


def ort_extended(source: Path, target: Path) -> None:
    _onnxruntime(source, target, "EXTENDED")


def ort_all(source: Path, target: Path) -> None:
    _onnxruntime(source, target, "ALL")


def quantize_dynamic(source: Path, target: Path) -> None:
    import onnx
    from onnxruntime.quantization import quantize_dynamic

    try:
        quantize_dynamic(str(source), str(target))
    except Exception:  # it fails on shapes that exporters state, and does not need them
        model = onnx.load(str(source))
        del model.graph.value_info[:]
        quantize_dynamic(model, str(target))


def fp16(source: Path, target: Path) -> None:
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(str(source)), keep_io_types=True), str(target))


def graphsurgeon(source: Path, target: Path) -> None:
    import onnx
    import onnx_graphsurgeon

    graph = onnx_graphsurgeon.import_onnx(onnx.load(str(source)))
    onnx.save(onnx_graphsurgeon.export_onnx(graph.cleanup().toposort()), str(target))


def graphsurgeon_round_trip(source: Path, target: Path) -> None:
    import onnx
    import onnx_graphsurgeon

    onnx.save(onnx_graphsurgeon.export_onnx(onnx_graphsurgeon.import_onnx(onnx.load(source))), target)


def onnx_ir(source: Path, target: Path) -> None:
    import onnx_ir

    onnx_ir.save(onnx_ir.load(source), target)


def onnxscript(source: Path, target: Path) -> None:
    import onnx
    import onnx_ir
    from onnxscript import optimizer

    model = onnx_ir.from_proto(onnx.load(str(source)))
    optimizer.optimize(model)
    onnx.save(onnx_ir.to_proto(model), str(target))


def version_converter(source: Path, target: Path) -> None:
    import onnx
    from onnx import version_converter

    model = onnx.load(str(source))
    version = next(opset.version for opset in model.opset_import if opset.domain in ("", "ai.onnx"))
    onnx.save(version_converter.convert_version(model, max(version + 1, 21)), str(target))


TOOLS: dict[str, tuple[Tool, str]] = {
    "onnxslim": (onnxslim, "onnxslim"),
    "onnxsim": (onnxsim, "onnxsim"),
    "ort basic": (ort_basic, "onnxruntime"),
    "ort extended": (ort_extended, "onnxruntime"),
    "ort all": (ort_all, "onnxruntime"),
    "fp16": (fp16, "onnxruntime"),
    "quantize_dynamic": (quantize_dynamic, "onnxruntime"),
    "graphsurgeon": (graphsurgeon, "onnx-graphsurgeon"),
    "onnxscript": (onnxscript, "onnxscript"),
    "version_converter": (version_converter, "onnx"),
}
"""Name of a tool -> the function that runs it, and the distribution whose version counts."""

_PRELOADED = ["onnx", "onnxruntime", "onnxruntime.quantization", "onnxslim", "onnxsim", "onnx_graphsurgeon"]


class Workshop:
    """Runner of tools on files, which keeps the results."""

    def __init__(self, cache: Path, timeout: float) -> None:
        self.cache = cache
        self.timeout = timeout
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(_PRELOADED)  # a child then starts in milliseconds

    def damage(self, source: Path, tool: str) -> Path | str:
        """Return the file that a tool makes of another, or the reason why it made none."""
        run, distribution = TOOLS[tool]
        try:
            version = metadata.version(distribution)
        except metadata.PackageNotFoundError:
            return f"{distribution} is not installed"
        digest = hashlib.sha256(source.read_bytes() + f"{tool} {version}".encode()).hexdigest()[:24]
        target = self.cache / f"{digest}.onnx"
        failed = target.with_suffix(".failed")
        if not target.exists() and not failed.exists():
            self.cache.mkdir(parents=True, exist_ok=True)
            if (fault := self._run(run, source, target)) is not None:
                failed.write_text(fault)
        return failed.read_text() if failed.exists() else target

    def _run(self, run: Tool, source: Path, target: Path) -> str | None:
        """Run a tool in a child; return the reason of a failure, None if it wrote the file."""
        part = target.with_suffix(".part.onnx")
        part.unlink(missing_ok=True)
        told = self.context.SimpleQueue()
        child = self.context.Process(target=_in_child, args=(run, source, part, told))
        child.start()
        child.join(self.timeout)
        if child.is_alive():
            child.kill()
            child.join()
            return f"more than {self.timeout:.0f} s"
        if child.exitcode or not part.exists():
            return told.get() if not told.empty() else f"died with code {child.exitcode}"
        part.rename(target)
        return None


def _in_child(run: Tool, source: Path, target: Path, told: Any) -> None:
    import os

    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    try:
        run(source.resolve(), target.resolve())
    except BaseException as error:
        told.put(f"{type(error).__name__}: {error}"[:200])
        raise SystemExit(1) from None

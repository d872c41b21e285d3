"""Sessions of onnxruntime. Only child processes import this module, since onnxruntime can crash.

Measured with onnxruntime 1.31.1: `InferenceSession.run` neither accepts nor returns bfloat16, float8 or 4-bit
arrays, so these pass through the memory of an OrtValue; sequences, maps and strings pass only through `run`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rewriter.errors import NoRuntime
from rewriter.runtime.child.error_text import one_line
from rewriter.runtime.child.job import TaskError
from rewriter.runtime.child_limits import threads_here
from rewriter.runtime.inputs.feeds import Array
from rewriter.runtime.inputs.input import Input

try:
    import onnxruntime as ort
except Exception as error:  # it is not installed, lacks a library, or was built for another system
    if isinstance(error, ModuleNotFoundError) and error.name == "onnxruntime":
        raise NoRuntime("onnxruntime is not installed: pip install onnxruntime") from None
    why = one_line(f"{type(error).__name__}: {error}")
    mend = "pip install --force-reinstall onnxruntime"
    raise NoRuntime(f"onnxruntime does not import ({why}): {mend}") from error

__all__ = ["FOREIGN", "VERSION", "ProfiledSession", "RunError", "Session", "ort"]
VERSION: str = ort.__version__

FOREIGN = re.compile(r"tensor\((bfloat16|u?int[24]|float[48].*)\)")
"""onnxruntime's names of the types that numpy lacks; `TensorProto.DataType` has them in upper case."""


class RunError(TaskError):
    """Raised if onnxruntime refuses a model or fails to run it; the text is the reason in one line."""


class Session:
    """One model, ready to run.

    Args:
        model: the file, or its content.
        folder: the folder of its external weights.
        optimised: whether onnxruntime optimises the graph.
        seed: global seed of onnxruntime's random numbers.
        weights: initializer -> its value, used instead of the value in the file.
        written: the file for the graph that onnxruntime runs; its large weights are written beside it.

    Raises:
        RunError: onnxruntime refuses the model.
    """

    def __init__(
        self,
        model: Path | bytes,
        folder: str | None,
        *,
        optimised: bool = False,
        seed: int = 0,
        weights: Mapping[str, Any] = MappingProxyType({}),
        written: Path | None = None,
    ) -> None:
        ort.set_seed(seed)
        self._weights = weights  # the session refers to these arrays
        options = _options(optimised)
        for name, value in weights.items():
            options.add_initializer(name, value)
        if written is not None:
            _write_graph(options, written)
        self._open(model, folder, options)

    def _open(self, model: Path | bytes, folder: str | None, options: Any) -> None:
        if folder is not None:
            options.add_session_config_entry("session.model_external_initializers_file_folder_path", folder)
        try:
            content = model if isinstance(model, bytes) else model.read_bytes()
            self._session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise RunError(_reason(error)) from error
        outputs = self._session.get_outputs()
        self.outputs: tuple[str, ...] = tuple(each.name for each in outputs)
        self.types: tuple[str, ...] = tuple(each.type for each in outputs)
        self.shapes: tuple[tuple[int | str | None, ...], ...] = tuple(
            tuple(each.shape or ()) for each in outputs
        )
        ends = (*self._session.get_inputs(), *outputs)
        self._foreign = any(FOREIGN.fullmatch(each.type) for each in ends)

    def run(self, inputs: tuple[Input, ...], feeds: Mapping[str, Array]) -> list[Any]:
        """Run the model and return the results in the order of `outputs`.

        Raises:
            RunError: onnxruntime fails; the text is its reason.
        """
        try:
            if not self._foreign:
                return list(self._session.run(None, dict(feeds)))
            from rewriter.runtime.ort import foreign_values

            values = {each.name: foreign_values.to_ort(feeds[each.name], each.element) for each in inputs}
            return [
                foreign_values.from_ort(value) for value in self._session.run_with_ort_values(None, values)
            ]
        except Exception as error:
            raise RunError(_reason(error)) from error


def _options(optimised: bool) -> Any:
    options = ort.SessionOptions()
    levels = ort.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimised else levels.ORT_DISABLE_ALL
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.intra_op_num_threads = threads_here()
    options.log_severity_level = 4
    # Both memory planners take quadratic time on long graphs, and packing copies every weight: that is not
    # worthwhile for a few runs.
    options.enable_mem_reuse = False
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.disable_prepacking", "1")
    return options


def _write_graph(options: Any, file: Path) -> None:
    """Let onnxruntime write the graph that it runs to a file, and large weights beside it."""
    options.optimized_model_filepath = str(file)
    for entry, value in (
        ("session.optimized_model_external_initializers_file_name", f"{file.stem}.data"),
        ("session.optimized_model_external_initializers_min_size_in_bytes", "1024"),
    ):
        options.add_session_config_entry(entry, value)


def _reason(error: Exception) -> str:
    """Return the message of onnxruntime, without its error numbers and source location."""
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", str(error))
    place = re.search(r"/\S+\.(?:cc|h):\d+ ", text)
    if place is not None:
        text = text[: place.start()] + _behind_signature(text[place.end() :])
    return one_line(text) or type(error).__name__


def _behind_signature(text: str) -> str:
    """Return the text after a C++ signature at its start; the whole text if there is none."""
    depth = 0
    for position, char in enumerate(text):
        depth += (char in "(<") - (char in ")>")
        if char == ")" and depth == 0:
            return re.sub(r"^ (?:const )?(?:\[with [^\]]*\] )?", "", text[position + 1 :])
    return text


class ProfiledSession(Session):
    """One model with all optimisations, as is onnxruntime's default.

    Args:
        model: the file.
        folder: the folder of its external weights.
        scratch: a folder for the profile and for the optimised graph.
        threads: threads of one operator; 0 lets onnxruntime choose.
        profiled: whether the profiler is on.

    Raises:
        RunError: onnxruntime refuses the model.
    """

    OPTIMISED = "optimised.onnx"

    def __init__(
        self, model: Path, folder: str | None, scratch: Path, *, threads: int, profiled: bool
    ) -> None:
        ort.set_seed(0)
        options = ort.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = threads
        options.enable_profiling = profiled
        options.profile_file_prefix = str(scratch / "profile")
        _write_graph(options, scratch / self.OPTIMISED)
        self._open(model, folder, options)

    def end(self) -> Path:
        """End the profile and return its file."""
        return Path(self._session.end_profiling())

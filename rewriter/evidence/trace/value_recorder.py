"""Runs a torch module under hooks and writes the inputs and outputs of its calls to files."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.weak import WeakTensorKeyDictionary

from rewriter.errors import UsageError
from rewriter.evidence.trace.module_run import ModuleRun, RunCall
from rewriter.evidence.trace.module_state import undisturbed
from rewriter.evidence.trace.recorder import arguments_of, array_of_tensor, class_of, named_inputs, tensors_in
from rewriter.paths import ROOT, ModulePath
from rewriter.runtime.child.error_text import one_line


def run_module(module: nn.Module, inputs: Any, folder: Path, name: str) -> ModuleRun:
    """Run a module once, in evaluation mode, and keep what its calls take and return.

    Args:
        module: the module.
        name: its name in messages.
        inputs: a tensor, a sequence of arguments, or arguments by name.
        folder: an empty folder for the arrays.

    Raises:
        UsageError: the module does not run on the inputs.
    """
    arguments = arguments_of(inputs)
    recorder = _ValueRecorder(module, folder)
    given = arguments.values() if isinstance(arguments, Mapping) else arguments
    recorder.know(tensors_in(list(given)))
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(sys.stderr),
            undisturbed(module),
            sdpa_kernel(SDPBackend.MATH),
            recorder.hooks(),
        ):
            warnings.simplefilter("ignore")
            result = module(**arguments) if isinstance(arguments, Mapping) else module(*arguments)
            recorder.end(result)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # foreign code may raise anything
        reason = one_line(f"{type(error).__name__}: {error}")
        raise UsageError(f"{name}: {class_of(module)} does not run on the inputs: {reason}") from error
    return recorder.run(name, tuple(named_inputs(arguments)))


class _ValueRecorder:
    """Records calls and their values.

    A tensor has one key as long as its content stays: torch counts the changes of a tensor in place.
    """

    def __init__(self, module: nn.Module, folder: Path) -> None:
        self.module, self.folder = module, folder
        self._keys: Any = WeakTensorKeyDictionary()
        self._counts: Counter[ModulePath] = Counter()
        self._stack: list[RunCall] = [RunCall(ROOT, 0, (), ())]
        self._calls: list[RunCall] = []
        self._files: dict[str, str] = {}
        self._writers: dict[str, tuple[ModulePath, int]] = {}

    def know(self, tensors: list[Tensor]) -> None:
        """Keep the inputs of the module, which no call computes; its weights are not kept."""
        for number, tensor in enumerate(tensors):
            self._keep(tensor, f"(root) input {number}")
        for tensor in (*self.module.parameters(), *self.module.buffers()):
            self._keys[tensor] = (tensor._version, None)

    @contextmanager
    def hooks(self) -> Iterator[None]:
        """Record the calls of all modules below the root."""
        handles: list[Any] = []
        for name, child in self.module.named_modules():
            if child is not self.module:
                enter, leave = self._hooks_of(ModulePath(name))
                handles.append(child.register_forward_pre_hook(enter, with_kwargs=True))
                handles.append(child.register_forward_hook(leave, with_kwargs=True))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _hooks_of(self, path: ModulePath) -> tuple[Any, Any]:
        def enter(child: nn.Module, args: Any, kwargs: Any) -> None:
            number = self._counts[path]
            self._counts[path] += 1
            caller = self._stack[-1]
            inputs = self._noted((args, kwargs), f"{path} call {number} input", caller)
            self._stack.append(RunCall(path, number, inputs, ()))

        def leave(child: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
            self.end(result)

        return enter, leave

    def end(self, result: Any) -> None:
        """End the innermost call."""
        call = self._stack.pop()
        name = f"{call.module or '(root)'} call {call.number} output"
        self._calls.append(call._replace(outputs=self._noted(result, name, call)))

    def run(self, name: str, inputs: tuple[tuple[str, Any], ...]) -> ModuleRun:
        """Return what was recorded."""
        modules = tuple(ModulePath(name) for name, _ in self.module.named_modules())
        return ModuleRun(name, modules, tuple(self._calls), self._files, self._writers, inputs)

    def _noted(self, tree: Any, name: str, writer: RunCall) -> tuple[str, ...]:
        """Return the keys of the tensors in arguments or results; `writer` computed those not seen before."""
        found: dict[str, None] = {}
        for number, tensor in enumerate(tensors_in(tree)):
            version, key = self._keys.get(tensor, (None, None))
            if version != tensor._version:
                key = f"{name} {number}"
                if self._keep(tensor, key):
                    self._writers[key] = (writer.module, writer.number)
            if key is not None and key in self._files:
                found[key] = None
        return tuple(found)

    def _keep(self, tensor: Tensor, key: str) -> bool:
        """Write a tensor to a file; return whether it has numbers that can be compared."""
        self._keys[tensor] = (tensor._version, key)
        array = array_of_tensor(tensor)
        if array is None or array.dtype.kind not in "fiub":
            return False
        path = self.folder / f"{len(self._files)}.npy"
        np.save(path, array)
        self._files[key] = str(path)
        return True

"""Runs a torch module on sample inputs and records its calls and their operators.

Forward hooks record the calls. Operators are recorded at torch's dispatch, below autograd, where compound
operators are decomposed as in exporters. Fingerprints are computed at once, so no activation is kept alive.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_leaves, tree_unflatten
from torch.utils.weak import WeakTensorKeyDictionary

from rewriter.errors import UsageError
from rewriter.evidence.trace.module_state import exporting, undisturbed, without_gradients
from rewriter.evidence.trace.recording import Recorder, Recording, Trace, Tracer
from rewriter.paths import ModulePath
from rewriter.runtime.child.error_text import one_line
from rewriter.runtime.inputs.feeds import Array

Inputs = Sequence[Any] | Mapping[str, Any]


class Mode(StrEnum):
    """Exporter that a run imitates, if any: a module may omit masks unless it is being exported."""

    TRACED = "traced"
    EXPORTED = "exported"
    PLAIN = "plain"


def trace(module: nn.Module, inputs: Any) -> Trace:
    """Run a module on sample inputs, once in every `Mode` in which it runs.

    Args:
        module: the exported module, with the weights of the file.
        inputs: a tensor, a sequence of arguments, or arguments by name.

    Raises:
        UsageError: the module does not run on the inputs in any mode.
    """
    arguments = arguments_of(inputs)
    recordings = []
    failure: BaseException | None = None
    for mode in Mode:
        try:
            with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
                warnings.simplefilter("ignore")
                recordings.append(record(module, arguments, mode))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a module may fail in one mode and run in another
            failure = error
    if not recordings:
        reason = one_line(f"{type(failure).__name__}: {failure}")
        raise UsageError(
            f"--trace: {class_of(module)} does not run on the sample inputs: {reason}"
        ) from failure
    return Trace(tuple(recordings), tuple(named_inputs(arguments)))


def arguments_of(inputs: Any) -> Inputs:
    """Return sample inputs as arguments: a tensor alone is the only one."""
    return inputs if isinstance(inputs, Mapping | tuple | list) else (inputs,)


def tracer(module: nn.Module) -> Tracer:
    """Return a function that traces a module on arrays, given by the names of the file's inputs."""

    def run(arrays: Mapping[str, Array]) -> Trace:
        return trace(module, inputs_from(module, arrays))

    return run


def inputs_from(module: nn.Module, arrays: Mapping[str, Array]) -> Inputs:
    """Return the inputs of a file as arguments of its module: by name if `forward` has all names.

    Otherwise, they are passed in order. Floats get the module's precision.
    """
    like = next((tensor for tensor in module.parameters() if tensor.is_floating_point()), torch.empty(0))
    tensors = {name: _tensor(array, like) for name, array in arrays.items()}
    known = inspect.signature(module.forward).parameters
    return tensors if tensors.keys() <= known.keys() else tuple(tensors.values())


def named_inputs(inputs: Inputs) -> Iterator[tuple[str, Any]]:
    """Yield (name, array) of every tensor in the inputs; '' if it has no name or is a part of an argument."""
    pairs = inputs.items() if isinstance(inputs, Mapping) else (("", each) for each in inputs)
    for name, each in pairs:
        for tensor in tensors_in(each):
            yield name if tensor is each else "", array_of_tensor(tensor)


def record(module: nn.Module, inputs: Inputs, mode: Mode = Mode.PLAIN) -> Recording:
    """Run a module once and record its calls and operators; `undisturbed` sets and restores its state.

    Args:
        module: the exported module.
        inputs: its arguments, by position or by name.
        mode: the exporter to imitate.
    """
    recorder = Recorder(class_of(module))
    values = _Values(recorder)
    leaves, structure = tree_flatten(dict(inputs) if isinstance(inputs, Mapping) else tuple(inputs))

    finished = False

    def run(*tensors: Tensor) -> tuple[Tensor, ...]:
        rest = iter(tensors)
        given = [next(rest) if isinstance(leaf, Tensor) else leaf for leaf in leaves]
        for tensor in (*module.parameters(), *module.buffers(), *tensors):
            values.number(tensor, given=True)
        arguments = tree_unflatten(given, structure)
        with _hooks(module, recorder, values), _Operators(recorder, values):
            result = module(**arguments) if isinstance(arguments, dict) else module(*arguments)
        nonlocal finished
        finished = True
        return tuple(tensors_in(result))

    tensors = tuple(leaf for leaf in leaves if isinstance(leaf, Tensor))
    with undisturbed(module), sdpa_kernel(SDPBackend.MATH):
        if mode is Mode.TRACED:
            with without_gradients(module):
                try:
                    torch.jit.trace(run, tensors, check_trace=False, strict=False)
                except RuntimeError:  # the traced result is not needed
                    if not finished:
                        raise
        elif mode is Mode.EXPORTED:
            with exporting():
                run(*tensors)
        else:
            run(*tensors)
    classes = {ModulePath(name): class_of(child) for name, child in module.named_modules()}
    return recorder.recording(classes)


def is_module(found: object) -> bool:
    """Whether an object is a torch module."""
    return isinstance(found, nn.Module)


def class_of(module: nn.Module) -> str:
    """Return the fully qualified class of a module: `torch.nn.modules.linear.Linear`."""
    return f"{type(module).__module__}.{type(module).__qualname__}"


def tensors_in(tree: Any) -> list[Tensor]:
    """Return the tensors in nested lists, dictionaries and model outputs, in order."""
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


class _Values:
    """Numbers of tensors; an overwritten tensor gets a new number."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._numbers: Any = WeakTensorKeyDictionary()

    def number(self, tensor: Tensor, *, given: bool = False) -> int:
        known = self._numbers.get(tensor)
        return self.renew(tensor, given=given) if known is None else int(known)

    def renew(self, tensor: Tensor, *, given: bool = False) -> int:
        number = self._recorder.value(array_of_tensor(tensor), given=given)
        self._numbers[tensor] = number
        return number

    def numbers(self, tree: Any) -> list[int]:
        return [self.number(tensor) for tensor in tensors_in(tree)]


class _Operators(TorchDispatchMode):  # type: ignore[misc]
    """Records every operator that torch runs."""

    def __init__(self, recorder: Recorder, values: _Values) -> None:
        super().__init__()
        self._recorder = recorder
        self._values = values

    def __torch_dispatch__(
        self, operator: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        inputs = self._values.numbers((args, kwargs))
        result = operator(*args, **(kwargs or {}))
        before = {id(tensor) for tensor in tensors_in((args, kwargs))}
        outputs = [
            self._values.renew(tensor) if id(tensor) in before else self._values.number(tensor)
            for tensor in tensors_in(result)
        ]
        self._recorder.step(operator.name().partition("::")[2].partition(".")[0], inputs, outputs)
        return result


@contextmanager
def _hooks(root: nn.Module, recorder: Recorder, values: _Values) -> Iterator[None]:
    handles = []
    for name, module in root.named_modules():
        if module is root:
            continue

        def enter(child: nn.Module, args: Any, kwargs: Any, name: str = name) -> None:
            recorder.enter(name, class_of(child), values.numbers((args, kwargs)))

        def leave(child: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
            recorder.leave(values.numbers(result))

        handles.append(module.register_forward_pre_hook(enter, with_kwargs=True))
        handles.append(module.register_forward_hook(leave, with_kwargs=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _tensor(array: Array, like: Tensor) -> Tensor:
    """Return an array as a tensor on the module's device, floats in the module's precision."""
    plain = array.astype(np.float32) if array.dtype.kind in "fV" else array
    try:
        tensor = torch.from_numpy(plain)
    except TypeError as error:
        raise UsageError(f"torch has no {array.dtype}, the type of an input") from error
    return tensor.to(like.device, like.dtype if tensor.is_floating_point() else tensor.dtype)


def array_of_tensor(tensor: Tensor) -> Any:
    """Return a tensor as an array, bfloat16 as float32; None if numpy has no such array."""
    if tensor.is_sparse or tensor.is_quantized or tensor.is_complex():
        return None
    plain = tensor.detach().cpu()
    return (plain.float() if plain.dtype == torch.bfloat16 else plain).numpy()

"""Changes the state of a torch module and of torch for a run, and restores it afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def undisturbed(module: nn.Module) -> Iterator[None]:
    """Run in evaluation mode, without gradients; then restore modes, buffers and torch's random state.

    The random state is that of the CPU and of the GPUs with parameters. Buffers get their contents back, also
    those that the module replaced by other tensors; buffers that it added are removed. Torch's fast path of
    transformers is off too, since no exporter writes its operators.
    """
    modes = {child: child.training for child in module.modules()}
    held = {child: dict(child._buffers) for child in module.modules()}  # `named_buffers` leaves out None
    buffers = [(buffer, buffer.detach().clone()) for buffer in module.buffers()]
    fast = torch.backends.mha.get_fastpath_enabled()
    cards = sorted({tensor.get_device() for tensor in module.parameters() if tensor.is_cuda})
    try:
        module.eval()
        torch.backends.mha.set_fastpath_enabled(False)
        with torch.no_grad(), torch.random.fork_rng(devices=cards):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for child, training in modes.items():
            child.training = training
        for child, known in held.items():
            _put_back(child, known)
        with torch.no_grad():
            for buffer, before in buffers:
                if not torch.equal(buffer, before):
                    buffer.copy_(before)


def _put_back(module: nn.Module, known: Mapping[str, torch.Tensor | None]) -> None:
    """Give a module, without the modules below, its former buffers."""
    now = dict(module._buffers)
    for name in now.keys() - known.keys():
        delattr(module, name)
    for name, buffer in known.items():
        if name not in now or now[name] is not buffer:
            setattr(module, name, buffer)


@contextmanager
def without_gradients(module: nn.Module) -> Iterator[None]:
    """Disable gradients of parameters: tracing makes them constants, which must not require gradients."""
    wanting = [parameter for parameter in module.parameters() if parameter.requires_grad]
    for parameter in wanting:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in wanting:
            parameter.requires_grad_(True)


@contextmanager
def exporting() -> Iterator[None]:
    """Make `torch.compiler.is_exporting()` and `is_compiling()` true, as within `torch.export`."""
    names = [name for name in ("_is_compiling_flag", "_is_exporting_flag") if hasattr(torch.compiler, name)]
    before = {name: getattr(torch.compiler, name) for name in names}
    for name in names:
        setattr(torch.compiler, name, True)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(torch.compiler, name, value)

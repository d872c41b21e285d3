"""Ways in which users and libraries replace `forward`, applied to the modules of a net in place.

Exporters then see other names of modules, or none. `BLOCKS` of a net are its modules that have a convolution
as a child.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from torch import nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils.fusion import fuse_conv_bn_eval

Way = Callable[[nn.Module], nn.Module]


def _blocks(net: nn.Module) -> list[nn.Module]:
    return [
        module
        for module in net.modules()
        if module is not net and any(isinstance(child, _ConvNd) for child in module.children())
    ]


def _fused(net: nn.Module) -> nn.Module:
    """Fuse each batch norm into the convolution registered before it by torch, and leave an Identity."""
    for module in net.modules():
        children = list(module.named_children())
        for (name, conv), (norm_name, norm) in pairwise(children):
            if (
                isinstance(conv, nn.Conv2d)
                and type(norm) is nn.BatchNorm2d
                and conv.out_channels == norm.num_features
            ):
                setattr(module, name, fuse_conv_bn_eval(conv, norm))
                setattr(module, norm_name, nn.Identity())
    return net


def _hooked(net: nn.Module) -> nn.Module:
    """Replace `forward` on every module, as accelerate's hooks do."""

    def call(module: Any, *args: Any, **kwargs: Any) -> Any:
        return module._old_forward(*args, **kwargs)

    for module in net.modules():
        module._old_forward = module.forward
        hooked = functools.update_wrapper(functools.partial(call, module), module._old_forward)
        module.forward = hooked
    return net


def _partial(net: nn.Module) -> nn.Module:
    for block in _blocks(net):
        block.forward = functools.partial(type(block).forward, block)
    return net


def _closure(net: nn.Module) -> nn.Module:
    def closed(old: Callable[..., Any]) -> Callable[..., Any]:
        def inner(*args: Any, **kwargs: Any) -> Any:
            return old(*args, **kwargs)

        return inner

    for block in _blocks(net):
        block.forward = closed(block.forward)
    return net


def _bound(net: nn.Module) -> nn.Module:
    """Bind another function as `forward`, as patchers and YOLO's `forward_fuse` do."""

    def other(self: Any, *args: Any, **kwargs: Any) -> Any:
        return type(self).forward(self, *args, **kwargs)

    for block in _blocks(net):
        block.forward = types.MethodType(other, block)
    return net


class Wrapped(nn.Module):  # type: ignore[misc]  # torch has no types here
    """A module around a block, as adapters for fine-tuning make one."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the block."""
        return self.block(*args, **kwargs)


def _wrapped(net: nn.Module) -> nn.Module:
    inner = {id(block) for block in _blocks(net)}
    for module in list(net.modules()):
        for name, child in list(module.named_children()):
            if id(child) in inner and not hasattr(child, "__getitem__"):
                setattr(module, name, Wrapped(child))
    return net


def _called(net: nn.Module) -> nn.Module:
    """Call `forward` itself instead of the module, so that no call of a block is recorded."""
    for block in _blocks(net):
        kind = type(block)
        direct = {"__call__": lambda self, *args, **kwargs: self.forward(*args, **kwargs)}
        block.__class__ = type(kind.__name__, (kind,), {**direct, "__module__": kind.__module__})
    return net


WAYS: dict[str, Way] = {
    "plain": lambda net: net,
    "fused": _fused,
    "hooked": _hooked,
    "partial": _partial,
    "closure": _closure,
    "bound": _bound,
    "wrapped": _wrapped,
    "called": _called,
}
"""Name -> a function that changes a net in place and returns it."""

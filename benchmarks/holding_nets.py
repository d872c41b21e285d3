"""Nets for `benchmarks.holding`: layers that exporters fold, transpose, reshape, pack or tie, in small."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, weight_norm

Net = tuple[Callable[[], nn.Module], Tensor]


class Sequence(nn.Module):  # type: ignore[misc]  # torch has no types here
    """Named layers in a row; a function as layer has no parameters."""

    def __init__(self, **layers: Any) -> None:
        super().__init__()
        self.order = list(layers.items())
        for name, layer in layers.items():
            if isinstance(layer, nn.Module):
                setattr(self, name, layer)

    def forward(self, x: Tensor) -> Tensor:
        """Call the layers."""
        for name, layer in self.order:
            x = getattr(self, name, layer)(x)
        return x


class Residual(Sequence):
    """Named layers in a row, and their input added."""

    def forward(self, x: Tensor) -> Tensor:
        """Add the input to the result of the layers."""
        return x + super().forward(x)


class Conv1D(nn.Module):  # type: ignore[misc]
    """The linear layer of GPT-2: its weight is (in, out)."""

    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(into, out))
        self.bias = nn.Parameter(torch.empty(out))

    def forward(self, x: Tensor) -> Tensor:
        """Multiply by the weight as it is."""
        flat = torch.addmm(self.bias, x.view(-1, x.size(-1)), self.weight)
        return flat.view((*x.shape[:-1], self.bias.shape[0]))


class Scaled(nn.Module):  # type: ignore[misc]
    """A norm of a user: by the mean square, or by mean and deviation with `beta`."""

    def __init__(self, width: int, *, centred: bool = False) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.empty(width))
        self.beta = nn.Parameter(torch.empty(width)) if centred else None

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last axis."""
        if self.beta is None:
            return self.gamma * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))
        return self.gamma * (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + 1e-6) + self.beta


class Attention(nn.Module):  # type: ignore[misc]
    """Self-attention by torch's module, with a packed projection."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """Attend."""
        return self.attention(x, x, x, need_weights=False)[0]


class Recurrent(nn.Module):  # type: ignore[misc]
    """A recurrent layer, without its state."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """Return the sequence."""
        return self.layer(x)[0]


class Functional(nn.Module):  # type: ignore[misc]
    """Parameters without a module: a functional batch norm, a scale and a matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, bias=False)
        self.second = nn.Conv2d(6, 6, 1)
        self.gain, self.shift, self.scale, self.mix = (
            nn.Parameter(torch.empty(*shape)) for shape in ((6,), (6,), (6, 1, 1), (6, 4))
        )
        self.register_buffer("average", torch.rand(6))
        self.register_buffer("variance", torch.ones(6))

    def forward(self, x: Tensor) -> Tensor:
        """Compute."""
        x = nn.functional.batch_norm(self.first(x), self.average, self.variance, self.gain, self.shift)
        return (self.second(x) * self.scale).mean((2, 3)) @ self.mix


def _tied(body: nn.Module, words: int, width: int) -> nn.Module:
    net = Sequence(embed=nn.Embedding(words, width), body=body, head=nn.Linear(width, words, bias=False))
    net.head.weight = net.embed.weight
    return net


def _conv_norm(into: int, out: int, size: int = 3, **options: Any) -> nn.Module:
    conv = nn.Conv2d(into, out, size, padding=size // 2, **options)
    return Sequence(conv=conv, bn=nn.BatchNorm2d(out), act=nn.ReLU())


def _pooled(x: Tensor) -> Tensor:
    return x.flatten(2).mean(-1)


def _cnn() -> nn.Module:
    blocks = {"a": _conv_norm(3, 8, bias=False), "b": _conv_norm(8, 8), "c": nn.Conv2d(8, 8, 1)}
    return Sequence(**blocks, pool=_pooled, fc=nn.Linear(8, 5))


def _grouped() -> nn.Module:
    body = Sequence(a=_conv_norm(8, 8, groups=4), b=nn.Conv2d(8, 8, 1, bias=False), bn=nn.BatchNorm2d(8))
    return Sequence(stem=_conv_norm(3, 8, 5, stride=2), body=body, pool=_pooled, logits=nn.Linear(8, 6))


def _decoder() -> nn.Module:
    up = nn.ConvTranspose2d(8, 6, 2, 2)
    wide = nn.ConvTranspose2d(6, 4, 3, bias=False, groups=2)
    norms = {"bn": nn.BatchNorm2d(6), "bn2": nn.BatchNorm2d(4)}
    return Sequence(down=_conv_norm(3, 8, stride=2), up=up, bn=norms["bn"], wide=wide, bn2=norms["bn2"])


def _volume() -> nn.Module:
    norm, up = nn.InstanceNorm3d(4, affine=True), nn.ConvTranspose3d(4, 4, 2, 2, groups=2)
    return Sequence(conv=nn.Conv3d(1, 4, 3), bn=nn.BatchNorm3d(4), norm=norm, up=up, last=nn.BatchNorm3d(4))


def _perceptron() -> nn.Module:
    layers = (nn.Linear(10, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 12, bias=False))
    return nn.Sequential(*layers, nn.BatchNorm1d(12), nn.Sigmoid(), nn.Linear(12, 3))


def _parametrised() -> nn.Module:
    first = parametrizations.weight_norm(nn.Conv1d(4, 8, 3))
    layers = {"gn": nn.GroupNorm(2, 8), "second": weight_norm(nn.Conv1d(8, 8, 3)), "act": nn.PReLU(8)}
    last = parametrizations.spectral_norm(nn.Linear(8, 8))
    return Sequence(first=first, **layers, pool=_pooled, last=last, fc=nn.Linear(8, 2))


def _temporal() -> nn.Module:
    first = parametrizations.weight_norm(nn.Conv1d(4, 8, 3))
    layers = {"second": nn.Conv1d(8, 8, 3), "bn2": nn.BatchNorm1d(8), "act": nn.PReLU()}
    return Sequence(first=first, bn=nn.BatchNorm1d(8), **layers, pool=_pooled, fc=nn.Linear(8, 2))


def _transformer() -> nn.Module:
    layers = {
        f"layer{n}": Sequence(
            mix=Residual(norm=nn.LayerNorm(16), attend=Attention(16)),
            feed=Residual(norm=nn.LayerNorm(16), up=nn.Linear(16, 32), act=nn.GELU(), down=nn.Linear(32, 16)),
        )
        for n in range(2)
    }
    return Sequence(embed=nn.Embedding(40, 16), **layers, head=nn.Linear(16, 7))


def _decoder_only() -> nn.Module:
    feed = {"up": nn.Linear(16, 32, bias=False), "act": nn.SiLU(), "down": nn.Linear(32, 16, bias=False)}
    return Sequence(embed=nn.Embedding(40, 16), layer=Residual(norm=Scaled(16), **feed), norm=Scaled(16))


def _gpt() -> nn.Module:
    feed = Residual(norm=nn.LayerNorm(16), c_fc=Conv1D(16, 24), act=nn.GELU(), c_proj=Conv1D(24, 16))
    return _tied(feed, 40, 16)


def _encoder() -> nn.Module:
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
    return _tied(Sequence(layer=layer, norm=Scaled(16, centred=True), mlp=Conv1D(16, 16)), 40, 16)


def _recurrent() -> nn.Module:
    lstm = nn.LSTM(8, 6, 2, batch_first=True)
    gru = nn.GRU(6, 5, batch_first=True, bidirectional=True)
    return Sequence(embed=nn.Embedding(30, 8), lstm=Recurrent(lstm), gru=Recurrent(gru), fc=nn.Linear(10, 3))


_IMAGE, _WORDS, _SERIES = torch.rand(2, 3, 12, 12), torch.randint(0, 30, (2, 6)), torch.rand(2, 4, 20)

NETS: dict[str, Net] = {
    "cnn": (_cnn, _IMAGE),
    "grouped": (_grouped, _IMAGE),
    "decoder": (_decoder, _IMAGE),
    "volume": (_volume, torch.rand(2, 1, 6, 6, 6)),
    "perceptron": (_perceptron, torch.rand(4, 10)),
    "parametrised": (_parametrised, _SERIES),
    "temporal": (_temporal, _SERIES),
    "functional": (Functional, _IMAGE),
    "transformer": (_transformer, _WORDS),
    "decoder_only": (_decoder_only, _WORDS),
    "gpt": (_gpt, _WORDS),
    "encoder": (_encoder, _WORDS),
    "recurrent": (_recurrent, _WORDS),
}
"""Name -> a function that makes the net, and its input."""

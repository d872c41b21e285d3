"""Small convolutional nets with batch norms, to measure where their convolutions are placed.

The nets of torchvision and timm are built with few blocks and channels.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


def import_torchvision() -> None:
    """Import torchvision, also if its compiled operators do not fit the installed torch; no net uses them."""
    try:
        import torchvision  # noqa: F401, PLC0415
    except RuntimeError:
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import_torchvision.library = library  # type: ignore[attr-defined]  # the operators live as long as it


class ConvBlock(nn.Module):  # type: ignore[misc]  # torch has no types here
    """Convolution, batch norm and an activation that all blocks share, as in YOLO."""

    act = nn.SiLU()

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the result."""
        return self.act(self.bn(self.conv(x)))


class Bottleneck(nn.Module):  # type: ignore[misc]
    """Two blocks and a residual."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.cv1 = ConvBlock(width, width, 3)
        self.cv2 = ConvBlock(width, width, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the result."""
        return x + self.cv2(self.cv1(x))


class Split(nn.Module):  # type: ignore[misc]
    """Cross-stage block: half of the channels go through bottlenecks."""

    def __init__(self, inputs: int, outputs: int, count: int) -> None:
        super().__init__()
        self.width = outputs // 2
        self.cv1 = ConvBlock(inputs, outputs)
        self.cv2 = ConvBlock((2 + count) * self.width, outputs)
        self.m = nn.ModuleList(Bottleneck(self.width) for _ in range(count))

    def forward(self, x: Tensor) -> Tensor:
        """Compute the result."""
        parts = list(self.cv1(x).chunk(2, 1))
        parts.extend(block(parts[-1]) for block in self.m)
        return self.cv2(torch.cat(parts, 1))


class Detect(nn.Module):  # type: ignore[misc]
    """A head for each scale; its last convolutions have no norm."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.cv2 = nn.ModuleList(
            nn.Sequential(ConvBlock(width, 8, 3), nn.Conv2d(8, 4, 1)) for width in widths
        )
        self.cv3 = nn.ModuleList(
            nn.Sequential(
                nn.Sequential(ConvBlock(width, width, 3, groups=width), ConvBlock(width, 8)),
                nn.Conv2d(8, 3, 1),
            )
            for width in widths
        )

    def forward(self, levels: list[Tensor]) -> Tensor:
        """Compute the result."""
        outputs = [
            torch.cat((box(x), kind(x)), 1).flatten(2)
            for box, kind, x in zip(self.cv2, self.cv3, levels, strict=True)
        ]
        return torch.cat(outputs, 2)


class Yolo(nn.Module):  # type: ignore[misc]
    """A list of layers that `forward` walks through; later layers take the results of earlier ones."""

    def __init__(self) -> None:
        super().__init__()
        self.model = nn.ModuleList(
            [
                *(ConvBlock(3, 8, 3, 2), ConvBlock(8, 16, 3, 2), Split(16, 16, 1), ConvBlock(16, 32, 3, 2)),
                *(Split(32, 32, 2), nn.Upsample(scale_factor=2.0), Split(48, 16, 1), Detect((16, 32))),
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        """Compute the result."""
        kept = []
        for layer in self.model[:5]:
            x = layer(x)
            kept.append(x)
        x = self.model[6](torch.cat((self.model[5](x), kept[2]), 1))
        return self.model[7]([x, kept[4]])


def _resnet() -> nn.Module:
    import_torchvision()
    from torchvision.models import resnet  # noqa: PLC0415

    return resnet.ResNet(resnet.BasicBlock, (1, 2, 1, 1), num_classes=5)


def _mobilenet() -> nn.Module:
    import_torchvision()
    from torchvision.models import mobilenet_v2  # noqa: PLC0415

    return mobilenet_v2(num_classes=5, width_mult=0.25)


def _regnet() -> nn.Module:
    import_torchvision()
    from torchvision.models.regnet import BlockParams, RegNet  # noqa: PLC0415

    sizes = BlockParams.from_init_params(depth=6, w_0=16, w_a=16.0, w_m=2.0, group_width=8, se_ratio=0.25)
    return RegNet(sizes, num_classes=5)


def _efficientnet() -> nn.Module:
    import_torchvision()
    from torchvision.models.efficientnet import EfficientNet, MBConvConfig  # noqa: PLC0415

    stages = [
        MBConvConfig(1, 3, 1, 16, 8, 1),
        MBConvConfig(4, 3, 2, 8, 16, 2),
        MBConvConfig(4, 5, 2, 16, 24, 2),
    ]
    return EfficientNet(stages, dropout=0.2, num_classes=5, last_channel=64)


def _shufflenet() -> nn.Module:
    import_torchvision()
    from torchvision.models import shufflenet_v2_x0_5  # noqa: PLC0415

    return shufflenet_v2_x0_5(num_classes=5)


def _timm_regnet() -> nn.Module:
    import_torchvision()
    from timm import create_model  # noqa: PLC0415

    return create_model("regnety_002", num_classes=5)


NETS: dict[str, Callable[[], nn.Module]] = {
    "resnet": _resnet,
    "mobilenet_v2": _mobilenet,
    "yolo-like": Yolo,
    "regnet": _regnet,
    "efficientnet": _efficientnet,
    "shufflenet_v2": _shufflenet,
    "timm regnet": _timm_regnet,
}
"""Name -> a function that builds the net."""

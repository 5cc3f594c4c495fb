"""EfficientNet-Lite0 (Tan and Le, 2019, arXiv:1905.11946; the Lite variant by Google, 2020).

Inverted residual blocks without squeeze-and-excitation, ReLU6 in the place of swish, and a stem and head that
do not scale. Padding is TensorFlow's "same": where the stride is 2, the odd pixel is added right and below,
which for even sizes (224, 112, 56, 28, 14) does not depend on the size.
"""

from __future__ import annotations

import re
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

EPSILON = 1e-3
CLASSES = 1000
STEM, HEAD = 32, 1280


class NetworkStage(NamedTuple):
    """Blocks of one resolution: only the first has the stride, and changes the width."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    width: int


STAGES = (
    NetworkStage(1, 3, 1, 1, 16),
    NetworkStage(2, 3, 2, 6, 24),
    NetworkStage(2, 5, 2, 6, 40),
    NetworkStage(3, 3, 2, 6, 80),
    NetworkStage(3, 5, 1, 6, 112),
    NetworkStage(4, 5, 2, 6, 192),
    NetworkStage(1, 3, 1, 6, 320),
)
LOCAL_STAGES = 5
"""The first stages, up to the last map of stride 16."""

LOCAL, LOCAL_BLOCKS = STAGES[LOCAL_STAGES - 1].width, sum(stage.blocks for stage in STAGES[:LOCAL_STAGES])


class ConvNorm(nn.Sequential):
    """Padding, convolution, batch normalisation, and ReLU6 unless it is linear."""

    def __init__(
        self,
        width: int,
        out: int,
        kernel: int = 1,
        stride: int = 1,
        *,
        depthwise: bool = False,
        linear: bool = False,
    ) -> None:
        total = kernel - stride if stride > 1 else kernel - 1
        before, after = total // 2, total - total // 2
        super().__init__()
        self.pad = nn.ZeroPad2d((before, after, before, after)) if total else nn.Identity()
        self.conv = nn.Conv2d(width, out, kernel, stride, groups=width if depthwise else 1, bias=False)
        self.norm = nn.BatchNorm2d(out, eps=EPSILON)
        self.activation = nn.Identity() if linear else nn.ReLU6()


class NetworkBlock(nn.Module):
    """Expand, filter each channel, project; added to its input where the shapes agree."""

    def __init__(self, width: int, stage: NetworkStage, stride: int) -> None:
        super().__init__()
        inner = width * stage.expansion
        self.expand = ConvNorm(width, inner) if stage.expansion > 1 else None
        self.depthwise = ConvNorm(inner, inner, stage.kernel, stride, depthwise=True)
        self.project = ConvNorm(inner, stage.width, linear=True)
        self.residual = stride == 1 and width == stage.width

    def forward(self, pixels: Tensor) -> Tensor:
        """`[batch, width, h, w]` to `[batch, stage.width, h / stride, w / stride]`."""
        inner = self.expand(pixels) if self.expand is not None else pixels
        out = self.project(self.depthwise(inner))
        return cast(Tensor, out + pixels if self.residual else out)


class EfficientNetLite0(nn.Module):
    """Pixels to features and class probabilities."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvNorm(3, STEM, 3, 2)
        blocks, width = [], STEM
        for stage in STAGES:
            for index in range(stage.blocks):
                blocks.append(NetworkBlock(width, stage, stage.stride if index == 0 else 1))
                width = stage.width
        self.blocks = nn.Sequential(*blocks)
        self.head = ConvNorm(width, HEAD)
        self.classifier = nn.Linear(HEAD, CLASSES)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """`[batch, 3, 224, 224]` to features `[batch, 1280]` and probabilities `[batch, 1000]`."""
        features = self.maps(pixels)[1].mean(dim=(2, 3))
        return features, self.classifier(features).softmax(dim=-1)

    def maps(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """`[batch, 3, side, side]` to the maps of stride 16 and 32, of LOCAL and of HEAD channels.

        They are `[batch, channels, side / stride, side / stride]`, for a `side` that 32 divides.
        """
        out = local = self.stem(pixels)
        for number, block in enumerate(self.blocks, 1):
            out = block(out)
            if number == LOCAL_BLOCKS:
                local = out
        return local, self.head(out)


# The published checkpoint's names as those above. Its blocks number their norms in their layers' order.
NAMES = (
    (r"^_conv_stem\.", "stem.conv."),
    (r"^_bn0\.", "stem.norm."),
    (r"^_conv_head\.", "head.conv."),
    (r"^_bn1\.", "head.norm."),
    (r"^_fc\.", "classifier."),
    (r"^_blocks\.", "blocks."),
    (r"\._expand_conv\.", ".expand.conv."),
    (r"\._bn0\.", ".expand.norm."),
    (r"\._depthwise_conv\.", ".depthwise.conv."),
    (r"\._bn1\.", ".depthwise.norm."),
    (r"\._project_conv\.", ".project.conv."),
    (r"\._bn2\.", ".project.norm."),
)


def load(state: dict[str, Tensor]) -> EfficientNetLite0:
    """The network with the published checkpoint's weights; all of them, or an error of torch's."""
    network = EfficientNetLite0()
    renamed = {}
    for name, value in state.items():
        for pattern, replacement in NAMES:
            name = re.sub(pattern, replacement, name)
        renamed[name] = value
    network.load_state_dict(renamed)
    return network.eval()


def random_pixels(batch: int, side: int = 224) -> Tensor:
    """Pixels for tracing and for parity, the same each time."""
    return torch.rand(batch, 3, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1

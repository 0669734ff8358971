"""The original's network as a researcher would write it in plain torch, from its description.

The encoder is frozen and in evaluation mode; its batch norms are modules of their own; each tap is
a module `x * scale + shift`. Nothing of mineralid is imported here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

TEST_DIM = 36
HIDDEN = 256


class Tap(nn.Module):
    """Scale and shift of each channel, the identity at first."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels))
        self.shift = nn.Parameter(torch.zeros(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.scale.view(1, -1, 1, 1) + self.shift.view(1, -1, 1, 1)


class Block(nn.Module):
    """A bottleneck of ResNet v1.5: the stride is that of the 3×3 convolution."""

    def __init__(self, inputs: int, width: int, stride: int, project: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = (
            nn.Sequential(
                nn.Conv2d(inputs, 4 * width, 1, stride=stride, bias=False),
                nn.BatchNorm2d(4 * width),
            )
            if project
            else None
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        y += x if self.downsample is None else self.downsample(x)
        return self.relu(y)


class ResNet(nn.Module):
    """ResNet-50 with eight taps: after conv1, bn1, relu, the max-pool and each of the stages.

    Tensors have torchvision's names. widths: of conv1, and of the narrow convolutions of each
    stage; blocks: of each stage.
    """

    def __init__(
        self,
        widths: tuple[int, ...] = (64, 64, 128, 256, 512),
        blocks: tuple[int, ...] = (3, 4, 6, 3),
    ) -> None:
        super().__init__()
        inputs, *stages = widths
        self.conv1 = nn.Conv2d(3, inputs, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(inputs)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        taps = [Tap(inputs) for _ in range(4)]
        self.stages: list[str] = []
        for number, (width, count) in enumerate(zip(stages, blocks, strict=True), 1):
            layer = nn.Sequential()
            for index in range(count):
                stride = 2 if number > 1 and index == 0 else 1
                layer.append(Block(inputs, width, stride, project=index == 0))
                inputs = 4 * width
            self.add_module(f"layer{number}", layer)
            self.stages.append(f"layer{number}")
            taps.append(Tap(inputs))
        self.taps = nn.ModuleList(taps)
        self.feature_dim = inputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.taps[1](self.bn1(self.taps[0](self.conv1(x))))
        x = self.taps[2](self.relu(x))
        x = self.taps[3](self.maxpool(x))
        for tap, name in zip(self.taps[4:], self.stages, strict=True):
            x = tap(self.get_submodule(name)(x))
        return nn.functional.adaptive_avg_pool2d(x, 1).flatten(1)


class Lite(nn.Module):
    """The package's own EfficientNet-Lite with taps on the stem (after its norm) and each stage.

    A stage ends before the next block that does not add its input.
    """

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.net = net
        adds = [
            block._block_args.stride == 1
            and block._block_args.input_filters == block._block_args.output_filters
            for block in net._blocks
        ]
        last = len(adds) - 1
        self.ends = [i for i in range(last + 1) if i == last or not adds[i + 1]]
        widths = [net._bn0.num_features]
        widths += [net._blocks[i]._bn2.num_features for i in self.ends]
        self.taps = nn.ModuleList(Tap(width) for width in widths)
        self.feature_dim = int(net._bn1.num_features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        net: Any = self.net
        x = net._swish(self.taps[0](net._bn0(net._conv_stem(x))))
        taps = iter(self.taps[1:])
        for index, block in enumerate(net._blocks):
            x = block(x)
            if index in self.ends:
                x = next(taps)(x)
        x = net._swish(net._bn1(net._conv_head(x)))
        return nn.functional.adaptive_avg_pool2d(x, 1).flatten(1)


class Pooled(nn.Module):
    """The package's own EfficientNet-Lite as it is, to its pooled feature."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.net.extract_features(x)
        return nn.functional.adaptive_avg_pool2d(features, 1).flatten(1)


class ResNorm(nn.Module):
    """Twice Linear, ReLU, LayerNorm; plus the input."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.w1, self.norm_fn1 = nn.Linear(dim, dim), nn.LayerNorm(dim)
        self.w2, self.norm_fn2 = nn.Linear(dim, dim), nn.LayerNorm(dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm_fn1(torch.relu(self.w1(x)))
        return x + self.norm_fn2(torch.relu(self.w2(y)))


class Bottleneck(nn.Module):
    """Linear to `HIDDEN`, ReLU, Linear back, ReLU."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Linear(dim, HIDDEN), nn.ReLU())
        self.up = nn.Sequential(nn.Linear(HIDDEN, dim), nn.ReLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.up(self.down(x))


def meta_head(tests: int = 3) -> nn.Sequential:
    """Return the encoder of the field tests."""
    return nn.Sequential(
        nn.Linear(tests, TEST_DIM), nn.ReLU(), nn.LayerNorm(TEST_DIM), ResNorm(TEST_DIM)
    )


class PlainNetwork(nn.Module):
    """Encoder with taps, test encoder, clean head, bottleneck and error head of one case."""

    def __init__(self, encoder: Any, classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        width = encoder.feature_dim + TEST_DIM
        self.meta_head = meta_head()
        self.classifier = nn.Linear(width, classes)
        self.info_layer = Bottleneck(width)
        self.classifier_error = nn.Linear(width, classes)

    def fused(self, images: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """Return feature and tests side by side."""
        return torch.cat([self.encoder(images), self.meta_head(codes)], dim=1)


class PlainTeacher(nn.Module):
    """An image model and the tests, joined by one head."""

    def __init__(self, encoder: Callable[..., torch.Tensor], width: int, classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.meta_head = meta_head()
        self.classifier = nn.Linear(width + TEST_DIM, classes)

    def forward(self, images: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.classifier(
            torch.cat([self.encoder(images), self.meta_head(codes)], dim=1)
        )
        return logits

"""The published network in plain torch, written from METHOD.md's description of it alone.

`widths` are those of conv1 and of the narrow convolutions of each stage; the published ones are
(64, 64, 128, 256, 512) with (3, 4, 6, 3) blocks.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

FULL = (64, 64, 128, 256, 512)
FULL_BLOCKS = (3, 4, 6, 3)
WITH_TESTS = ("3mo", "2mo_12", "2mo_13", "2mo_23", "1mo_1", "1mo_2", "1mo_3")


class Block(nn.Module):
    """ResNet v1.5: 1×1, 3×3 with the stride, 1×1 to four times the width; plus the input."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != 4 * width:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, 4 * width, 1, stride=stride, bias=False),
                nn.BatchNorm2d(4 * width),
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """The image encoder, with torchvision's names."""

    def __init__(self, widths: tuple[int, ...], blocks: tuple[int, ...], classes: int) -> None:
        super().__init__()
        stem, *stages = widths
        self.conv1 = nn.Conv2d(3, stem, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        inputs = stem
        for number, (width, count) in enumerate(zip(stages, blocks, strict=True), 1):
            layers = []
            for block in range(count):
                stride = 2 if number > 1 and block == 0 else 1
                layers.append(Block(inputs, width, stride))
                inputs = 4 * width
            self.add_module(f"layer{number}", nn.Sequential(*layers))
        self.fc = nn.Linear(inputs, classes)


class Tap(nn.Module):
    """y = scale · x + shift, per channel of [B, C, H, W]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels))
        self.shift = nn.Parameter(torch.zeros(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.scale[:, None, None] + self.shift[:, None, None]


class NormLayer(nn.Module):
    """The residual layer of the test encoder."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.w1 = nn.Linear(dim, dim)
        self.w2 = nn.Linear(dim, dim)
        self.norm_fn1 = nn.LayerNorm(dim)
        self.norm_fn2 = nn.LayerNorm(dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm_fn1(torch.relu(self.w1(x)))
        return x + self.norm_fn2(torch.relu(self.w2(y)))


class Narrow(nn.Module):
    """The bottleneck: down, ReLU, up, ReLU."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU())
        self.up = nn.Sequential(nn.Linear(hidden, dim), nn.ReLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.up(self.down(x))


class Published(nn.Module):
    """All of the published network: every head of every case, both bottlenecks."""

    def __init__(
        self,
        widths: tuple[int, ...] = FULL,
        blocks: tuple[int, ...] = FULL_BLOCKS,
        classes: int = 36,
        hidden: int = 256,
    ) -> None:
        super().__init__()
        self.image_encoder = ResNet(widths, blocks, classes)
        feature = 4 * widths[-1]
        stem = widths[0]
        for number, channels in enumerate((stem,) * 4 + tuple(4 * w for w in widths[1:]), 1):
            self.add_module(f"ssf_layer_{number}", Tap(channels))
        self.meta_head_1 = nn.Sequential(
            nn.Linear(3, 36), nn.ReLU(), nn.LayerNorm(36), NormLayer(36)
        )
        fused = feature + 36
        for case in WITH_TESTS:
            self.add_module(f"classifier_{case}", nn.Linear(fused, classes))
            self.add_module(f"classifier_{case}_error", nn.Linear(fused, classes))
        self.classifier_0mo_error = nn.Linear(feature, classes)
        self.info_layer = Narrow(fused, hidden)
        self.info_layer_0mo = Narrow(feature, hidden)

    def feature(self, images: torch.Tensor, tapped: bool) -> torch.Tensor:
        def tap(number: int, x: torch.Tensor) -> torch.Tensor:
            return self.get_submodule(f"ssf_layer_{number}")(x) if tapped else x

        encoder = self.image_encoder
        x = tap(1, encoder.conv1(images))
        x = tap(2, encoder.bn1(x))
        x = tap(3, torch.relu(x))
        x = tap(4, encoder.maxpool(x))
        for number in (1, 2, 3, 4):
            x = tap(4 + number, encoder.get_submodule(f"layer{number}")(x))
        return x.mean((2, 3))

    def forward(
        self, images: torch.Tensor, codes: torch.Tensor, case: str
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the logits of a case's clean and error head; codes [B, 3] with -1 for no test."""
        if case == "0mo":
            feature = self.feature(images, tapped=False)
            error = self.classifier_0mo_error(self.info_layer_0mo(feature))
            return self.image_encoder.fc(feature), error
        feature = self.feature(images, tapped=True)
        fused = torch.cat([feature, self.meta_head_1(codes)], dim=1)
        clean = self.get_submodule(f"classifier_{case}")(fused)
        return clean, self.get_submodule(f"classifier_{case}_error")(self.info_layer(fused))


@torch.no_grad()
def drawn(network: Published, seed: int = 0) -> Published:
    """Return the network with numbers that let a wrong name or place show; logits of about 1."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            fan_in = module.weight[0].numel()
            module.weight.normal_(0, fan_in**-0.5, generator=generator)
            if module.bias is not None:
                module.bias.normal_(0, 0.2, generator=generator)
        if isinstance(module, (nn.BatchNorm2d, nn.LayerNorm)):
            module.weight.uniform_(0.6, 1.4, generator=generator)
            module.bias.normal_(0, 0.2, generator=generator)
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3, generator=generator)
            module.running_var.uniform_(0.5, 2.0, generator=generator)
            module.num_batches_tracked.fill_(7)
        if isinstance(module, Tap):
            module.scale.normal_(1, 0.3, generator=generator)
            module.shift.normal_(0, 0.3, generator=generator)
    return network.eval()


def file_of(network: Published, error_heads: tuple[str, ...], epoch: int = 99) -> dict[str, object]:
    """Return what a script of the published system saves: error heads pile up from case to case."""
    kept: Mapping[str, torch.Tensor] = {
        name: tensor.clone()
        for name, tensor in network.state_dict().items()
        if not name.partition(".")[0].endswith("_error")
        or name.partition(".")[0].removeprefix("classifier_").removesuffix("_error") in error_heads
    }
    return {"it": epoch, "network": dict(kept), "optimizer": {}, "scheduler": {}}

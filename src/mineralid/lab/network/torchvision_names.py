"""Names of a ResNet's tensors: torchvision's ↔ transformers', one to one, whatever its depth."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch

# Torchvision's pattern and transformers', with the same numbers; torchvision counts stages and
# convolutions from 1, transformers from 0. `fc` is the head, which a backbone has not.
_RULES = (
    (r"conv1\.(\w+)", r"embedder\.embedder\.convolution\.(\w+)"),
    (r"bn1\.(\w+)", r"embedder\.embedder\.normalization\.(\w+)"),
    (
        r"layer(\d+)\.(\d+)\.conv(\d+)\.(\w+)",
        r"encoder\.stages\.(\d+)\.layers\.(\d+)\.layer\.(\d+)\.convolution\.(\w+)",
    ),
    (
        r"layer(\d+)\.(\d+)\.bn(\d+)\.(\w+)",
        r"encoder\.stages\.(\d+)\.layers\.(\d+)\.layer\.(\d+)\.normalization\.(\w+)",
    ),
    (
        r"layer(\d+)\.(\d+)\.downsample\.0\.(\w+)",
        r"encoder\.stages\.(\d+)\.layers\.(\d+)\.shortcut\.convolution\.(\w+)",
    ),
    (
        r"layer(\d+)\.(\d+)\.downsample\.1\.(\w+)",
        r"encoder\.stages\.(\d+)\.layers\.(\d+)\.shortcut\.normalization\.(\w+)",
    ),
    (r"fc\.(\w+)", r"classifier\.1\.(\w+)"),
)

EXAMPLES = {
    "torchvision": "layer1.0.conv1.weight",
    "transformers": "encoder.stages.0.layers.0.layer.0.convolution.weight",
}


def to_transformers(name: str) -> str:
    """Return transformers' name of a tensor that torchvision names; ValueError if it doesn't."""
    return _translate(name, list(_RULES), -1, "torchvision")


def to_torchvision(name: str) -> str:
    """Return torchvision's name of a tensor that transformers names; ValueError if it doesn't."""
    return _translate(name, [(b, a) for a, b in _RULES], 1, "transformers")


def from_torchvision(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a state dict under transformers' names."""
    return {to_transformers(name): tensor for name, tensor in state.items()}


def as_torchvision(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a state dict under torchvision's names."""
    return {to_torchvision(name): tensor for name, tensor in state.items()}


def is_torchvision(state: Mapping[str, torch.Tensor]) -> bool:
    """Say whether a state dict names a ResNet's tensors as torchvision does."""
    return "conv1.weight" in state and any(name.startswith("layer1.") for name in state)


def _translate(name: str, rules: list[tuple[str, str]], step: int, origin: str) -> str:
    for source, target in rules:
        found = re.fullmatch(source, name)
        if found is None:
            continue
        parts = list(found.groups())
        # Stage, block, convolution: the block counts from 0 in both.
        for place in (0, 2):
            if place < len(parts) - 1:
                parts[place] = str(int(parts[place]) + step)
        for part in parts:
            target = re.sub(r"\(\\[dw]\+\)", part, target, count=1)
        return target.replace("\\.", ".")
    raise ValueError(
        f"{name!r} is no tensor of a ResNet as {origin} names it; allowed: such as "
        + EXAMPLES[origin]
    )

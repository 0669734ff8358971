"""Where adapters sit: attached to a module's output by name, found in a network by tracing it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from mineralid.lab.network.scale_shift import ScaleShift


@dataclass(frozen=True)
class Site:
    """One place for an adapter: on the output of `module`, channels along `axis` (1 or -1)."""

    name: str
    module: str
    channels: int
    axis: int = 1


def apply_adapter(module: nn.Module, inputs: Any, output: torch.Tensor) -> torch.Tensor:
    """Forward hook of a module with an adapter.

    A function of the module, not a closure: copies and pickles of a network keep working.
    """
    adapted: torch.Tensor = module.adapter(output)  # type: ignore[operator]
    return adapted


def attach(module: nn.Module, adapter: ScaleShift) -> None:
    """Put an adapter on a module's output, as its child `adapter`."""
    if isinstance(getattr(module, "adapter", None), ScaleShift):
        raise ValueError(f"a {type(module).__name__} has an adapter already; allowed: one a module")
    module.adapter = adapter
    module.register_forward_hook(apply_adapter)


def detach(module: nn.Module) -> ScaleShift:
    """Take the adapter off a module again and return it."""
    adapter = module.adapter
    assert isinstance(adapter, ScaleShift)
    del module.adapter
    # By function and not by the handle of `attach`: the module may be a copy.
    for key in [k for k, hook in module._forward_hooks.items() if hook is apply_adapter]:
        del module._forward_hooks[key]
    return adapter

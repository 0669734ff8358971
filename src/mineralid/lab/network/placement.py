"""Where adapters sit: attached to a module's output by name, found in a network by tracing it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.func import functional_call

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


@dataclass
class Trace:
    """What one run of a network showed: its affine operations, in the order of their first use.

    order: module names. pairs: (convolution, batch norm) where the norm reads exactly what the
    convolution wrote. shapes: of each operation's output. output: what the network returned.
    """

    order: list[str] = field(default_factory=list)
    pairs: list[tuple[str, str]] = field(default_factory=list)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    output: Any = None


AFFINE = (nn.Conv2d, nn.Linear, nn.LayerNorm, nn.BatchNorm2d)


def trace(network: nn.Module, images: torch.Tensor) -> Trace:
    """Run a network once, in evaluation mode, and note its affine operations.

    It runs without numbers (on the meta device), so the size of network and images costs nothing;
    where a network can't, it runs on the images as they are.
    """
    state = {
        name: tensor.to("meta")
        for name, tensor in (*network.named_parameters(), *network.named_buffers())
    }
    mode = network.training
    network.eval()
    try:
        with torch.no_grad(), _noting(network) as found:
            try:
                found.output = functional_call(network, state, (images.to("meta"),))
                return found
            except (NotImplementedError, RuntimeError):
                pass
        with torch.no_grad(), _noting(network) as found:
            found.output = network(images)
            return found
    finally:
        network.train(mode)


@contextmanager
def _noting(network: nn.Module) -> Iterator[Trace]:
    found = Trace()
    written: dict[int, tuple[str, torch.Tensor]] = {}  # by identity; kept, so none is given twice

    def note(name: str) -> Any:
        def hook(module: nn.Module, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
            if isinstance(module, nn.Conv2d):
                written[id(output)] = (name, output)
            elif isinstance(module, nn.BatchNorm2d) and id(inputs[0]) in written:
                pair = (written[id(inputs[0])][0], name)
                if pair not in found.pairs:
                    found.pairs.append(pair)
            if name not in found.shapes:
                found.order.append(name)
                found.shapes[name] = tuple(output.shape)

        return hook

    handles = [
        module.register_forward_hook(note(name))
        for name, module in network.named_modules()
        if isinstance(module, AFFINE)
    ]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def affine_sites(model: nn.Module, found: Trace) -> tuple[Site, ...]:
    """Return a site after every affine operation of a trace, named by its module.

    Linear, LayerNorm, convolution, batch norm; a convolution with the norm that follows it is one
    operation. Layers that the feature does not pass, and poolers, have none.
    """
    before_norm = {conv for conv, _ in found.pairs}
    return tuple(
        site_on(model, name, name, found)
        for name in found.order
        if name not in before_norm and "pooler" not in name.split(".")
    )


def site_on(model: nn.Module, name: str, path: str, found: Trace) -> Site:
    """Return the site after the affine operation at `path`; ValueError if an adapter can't fold."""
    module = model.get_submodule(path)
    base = next(kind for kind in AFFINE if isinstance(module, kind))
    axis = 1 if base in (nn.Conv2d, nn.BatchNorm2d) else -1
    layout = getattr(module, "data_format", None)
    if base is nn.LayerNorm and layout in ("channels_first", "channels_last"):
        axis = 1 if layout == "channels_first" else -1
    elif type(module).forward is not base.forward:
        raise ValueError(
            f"{path} is a {type(module).__name__}, whose output an adapter may not fold into; "
            "allowed: Conv2d, Linear, LayerNorm and BatchNorm2d as PyTorch has them"
        )
    if base is nn.LayerNorm and len(module.normalized_shape) != 1:  # type: ignore[arg-type]
        raise ValueError(
            f"{path} normalises over the axes {module.normalized_shape}; allowed: channels alone"
        )
    channels = {
        nn.Conv2d: "out_channels",
        nn.Linear: "out_features",
        nn.BatchNorm2d: "num_features",
    }
    count = (
        int(module.normalized_shape[0])  # type: ignore[index]
        if base is nn.LayerNorm
        else int(getattr(module, channels[base]))
    )
    shape = found.shapes[path]
    if shape[axis] != count:
        raise ValueError(f"{path} gives {shape}; allowed: {count} channels along axis {axis}")
    return Site(name, path, count, axis)

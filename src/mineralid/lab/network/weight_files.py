"""Weights from a file, and what to say where they are not on this machine."""

from __future__ import annotations

import pickle
from collections.abc import Collection, Mapping
from pathlib import Path

import torch
from torch import nn

SHOWN = 6


class WeightsMissing(ValueError):
    """Pretrained weights are not on this machine; the message says which and how to get them."""


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read a state dict of tensors from a .safetensors or torch file, nothing in it executed.

    Raises WeightsMissing where there is no such file, ValueError for anything but a state dict.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsMissing(f"no file of weights at {path}; allowed: a .safetensors or torch file")
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except SafetensorError as error:
            raise ValueError(f"{path} is not a .safetensors file: {error}") from error
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ValueError(
            f"{path} is not a state dict of tensors alone, which is all that is read: {error}"
        ) from error
    if not isinstance(state, dict) or not all(
        isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in state.items()
    ):
        raise ValueError(
            f"{path} holds no state dict (names and tensors) but a {type(state).__name__}"
        )
    return state


def load_state(model: nn.Module, state: Mapping[str, torch.Tensor], *, what: str) -> None:
    """Load a state dict whole; raise ValueError that lists what is missing, too many or misshapen."""
    own = model.state_dict()
    # Counters of batches, which weights of before PyTorch 0.4.1 lack, change no output.
    missing = [n for n in own if n not in state and not n.endswith("num_batches_tracked")]
    unexpected = [n for n in state if n not in own]
    shapes = [
        f"{n} {list(state[n].shape)} for {list(own[n].shape)}"
        for n in own
        if n in state and state[n].shape != own[n].shape
    ]
    refuse_mismatch(what, missing, unexpected, shapes)
    model.load_state_dict(state, strict=False)


def refuse_mismatch(
    what: str, missing: Collection[str], unexpected: Collection[str], shapes: Collection[str]
) -> None:
    """Raise ValueError that names the keys which do not fit, if there are any."""
    parts = [
        f"{label} ({len(names)}): {', '.join(sorted(names)[:SHOWN])}"
        + (", …" if len(names) > SHOWN else "")
        for label, names in (
            ("missing", missing),
            ("unexpected", unexpected),
            ("of another shape", shapes),
        )
        if names
    ]
    if parts:
        raise ValueError(f"these are not the weights of {what}; {'; '.join(parts)}")

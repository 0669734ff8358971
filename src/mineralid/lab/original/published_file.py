"""Files of the published layout: a dict of `it`, `network`, `optimizer` and `scheduler`.

Nothing in a file is ever executed.
"""

from __future__ import annotations

import hashlib
import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

FILE_NAME = re.compile(r"(?P<model>[A-Za-z0-9_.-]+)_epoch_\d+_ckt\.pth")


def read_published(file: Path) -> tuple[dict[str, torch.Tensor], int | None]:
    """Read the network of a published file, or a bare state dict, and its epoch.

    Raises OSError where it can't be opened, ValueError where it holds anything but tensors and
    plain values, or no network.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's remarks on files that it then refuses
            held = torch.load(file, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except pickle.UnpicklingError as error:
        asked = re.search(r"GLOBAL (\w[\w.]*)", str(error))
        what = f"asks for the Python object {asked[1]}" if asked else "is not of that kind"
        raise ValueError(
            f"{file} {what}; refused, nothing in it was executed; allowed: a file of torch.save "
            "with tensors and plain values alone"
        ) from None
    except Exception as error:  # torch and zipfile each have several of their own
        raise ValueError(f"{file} is damaged, or no file of torch.save ({error})") from error
    network = held.get("network", held) if isinstance(held, Mapping) else held
    if not isinstance(network, Mapping) or not network:
        raise ValueError(
            f"{file} holds a {type(held).__name__}; allowed: a dict of it, network, optimizer and "
            "scheduler, or a state dict"
        )
    strange = [str(n) for n, t in network.items() if not isinstance(t, torch.Tensor)]
    if strange:
        raise ValueError(
            f"{file}: its network holds under {', '.join(strange[:5])} no tensor; allowed: names "
            "and tensors"
        )
    epoch = held.get("it")
    plain = isinstance(epoch, int) and not isinstance(epoch, bool) and epoch >= 0
    return {str(n): t for n, t in network.items()}, epoch if plain else None


def write_published(folder: Path, model_name: str, contents: Mapping[str, Any]) -> Path:
    """Write `{model_name}_epoch_{it}_ckt.pth`, whole or not at all; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{model_name}_epoch_{contents['it']}_ckt.pth"
    partial = path.with_name(f"{path.name}.partial")
    torch.save(dict(contents), partial)
    partial.replace(path)
    return path


def model_name_of(file: Path) -> str | None:
    """Return the model's name in a file's; None where it has none that a recipe allows."""
    found = FILE_NAME.fullmatch(file.name)
    return found["model"] if found else None


def sha256_of(file: Path) -> str:
    """Return the hash of a file's bytes."""
    found = hashlib.sha256()
    with file.open("rb") as opened:
        while block := opened.read(1 << 20):
            found.update(block)
    return found.hexdigest()

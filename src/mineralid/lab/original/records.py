"""What a stage was begun with, kept in its folder: nothing else is taken up or for finished."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from torch import nn

from mineralid.lab.data.manifest import Manifest
from mineralid.lab.evaluation.scoring import weights_sha256
from mineralid.lab.training.record import (
    ANOTHER,
    CHECKPOINT_FILE,
    NETWORK_FILE,
    holds_finished,
    whole,
)

STAGE_FILE = "stage.json"
IMPORTED = "imported"  # in the settings of a stage that was imported: from what

_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class StageRecord(BaseModel):
    """stage.json.

    settings: fields of the recipe that matter to the stage, by name; photographs: how many, and a
    hash of their ids and labels in order; begun_from: hashes of the weights of earlier stages.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: str
    settings: dict[str, JsonValue]
    classes: tuple[str, ...]
    codes: tuple[tuple[int, ...], ...]
    photographs: int
    photographs_sha256: _Sha256
    begun_from: dict[str, _Sha256]

    def differences(self, found: StageRecord) -> list[str]:
        """Return what is another in `found`, each with both values.

        A stage that was imported is judged by what it says: on what it was trained is unknown.
        """
        told = []
        imported = IMPORTED in found.settings and IMPORTED not in self.settings
        for name in ("stage",) if imported else ("stage", "photographs"):
            there, now = getattr(found, name), getattr(self, name)
            if there != now:
                told.append(f"{name} ({there} there, {now} now)")
        same_count = not imported and found.photographs == self.photographs
        if same_count and found.photographs_sha256 != self.photographs_sha256:
            told.append("photographs (as many, but others, or in another order)")
        there, now = _flat(found.settings), _flat(self.settings)
        for name in sorted(there.keys() & now.keys() if imported else there.keys() | now.keys()):
            if there.get(name) != now.get(name):
                told.append(f"{name} ({there.get(name)} there, {now.get(name)} now)")
        for name in ("classes", "codes"):
            if getattr(found, name) != getattr(self, name):
                told.append(name)
        stages = () if imported else sorted(found.begun_from.keys() | self.begun_from.keys())
        for stage in stages:
            if found.begun_from.get(stage) != self.begun_from.get(stage):
                told.append(f"network of the stage {stage}")
        return told


def photographs_sha256(manifest: Manifest) -> str:
    """Return a hash of the photographs' ids and labels, in order."""
    listed = [[p.image_id, c] for p, c in zip(manifest.photographs, manifest.labels(), strict=True)]
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()


def is_finished(folder: Path, expected: StageRecord) -> bool:
    """Return whether the network of a stage is there; creates nothing.

    Raises ValueError where the folder holds another stage than the one expected.
    """
    return holds_finished(folder, STAGE_FILE, lambda: expected.differences(read_stage(folder)))


def read_stage(folder: Path) -> StageRecord:
    """Read the record of a stage. Raises ValueError, which names the file, where it is none."""
    path = folder / STAGE_FILE
    try:
        return StageRecord.model_validate_json(path.read_bytes())
    except ValidationError as error:
        what = "; ".join(f"{'.'.join(map(str, e['loc']))} {e['msg']}" for e in error.errors())
        raise ValueError(f"{path} is no record of a stage ({what.strip()}): {ANOTHER}") from None


def begin(folder: Path, record: StageRecord) -> None:
    """Write the record of a stage that begins."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / STAGE_FILE).is_file():
        write_whole(folder / STAGE_FILE, record.model_dump_json(indent=1) + "\n")


def finish(folder: Path, network: nn.Module, seconds: float) -> None:
    """Write the network of a stage that is finished; its checkpoint goes."""
    partial = folder / f"{NETWORK_FILE}.partial"
    torch.save(
        {
            "network": network.state_dict(),
            "sha256": weights_sha256(network),
            "seconds": seconds,
        },
        partial,
    )
    partial.replace(folder / NETWORK_FILE)
    (folder / CHECKPOINT_FILE).unlink(missing_ok=True)


def load_finished(folder: Path, network: nn.Module, but: tuple[str, ...] = ()) -> Mapping[str, Any]:
    """Load the weights of a finished stage into `network`; returns what else its file says.

    but: beginnings of names that stay as they are in `network`, whatever the file has. Raises ValueError, which names the file, where it is damaged.
    """
    path = folder / NETWORK_FILE
    with whole(path, "train this stage anew"):
        saved = torch.load(path, map_location="cpu", weights_only=True)
        state = {n: t for n, t in saved["network"].items() if not n.startswith(but)}
        kept = {n: t for n, t in network.state_dict().items() if n.startswith(but)}
        network.load_state_dict({**kept, **state})
        told = {name: saved[name] for name in ("sha256", "seconds")}
    network.eval()
    return told


def write_whole(path: Path, text: str) -> None:
    """Write a text file that appears whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found

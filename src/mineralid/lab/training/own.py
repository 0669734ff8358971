"""Train one network on a folder of somebody's own photographs, some held out to measure it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mineralid.lab.data.class_list import read_class_list
from mineralid.lab.data.class_names import resolve_classes
from mineralid.lab.data.folders import class_folders
from mineralid.lab.data.manifest import Manifest, ManifestError, present
from mineralid.lab.data.sources import TABLE, open_data
from mineralid.lab.data.specimens import SPECIMENS_FILE, specimens_known
from mineralid.lab.data.validation import carve
from mineralid.lab.network.lite import LiteNetwork
from mineralid.lab.training.fit import ONE_PROCESS, Compute, rank, use_threads
from mineralid.lab.training.recipe import Recipe
from mineralid.lab.training.record import (
    ANOTHER,
    NETWORK_FILE,
    RECORD_FILE,
    RunRecord,
    is_finished,
    read_record,
)
from mineralid.lab.training.runs import TRAINING_MIN_SIDE, decode_all
from mineralid.lab.training.train import train

DATA_FILE = "data.json"
CARVED = "carved"  # the split's name in the run's record


class FolderData(BaseModel):
    """data.json: where the photographs of a run are, and which were held out of its training.

    train, held_out: their ids, in order. own: classes that were said to be one's own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: str
    classes_file: str | None
    validation_share: float = Field(ge=0, lt=1)
    split_seed: int = Field(ge=0)
    own: bool | tuple[str, ...] = ()
    specimens_known: bool
    train: tuple[str, ...]
    held_out: tuple[str, ...]


@dataclass(frozen=True)
class FolderRun:
    """A finished run on somebody's own photographs.

    others: photographs of stones that are none of the classes, in no training.
    """

    record: RunRecord
    data: FolderData
    train: Manifest
    held_out: Manifest
    others: Manifest


def train_folder(
    data: Path,
    recipe: Recipe,
    run: Path,
    *,
    classes_file: Path | None = None,
    validation_share: float = 0.2,
    split_seed: int = 0,
    own: bool | Sequence[str] = (),
    threads: int | None = None,
    compute: Compute = ONE_PROCESS,
    say: Callable[[str], None] = print,
) -> LiteNetwork:
    """Train on a folder in any layout of `open_data`; an interrupted run is taken up again.

    classes_file: a class list (default: every class of the folder); photographs of other folders
    are then kept for the detector of other stones. validation_share: of the photographs, held out
    by specimen for `export_run` to measure and calibrate on. own: as for `resolve_classes`, which
    looks at the names before anything is trained. Raises ValueError or OSError: what can't be read
    or told apart, and where `run` holds another run.
    """
    if run.exists() and not run.is_dir():
        raise ValueError(f"{run} is a file; allowed: a new folder, or one of an earlier run")
    manifest, others = _open(data, None if classes_file is None else _listed(classes_file))
    names = resolve_classes(manifest.classes, own)
    kept, held_out = carve(manifest, validation_share, split_seed)
    chosen = manifest.subset(kept)
    ids = [p.image_id for p in manifest.photographs]
    described = FolderData(
        folder=str(data.resolve()),
        classes_file=None if classes_file is None else str(classes_file.resolve()),
        validation_share=validation_share,
        split_seed=split_seed,
        own=own if isinstance(own, bool) else tuple(own),
        specimens_known=specimens_known(manifest),
        train=tuple(ids[i] for i in kept),
        held_out=tuple(ids[i] for i in held_out),
    )
    if (run / DATA_FILE).is_file():
        _refuse_another(run, described)
    finished = is_finished(run, RunRecord.of_manifest(recipe, CARVED, chosen))
    if not rank():
        for sentence in (*names.told(), *_about(manifest, described, len(others))):
            say(sentence)
    run.mkdir(parents=True, exist_ok=True)
    partial = run / f"{DATA_FILE}.{rank()}.partial"
    partial.write_text(described.model_dump_json(indent=1), encoding="utf-8")
    partial.replace(run / DATA_FILE)
    use_threads(threads)
    # A crop may take half of a side, which is then as large as the network sees.
    side = max(TRAINING_MIN_SIDE, recipe.image_size * 3 // 2)
    images: Sequence[np.ndarray] = [] if finished else decode_all(chosen, side)
    return train(
        images,
        chosen.labels(),
        chosen.classes,
        recipe,
        run,
        split=CARVED,
        image_ids=described.train,
        collections=[p.collection for p in chosen.photographs],
        compute=compute,
    )


def read_folder_run(
    run: Path, data: Path | None = None, say: Callable[[str], None] = print
) -> FolderRun:
    """Read a finished run of `train_folder` and find its photographs again.

    data: where the photographs are now (default: where they were). Photographs that have come
    since are passed over, in a sentence. Raises ValueError: no such run, one that is not finished,
    photographs that are gone or of another class, a specimen on both sides.
    """
    if not run.is_dir():
        raise ValueError(f"{run}: there is no such run; give the --out of lab train")
    described, record = _read_data(run), read_record(run)
    if not (run / NETWORK_FILE).is_file():
        raise ValueError(
            f"{run} is not trained to its end: give lab train the same words again, it goes on"
        )
    folder = Path(described.folder) if data is None else data
    manifest, others = _open(folder, record.classes)
    place = {p.image_id: i for i, p in enumerate(manifest.photographs)}
    wanted = (*described.train, *described.held_out)
    if gone := [identity for identity in wanted if identity not in place]:
        raise ValueError(
            f"{len(gone)} of the {len(wanted)} photographs of {run} are not in {folder}, such as "
            f"{gone[0]!r}: put them back, or train anew"
        )
    if len(place) > len(wanted):
        say(f"{len(place) - len(wanted)} photographs have come since the training; passed over")
    sides = [
        manifest.subset(place[identity] for identity in side)
        for side in (described.train, described.held_out)
    ]
    differing = record.differences(RunRecord.of_manifest(record.recipe, record.split, sides[0]))
    if differing:
        raise ValueError(f"{folder} is not as it was when {run} was trained: {differing[0]}")
    stones = [{p.specimen for p in side.photographs} for side in sides]
    if both := sorted(stones[0] & stones[1]):
        raise ValueError(
            f"specimen {both[0]!r} (and {len(both) - 1} more) has photographs on both sides of the "
            f"split of {run}: {SPECIMENS_FILE} or the table has changed since; train anew"
        )
    return FolderRun(record, described, sides[0], sides[1], others)


def _listed(classes_file: Path) -> tuple[str, ...]:
    return read_class_list(classes_file).names


def _open(folder: Path, classes: Sequence[str] | None) -> tuple[Manifest, Manifest]:
    """Return the photographs of the classes and those of stones that are none of them."""
    manifest = open_data(folder, classes)
    core, others = manifest.of_classes(), manifest.of_other_species()
    if classes is not None and not (folder / TABLE).is_file():
        rest = [child.name for child in class_folders(folder) if child.name not in classes]
        if rest:
            try:
                found = open_data(folder, rest)
            except ManifestError as error:
                raise ManifestError(
                    f"{error}\nFolders that are no classes are read as stones of other kinds; move "
                    "away what is neither"
                ) from None
            others = Manifest(found.photographs, core.classes)
    if missing := [name for name in core.classes if name not in present(core)]:
        raise ManifestError(
            f"{folder}: no photograph of {', '.join(missing)}; needed: one or more of each class"
        )
    return core, others


def _about(manifest: Manifest, described: FolderData, others: int) -> list[str]:
    stones = len({p.specimen for p in manifest.photographs})
    told = [
        f"{len(manifest)} photographs of {stones} specimens, {len(manifest.classes)} classes: "
        f"{len(described.train)} to train on, {len(described.held_out)} held out"
        + (f"; {others} of stones that are none of the classes" if others else "")
    ]
    if not described.specimens_known and described.held_out:
        told.append(
            f"warning: no photograph has a specimen of its own in {SPECIMENS_FILE} or the table, "
            "so each is taken for another stone. If some show the same stone, the figures that "
            "are measured on those held out flatter"
        )
    lone = [
        name
        for name in manifest.classes
        if not {p.image_id for p in manifest.photographs if p.species == name}
        & set(described.held_out)
    ]
    if lone and described.held_out:
        told.append(f"no photograph is held out of {', '.join(lone)}: too few to spare one")
    return told


def _read_data(run: Path) -> FolderData:
    path = run / DATA_FILE
    if not path.is_file():
        if (run / RECORD_FILE).is_file():
            raise ValueError(
                f"{run} has no {DATA_FILE}: it was not trained with --data. Networks of "
                "--photos are for lab release"
            )
        raise ValueError(f"{run} holds no run; give the --out of lab train --data")
    try:
        return FolderData.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ValueError(f"{path} is damaged ({error.errors()[0]['msg']}): train anew") from None


def _refuse_another(run: Path, now: FolderData) -> None:
    """Raise ValueError where the run was begun on another part of other photographs."""
    there = _read_data(run)
    for field, name in (
        ("folder", "folder of photographs"),
        ("validation_share", "validation share"),
        ("split_seed", "seed of the split"),
    ):
        before, after = getattr(there, field), getattr(now, field)
        if before != after:
            raise ValueError(
                f"{run} was begun with another {name} ({before} there, {after} now): {ANOTHER}"
            )
    if there.held_out != now.held_out:
        raise ValueError(
            f"{run} was begun with other photographs held out: the folder, the classes or "
            f"{SPECIMENS_FILE} have changed since; {ANOTHER}"
        )

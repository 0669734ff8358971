"""What a run was begun with: recipe, classes, split and photographs, kept in its recipe.json."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mineralid.lab.data.manifest import Manifest
from mineralid.lab.training.recipe import Recipe

RECORD_FILE, NETWORK_FILE, CHECKPOINT_FILE = "recipe.json", "network.pt", "last.ckpt"
ANOTHER = "choose another --out or delete the folder"


class RunRecord(BaseModel):
    """recipe.json: a run whose record is another is never taken up or taken for finished.

    photographs: how many; photographs_sha256: of their ids and labels, in order. others: how many of
    species that are no class; others_sha256: of their ids and species.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: Recipe
    classes: tuple[str, ...]
    split: str
    photographs: int
    photographs_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    others: int = 0
    others_sha256: str | None = None

    @classmethod
    def of(
        cls,
        recipe: Recipe,
        classes: Sequence[str],
        split: str,
        image_ids: Sequence[str],
        labels: Sequence[int],
        others: Sequence[tuple[str, str]] = (),
    ) -> RunRecord:
        """Return the record of a training on these photographs, in this order.

        others: image id and species of those of other species.
        """
        listed = json.dumps([[i, int(c)] for i, c in zip(image_ids, labels, strict=True)])
        return cls(
            recipe=recipe,
            classes=tuple(classes),
            split=split,
            photographs=len(labels),
            photographs_sha256=hashlib.sha256(listed.encode()).hexdigest(),
            others=len(others),
            others_sha256=hashlib.sha256(json.dumps([*map(list, others)]).encode()).hexdigest()
            if others
            else None,
        )

    @classmethod
    def of_manifest(
        cls, recipe: Recipe, split: str, trained_on: Manifest, others: Manifest | None = None
    ) -> RunRecord:
        """Return the record of a training on the photographs of a manifest, and of other species."""
        ids = [p.image_id for p in trained_on.photographs]
        beyond = [(p.image_id, p.species) for p in others.photographs] if others else []
        return cls.of(recipe, trained_on.classes, split, ids, trained_on.labels(), beyond)

    def differences(self, found: RunRecord) -> list[str]:
        """Return what is another in `found`, each with both values."""
        told = []
        if found.recipe != self.recipe:
            told.append(f"recipe ({_recipe_difference(found.recipe, self.recipe)})")
        if found.classes != self.classes:
            told.append(f"classes ({_class_difference(found.classes, self.classes)})")
        if found.split != self.split:
            told.append(f"split ({found.split} there, {self.split} now)")
        if found.photographs != self.photographs:
            told.append(f"photographs ({found.photographs} there, {self.photographs} now)")
        elif found.photographs_sha256 != self.photographs_sha256:
            told.append("photographs (as many, but others, or in another order)")
        if (found.others, found.others_sha256) != (self.others, self.others_sha256):
            told.append(f"photographs of other species ({found.others} there, {self.others} now)")
        return told


def read_record(run: Path) -> RunRecord:
    """Read the record of a run. Raises ValueError, which names the file, where it is none."""
    path = run / RECORD_FILE
    try:
        return RunRecord.model_validate_json(path.read_bytes())
    except ValidationError as error:
        what = "; ".join(f"{'.'.join(map(str, e['loc']))} {e['msg']}" for e in error.errors())
        raise ValueError(f"{path} is no record of a run ({what.strip()}): {ANOTHER}") from None


def is_finished(run: Path, expected: RunRecord) -> bool:
    """Return whether the network of a run is there; creates nothing.

    Raises ValueError where the folder holds another run than the one expected, or no folder at
    all is there but a file.
    """
    return holds_finished(run, RECORD_FILE, lambda: expected.differences(read_record(run)))


def holds_finished(run: Path, record_file: str, differences: Callable[[], list[str]]) -> bool:
    """Return whether a folder holds the network that its record is of; creates nothing.

    differences: what its record says otherwise than expected, asked where there is one. Raises as
    `is_finished`.
    """
    if run.exists() and not run.is_dir():
        raise ValueError(f"{run} is a file; allowed: a new folder, or one of an earlier run")
    finished = (run / NETWORK_FILE).is_file()
    if not (run / record_file).is_file():
        if finished or (run / CHECKPOINT_FILE).is_file():
            raise ValueError(
                f"{run} holds a network, but no {record_file} that says what it was trained on: "
                f"{ANOTHER}"
            )
        return False
    differing = differences()
    if differing:
        raise ValueError(f"{run} was begun with another {', another '.join(differing)}: {ANOTHER}")
    return finished


def _recipe_difference(found: Recipe, expected: Recipe) -> str:
    there, now = _flat(found), _flat(expected)
    return ", ".join(f"{k} {there[k]} there, {now[k]} now" for k in now if there[k] != now[k])


def _flat(recipe: Recipe) -> dict[str, object]:
    values = recipe.model_dump()
    inner = values.pop("augmentation")
    return {**values, **{f"augmentation.{name}": value for name, value in inner.items()}}


def _class_difference(found: Sequence[str], expected: Sequence[str]) -> str:
    if len(found) != len(expected):
        return f"{len(found)} there, {len(expected)} now"
    place = next(i for i, (a, b) in enumerate(zip(found, expected, strict=True)) if a != b)
    return f"number {place + 1} is {found[place]} there, {expected[place]} now"


@contextmanager
def whole(path: Path, aim: str) -> Iterator[None]:
    """Say of a file of torch's that can't be loaded which it is, and what to do."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:  # torch, zipfile and pickle each have several of their own
        raise ValueError(f"{path} is damaged: delete it to {aim}") from error

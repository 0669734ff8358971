"""Split photographs by specimen and by collection: the same stone is never on both sides."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from mineralid.lab.data.manifest import Manifest

# Fold -> the collections that it leaves out of training; None: every other collection.
LeftOut = Mapping[str, frozenset[str] | None]

LEFT_OUT_FOLDS: dict[str, frozenset[str] | None] = {
    "A": frozenset({"c04"}),
    "B": frozenset({"c21", "c22"}),
    "C": None,
}
EVERYTHING, OTHERS = "all", "others"
SPECIMEN_FOLDS = tuple(f"specimen{number}" for number in range(5))


@dataclass(frozen=True)
class Split:
    """Indices into a manifest: `train` and `test` share no specimen."""

    name: str
    train: tuple[int, ...]
    test: tuple[int, ...]


def parse_left_out(given: Sequence[str]) -> LeftOut:
    """Read folds from `NAME=c1,c2` each; the collections in none of them are the fold `others`.

    Nothing given: LEFT_OUT_FOLDS. Raises ValueError.
    """
    if not given:
        return LEFT_OUT_FOLDS
    folds: dict[str, frozenset[str] | None] = {}
    for text in given:
        name, _, listed = text.partition("=")
        collections = [c.strip() for c in listed.split(",") if c.strip()]
        if not collections:
            raise ValueError(f"left out {text!r}; expected NAME=collection,collection")
        if not re.fullmatch(r"[A-Za-z0-9_]+", name):
            raise ValueError(f"left out {text!r}: its name may be of letters, digits and _ alone")
        if name in (EVERYTHING, OTHERS, *SPECIMEN_FOLDS, *folds):
            taken = ", ".join((EVERYTHING, OTHERS, *SPECIMEN_FOLDS, *folds))
            raise ValueError(f"left out {text!r}: its name is taken; taken are {taken}")
        twice = [c for other in folds.values() for c in collections if other and c in other]
        if twice:
            raise ValueError(f"left out {text!r}: {', '.join(twice)} is in an earlier fold")
        folds[name] = frozenset(collections)
    return {**folds, OTHERS: None}


def left_out_folds(
    manifest: Manifest, left_out: LeftOut = LEFT_OUT_FOLDS
) -> dict[str, frozenset[str]]:
    """Return the collections of every fold; a fold of all others is left out where none is.

    Raises ValueError, which names the collections found, where one that is named is not there.
    """
    found = {p.collection for p in manifest.photographs}
    named = {c for collections in left_out.values() for c in collections or ()}
    if missing := sorted(named - found):
        raise ValueError(
            f"no photograph of a class is from collection {', '.join(missing)}, which "
            f"{_described(left_out)} leave out; the collections found are "
            f"{', '.join(sorted(found)) or 'none'}: choose with --left-out NAME=c1,c2"
        )
    sides = {name: found - named if c is None else c for name, c in left_out.items()}
    return {name: frozenset(side) for name, side in sides.items() if side}


def _described(left_out: LeftOut) -> str:
    told = [f"{name} ({', '.join(sorted(c or ['all others']))})" for name, c in left_out.items()]
    return f"the folds {', '.join(told[:-1])} and {told[-1]}"


def specimen_folds(
    manifest: Manifest, folds: int = len(SPECIMEN_FOLDS), seed: int = 0
) -> list[Split]:
    """Split into `folds` parts by specimen, species kept as even as whole specimens allow.

    Raises ValueError where there are too few specimens or photographs.
    """
    labels = np.array(manifest.labels(), dtype=int)
    groups = np.array([p.specimen for p in manifest.photographs])
    specimens, most = len(np.unique(groups)), int(np.bincount(labels).max(initial=0))
    if min(specimens, most) < folds:
        raise ValueError(
            f"{len(labels)} photographs of {specimens} specimens, at most {most} of a class, are "
            f"too few for {folds} folds by specimen; needed: {folds} specimens or more, and "
            f"{folds} photographs or more of one class"
        )
    splitter = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
    return [
        Split(f"specimen{number}", tuple(map(int, train)), tuple(map(int, test)))
        for number, (train, test) in enumerate(splitter.split(labels, labels, groups))
    ]


def collection_folds(manifest: Manifest, left_out: LeftOut = LEFT_OUT_FOLDS) -> list[Split]:
    """Split by leaving whole collections out, by default A = c04, B = c21 + c22, C = the others.

    A specimen photographed in two collections would leak, so training drops every specimen of
    the test side. Raises ValueError where a collection that is named is not there.
    """
    splits = []
    for name, collections in left_out_folds(manifest, left_out).items():
        test = tuple(i for i, p in enumerate(manifest.photographs) if p.collection in collections)
        inside = set(test)
        stones = {manifest.photographs[i].specimen for i in test}
        train = tuple(
            i
            for i, p in enumerate(manifest.photographs)
            if i not in inside and p.specimen not in stones
        )
        splits.append(Split(name, train, test))
    return splits


def named_splits(manifest: Manifest, left_out: LeftOut = LEFT_OUT_FOLDS) -> dict[str, Split]:
    """Return every split by name; `all` trains on everything and tests on nothing.

    Raises ValueError where one can't be made or a side of it is empty.
    """
    everything = Split(EVERYTHING, tuple(range(len(manifest))), ())
    splits = (everything, *specimen_folds(manifest), *collection_folds(manifest, left_out))
    return {split.name: _usable(split, manifest) for split in splits}


def named_split(manifest: Manifest, name: str, left_out: LeftOut = LEFT_OUT_FOLDS) -> Split:
    """Return one split; the photographs need not do for the others. Raises ValueError."""
    allowed = (EVERYTHING, *SPECIMEN_FOLDS, *left_out)
    if name not in allowed:
        raise ValueError(f"unknown split {name!r}; allowed: {', '.join(allowed)}")
    if name == EVERYTHING:
        return _usable(Split(name, tuple(range(len(manifest))), ()), manifest)
    by_specimen = name in SPECIMEN_FOLDS
    splits = specimen_folds(manifest) if by_specimen else collection_folds(manifest, left_out)
    found = [split for split in splits if split.name == name]
    if not found:
        raise ValueError(f"split {name!r} is empty: no collection is in none of the other folds")
    return _usable(found[0], manifest)


def _usable(split: Split, manifest: Manifest) -> Split:
    for side, indices in (("train on", split.train), ("measure on", split.test)):
        if not indices and (side == "train on" or split.name != EVERYTHING):
            raise ValueError(
                f"split {split.name!r} leaves nothing to {side}: {len(manifest)} photographs of "
                f"the {len(manifest.classes)} classes, {len(split.train)} of them to train on and "
                f"{len(split.test)} to measure on"
            )
    return split

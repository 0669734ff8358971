"""Plan a release: read and check all that it needs before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mineralid.lab.data.manifest import Manifest, read_manifest
from mineralid.lab.data.splits import EVERYTHING, LEFT_OUT_FOLDS, LeftOut, named_splits
from mineralid.lab.evaluation.calibrate import collection_weights
from mineralid.lab.evaluation.out_of_fold import judges
from mineralid.lab.evaluation.simulated import evidence_catalogue, judge_readings
from mineralid.lab.export.recipes import ALTERNATIVES, MEMBERS
from mineralid.lab.training.launch import Job
from mineralid.lab.training.record import RunRecord, is_finished
from mineralid.lab.training.settings import as_settings
from mineralid.minerals import UnknownMineral
from mineralid.vision.bundle import SPEC_FILE, Bundle, load_bundle

KINDS = ("specimen", "collection")


@dataclass(frozen=True)
class Plan:
    """What a release is made of: its folders, the photographs, the folds, every training.

    kept: the bundle whose network stays, where only the rest is made anew.
    """

    photos: Path
    facts: Path
    out: Path
    bundle: Path
    manifest: Manifest
    left_out: LeftOut
    jobs: tuple[Job, ...]
    kept: Bundle | None = None


def plan_release(
    photos: Path,
    facts: Path,
    out: Path,
    bundle: Path,
    left_out: LeftOut = LEFT_OUT_FOLDS,
    *,
    keep_network: bool = False,
) -> Plan:
    """Return the plan of a release; creates nothing.

    photos: folder of photographs; facts: folder of property tables (readings are drawn from one
    that the evidence under test does not use); out: folder of the runs. keep_network: the network
    in `bundle` stays, and how it compares with other recipes, which no catalogue changes; of the
    trainings, those of its folds are left. Raises ValueError or OSError, which names what is
    missing or unusable.
    """
    for path in (out, bundle):
        if path.exists() and not path.is_dir():
            raise ValueError(f"{path} is a file; allowed: a folder, or a place for a new one")
    if bundle.is_dir() and any(bundle.iterdir()) and not (bundle / SPEC_FILE).is_file():
        raise ValueError(f"{bundle} holds something else; allowed: a bundle, or an empty folder")
    manifest = read_manifest(photos)
    core = manifest.of_classes()
    if len(core.classes) < 2:
        raise ValueError(f"{photos} names {len(core.classes)} class; needed: two or more")
    try:
        judge_readings(facts, evidence_catalogue(facts), core.classes)
    except UnknownMineral as error:
        raise ValueError(f"a class of {photos}: {error}") from None
    except KeyError as error:
        raise ValueError(f"a table of {facts} has no column {error}") from None
    kept = _kept(bundle, core, left_out) if keep_network else None
    jobs = tuple(release_jobs(out, core, left_out))
    if kept:
        jobs = tuple(job for job in jobs if _of_a_fold_of_what_ships(job))
    check_detector(manifest, left_out)
    for job in jobs:
        is_finished(job.run, job.record)  # refuses the folder of another run
    return Plan(photos, facts, out, bundle, manifest, left_out, jobs, kept)


def _kept(folder: Path, core: Manifest, left_out: LeftOut) -> Bundle:
    """Return the bundle whose network stays; ValueError where it is of something else."""
    bundle = load_bundle(folder)
    figures: Any = bundle.spec.figures
    if not {"left_out", "compared", "export"} <= set(figures):
        raise ValueError(
            f"{folder} was not made by `mineralid lab release`, which keeps its network"
        )
    if bundle.classes != tuple(core.classes):
        names = sorted(set(bundle.classes) ^ set(core.classes))
        raise ValueError(
            f"{folder} names {len(bundle.classes)} classes, the photographs {len(core.classes)}"
            f"{': not in both are ' + ', '.join(names) if names else ', in another order'}"
        )
    made, asked = figures["left_out"], named_left_out(left_out)
    if made != asked:
        raise ValueError(f"{folder} was measured on the folds {made}; received: {asked}")
    recipes = {name: recipe.model_dump(mode="json") for name, recipe in MEMBERS.items()}
    if bundle.spec.training["recipes"] != recipes:
        raise ValueError(
            f"{folder} was trained by other recipes than {', '.join(recipes)} of today"
        )
    return bundle


def named_left_out(left_out: LeftOut) -> dict[str, list[str] | str]:
    """Return the folds of collections left out, as a bundle's figures have them."""
    return {name: "all others" if c is None else sorted(c) for name, c in left_out.items()}


def _of_a_fold_of_what_ships(job: Job) -> bool:
    return job.record.split != EVERYTHING and job.record.recipe in MEMBERS.values()


def release_jobs(out: Path, core: Manifest, left_out: LeftOut = LEFT_OUT_FOLDS) -> list[Job]:
    """Return every training of a release, those of what ships first.

    core: the photographs of the classes. Raises ValueError where a split can't be made of them.
    """
    splits = named_splits(core, left_out)
    order = [name for name in left_out if name in splits]
    order += [name for name in splits if name not in (*order, EVERYTHING)]
    folds: list[str] = []
    for name, collections in left_out.items() if left_out != LEFT_OUT_FOLDS else ():
        if collections is not None:
            folds += ["--left-out", f"{name}={','.join(sorted(collections))}"]
    jobs = []
    for network, recipe in (MEMBERS | ALTERNATIVES).items():
        options = [word for setting in as_settings(recipe) for word in ("--set", setting)]
        for name in (*order, *([EVERYTHING] if network in MEMBERS else [])):
            record = RunRecord.of_manifest(recipe, name, core.subset(splits[name].train))
            jobs.append(Job(record, out / f"{network}-{name}", (*options, *folds)))
    return jobs


def check_detector(manifest: Manifest, left_out: LeftOut = LEFT_OUT_FOLDS) -> None:
    """Raise ValueError where the detector of other species can't be fitted without some fold."""
    core, others = manifest.of_classes(), manifest.of_other_species()
    collections = np.array([p.collection for p in (*core.photographs, *others.photographs)])
    unknown = np.arange(len(collections)) >= len(core)
    for kind in KINDS:
        splits, beyond_fold = judges(kind, manifest, left_out)
        fold = np.empty(len(core), dtype=int)
        for number, split in enumerate(splits):
            fold[list(split.test)] = number
        judged = np.concatenate([fold, beyond_fold])
        for number, split in enumerate(splits):
            kept = judged != number
            if not collection_weights(unknown[kept], list(collections[kept])).any():
                raise ValueError(
                    f"{len(others)} photographs of other species than the {len(core.classes)} "
                    f"classes are too few: outside the fold {split.name}, no collection has both "
                    "5 of them and 5 of classes, from which the two are told apart"
                )

"""Which photographs a run is measured on, and its network in the published layout."""

from __future__ import annotations

from pathlib import Path

import torch

from mineralid.lab.data.manifest import Manifest
from mineralid.lab.data.original_layout import read_original
from mineralid.lab.data.sources import open_data
from mineralid.lab.data.tar_set import read_tar
from mineralid.lab.original.checkpoint import export_original
from mineralid.lab.original.found import FieldRun, find_run
from mineralid.lab.original.networks import build_case
from mineralid.lab.original.recipe import ANY
from mineralid.lab.original.records import load_finished
from mineralid.lab.original.sources import SOURCE_FILE, read_source
from mineralid.lab.training.own import read_folder_run


def photographs_to_measure(
    run: Path,
    tests: str | None,
    *,
    tar: Path | None = None,
    img_root: Path | None = None,
    meta_root: Path | None = None,
    data: Path | None = None,
) -> Manifest:
    """Return the photographs to measure a run on: those given, else the run's own test set.

    tar: an archive; img_root and meta_root: val.txt of the original's layout; data: all
    photographs of a folder. Raises ValueError or OSError, which names what is missing or bad.
    """
    if not run.is_dir():
        raise ValueError(f"no folder {run}; needed: the folder of a run, or of a case in it")
    given = [n for n, v in (("--tar", tar), ("--data", data), ("--img-root", img_root)) if v]
    if len(given) > 1 or (img_root is None) != (meta_root is None):
        raise ValueError(
            f"the photographs are given by {', '.join(given) or '--meta-root'}; allowed: one of "
            "--tar, --data, or --img-root with --meta-root"
        )
    if not given:
        return _own_test_set(run, tests)
    found = find_run(run, tests)
    if tar is not None:
        return read_tar(tar, found.classes)
    if data is not None:
        return open_data(data, found.classes).of_classes()
    assert img_root is not None
    assert meta_root is not None
    return read_original(img_root, meta_root, found.classes).test


def _own_test_set(run: Path, tests: str | None) -> Manifest:
    for out in (run, run.parent):
        if (out / SOURCE_FILE).is_file() and (out / "student").is_dir():
            source = read_source(out)
            cases = [c for c in sorted(out.iterdir()) if (c / "dmib").is_dir()]
            found = find_run(run, tests) if tests or run != out else find_run(cases[0], None)
            assert not isinstance(found, FieldRun)
            return source.test_set(found.recipe)
    if (run / SOURCE_FILE).is_file():
        held_out = read_folder_run(run, None, print).held_out
        if not len(held_out):
            raise ValueError(f"{run} held no photograph out; say what to measure on with --data")
        return held_out
    raise ValueError(
        f"{run} does not say where its test set is; allowed: --tar, --data, or --img-root with "
        "--meta-root"
    )


def write_original(run: Path, tests: str | None, file: Path) -> tuple[str, ...]:
    """Write the finished network of a case in the published layout; return what to know of it.

    Raises ValueError where there is none, or the layout has no names for it.
    """
    found = find_run(run, tests)
    if isinstance(found, FieldRun) or found.recipe.tests == ANY:
        raise ValueError(f"{run} is no run of a case; the published layout holds cases alone")
    network = build_case(found.recipe, len(found.classes))
    load_finished(found.folder / "dmib", network)
    saved = export_original(network, found.recipe.dmib.epochs - 1)
    partial = file.with_name(f"{file.name}.partial")
    torch.save(saved, partial)
    partial.replace(file)
    if found.recipe.student.backbone == "resnet-50":
        return ()
    return (
        f"its encoder is {found.recipe.student.backbone}, which keeps its own names in the file: the "
        "published code reads a resnet-50",
    )

"""What the files of a run say of its networks: recipe, seconds, evaluations that fit together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mineralid.lab.original.evaluate import evaluation_folder
from mineralid.lab.original.evaluation import POOLS, Evaluation, read_evaluation
from mineralid.lab.original.found import FoundRun, find_run
from mineralid.lab.original.records import read_stage
from mineralid.lab.original.run import case_folder
from mineralid.lab.training.record import NETWORK_FILE, whole


@dataclass(frozen=True)
class MeasuredNetwork:
    """One network of a run: its recipe and classes, its evaluation by pool, seconds by stage.

    trained_on: photographs, those carved off not counted.
    """

    found: FoundRun
    by_pool: Mapping[str, Evaluation]
    seconds: Mapping[str, float]
    trained_on: int

    @property
    def tests(self) -> str:
        """Return the tests of its recipe, `any` for every subset."""
        return self.found.recipe.tests


def is_trained(out: Path, tests: str) -> bool:
    """Return whether a run has a finished network for a case, or for `any`."""
    return (case_folder(out, tests) / "dmib" / NETWORK_FILE).is_file()


def read_measured(out: Path, tests: str) -> MeasuredNetwork:
    """Read what was found of a network, with both pools of wrong readings.

    Raises ValueError where it was not measured, or another than lies there was.
    """
    found = find_run(out, tests)
    assert isinstance(found, FoundRun)
    stages = {"teacher": out / "teacher", "student": out / "student"} | {
        stage: found.folder / stage for stage in ("ssf", "dmib")
    }
    saved = {
        stage: _saved(folder)
        for stage, folder in stages.items()
        if (folder / NETWORK_FILE).is_file()
    }
    by_pool = {}
    for pool in POOLS:
        folder = evaluation_folder(out, tests, pool)
        by_pool[pool] = read_evaluation(folder)
        if by_pool[pool].pool != pool:
            raise ValueError(
                f"{folder} is an evaluation with the pool {by_pool[pool].pool!r}; allowed there: "
                f"{pool!r}"
            )
        if by_pool[pool].network_sha256 != saved["dmib"]["sha256"]:
            raise ValueError(
                f"{folder} is the evaluation of another network than the one that lies in "
                f"{found.folder}: evaluate that network again"
            )
    return MeasuredNetwork(
        found,
        by_pool,
        {stage: float(values["seconds"]) for stage, values in saved.items()},
        read_stage(found.folder / "dmib").photographs,
    )


def _saved(folder: Path) -> Mapping[str, Any]:
    path = folder / NETWORK_FILE
    with whole(path, "train this stage anew"):
        saved = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        return {"sha256": saved["sha256"], "seconds": saved["seconds"]}


def check_alike(out: Path, networks: Sequence[MeasuredNetwork]) -> None:
    """Raise ValueError where the figures of two networks, or of two pools, can't stand in one table."""
    first = networks[0].by_pool["case"]
    for network in networks:
        for pool, found in network.by_pool.items():
            for name, there, now in (
                ("photographs", first.photographs_sha256, found.photographs_sha256),
                ("specimens", first.specimens, found.specimens),
                ("error rates", error_rates(first), error_rates(found)),
                ("seed", first.seed, found.seed),
                (
                    "draws",
                    draws_averaged([first]) or draws_averaged([found]),
                    draws_averaged([found]) or draws_averaged([first]),
                ),
            ):
                if there != now:
                    raise ValueError(
                        f"{evaluation_folder(out, network.tests, pool)} was measured with other "
                        f"{name} than {evaluation_folder(out, networks[0].tests)}: measure both "
                        "again with the same ones"
                    )
            if any(condition.missing_rate for condition in found.conditions):
                raise ValueError(
                    f"{evaluation_folder(out, network.tests, pool)} was measured with readings "
                    "missing; allowed on the page: a missing rate of 0"
                )


def error_rates(found: Evaluation) -> tuple[float, ...]:
    """Return the error rates at which a network was measured."""
    return tuple(dict.fromkeys(condition.error_rate for condition in found.conditions))


def draws_averaged(found: Sequence[Evaluation]) -> int:
    """Return how many draws the figures with wrong readings are averaged over, 0 where none."""
    drawn = [c.draws for one in found for c in one.conditions if c.wrong]
    return max(drawn, default=0)

"""Screen trials: train each on the same splits and compare what the networks say of unseen stones.

The comparison is paired, photograph by photograph, with intervals over specimens. What can be
done with a trained network at no training (prototypes, a gallery, views at test time) has rows of
its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mineralid.lab.data.manifest import Manifest
from mineralid.lab.data.splits import LEFT_OUT_FOLDS, LeftOut, named_split
from mineralid.lab.evaluation.metrics import hits, macro, mean_of_folds_interval
from mineralid.lab.evaluation.prototypes import class_prototypes
from mineralid.lab.evaluation.readout import make_readout
from mineralid.lab.evaluation.scoring import Scores, cached_scores, color_histograms
from mineralid.lab.evaluation.screen_table import Row
from mineralid.lab.network.lite import LiteNetwork
from mineralid.lab.training.finished import load_network
from mineralid.lab.training.launch import Job, run_jobs
from mineralid.lab.training.record import NETWORK_FILE
from mineralid.lab.training.runs import photographs_of
from mineralid.lab.training.settings import as_settings
from mineralid.lab.training.trials import Trial
from mineralid.vision.prepare import ImageSpec

CROPS = (0.8, 1.0)  # beside the spec's own: shares of the largest central square
TRAINED_AT = 192  # pixels of the training that a spec of the field is made for
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """One read-out of one trial on the test sides, averaged over seeds.

    first, five: share of the seeds with the name among the best one and five [N]; fold: of each
    photograph [N].
    """

    trial: str
    readout: str
    first: Array
    five: Array
    labels: NDArray[np.int_]
    specimens: NDArray[np.str_]
    fold: NDArray[np.int_]

    def mean(self, hit: Array) -> float:
        """Return the mean over folds of the share."""
        return float(np.mean([hit[self.fold == f].mean() for f in np.unique(self.fold)]))

    def macro(self, hit: Array) -> float:
        """Return the mean over folds of the mean over classes of the share."""
        parts = [self.fold == f for f in np.unique(self.fold)]
        return float(np.mean([macro(hit[p], self.labels[p]) for p in parts]))

    def gain_over(self, other: Measured) -> dict[str, float]:
        """Return what top-1 gains over another's, paired, with its 95 % interval."""
        difference = self.first - other.first
        low, high = mean_of_folds_interval(difference, list(self.specimens), self.fold)
        return {"top1": self.mean(difference), "low": low, "high": high}


@dataclass(frozen=True)
class Screening:
    """What is screened: trials, on splits, with seeds 0 to seeds - 1; out: folder of the runs."""

    manifest: Manifest
    trials: tuple[Trial, ...]
    splits: tuple[str, ...]
    seeds: int
    out: Path
    left_out: LeftOut = field(default_factory=lambda: LEFT_OUT_FOLDS)

    def jobs_of(self, trial: Trial) -> list[Job]:
        """Return the trainings of one trial."""
        folds: list[str] = []
        for name, collections in self.left_out.items() if self.left_out != LEFT_OUT_FOLDS else ():
            if collections is not None:
                folds += ["--left-out", f"{name}={','.join(sorted(collections))}"]
        found = []
        for seed in range(self.seeds):
            for split in self.splits:
                recipe = trial.recipe(self.out, split, seed)
                chosen = photographs_of(self.manifest, split, recipe, self.left_out)
                settings = [word for text in as_settings(recipe) for word in ("--set", text)]
                run = trial.run(self.out, split, seed)
                found.append(Job(chosen.record(recipe), run, (*settings, *folds)))
        return found

    def waves(self) -> list[list[Job]]:
        """Return the trainings, those that build on others' runs after them."""
        level: dict[str, int] = {}
        for trial in self.trials:
            level[trial.name] = 1 + max((level[name] for name in trial.needs), default=-1)
        return [
            [j for t in self.trials if level[t.name] == now for j in self.jobs_of(t)]
            for now in range(1 + max(level.values()))
        ]

    def finished(self, say: Callable[[str], None]) -> list[Trial]:
        """Return the trials of which every training is done; says which folders hold others."""
        found = []
        for trial in self.trials:
            try:
                done = all(job.done for job in self.jobs_of(trial))
            except ValueError as error:
                say(f"left out {trial.name}: {error}")
                continue
            found += [trial] if done else []
        return found


def train_trials(
    screening: Screening,
    photos: Path,
    *,
    at_once: int,
    threads: int,
    say: Callable[[str], None],
) -> None:
    """Train what is not done yet; resumes. Raises as `run_jobs`."""
    waves = screening.waves()
    for job in (job for wave in waves for job in wave):
        _ = job.done  # refuses the folder of another run before anything is trained
    for wave in waves:
        run_jobs(wave, photos, at_once=at_once, threads=threads, say=say)


def measure_trials(
    screening: Screening, spec: ImageSpec, *, views: bool, say: Callable[[str], None]
) -> tuple[list[Row], list[dict[str, Any]]]:
    """Return the table of the trials that are finished, and what each is.

    spec: how the field prepares a photograph for a network trained at 192 pixels; views: measure
    views at test time too. Raises ValueError where the first trial is not finished.
    """
    done = screening.finished(say)
    if not done or done[0].name != screening.trials[0].name:
        raise ValueError(
            f"the trial {screening.trials[0].name}, with which all are compared, is not trained"
        )
    found: dict[tuple[str, str], Measured] = {}
    for trial in done:
        for measured in _measured(screening, trial, spec, views):
            found[trial.name, measured.readout] = measured
        say(f"measured {trial.name}")
    bases = {t.name: t.base for t in done}
    rows = []
    for (name, readout), measured in found.items():
        base = bases[name]
        usual = (done[0].name, readout)
        against = (base, readout) if base and (base, readout) in found else usual
        first, five = measured.first, measured.five
        rows.append(
            Row(
                name,
                readout,
                len(first),
                *(measured.mean(first), measured.mean(five)),
                *(measured.macro(first), measured.macro(five)),
                measured.gain_over(found[usual]),
                measured.gain_over(found[against]),
                measured.gain_over(found[name, "head"]),
            )
        )
    return rows, [_about(screening, trial) for trial in done]


def _about(screening: Screening, trial: Trial) -> dict[str, Any]:
    """Return settings, seconds of the trainings and their number."""
    jobs = screening.jobs_of(trial)
    saved = [torch.load(j.run / NETWORK_FILE, weights_only=True, mmap=True) for j in jobs]
    return {
        "trial": trial.name,
        "base": trial.base or ("" if trial is screening.trials[0] else screening.trials[0].name),
        "settings": [s for s in as_settings(jobs[0].record.recipe) if not s.startswith("seed=")],
        "trainings": len(jobs),
        "seconds": float(np.mean([s["seconds"] for s in saved])),
    }


def _measured(screening: Screening, trial: Trial, spec: ImageSpec, views: bool) -> list[Measured]:
    core = screening.manifest.of_classes()
    labels = np.array(core.labels())
    stones = np.array([p.specimen for p in core.photographs])
    firsts: dict[str, list[Array]] = {}
    fives: dict[str, list[Array]] = {}
    tests = [list(named_split(core, s, screening.left_out).test) for s in screening.splits]
    for seed in range(screening.seeds):
        parts: dict[str, list[NDArray[np.floating]]] = {}
        for split in screening.splits:
            run = trial.run(screening.out, split, seed)
            size = trial.recipe(screening.out, split, seed).image_size
            for name, p in _readouts(screening, run, split, _sized(spec, size), views).items():
                parts.setdefault(name, []).append(p)
        for name, scores in parts.items():
            pairs = list(zip(scores, tests, strict=True))
            for k, kept in ((1, firsts), (5, fives)):
                hit = np.concatenate([hits(p, labels[test], k) for p, test in pairs])
                kept.setdefault(name, []).append(hit)
    rows = np.concatenate([np.array(t, dtype=int) for t in tests])
    fold = np.repeat(np.arange(len(tests)), [len(t) for t in tests])
    return [
        Measured(
            trial.name,
            name,
            np.mean(firsts[name], axis=0),
            np.mean(fives[name], axis=0),
            labels[rows],
            stones[rows],
            fold,
        )
        for name in firsts
    ]


def _sized(spec: ImageSpec, image_size: int) -> ImageSpec:
    """Return the spec for a network trained at another size: larger at test in proportion."""
    height, width = (round(s * image_size / TRAINED_AT) for s in (spec.height, spec.width))
    return spec.model_copy(update={"height": height, "width": width})


def _readouts(
    screening: Screening, run: Path, split_name: str, spec: ImageSpec, views: bool
) -> dict[str, NDArray[np.floating]]:
    """Return scores or probabilities [n, C] of a split's test side by each read-out."""
    core = screening.manifest.of_classes()
    split = named_split(core, split_name, screening.left_out)
    train, test = list(split.train), list(split.test)
    network = load_network(run)
    labels = np.array(core.labels())[train]
    collections = np.array([p.collection for p in core.photographs])[train]
    classes = len(core.classes)
    everything = cached_scores(run, network, core, spec)
    own, beside = everything.rows(test), everything.rows(train).feature
    head = class_prototypes(beside, labels, collections, classes).head()
    plain = own.with_head(*head)
    colors = color_histograms(core, spec, run.parent)
    readout = make_readout(beside, colors[train], labels, collections, classes)
    found = {
        "head": own.scores,
        "prototypes": plain.scores,
        "gallery": plain.scores + readout.gallery.scores(own.feature),
        "gallery and colours": readout.applied(own, colors[test]).scores,
    }
    if views:
        tested = core.subset(test)
        mirrored = cached_scores(run, cast(LiteNetwork, Mirrored(network)), tested, spec)
        nearer = [
            cached_scores(run, network, tested, spec.model_copy(update={"crop_fraction": c}))
            for c in CROPS
        ]
        found["flip"] = _together([plain, mirrored.with_head(*head)])
        found["three crops"] = _together([plain, *(s.with_head(*head) for s in nearer)])
    return found


def _together(views: Sequence[Scores]) -> Array:
    """Return the mean of the views' probabilities [n, C]."""
    logits = np.stack([v.scores.astype(np.float64) for v in views])
    powers = np.exp(logits - logits.max(2, keepdims=True))
    result: Array = (powers / powers.sum(2, keepdims=True)).mean(0)
    return result


class Mirrored(nn.Module):
    """A network that sees every photograph in a mirror."""

    def __init__(self, network: LiteNetwork) -> None:
        super().__init__()
        self.network = network

    @property
    def head(self) -> nn.Linear:
        """The network's head."""
        return self.network.head

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        seen: tuple[torch.Tensor, torch.Tensor, torch.Tensor] = self.network(x.flip(3))
        return seen

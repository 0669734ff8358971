"""The finished networks of a recipe, one for each split; "a+b" are those of two, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mineralid.lab.data.manifest import Manifest
from mineralid.lab.evaluation.scoring import Scores, cached_scores
from mineralid.lab.network.joined import Network, side_by_side
from mineralid.lab.training.train import load_network
from mineralid.vision.prepare import ImageSpec


@dataclass(frozen=True)
class Networks:
    """Runs FOLDER/<name>-<split>; of a name "a+b" FOLDER/a-<split> and FOLDER/b-<split>.

    Every method raises ValueError or OSError where a run is not there, not finished or damaged.
    """

    folder: Path
    name: str

    def runs(self, split: str) -> tuple[Path, ...]:
        """Return the folders of a split's runs, one a member."""
        return tuple(self.folder / f"{member}-{split}" for member in self.name.split("+"))

    def load(self, split: str) -> Network:
        """Return the network of a split."""
        return side_by_side([load_network(run) for run in self.runs(split)])

    def scores(self, split: str, manifest: Manifest, spec: ImageSpec) -> Scores:
        """Return its scores and features of every photograph, kept in each member's run."""
        return joined(
            [cached_scores(run, load_network(run), manifest, spec) for run in self.runs(split)]
        )


def joined(parts: list[Scores]) -> Scores:
    """Return the scores of the same photographs by several networks as of a JoinedNetwork."""
    if len(parts) == 1:
        return parts[0]
    return Scores(
        np.mean([part.scores for part in parts], axis=0, dtype=np.float32),
        np.concatenate([part.feature for part in parts], axis=1),
    )

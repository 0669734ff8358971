"""Answers of a network to photographs whose tests are given in different ways.

A photograph's answer depends on its feature and on what its tests are given as, and there are few
such triples. So each head answers every photograph once for each triple that occurs; draws of what
is wrong or missing only choose among these answers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from mineralid.lab.evaluation.metrics import hits
from mineralid.lab.original.codes import Triple

Ints = NDArray[np.int64]

ROWS_AT_ONCE = 4096


class Judged(NamedTuple):
    """Of N photographs: whether the label is the best, among the five best [N]; the best [N]."""

    top1: NDArray[np.float64]
    top5: NDArray[np.float64]
    best: Ints


class Answers(ABC):
    """A network's answers to the same photographs, whatever is given as their tests."""

    def __init__(self, labels: Ints) -> None:
        self.labels = labels
        self._known: dict[Triple, dict[str, Judged]] = {}

    @abstractmethod
    def logits(self, triple: Triple) -> dict[str, NDArray[np.float32]]:
        """Return each head's logits [N, C] where all photographs have these tests."""

    def of(self, triple: Triple) -> dict[str, Judged]:
        """Return each head's answers where all photographs have these tests."""
        if triple not in self._known:
            found = self.logits(triple)
            for head, scores in found.items():
                if not np.isfinite(scores).all():
                    raise ValueError(
                        f"the {head} head gives values that are not finite: train anew"
                    )
            # The order of logits is that of their probabilities; no softmax is needed, nor two.
            self._known[triple] = {
                head: Judged(
                    hits(scores, self.labels, 1), hits(scores, self.labels, 5), scores.argmax(1)
                )
                for head, scores in found.items()
            }
        return self._known[triple]

    def given(self, codes: Ints) -> dict[str, Judged]:
        """Return each head's answers to tests given as codes [N, F]."""
        triples, which = np.unique(codes, axis=0, return_inverse=True)
        which = which.reshape(-1)  # some versions of numpy keep an axis
        of_all = [self.of((int(row[0]), int(row[1]), int(row[2]))) for row in triples]
        photographs = np.arange(len(codes))

        def picked(head: str, part: str) -> NDArray[Any]:
            found: NDArray[Any] = np.stack([getattr(judged[head], part) for judged in of_all])
            return found[which, photographs]

        return {
            head: Judged(picked(head, "top1"), picked(head, "top5"), picked(head, "best"))
            for head in of_all[0]
        }


class HeadAnswers(Answers):
    """Answers of a clean and an error head on fixed features float32 [N, D]."""

    def __init__(self, head: torch.nn.Module, features: NDArray[np.float32], labels: Ints) -> None:
        super().__init__(labels)
        self.head, self.features = head, torch.from_numpy(features)

    @torch.inference_mode()
    def logits(self, triple: Triple) -> dict[str, NDArray[np.float32]]:
        """Return the logits of both heads."""
        codes = torch.tensor([triple], dtype=torch.float32)
        parts = [
            self.head(rows, codes.expand(len(rows), -1))
            for rows in self.features.split(ROWS_AT_ONCE)
        ]
        return {
            "clean": torch.cat([part.clean for part in parts]).float().numpy(),
            "error": torch.cat([part.robust for part in parts]).float().numpy(),
        }


class FieldAnswers(Answers):
    """Answers of a network that reads photographs alone."""

    def __init__(self, scores: NDArray[np.float32], labels: Ints) -> None:
        super().__init__(labels)
        self.scores = scores

    def logits(self, triple: Triple) -> dict[str, NDArray[np.float32]]:
        """Return its logits."""
        return {"photograph": self.scores}

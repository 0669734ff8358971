"""Learned fusion of photograph and evidence: the evidence model with weights, by subset of tests.

p(s) ∝ p_photo(s)^a · [(1 − ε) ∏_j L_j(s)^w_j + ε · mean_s′ ∏_j L_j(s′)^w_j] · p_net(s)^b, with a, w, b
and ε of its own for each of the eight subsets of tests. With a = 1 / T, w = 1 and b = 0 it is the
evidence model (identify/posterior.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mineralid.identify.posterior import log_mean, log_softmax, mix_wrong_record
from mineralid.lab.evaluation.robustness.learned.training import reproducible
from mineralid.lab.evaluation.robustness.learned.views import CASES, Case, Flags, case_named

Array = NDArray[np.float64]

STEPS = 60  # of L-BFGS, far more than it needs


@dataclass(frozen=True)
class Weights:
    """Of one subset of tests. photo: a = 1 / T. tests: w [F], of those made. wrong: ε. network: b."""

    photo: float
    tests: tuple[float, ...]
    wrong: float
    network: float = 0.0


def fused_posterior(
    weights: dict[Case, Weights],
    scores: NDArray[np.float32],
    log_likelihoods: Sequence[Array],
    tested: Flags,
    log_network: Array | None = None,
) -> Array:
    """Return p(class) [n, C].

    scores: of the photograph [n, C]; log_likelihoods: of F tests, 0 where untested [n, C] each;
    tested [n, F]; log_network: log p(class) of a network on both [n, C].
    """
    result = np.empty(scores.shape, dtype=np.float64)
    for case in {tuple(map(bool, row)) for row in np.unique(tested, axis=0)}:
        own, rows = weights[case], (tested == case).all(1)
        total = own.photo * log_softmax(scores[rows].astype(np.float64))
        if any(case):
            record = np.sum(
                [w * table[rows] for w, table in zip(own.tests, log_likelihoods, strict=True)],
                axis=0,
            )
            even = np.full(record.shape[1], -np.log(record.shape[1]))
            total = total + mix_wrong_record(record, log_mean(record, even), own.wrong)
        if log_network is not None and own.network:
            total = total + own.network * log_network[rows]
        result[rows] = np.exp(log_softmax(total))
    return result


def fit_weights(
    case: Case,
    scores: NDArray[np.float32],
    log_likelihoods: Sequence[Array],
    labels: NDArray[np.int_],
    log_network: Array | None = None,
) -> tuple[Weights, float]:
    """Minimise the mean of −log p(truth) over n stones that had the tests of `case`.

    Returns the weights, and the loss in nats. All rows are used: give none that is judged.
    """
    photo = torch.from_numpy(log_softmax(scores.astype(np.float64)))
    tests = torch.from_numpy(np.stack(log_likelihoods))[list(case)]  # [made, n, C]
    network = None if log_network is None else torch.from_numpy(log_network)
    truth = torch.from_numpy(labels).long()
    # Logarithms of a, w and b; log-odds of ε. The network starts with little weight.
    start = [0.0] * (1 + len(tests)) + [-2.2, -2.3]
    theta = torch.tensor(start, dtype=torch.float64, requires_grad=True)

    def loss() -> torch.Tensor:
        total = theta[0].exp() * photo
        if len(tests):
            record = (theta[1:-2].exp()[:, None, None] * tests).sum(0)
            stray = record.logsumexp(1, keepdim=True) - np.log(record.shape[1])
            keep, wrong = torch.nn.functional.logsigmoid(torch.stack([-theta[-2], theta[-2]]))
            total = total + torch.logaddexp(keep + record, wrong + stray.expand_as(record))
        if network is not None:
            total = total + theta[-1].exp() * network
        return torch.nn.functional.cross_entropy(total, truth)

    optimizer = torch.optim.LBFGS([theta], max_iter=STEPS, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    with reproducible(0):
        optimizer.step(closure)
        with torch.no_grad():
            reached = float(loss())
            made = iter(theta[1:-2].exp().tolist())
            found = Weights(
                photo=float(theta[0].exp()),
                tests=tuple(next(made) if test else 0.0 for test in case),
                wrong=float(torch.sigmoid(theta[-2])) if any(case) else 0.0,
                network=0.0 if network is None else float(theta[-1].exp()),
            )
    return found, reached


def described(weights: dict[Case, Weights]) -> dict[str, Any]:
    """Return the weights as plain values, by the names of the tests made."""
    found: dict[str, Any] = {}
    for case in CASES:
        own = weights[case]
        found[case_named(case)] = {
            "photo": round(own.photo, 4),
            "tests": [round(w, 4) for w in own.tests],
            "wrong": round(own.wrong, 4),
            "network": round(own.network, 4),
        }
    return found

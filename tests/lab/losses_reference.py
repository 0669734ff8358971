"""Reference for test_losses_reference.py: the losses in float64 numpy, written from the formulas.

One function a loss, named as in mineralid.lab.losses.LOSSES and independent of it: loops over rows,
classes, pairs and triples, probabilities rather than their logarithms. Meant for moderate numbers:
it is not safe at the ends. Run `python tests/lab/losses_reference.py` to print every loss once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

Array = np.ndarray


def softmax(row: Array) -> list[float]:
    powers = [math.exp(v) for v in row]
    return [p / sum(powers) for p in powers]


def one_hot(labels: Array, classes: int) -> Array:
    """Soft labels [B, C] pass through."""
    return np.eye(classes)[labels] if labels.ndim == 1 else labels


def divergence(p: Sequence[float], q: Sequence[float]) -> float:
    """KL(p ‖ q)."""
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


def z_scores(logits: Array) -> Array:
    rows = []
    for row in logits:
        mean = sum(row) / len(row)
        std = math.sqrt(sum((v - mean) ** 2 for v in row) / (len(row) - 1))
        rows.append([(v - mean) / (std + 1e-7) for v in row])
    return np.array(rows)


def smooth_l1(a: float, b: float) -> float:
    d = abs(a - b)
    return d * d / 2 if d < 1 else d - 0.5


def cross_entropy(logits: Array, labels: Array, label_smoothing: float = 0.0) -> float:
    classes, total = logits.shape[1], 0.0
    for row, y in zip(logits, one_hot(labels, classes), strict=True):
        for p, t in zip(softmax(row), y, strict=True):
            total -= ((1 - label_smoothing) * t + label_smoothing / classes) * math.log(p)
    return total / len(logits)


def focal(
    logits: Array,
    labels: Array,
    gamma: float = 2.0,
    class_weight: Sequence[float] | None = None,
) -> float:
    w = class_weight or [1.0] * logits.shape[1]
    total = 0.0
    for row, y in zip(logits, one_hot(labels, logits.shape[1]), strict=True):
        for c, p in enumerate(softmax(row)):
            total -= w[c] * (1 - p) ** gamma * y[c] * math.log(p)
    return total / len(logits)


def poly1(
    logits: Array,
    labels: Array,
    epsilon: float = 1.0,
    class_weight: Sequence[float] | None = None,
) -> float:
    w = class_weight or [1.0] * logits.shape[1]
    total = 0.0
    for row, y in zip(logits, one_hot(labels, logits.shape[1]), strict=True):
        p = softmax(row)
        total += sum(-w[c] * y[c] * math.log(p[c]) for c in range(len(p)))
        total += epsilon * (1 - sum(y[c] * p[c] for c in range(len(p))))
    return total / len(logits)


def gce(logits: Array, labels: Array, q: float = 0.7) -> float:
    total = 0.0
    for row, y in zip(logits, one_hot(labels, logits.shape[1]), strict=True):
        total += sum(t * (1 - p**q) / q for p, t in zip(softmax(row), y, strict=True))
    return total / len(logits)


def bootstrapped(logits: Array, labels: Array, beta: float = 0.95) -> float:
    total = 0.0
    for row, y in zip(logits, one_hot(labels, logits.shape[1]), strict=True):
        for p, t in zip(softmax(row), y, strict=True):
            total -= (beta * t + (1 - beta) * p) * math.log(p)
    return total / len(logits)


def kl(logits: Array, teacher_logits: Array) -> float:
    return kd(logits, teacher_logits, temperature=1.0)


def kd(logits: Array, teacher_logits: Array, temperature: float = 3.0) -> float:
    total = 0.0
    for s, t in zip(logits, teacher_logits, strict=True):
        total += divergence(softmax(t / temperature), softmax(s / temperature))
    return temperature**2 * total / len(logits)


def kd_standardised(logits: Array, teacher_logits: Array, temperature: float = 3.0) -> float:
    return kd(z_scores(logits), z_scores(teacher_logits), temperature)


def dkd(
    logits: Array,
    labels: Array,
    teacher_logits: Array,
    alpha: float = 1.0,
    beta: float = 8.0,
    temperature: float = 3.0,
) -> float:
    total = 0.0
    for s, y, t in zip(logits, labels, teacher_logits, strict=True):
        p_s, p_t = softmax(s / temperature), softmax(t / temperature)
        total += alpha * divergence([p_t[y], 1 - p_t[y]], [p_s[y], 1 - p_s[y]])
        others = [c for c in range(len(s)) if c != y]
        q_s = [p_s[c] / (1 - p_s[y]) for c in others]
        q_t = [p_t[c] / (1 - p_t[y]) for c in others]
        total += beta * divergence(q_t, q_s)
    return temperature**2 * total / len(logits)


def dkd_standardised(
    logits: Array,
    labels: Array,
    teacher_logits: Array,
    alpha: float = 1.0,
    beta: float = 8.0,
    temperature: float = 3.0,
) -> float:
    return dkd(z_scores(logits), labels, z_scores(teacher_logits), alpha, beta, temperature)


def rkd(
    feature: Array,
    teacher_feature: Array,
    distance_weight: float = 25.0,
    angle_weight: float = 50.0,
) -> float:
    n = len(feature)
    scaled = []
    for x in (feature, teacher_feature):
        d = [[math.dist(x[i], x[j]) for j in range(n)] for i in range(n)]
        above = [v for row in d for v in row if v > 0]
        mean = sum(above) / len(above) if above else 1.0
        scaled.append([v / mean for row in d for v in row])
    distance = sum(smooth_l1(a, b) for a, b in zip(*scaled, strict=True)) / n**2
    angle = 0.0
    for i in range(n):
        for j in range(n):
            for k in range(n):
                angle += smooth_l1(_cosine(feature, i, j, k), _cosine(teacher_feature, i, j, k))
    return distance_weight * distance + angle_weight * angle / n**3


def _cosine(x: Array, i: int, j: int, k: int) -> float:
    a, b = x[j] - x[i], x[k] - x[i]
    lengths = math.hypot(*a) * math.hypot(*b)
    return float(sum(a * b)) / lengths if lengths > 0 else 0.0


def cmd(feature: Array, teacher_feature: Array, moments: int = 5) -> float:
    columns = [list(zip(*x, strict=True)) for x in (feature, teacher_feature)]
    total = 0.0
    for k in range(1, moments + 1):
        gaps = [_moment(a, k) - _moment(b, k) for a, b in zip(columns[0], columns[1], strict=True)]
        total += math.sqrt(sum(g * g for g in gaps))
    return total


def _moment(column: Sequence[float], k: int) -> float:
    mean = sum(column) / len(column)
    return mean if k == 1 else sum((v - mean) ** k for v in column) / len(column)


def mmd_width(feature: Array, teacher_feature: Array) -> float:
    """Mean squared distance between different rows of both batches together."""
    rows = [*feature, *teacher_feature]
    pairs = [math.dist(a, b) ** 2 for i, a in enumerate(rows) for j, b in enumerate(rows) if i != j]
    return sum(pairs) / len(pairs)


def mmd(feature: Array, teacher_feature: Array, width: float | None = None) -> float:
    """width: kept where the slope is measured, for the loss has no gradient through it."""
    width = mmd_width(feature, teacher_feature) if width is None else width

    def kernel(a: Array, b: Array) -> float:
        return sum(math.exp(-(math.dist(a, b) ** 2) / (width / 4 * m)) for m in (1, 2, 4, 8, 16))

    total = 0.0
    for x, x2 in zip(feature, teacher_feature, strict=True):
        for y, y2 in zip(feature, teacher_feature, strict=True):
            total += kernel(x, y) + kernel(x2, y2) - kernel(x, y2) - kernel(x2, y)
    return total / len(feature) ** 2


def jda(
    logits: Array,
    teacher_logits: Array,
    feature: Array,
    teacher_feature: Array,
    alpha: float,
    beta: float,
    temperature: float = 2.0,
) -> float:
    marginal = mmd(feature, teacher_feature)
    return alpha * marginal + beta * kd(logits, teacher_logits, temperature)


class Counts:
    """Smoothed counts of gradient sizes over the batches seen so far."""

    def __init__(self, bins: int, alpha: float) -> None:
        self.bins, self.alpha = bins, alpha
        self.smoothed: list[float] | None = None

    def weights(self, sizes: Sequence[float]) -> list[float]:
        new = [0.0] * self.bins
        places = [min(int(g * self.bins), self.bins - 1) for g in sizes]
        for place in places:
            new[place] += 1
        if self.smoothed is None:
            self.smoothed = new
        else:
            pairs = zip(self.smoothed, new, strict=True)
            self.smoothed = [self.alpha * a + (1 - self.alpha) * b for a, b in pairs]
        filled = sum(1 for v in self.smoothed if v > 0)
        return [len(sizes) / (self.smoothed[place] * filled) for place in places]


def ghm_c(
    logits: Array,
    labels: Array,
    bins: int = 10,
    alpha: float = 0.5,
    counts: Counts | None = None,
) -> float:
    """counts: what earlier batches left."""
    counts = counts or Counts(bins, alpha)
    y = one_hot(labels, logits.shape[1]).ravel()
    p = [1 / (1 + math.exp(-v)) for v in logits.ravel()]
    weights = counts.weights([abs(a - b) for a, b in zip(p, y, strict=True)])
    terms = [
        w * -(t * math.log(a) + (1 - t) * math.log(1 - a))
        for w, a, t in zip(weights, p, y, strict=True)
    ]
    return sum(terms) / len(terms)


def ghm_r(
    feature: Array,
    teacher_feature: Array,
    bins: int = 10,
    alpha: float = 0.5,
    mu: float = 0.02,
    counts: Counts | None = None,
) -> float:
    """counts: what earlier batches left."""
    counts = counts or Counts(bins, alpha)
    d = (feature - teacher_feature).ravel()
    weights = counts.weights([abs(v) / math.hypot(v, mu) for v in d])
    terms = [w * (math.hypot(v, mu) - mu) for w, v in zip(weights, d, strict=True)]
    return sum(terms) / len(terms)


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    logits, teacher = rng.normal(0, 2, (2, 6, 5))
    x, y = rng.normal(0, 1, (2, 6, 4))
    labels = rng.integers(0, 5, 6)
    for loss in (cross_entropy, focal, poly1, gce, bootstrapped, ghm_c):
        print(loss.__name__, loss(logits, labels))
    for loss in (kl, kd, kd_standardised):
        print(loss.__name__, loss(logits, teacher))
    for loss in (dkd, dkd_standardised):
        print(loss.__name__, loss(logits, labels, teacher))
    for loss in (rkd, cmd, mmd, ghm_r):
        print(loss.__name__, loss(x, y))
    print("jda", jda(logits, teacher, x, y, 1.0, 1.0))

"""Every loss and its gradient against the independent float64 reference in losses_reference.py."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import losses_reference as reference
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from mineralid.lab.losses import LOSSES, Loss, by_name, relations

# Each loss with its defaults and with every option moved away from them.
CASES: list[tuple[str, dict[str, Any]]] = [
    ("cross_entropy", {}),
    ("cross_entropy", {"label_smoothing": 0.1}),
    ("focal", {}),
    ("focal", {"gamma": 0.5, "class_weight": [0.5, 2.0, 1.0, 0.0]}),
    ("poly1", {}),
    ("poly1", {"epsilon": -0.5, "class_weight": [0.5, 2.0, 1.0, 0.0]}),
    ("gce", {}),
    ("gce", {"q": 0.3}),
    ("bootstrapped", {}),
    ("bootstrapped", {"beta": 0.8}),
    ("kl", {}),
    ("kd", {}),
    ("kd", {"temperature": 0.7}),
    ("kd_standardised", {}),
    ("kd_standardised", {"temperature": 1.5}),
    ("dkd", {}),
    ("dkd", {"alpha": 0.5, "beta": 2.0, "temperature": 1.5}),
    ("dkd_standardised", {}),
    ("dkd_standardised", {"alpha": 0.5, "beta": 2.0, "temperature": 1.5}),
    ("rkd", {}),
    ("rkd", {"distance_weight": 1.0, "angle_weight": 3.0}),
    ("cmd", {}),
    ("cmd", {"moments": 1}),
    ("cmd", {"moments": 3}),
    ("mmd", {}),
    ("jda", {"alpha": 0.7, "beta": 1.3}),
    ("jda", {"alpha": 0.7, "beta": 1.3, "temperature": 4.0}),
    ("ghm_c", {}),
    ("ghm_c", {"bins": 7, "alpha": 0.2}),
    ("ghm_r", {}),
    ("ghm_r", {"bins": 7, "alpha": 0.2, "mu": 0.5}),
]
CLASSES = 4
shapes = {"batch": st.integers(1, 6), "seed": st.integers(0, 10**6)}


def drawn(name: str, batch: int, seed: int, soft: bool = False) -> dict[str, torch.Tensor]:
    """Inputs of the loss in float64; a spread of 2 makes probabilities from 1e-4 to nearly 1."""
    g = torch.Generator().manual_seed(seed)

    def normal(columns: int, spread: float) -> torch.Tensor:
        return spread * torch.randn(batch, columns, generator=g, dtype=torch.float64)

    every = {
        "logits": normal(CLASSES, 2.0),
        "teacher_logits": normal(CLASSES, 2.0),
        "feature": normal(3, 1.0),
        "teacher_feature": normal(5 if name == "rkd" else 3, 1.0) + 0.3,
        "labels": torch.randint(CLASSES, (batch,), generator=g),
    }
    if soft:
        every["labels"] = normal(CLASSES, 1.0).softmax(1)
    return {k: every[k] for k in LOSSES[name].needs}


def expected(name: str, inputs: dict[str, torch.Tensor], **options: Any) -> float:
    function: Callable[..., float] = getattr(reference, name)
    return function(**{k: v.detach().numpy() for k, v in inputs.items()}, **options)


def test_no_loss_is_left_out() -> None:
    assert {name for name, _ in CASES} == set(LOSSES)


@pytest.mark.parametrize(("name", "options"), CASES)
@settings(max_examples=15, deadline=None)
@given(**shapes)
def test_equals_the_reference(name: str, options: dict[str, Any], batch: int, seed: int) -> None:
    inputs = drawn(name, batch, seed)
    loss = by_name(name, **options)(**inputs)
    assert loss.shape == () and loss.dtype == torch.float64
    assert loss.item() == pytest.approx(expected(name, inputs, **options), rel=1e-9, abs=1e-11)


@pytest.mark.parametrize(("name", "options"), [c for c in CASES if LOSSES[c[0]].soft_labels])
@settings(max_examples=10, deadline=None)
@given(**shapes)
def test_soft_labels_equal_the_reference(
    name: str, options: dict[str, Any], batch: int, seed: int
) -> None:
    inputs = drawn(name, batch, seed, soft=True)
    loss = by_name(name, **options)(**inputs)
    assert loss.item() == pytest.approx(expected(name, inputs, **options), rel=1e-9, abs=1e-11)


@pytest.mark.parametrize(("name", "options"), CASES)
@pytest.mark.parametrize("seed", range(3))
def test_gradient_is_the_references_slope(name: str, options: dict[str, Any], seed: int) -> None:
    inputs = drawn(name, 5, seed)
    for source in ("logits", "feature"):
        if source not in inputs:
            continue
        x = inputs[source].clone().requires_grad_()
        (slope,) = torch.autograd.grad(by_name(name, **options)(**{**inputs, source: x}), x)
        fixed = _fixed_width(name, inputs, options, source)
        for place in np.ndindex(*x.shape):
            high, low = inputs[source].clone(), inputs[source].clone()
            high[place] += 1e-6
            low[place] -= 1e-6
            rise = fixed({**inputs, source: high}) - fixed({**inputs, source: low})
            assert slope[place].item() == pytest.approx(rise / 2e-6, rel=1e-5, abs=1e-7)


def _fixed_width(
    name: str, inputs: dict[str, torch.Tensor], options: dict[str, Any], source: str
) -> Callable[[dict[str, torch.Tensor]], float]:
    """The reference; where it has kernels, their width stays: it carries no gradient."""
    if source == "logits" or name not in ("mmd", "jda"):
        return lambda moved: expected(name, moved, **options)
    x, y = inputs["feature"].numpy(), inputs["teacher_feature"].numpy()
    width, factor = reference.mmd_width(x, y), options.get("alpha", 1.0)
    return lambda moved: factor * reference.mmd(moved["feature"].numpy(), y, width)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_gradient_is_consistent(name: str, options: dict[str, Any]) -> None:
    inputs = drawn(name, 5, 11)
    loss = by_name(name, **options).eval()  # counts of GHM stay as they are
    for source in ("logits", "feature"):
        # Width of the kernels: without gradient by design, so no slope of the whole.
        if source in inputs and not (source == "feature" and name in ("mmd", "jda")):
            x = inputs[source].clone().requires_grad_()

            def value(
                x: torch.Tensor, source: str = source, inputs: dict[str, Any] = inputs
            ) -> torch.Tensor:
                return loss(**{**inputs, source: x})

            assert torch.autograd.gradcheck(value, (x,))


@pytest.mark.parametrize(("name", "options"), [c for c in CASES if c[0].startswith("ghm")])
def test_counts_are_smoothed_over_batches(name: str, options: dict[str, Any]) -> None:
    loss = by_name(name, **options)
    # The buffer is float32, exact for these counts unless alpha isn't a sum of halves.
    counts = reference.Counts(options.get("bins", 10), options.get("alpha", 0.5))
    for seed, batch in enumerate((6, 6, 2, 5)):
        inputs = drawn(name, batch, seed)
        right = expected(name, inputs, **options, counts=counts)
        assert loss(**inputs).item() == pytest.approx(right, rel=1e-6)
        assert loss.counts.tolist() == pytest.approx(counts.smoothed, rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(**shapes)
def test_losses_agree_where_the_papers_say_so(batch: int, seed: int) -> None:
    inputs = drawn("dkd", batch, seed)
    logits, labels, teacher = inputs["logits"], inputs["labels"], inputs["teacher_logits"]

    def value(name: str, **options: Any) -> float:
        return by_name(name, **options)(**inputs).item()

    plain = value("cross_entropy")
    assert value("focal", gamma=0) == pytest.approx(plain)
    assert value("poly1", epsilon=0) == pytest.approx(plain)
    smoothed = functional.cross_entropy(logits, labels, label_smoothing=0.2).item()
    assert value("cross_entropy", label_smoothing=0.2) == pytest.approx(smoothed)
    assert value("kd", temperature=1) == pytest.approx(value("kl"))
    # Zhao et al., eq. 7: KD = TCKD + (1 - p_target of the teacher) NCKD, one row at a time.
    for row in range(batch):
        one = {k: v[row : row + 1] for k, v in inputs.items()}
        target = (teacher[row] / 3).softmax(0)[labels[row]].item()
        split = by_name("dkd", alpha=1, beta=1 - target)(**one).item()
        assert split == pytest.approx(by_name("kd", temperature=3)(**one).item())


def test_values_worked_out_by_hand() -> None:
    even, label = torch.zeros(1, 2), torch.tensor([1])
    log2 = math.log(2)
    for name, value in {"cross_entropy": log2, "focal": log2 / 4, "poly1": log2 + 0.5}.items():
        assert by_name(name)(logits=even, labels=label).item() == pytest.approx(value, rel=1e-6)
    # g is 1/2 for both logits, one bin: weight 1.
    assert by_name("ghm_c")(logits=even, labels=label).item() == pytest.approx(log2, rel=1e-6)
    # Teacher (3/4, 1/4) against (1/2, 1/2).
    teacher = torch.tensor([[math.log(3.0), 0.0]])
    kl = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    assert by_name("kl")(logits=even, teacher_logits=teacher).item() == pytest.approx(kl, rel=1e-6)
    # Two classes leave one other class: NCKD is 0 and DKD is KD.
    both = {"logits": even, "teacher_logits": 3 * teacher, "labels": label}
    assert by_name("dkd")(**both).item() == pytest.approx(9 * kl, rel=1e-5)
    # A step of 3 and 4: means 5 apart, all central moments equal.
    x = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    moved = {"feature": x, "teacher_feature": x + torch.tensor([3.0, 4.0])}
    assert by_name("cmd")(**moved).item() == pytest.approx(5, rel=1e-6)
    # One row each: the width is their squared distance, 2 (5 - Σ exp(-4 / m)).
    one = {"feature": x[:1], "teacher_feature": x[1:]}
    mmd = 2 * sum(1 - math.exp(-4 / m) for m in (1, 2, 4, 8, 16))
    assert by_name("mmd")(**one).item() == pytest.approx(mmd, rel=1e-6)
    # An equilateral triangle against three equal steps on a line, whose distances are 1, 1, 2 with
    # mean 4/3: |1 - 3/4| four times and |1 - 3/2| twice, of nine pairs.
    triangle = torch.eye(3)
    line = {"feature": triangle, "teacher_feature": torch.tensor([[0.0], [1.0], [2.0]])}
    distance = (4 * 0.25**2 / 2 + 2 * 0.5**2 / 2) / 9
    value = by_name("rkd", distance_weight=1, angle_weight=0)(**line).item()
    assert value == pytest.approx(distance, rel=1e-5)
    # Cosines at the vertices, off the diagonal: 1/2 against 1, -1, 1, each from both sides.
    angle = 2 * (0.5**2 / 2 + (1.5 - 0.5) + 0.5**2 / 2) / 27
    value = by_name("rkd", distance_weight=0, angle_weight=1)(**line).item()
    assert value == pytest.approx(angle, rel=1e-5)


def test_rkd_in_blocks_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = drawn("rkd", 7, 0)

    def run(loss: Loss) -> tuple[float, torch.Tensor]:
        x = inputs["feature"].clone().requires_grad_()
        value = loss(feature=x, teacher_feature=inputs["teacher_feature"])
        return value.item(), torch.autograd.grad(value, x)[0]

    whole, slope = run(by_name("rkd"))
    for step in (1, 3):  # of 7 vertices: seven blocks; two blocks and a rest
        monkeypatch.setattr(relations, "BLOCK", step * 7 * (7 + 5))
        value, other = run(by_name("rkd"))
        assert value == pytest.approx(whole, rel=1e-12)
        torch.testing.assert_close(other, slope, rtol=1e-10, atol=1e-12)


def test_rkd_ignores_scale_shift_and_rotation() -> None:
    x = drawn("rkd", 6, 5)["feature"]
    turn, _ = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64))
    loss = by_name("rkd")(feature=x, teacher_feature=4 * x @ turn + 3)
    assert loss.item() == pytest.approx(0, abs=1e-20)

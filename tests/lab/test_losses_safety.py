"""Losses at the ends: certain classes, one row, equal rows, half precision; state and devices."""

from __future__ import annotations

import copy
import itertools
import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from mineralid.lab.losses import LOSSES, Loss, by_name, relations

REQUIRED: dict[str, dict[str, Any]] = {"jda": {"alpha": 1.0, "beta": 1.0}}
LARGEST = 65504.0  # of float16
ALL = sorted(LOSSES)
OF_LOGITS = [n for n in ALL if "logits" in LOSSES[n].needs]
OF_FEATURES = [n for n in ALL if "feature" in LOSSES[n].needs]
HARMONISED = ["ghm_c", "ghm_r"]


def make(name: str, **options: Any) -> Loss:
    return by_name(name, **REQUIRED.get(name, {}), **options)


def drawn(name: str, batch: int = 4, seed: int = 0) -> dict[str, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    every = {
        "logits": torch.randn(batch, 5, generator=g),
        "teacher_logits": torch.randn(batch, 5, generator=g),
        "feature": torch.randn(batch, 6, generator=g),
        "teacher_feature": torch.randn(batch, 6, generator=g),
        "labels": torch.randint(5, (batch,), generator=g),
    }
    return {k: every[k] for k in LOSSES[name].needs}


def value_and_slopes(
    loss: Loss, inputs: dict[str, torch.Tensor]
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    leaves = {
        k: v.detach().clone().requires_grad_() if v.is_floating_point() else v
        for k, v in inputs.items()
    }
    value = loss(**leaves)
    value.backward()
    return value.detach(), {k: v.grad for k, v in leaves.items() if v.grad is not None}


def assert_finite(loss: Loss, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    value, slopes = value_and_slopes(loss, inputs)
    assert math.isfinite(value.item()), value
    assert set(slopes) == {k for k in ("logits", "feature") if k in inputs}
    for name, slope in slopes.items():
        assert bool(torch.isfinite(slope).all()), (name, slope)
    return value


half = st.one_of(
    st.sampled_from([0.0, 1.0, -1.0, 1e4, -1e4, LARGEST, -LARGEST, 2.0**-24, 2.0**-14]),
    st.floats(-LARGEST, LARGEST, width=16),
)


@st.composite
def extreme_inputs(draw: st.DrawFn, name: str) -> dict[str, torch.Tensor]:
    """Any values of float16; the teacher's rows are the student's at times."""
    batch, classes, features = draw(
        st.tuples(st.integers(1, 4), st.integers(2, 4), st.integers(1, 4))
    )

    def table(columns: int) -> torch.Tensor:
        size = batch * columns
        cells = draw(st.lists(half, min_size=size, max_size=size))
        return torch.tensor(cells).reshape(batch, columns)

    inputs: dict[str, torch.Tensor] = {}
    needs = LOSSES[name].needs
    if "logits" in needs:
        inputs["logits"] = table(classes)
    if "labels" in needs:
        labels = draw(st.lists(st.integers(0, classes - 1), min_size=batch, max_size=batch))
        inputs["labels"] = torch.tensor(labels)
    if "feature" in needs:
        inputs["feature"] = table(features)
    for teacher in ("teacher_logits", "teacher_feature"):
        if teacher in needs:
            own = inputs[teacher.removeprefix("teacher_")]
            inputs[teacher] = own if draw(st.booleans()) else table(own.shape[1])
    return inputs


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_finite_with_finite_gradient_for_all_that_float16_holds(
    name: str, data: st.DataObject
) -> None:
    assert_finite(make(name), data.draw(extreme_inputs(name)))


@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0, 5.0])
@pytest.mark.parametrize("right", [True, False])
def test_focal_of_a_certain_class(gamma: float, right: bool) -> None:
    logits = torch.tensor([[1e4, -1e4, -1e4]])
    value = assert_finite(
        make("focal", gamma=gamma), {"logits": logits, "labels": torch.tensor([0 if right else 1])}
    )
    assert value.item() == (0.0 if right else 2e4)


@pytest.mark.parametrize("student", [1e4, -1e4, 120.0, -120.0])
@pytest.mark.parametrize("teacher", [1e4, -1e4, 120.0, -120.0])
def test_dkd_of_certain_networks(student: float, teacher: float) -> None:
    inputs = {
        "logits": torch.tensor([[student, 0.0, 1.0]]),
        "teacher_logits": torch.tensor([[teacher, 1.0, 0.0]]),
        "labels": torch.tensor([0]),
    }
    for name in ("dkd", "dkd_standardised"):
        assert_finite(make(name), inputs)
    # T² KL(b' ‖ b) = T² (log of the likelier class) = T · the gap of logits, where they disagree.
    certain = make("dkd", beta=0)(**inputs).item()
    if student * teacher < 0:
        assert certain == pytest.approx(3 * abs(student), rel=0.05)
    elif student == teacher:
        assert certain == pytest.approx(0, abs=1e-3)


def test_dkd_leaves_the_target_out_however_large_its_logit() -> None:
    """Adding -1000 to it, as is usual, doesn't: there it would outweigh the others."""
    others = {"teacher_logits": torch.tensor([[0.0, 3.0, -2.0]]), "labels": torch.tensor([0])}
    losses = [
        make("dkd", alpha=0)(logits=torch.tensor([[target, 1.0, 2.0]]), **others).item()
        for target in (0.0, 1e4, 6e4)
    ]
    assert losses[0] > 1 and losses == pytest.approx([losses[0]] * 3, rel=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_one_row(name: str) -> None:
    for seed in range(5):
        assert_finite(make(name), drawn(name, batch=1, seed=seed))


@pytest.mark.parametrize("name", OF_FEATURES)
@pytest.mark.parametrize("batch", [1, 2, 5])
def test_identical_features_are_at_the_minimum(name: str, batch: int) -> None:
    inputs = drawn(name, batch)
    for teacher in ("teacher_feature", "teacher_logits"):
        if teacher in inputs:
            inputs[teacher] = inputs[teacher.removeprefix("teacher_")]
    value, slopes = value_and_slopes(make(name), inputs)
    assert value.item() == pytest.approx(0, abs=1e-6)
    torch.testing.assert_close(
        slopes["feature"], torch.zeros_like(inputs["feature"]), atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("name", OF_FEATURES)
def test_rows_that_all_coincide(name: str) -> None:
    inputs = drawn(name, batch=3)
    for source in ("feature", "teacher_feature"):
        inputs[source] = torch.full((3, 4), 0.1)
    assert_finite(make(name), inputs)
    inputs["teacher_feature"] = torch.randn(3, 4, generator=torch.Generator().manual_seed(1))
    assert_finite(make(name), inputs)


def test_a_row_given_twice_does_not_swamp_the_gradient_of_rkd() -> None:
    """Of rows that coincide the direction is unknown: triples with both must give no gradient."""
    g = torch.Generator().manual_seed(3)
    x, y = torch.randn(5, 4, generator=g), torch.randn(5, 4, generator=g)
    x[1] = x[0]
    _, slopes = value_and_slopes(
        make("rkd", distance_weight=0), {"feature": x, "teacher_feature": y}
    )

    leaf, total = x.double().requires_grad_(), torch.zeros((), dtype=torch.float64)
    for i, j, k in itertools.product(range(5), repeat=3):
        if {i, j} not in ({0, 1}, {i}) and {i, k} not in ({0, 1}, {i}):
            student = functional.cosine_similarity(leaf[j] - leaf[i], leaf[k] - leaf[i], 0)
            teacher = functional.cosine_similarity(y[j] - y[i], y[k] - y[i], 0).double()
            total = total + functional.smooth_l1_loss(student, teacher)
    (exact,) = torch.autograd.grad(50 * total / 5**3, leaf)
    torch.testing.assert_close(slopes["feature"].double(), exact, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["kd_standardised", "dkd_standardised"])
def test_rows_without_spread_standardise(name: str) -> None:
    inputs = drawn(name)
    inputs["logits"] = torch.full((4, 5), 10.1)
    assert_finite(make(name), inputs)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_computes_in_float32_at_least(name: str, kind: torch.dtype) -> None:
    inputs = {k: v.to(kind) if v.is_floating_point() else v for k, v in drawn(name, seed=2).items()}
    value, slopes = value_and_slopes(make(name), inputs)
    assert value.dtype == (torch.float64 if kind == torch.float64 else torch.float32)
    assert all(slope.dtype == kind for slope in slopes.values())
    exact = {k: v.double() if v.is_floating_point() else v for k, v in inputs.items()}
    assert value.item() == pytest.approx(make(name)(**exact).item(), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_autocast_changes_nothing(name: str) -> None:
    inputs, loss = drawn(name), make(name).eval()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = loss(**inputs)
    assert torch.equal(inside, loss(**inputs))


@pytest.mark.parametrize("name", ALL)
def test_the_teacher_gets_no_gradient(name: str) -> None:
    _, slopes = value_and_slopes(make(name), drawn(name))
    assert set(slopes) == {k for k in ("logits", "feature") if k in LOSSES[name].needs}
    assert all(bool((slope != 0).any()) for slope in slopes.values())


@pytest.mark.parametrize("name", ALL)
def test_lives_on_its_device_and_never_makes_the_host_wait(name: str) -> None:
    """The meta device has no values: reading one, or a tensor left on the CPU, would raise."""
    options = {"class_weight": [1.0] * 5} if name in ("focal", "poly1") else {}
    loss = make(name, **options).to("meta")
    value = loss(**{k: v.to("meta") for k, v in drawn(name).items()})
    assert value.device.type == "meta" and value.shape == ()
    assert all(b.device.type == "meta" for b in loss.buffers())


def test_rkd_of_a_large_batch_keeps_to_its_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relations, "BLOCK", 40 * 46 * 3)  # three of forty vertices
    seen: list[int] = []
    inputs = drawn("rkd", batch=40)
    leaf = inputs["feature"].requires_grad_()

    def pack(x: torch.Tensor) -> torch.Tensor:
        seen.append(x.numel())
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        make("rkd")(**inputs).backward()
    assert leaf.grad is not None and bool((leaf.grad != 0).any())
    assert max(seen) <= relations.BLOCK


@pytest.mark.parametrize("name", HARMONISED)
def test_counts_change_in_training_only(name: str) -> None:
    loss = make(name)
    loss(**drawn(name, seed=0))
    before = loss.counts.clone()
    loss.eval()
    first = loss(**drawn(name, seed=1))
    assert torch.equal(loss.counts, before)
    assert torch.equal(loss(**drawn(name, seed=1)), first)
    # Training gives the same value, and counts.
    loss.train()
    assert torch.equal(loss(**drawn(name, seed=1)), first)
    assert not torch.equal(loss.counts, before)


@pytest.mark.parametrize("name", HARMONISED)
def test_resumed_counts_are_exact(name: str) -> None:
    whole = make(name, alpha=0.3)
    for seed in range(3):
        whole(**drawn(name, seed=seed))
    state = copy.deepcopy(whole.state_dict())
    assert list(state) == ["counts"]
    resumed = make(name, alpha=0.3)
    resumed.load_state_dict(state)
    for seed in range(3, 6):
        inputs = drawn(name, seed=seed)
        assert torch.equal(resumed(**inputs), whole(**inputs))
    assert torch.equal(resumed.counts, whole.counts)


@pytest.mark.parametrize("name", [n for n in ALL if n not in HARMONISED])
def test_other_losses_have_no_state(name: str) -> None:
    options = {"class_weight": [1.0] * 5} if name in ("focal", "poly1") else {}
    assert not make(name, **options).state_dict()


def test_counts_beyond_float16_survive_a_half_precision_module() -> None:
    loss = make("ghm_r", bins=1).half()
    x = torch.zeros(100, 700, dtype=torch.float16)  # 70,000 elements in one bin
    assert math.isfinite(loss(feature=x, teacher_feature=x + 1).item())
    assert loss.half().counts.tolist() == [70_000.0] and loss.counts.dtype == torch.float32

"""One network for all eight cases: what is untested has no influence, whatever stands there."""

from __future__ import annotations

from itertools import product
from typing import Any

import encoders_reference as reference
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mineralid.lab.network.test_encoders import TEST_ENCODERS
from mineralid.lab.network.unified import UnifiedHead, drop_tests

RESNET_50, SSF = 23_581_796, 8_192  # parameters with 36 classes; the original's eight layers
MISSING = ("embedding", "flag")
anything = st.floats(allow_nan=True, allow_infinity=True, width=32)


def head(seed: int = 0, **options: Any) -> UnifiedHead:
    torch.manual_seed(seed)
    return UnifiedHead(9, 5, dim=8, hidden=7, **options).double()


def rows(count: int, tests: int = 3, seed: int = 0) -> tuple[torch.Tensor, ...]:
    drawn = torch.Generator().manual_seed(seed)
    feature = torch.randn(count, 9, generator=drawn, dtype=torch.float64)
    values = torch.randn(count, tests, generator=drawn, dtype=torch.float64)
    return feature, values, torch.rand(count, tests, generator=drawn) < 0.5


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_sizes_beside_a_resnet_50() -> None:
    plain = UnifiedHead(2048, 36)
    assert count(plain) == 78_888  # tokens 48, encoder 3,780, head 75,060
    assert count(plain) + SSF < 0.02 * RESNET_50
    flagged = UnifiedHead(2048, 36, missing="flag")
    assert count(flagged) == 3_024 + 3 * 36 + 75_060
    whole = UnifiedHead(2048, 36, bottleneck=True)
    assert count(whole) == 78_888 + 1_069_348 + 75_060 == 1_223_296


@settings(max_examples=60, deadline=None)
@given(
    missing=st.sampled_from(MISSING),
    bottleneck=st.booleans(),
    tested=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    first=st.tuples(anything, anything, anything),
    second=st.tuples(anything, anything, anything),
)
def test_untested_values_have_no_influence(
    missing: str,
    bottleneck: bool,
    tested: tuple[bool, ...],
    first: tuple[float, ...],
    second: tuple[float, ...],
) -> None:
    network = head(missing=missing, bottleneck=bottleneck)
    feature, known, _ = rows(1)
    mask = torch.tensor([tested])
    results = []
    for junk in (first, second):
        values = torch.where(mask, known, torch.tensor([junk], dtype=torch.float64))
        network.zero_grad()
        output = network(feature, values, mask)
        got = [output.logits] + ([output.bottleneck_logits] if bottleneck else [])
        sum(g.square().sum() for g in got).backward()
        grads = [p.grad.clone() for p in network.parameters() if p.grad is not None]
        results.append([g.detach() for g in got] + grads)
    for a, b in zip(*results, strict=True):
        assert torch.isfinite(a).all()
        assert torch.equal(a, b)


@pytest.mark.parametrize("missing", MISSING)
def test_all_eight_cases_and_each_tested_value_make_a_difference(missing: str) -> None:
    network = head(missing=missing)
    feature, _, _ = rows(1)
    cases = torch.tensor(list(product((False, True), repeat=3)))
    # With every value 0 the mask alone tells the eight cases apart: untested isn't 0.
    logits = network(feature.expand(8, -1), torch.zeros(8, 3, dtype=torch.float64), cases).logits
    for i in range(8):
        for j in range(i):
            assert (logits[i] - logits[j]).abs().max() > 1e-6
    tested = torch.ones(1, 3, dtype=torch.bool)
    values = torch.ones(1, 3, dtype=torch.float64)
    for test in range(3):
        moved = values.clone()
        moved[0, test] += 1
        difference = (
            network(feature, moved, tested).logits - network(feature, values, tested).logits
        )
        assert difference.abs().max() > 1e-6


@settings(max_examples=20, deadline=None)
@given(missing=st.sampled_from(MISSING), seed=st.integers(0, 1000), batch=st.integers(1, 5))
def test_logits_equal_the_reference(missing: str, seed: int, batch: int) -> None:
    network = head(seed, missing=missing, bottleneck=True)
    feature, values, tested = rows(batch, seed=seed)
    weights = {name: w.numpy() for name, w in network.state_dict().items()}
    columns: list[np.ndarray] = []
    for j in range(3):
        known, value = tested.numpy()[:, j], values.numpy()[:, j]
        if missing == "embedding":
            token = np.outer(value, weights["readings.direction"][j])
            token[~known] = weights["readings.missing"][j]
            columns.append(token)
        else:
            columns.append(np.where(known, value, 0.0)[:, None])
    if missing == "flag":
        columns.append(1.0 - tested.numpy())
    encoded = reference.original_encoder(weights, "encoder.", np.concatenate(columns, axis=1))
    fused = np.concatenate([feature.numpy(), encoded], axis=1)
    through = reference.bottleneck(weights, "bottleneck.", fused)
    output = network(feature, values, tested)
    assert torch.equal(network.head(network.fused(feature, values, tested)), output.logits)
    for got, expected in (
        (output.logits, reference.linear(weights, "head.", fused)),
        (output.bottleneck_logits, reference.linear(weights, "bottleneck_head.", through)),
    ):
        assert np.abs(got.detach().numpy() - expected).max() <= 1e-10


@pytest.mark.parametrize("encoder", TEST_ENCODERS)
@pytest.mark.parametrize("missing", MISSING)
def test_every_trainable_gets_a_gradient(encoder: str, missing: str) -> None:
    options = {} if encoder in ("original", "resnorm") else {"width": 24}
    network = head(missing=missing, bottleneck=True, encoder=encoder, **options)
    output = network(*rows(64))
    assert output.bottleneck_logits is not None
    (output.logits.square().sum() + output.bottleneck_logits.square().sum()).backward()
    trainable = [(n, p) for n, p in network.named_parameters() if p.requires_grad]
    for name, parameter in trainable:
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name
    frozen = {n for n, p in network.named_parameters() if not p.requires_grad}
    assert frozen == set(network.dead_parameters())
    assert (len(frozen) > 0) == (encoder == "residual_ae")


@pytest.mark.parametrize("missing", MISSING)
def test_batch_of_one_is_a_row_of_a_batch(missing: str) -> None:
    network = head(missing=missing, bottleneck=True).eval()
    feature, values, tested = rows(6)
    whole = network(feature, values, tested)
    again = network(feature, values, tested)
    assert torch.equal(whole.logits, again.logits)
    for i in range(6):
        alone = network(feature[i : i + 1], values[i : i + 1], tested[i : i + 1])
        assert (alone.logits - whole.logits[i]).abs().max() <= 1e-12
        assert (alone.bottleneck_logits - whole.bottleneck_logits[i]).abs().max() <= 1e-12


def test_without_a_bottleneck_there_is_none() -> None:
    network = head()
    assert network(*rows(2)).bottleneck_logits is None
    assert not any(name.startswith("bottleneck") for name in network.state_dict())


@pytest.mark.parametrize("probability", [0.2, 0.5, 0.8])
def test_every_subset_of_tests_occurs_at_its_rate(probability: float) -> None:
    draws = 40_000
    drawn = torch.Generator().manual_seed(0)
    kept = drop_tests(torch.ones(draws, 3, dtype=torch.bool), probability, drawn)
    for subset in product((False, True), repeat=3):
        share = probability ** (3 - sum(subset)) * (1 - probability) ** sum(subset)
        got = (kept == torch.tensor(subset)).all(dim=1).double().mean().item()
        assert abs(got - share) < 5 * (share * (1 - share) / draws) ** 0.5  # five standard errors


@settings(max_examples=30, deadline=None)
@given(probability=st.floats(0, 1), seed=st.integers(0, 1000))
def test_dropping_never_adds_a_test_and_repeats_with_its_seed(
    probability: float, seed: int
) -> None:
    _, _, tested = rows(50, seed=seed)
    before = tested.clone()
    once = drop_tests(tested, probability, torch.Generator().manual_seed(seed))
    assert torch.equal(tested, before)
    assert not (once & ~tested).any()
    assert torch.equal(once, drop_tests(tested, probability, torch.Generator().manual_seed(seed)))
    torch.manual_seed(seed)
    assert torch.equal(once, drop_tests(tested, probability))
    assert torch.equal(drop_tests(tested, 0.0), tested)
    assert not drop_tests(tested, 1.0).any()


def test_wrong_arguments_say_what_is_allowed() -> None:
    with pytest.raises(ValueError, match=r"missing is 'zero'; allowed: 'embedding', 'flag'"):
        head(missing="zero")
    with pytest.raises(ValueError, match=r"tests 0, dim 8; allowed: 1 or more each"):
        head(tests=0)
    with pytest.raises(ValueError, match=r"'origin'; did you mean 'original'\?"):
        head(encoder="origin")
    network, (feature, values, tested) = head(), rows(2)
    with pytest.raises(ValueError, match=r"tested is of torch.float64; allowed: torch.bool"):
        network(feature, values, tested.double())
    for wrong in (
        (feature[:, :5], values, tested),
        (feature, values[:, :2], tested),
        (feature, values, tested[:1]),
    ):
        with pytest.raises(ValueError, match=r"allowed: \[B, 9\], \[B, 3\], \[B, 3\]"):
            network(*wrong)
    with pytest.raises(ValueError, match=r"probability is 1.5; allowed: 0 to 1"):
        drop_tests(tested, 1.5)
    with pytest.raises(ValueError, match=r"tested is of torch.float64; allowed: torch.bool"):
        drop_tests(tested.double())

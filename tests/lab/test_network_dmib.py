"""The dynamic bottleneck: every part against the reference (encoders_reference.py), as a switch."""

from __future__ import annotations

from itertools import product

import encoders_reference as reference
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mineralid.lab.network.dmib import (
    LOSS_WEIGHTS,
    DmibOutput,
    DmibParts,
    DynamicBottleneck,
    losses,
)

DIMS, CLASSES, ROWS = (11, 6), 5, 32
SWITCHES = tuple(DmibParts.model_fields)
OFF = DmibParts(bottleneck=False)
ALL = DmibParts(**dict.fromkeys(SWITCHES, True))
# Each part alone (confidence has its target beside it), none, all.
PARTS = {
    **{name: DmibParts(**{"bottleneck": False, name: True}) for name in SWITCHES[:2]},
    "confidence": DmibParts(bottleneck=False, confidence=True, view_classifiers=True),
    **{name: DmibParts(**{"bottleneck": False, name: True}) for name in SWITCHES[3:]},
    "none": OFF,
    "all": ALL,
}
combinations = st.builds(
    lambda flags: DmibParts(
        **dict(zip(SWITCHES, flags, strict=True)) | {"view_classifiers": flags[0] or flags[2]}
    ),
    st.sampled_from(list(product((False, True), repeat=len(SWITCHES)))),
)


def network(parts: DmibParts, seed: int = 0, dims: tuple[int, ...] = DIMS) -> DynamicBottleneck:
    torch.manual_seed(seed)
    return DynamicBottleneck(dims, CLASSES, parts, hidden=7).double()


def batch(
    rows: int = ROWS, seed: int = 0, dims: tuple[int, ...] = DIMS
) -> tuple[list[torch.Tensor], torch.Tensor]:
    drawn = torch.Generator().manual_seed(seed)
    views = [torch.randn(rows, d, generator=drawn, dtype=torch.float64) for d in dims]
    return views, torch.randint(0, CLASSES, (rows,), generator=drawn)


def close(output: DmibOutput, labels: torch.Tensor, net: DynamicBottleneck, views: list) -> None:
    """Every output and loss term is the reference's, and no other is there."""
    weights = {name: w.numpy() for name, w in net.state_dict().items()}
    outputs, terms = reference.dmib(
        weights, [v.numpy() for v in views], labels.numpy(), output.kept.numpy()
    )
    got = {"fused": output.fused, "logits": output.logits}
    got |= {f"view_logits_{i}": logits for i, logits in enumerate(output.view_logits)}
    if output.bottleneck_logits is not None:
        got["bottleneck_logits"] = output.bottleneck_logits
    assert got.keys() == outputs.keys()
    for name, expected in outputs.items():
        assert np.abs(got[name].detach().numpy() - expected).max() <= 1e-10, name
    ours = losses(output, labels)
    assert ours.keys() == terms.keys()
    for name, value in terms.items():
        assert abs(ours[name].item() - value) <= 1e-10, name


@settings(max_examples=40, deadline=None)
@given(
    parts=combinations,
    seed=st.integers(0, 1000),
    rows=st.integers(1, 6),
    dims=st.sampled_from([(11, 6), (4, 3, 5)]),
    training=st.booleans(),
)
def test_outputs_and_losses_equal_the_reference(
    parts: DmibParts, seed: int, rows: int, dims: tuple[int, ...], training: bool
) -> None:
    net = network(parts, seed, dims).train(training)
    views, labels = batch(rows, seed, dims)
    close(net(views, torch.Generator().manual_seed(seed)), labels, net, views)


@pytest.mark.parametrize("name", PARTS)
def test_every_declared_parameter_gets_a_gradient(name: str) -> None:
    net = network(PARTS[name]).train()
    views, labels = batch()
    sum(losses(net(views, torch.Generator().manual_seed(1)), labels).values()).backward()  # type: ignore[union-attr]
    for parameter_name, parameter in net.named_parameters():
        assert parameter.requires_grad
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, parameter_name


def test_part_that_is_off_has_no_parameters() -> None:
    owned = {
        "view_classifiers": {"view_heads"},
        "feature_gate": {"feature_gates"},
        "confidence": {"view_heads", "confidences"},
        "self_gate": {"self_gates"},
        "cross_gate": {"cross_gates"},
        "bottleneck": {"bottleneck", "bottleneck_head"},
        "masking": set(),
        "none": set(),
    }
    for name, modules in owned.items():
        there = {key.split(".")[0] for key in network(PARTS[name]).state_dict()}
        assert there == {"head"} | modules


def test_defaults_are_the_originals_parts_and_size() -> None:
    assert [name for name in SWITCHES if getattr(DmibParts(), name)] == ["bottleneck"]
    net = DynamicBottleneck((2048, 36), 36)
    assert sum(p.numel() for p in net.bottleneck.parameters()) == 1_069_348
    assert sum(p.numel() for p in net.head.parameters()) == 75_060
    assert sum(p.numel() for p in net.parameters()) == 1_069_348 + 2 * 75_060
    views, labels = batch(dims=(2048, 36))
    terms = losses(net([v.float() for v in views]), labels)
    assert list(terms) == ["ce", "bottleneck_ce", "kl"]


def test_photograph_alone_is_one_view() -> None:
    net = network(DmibParts(feature_gate=True, self_gate=True), dims=(11,))
    views, _ = batch(dims=(11,))
    assert net(views).logits.shape == (ROWS, CLASSES)


@pytest.mark.parametrize("name", PARTS)
def test_evaluation_draws_nothing(name: str) -> None:
    net = network(PARTS[name]).eval()
    views, _ = batch()
    before = torch.random.get_rng_state()
    draw = torch.Generator().manual_seed(0)
    first, second = net(views, draw), net(views)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(draw.get_state(), torch.Generator().manual_seed(0).get_state())
    assert first.kept.all()
    assert torch.equal(first.logits, second.logits)
    if first.bottleneck_logits is not None:
        assert torch.equal(first.bottleneck_logits, second.bottleneck_logits)


def test_batch_of_one_is_a_row_of_a_batch() -> None:
    net = network(ALL).eval()
    views, _ = batch(6)
    whole = net(views)
    for row in range(6):
        alone = net([view[row : row + 1] for view in views])
        assert (alone.logits - whole.logits[row]).abs().max() <= 1e-12
        assert (alone.bottleneck_logits - whole.bottleneck_logits[row]).abs().max() <= 1e-12


def test_masks_in_training_have_the_stated_shares() -> None:
    net = network(DmibParts(masking=True), dims=(2, 2, 2)).train()
    rows = 20_000
    views, _ = batch(rows, dims=(2, 2, 2))
    kept = net(views, torch.Generator().manual_seed(0)).kept
    patterns = {
        (True, False, False): 0.25,  # the photograph alone
        (False, True, True): 0.25,  # the records alone
        (True, True, True): 0.5,
    }
    found = {tuple(row) for row in kept.unique(dim=0).tolist()}
    assert found == set(patterns)
    for pattern, share in patterns.items():
        got = (kept == torch.tensor(pattern)).all(dim=1).double().mean().item()
        assert abs(got - share) < 5 * (share * (1 - share) / rows) ** 0.5  # five standard errors


def test_masks_come_from_the_generator_given_or_torchs_own() -> None:
    net = network(DmibParts(masking=True)).train()
    views, _ = batch()
    once = net(views, torch.Generator().manual_seed(4)).kept
    assert torch.equal(net(views, torch.Generator().manual_seed(4)).kept, once)
    assert not torch.equal(net(views, torch.Generator().manual_seed(5)).kept, once)
    torch.manual_seed(4)
    assert torch.equal(net(views).kept, once)


@settings(max_examples=20, deadline=None)
@given(parts=combinations, seed=st.integers(0, 100))
def test_masked_view_is_zero_and_has_no_influence(parts: DmibParts, seed: int) -> None:
    net = network(parts.model_copy(update={"masking": True})).train()
    views, _ = batch(seed=seed)
    output = net(views, torch.Generator().manual_seed(seed))
    other = [v.masked_fill(~output.kept[:, i : i + 1], float("nan")) for i, v in enumerate(views)]
    again = net(other, torch.Generator().manual_seed(seed))
    assert torch.equal(again.logits, output.logits)
    for i, part in enumerate(output.fused.split(DIMS, dim=1)):
        assert (part[~output.kept[:, i]] == 0).all()
        assert (part[output.kept[:, i]] != 0).any()


def test_batch_whose_view_is_masked_everywhere_has_finite_losses() -> None:
    net = network(ALL).train()
    views, labels = batch(1)
    seen = set()
    for seed in range(40):
        output = net(views, torch.Generator().manual_seed(seed))
        seen.add(tuple(output.kept[0].tolist()))
        terms = losses(output, labels)
        assert set(terms) == set(LOSS_WEIGHTS)
        assert all(torch.isfinite(term) for term in terms.values())
    assert seen == {(True, False), (False, True), (True, True)}


def test_confidence_is_pulled_to_the_true_class_probability_alone() -> None:
    net = network(PARTS["confidence"]).eval()
    views, labels = batch()
    only = dict.fromkeys(LOSS_WEIGHTS, 0.0) | {"confidence_mse": 1.0}
    terms = losses(net(views), labels, only)
    assert list(terms) == ["confidence_mse"]
    terms["confidence_mse"].backward()
    touched = {n.split(".")[0] for n, p in net.named_parameters() if p.grad is not None}
    assert touched == {"confidences"}  # the classifiers are its target, not its servants


def test_divergence_leaves_the_clean_head_alone() -> None:
    net = network(DmibParts())
    views, labels = batch()
    only = dict.fromkeys(LOSS_WEIGHTS, 0.0) | {"kl": 1.0}
    losses(net(views), labels, only)["kl"].backward()
    touched = {n.split(".")[0] for n, p in net.named_parameters() if p.grad is not None}
    assert touched == {"bottleneck", "bottleneck_head"}


def test_weights_multiply_their_terms() -> None:
    output, labels = network(ALL).eval()(batch()[0]), batch()[1]
    plain = losses(output, labels)
    for name in LOSS_WEIGHTS:
        weighted = losses(output, labels, {name: 2.5})
        assert weighted.keys() == plain.keys()
        for other in plain:
            factor = 2.5 if other == name else 1.0
            assert abs(weighted[other].item() - factor * plain[other].item()) <= 1e-12
        assert name not in losses(output, labels, {name: 0.0})


def test_gates_lie_where_they_are_said_to() -> None:
    views, _ = batch()
    output = network(ALL).eval()(views)
    assert set(output.gates) == {"feature", "self", "cross"}
    for name, gates in output.gates.items():
        for gate, view in zip(gates, views, strict=True):
            assert gate.shape == view.shape and (gate > 0).all()
            if name == "self":
                assert (gate.mean(dim=1) - 1).abs().max() <= 1e-12
            else:
                assert (gate < 1).all()
    # A view's cross gate depends on the other views, never on itself.
    changed = [views[0] + 1, views[1]]
    net = network(PARTS["cross_gate"])
    before, after = net(views).gates["cross"], net(changed).gates["cross"]
    assert torch.equal(before[0], after[0]) and not torch.equal(before[1], after[1])


def test_wrong_parts_sizes_views_and_weights_say_what_is_allowed() -> None:
    with pytest.raises(ValidationError, match="confidence is True with view_classifiers False; al"):
        DmibParts(confidence=True)
    with pytest.raises(ValidationError, match="feature_gates"):
        DmibParts(feature_gates=True)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match=r"view_dims are \(11,\); allowed with masking: two views"):
        network(DmibParts(masking=True), dims=(11,))
    with pytest.raises(ValueError, match=r"allowed with cross_gate: two views or more"):
        network(DmibParts(cross_gate=True), dims=(11,))
    with pytest.raises(ValueError, match=r"\(4, 1\); allowed with self_gate: 2 or more each"):
        network(DmibParts(self_gate=True), dims=(4, 1))
    with pytest.raises(ValueError, match=r"view_dims are \(\) and classes is 5; allowed: 1 or mor"):
        network(OFF, dims=())
    net, (views, labels) = network(OFF), batch()
    for wrong in ([], views[:1], views[::-1], [views[0], views[1][:3]]):
        with pytest.raises(ValueError, match=r"views are of shapes .*; allowed: 2 of widths \(11,"):
            net(wrong)
    with pytest.raises(ValueError, match=r"given for 'gate_l2'; did you mean 'gate_l1'\? allowed:"):
        losses(net(views), labels, {"gate_l2": 1.0})
    with pytest.raises(ValueError, match=r"the weight of kl is -1.0; allowed: 0 or more, finite"):
        losses(net(views), labels, {"kl": -1.0})

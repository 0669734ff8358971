"""Heads: what each reads, what it is trained by, and its loss computed by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from original_stages import CLASSES, CODES, batch, case_of, declared, recipe

from mineralid.lab.network.dmib import DmibParts
from mineralid.lab.original.codes import CASES, NO_TESTS, Case
from mineralid.lab.original.heads import OF_DMIB, Answer, Head, make_head

DIM = 24
PARTS: list[dict[str, bool]] = [
    {"view_classifiers": True},
    {"feature_gate": True},
    {"view_classifiers": True, "confidence": True},
    {"self_gate": True},
    {"cross_gate": True},
    {"masking": True},
    {"bottleneck": False},
    dict.fromkeys(DmibParts.model_fields, True),
]


def head(tests: str, seed: int = 0, **fields: Any) -> Head:
    torch.manual_seed(seed)
    return make_head(recipe(tests, **fields), DIM, CLASSES)


def feature(rows: int = 8, seed: int = 1) -> torch.Tensor:
    return torch.rand(rows, DIM, generator=torch.Generator().manual_seed(seed))


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


@pytest.mark.parametrize("tests", ["hardness,luster,streak", "luster", "none", "any"])
def test_the_loss_of_the_bottleneck_is_cross_entropy_and_kl_by_hand(tests: str) -> None:
    made, given = head(tests).eval(), batch(case_of(recipe(tests)))
    x = feature()
    answer, terms = made.dmib_losses(x, given.given, given.labels)
    whole = made(x, given.given)
    torch.testing.assert_close(answer.robust, whole.robust)
    torch.testing.assert_close(answer.clean, whole.clean)
    torch.testing.assert_close(whole.clean, made.clean(x, given.given))
    clean = log_softmax(answer.clean.detach().double().numpy())
    robust = log_softmax(answer.robust.detach().double().numpy())
    rows = np.arange(len(x))
    expected = {
        "bottleneck_ce": -robust[rows, given.labels.numpy()].mean(),
        "kl": (np.exp(clean) * (clean - robust)).sum(1).mean(),
    }
    assert expected["kl"] > 1e-4  # the two heads differ
    assert {name: value.item() for name, value in terms.items()} == pytest.approx(
        expected, rel=1e-5
    )


def test_the_weights_of_the_recipe_multiply_the_terms() -> None:
    given, x = batch(), feature()
    weighed = head(
        "hardness,luster,streak",
        dmib={"loss_weights": {"bottleneck_ce": 3, "kl": 0.25}},
    )
    _, one = head("hardness,luster,streak").dmib_losses(x, given.given, given.labels)
    _, other = weighed.dmib_losses(x, given.given, given.labels)
    assert other["bottleneck_ce"].item() == pytest.approx(3 * one["bottleneck_ce"].item())
    assert other["kl"].item() == pytest.approx(0.25 * one["kl"].item())


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("parts", [{}, {"view_classifiers": True}], ids=["published", "dynamic"])
def test_a_head_reads_tests_where_its_case_has_some(case: Case, parts: dict[str, bool]) -> None:
    made = head(str(case), dmib={"parts": parts}).eval()
    x = feature(2, seed=2)[:1].expand(2, DIM)
    codes = torch.from_numpy(CODES.of(np.array([0, 13]), case)).float()  # (3, 1, 0), (1, 1, 0)
    answer: Answer = made(x, codes)
    other: Answer = made(x, torch.full_like(codes, -1.0))
    for found, unread in zip(answer, other, strict=True):
        assert torch.equal(found, unread) == (case == NO_TESTS)
        assert found.shape == (2, CLASSES)


@pytest.mark.parametrize("tests", ["hardness,luster,streak", "streak", "none"])
@pytest.mark.parametrize("parts", PARTS, ids=lambda parts: "+".join(parts))
def test_every_parameter_of_stage_4_gets_a_gradient_and_the_clean_head_none(
    tests: str, parts: dict[str, bool]
) -> None:
    if tests == "none" and (parts.get("cross_gate") or parts.get("masking")):
        with pytest.raises(ValueError, match="which need two views"):
            head(tests, dmib={"parts": parts})
        return
    made, given = head(tests, dmib={"parts": parts}), batch(case_of(recipe(tests)))
    made.train_only(made.of_dmib)
    _, terms = made.dmib_losses(feature(), given.given, given.labels)
    torch.stack(list(terms.values())).sum().backward()
    assert declared(made) == {n for n, _ in made.named_parameters() if n.startswith("dynamic.")}
    for name, parameter in made.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name
        else:
            assert parameter.grad is None, name


def test_a_view_is_masked_in_training_alone() -> None:
    made, given = head("hardness", dmib={"parts": {"masking": True}}), batch()
    made.train_only(made.of_dmib)
    x = feature(64)
    codes = given.given[:1].expand(64, 3)
    made.train()
    torch.manual_seed(0)
    answer, _ = made.dmib_losses(x, codes, torch.zeros(64, dtype=torch.int64))
    made.eval()
    whole, _ = made.dmib_losses(x, codes, torch.zeros(64, dtype=torch.int64))
    changed = (answer.clean != whole.clean).any(1).float().mean().item()
    assert 0.3 < changed < 0.7  # a quarter image alone, a quarter records alone


def test_one_head_for_all_cases_sees_every_subset_in_training() -> None:
    made = head("any")
    codes = torch.tensor([[3.0, 1.0, 0.0]]).expand(4000, 3)
    torch.manual_seed(0)
    shown = made.in_training(codes)
    kept = shown != -1
    assert torch.equal(shown[kept], codes[kept])
    subsets, counts = torch.unique(kept, dim=0, return_counts=True)
    assert len(subsets) == 8
    assert counts.min() > 400


def test_one_head_for_all_cases_has_no_dynamic_parts() -> None:
    with pytest.raises(ValueError, match="tests = any with dynamic parts"):
        head("any", dmib={"parts": {"view_classifiers": True}})


def test_frozen_modules_stay_in_evaluation_mode_whatever_is_asked() -> None:
    made = head("luster", ssf={"test_encoder": "shared", "test_encoder_options": {"width": 8}})
    made.train_only(made.of_dmib)
    made.train()
    assert made.training
    frozen = [n for n, m in made.named_modules() if n and not m.training]
    trained = [n for n, m in made.named_modules() if n and m.training]
    assert {n.split(".")[0] for n in frozen} == {"meta_head", "classifier"}
    assert {n.split(".")[0] for n in trained} == {"info_layer", "classifier_error"}


@pytest.mark.parametrize(
    ("tests", "parts"),
    [
        ("luster", {}),
        ("none", {}),
        ("any", {}),
        ("luster", {"view_classifiers": True}),
        ("none", {"view_classifiers": True}),
    ],
)
def test_what_stage_4_trains_is_known_by_name(tests: str, parts: dict[str, bool]) -> None:
    made = head(tests, dmib={"parts": parts})
    names = {name for name, _ in made.named_children()}
    assert set(made.of_dmib) == names & set(OF_DMIB)
    assert not set(made.of_ssf) & set(OF_DMIB)

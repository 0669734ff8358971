"""Losses by name: options, their ranges, and errors that name what was given and what is allowed."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

from mineralid.lab.losses import LOSSES, Loss, by_name

NAMES = (
    *("cross_entropy", "focal", "poly1", "ghm_c", "ghm_r", "cmd", "mmd", "jda", "rkd"),
    *("gce", "bootstrapped"),
    *("kl", "kd", "kd_standardised", "dkd", "dkd_standardised"),
)
INPUTS = {"logits", "labels", "teacher_logits", "feature", "teacher_feature"}
X = torch.zeros(3, 4)
LABELS = torch.tensor([0, 1, 2])


def test_has_the_whole_collection() -> None:
    assert set(LOSSES) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_loss_states_needs_formula_and_paper(name: str) -> None:
    kind = LOSSES[name]
    assert issubclass(kind, Loss)
    assert kind.needs and set(kind.needs) <= INPUTS
    text = kind.__doc__ or ""
    if "paper as in Harmonised" in " ".join(text.split()):
        text += kind.__mro__[1].__doc__ or ""
    assert re.search(r"arXiv \d{4}\.\d{4,5}|\((19|20)\d\d\)|ICCV 2013", text), text


def test_options_are_keywords() -> None:
    assert by_name("kd", temperature=4).temperature == 4.0
    assert by_name("rkd").distance_weight == 25 and by_name("rkd").angle_weight == 50
    assert by_name("jda", alpha=1, beta=0.5).temperature == 2
    for name in NAMES:
        assert isinstance(by_name(name, **_required(name)), LOSSES[name])


def test_inputs_that_a_loss_does_not_need_are_left_alone() -> None:
    both = {"logits": torch.eye(4)[:3], "labels": LABELS}
    more = by_name("cross_entropy")(**both, feature=torch.zeros(0), teacher_logits=X)
    assert torch.equal(more, by_name("cross_entropy")(**both))


def _required(name: str) -> dict[str, float]:
    return {"alpha": 1.0, "beta": 1.0} if name == "jda" else {}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("focl", {}, r"unknown loss 'focl'; did you mean focal\? Known: cross_entropy, focal,"),
        ("", {}, r"unknown loss ''\. Known: "),
        (
            "kd",
            {"temprature": 4},
            r"kd has no option 'temprature'; did you mean temperature\? Allowed: temperature$",
        ),
        ("kl", {"temperature": 4}, r"kl has no option 'temperature'\. Allowed: none$"),
        ("jda", {}, r"jda got no option; it must be given alpha, beta\. Allowed: alpha, beta, t"),
        ("jda", {"alpha": 1}, r"jda got alpha; it must be given beta\."),
        ("kd", {"temperature": 0}, r"temperature is 0; allowed: a number, 0 < temperature < inf"),
        ("kd", {"temperature": "4"}, r"temperature is '4'; allowed: a number"),
        ("kd", {"temperature": True}, r"temperature is True; allowed: a number"),
        ("kd", {"temperature": float("nan")}, r"temperature is nan; allowed: a number"),
        ("kd", {"temperature": float("inf")}, r"temperature is inf; allowed: a number"),
        ("dkd", {"beta": -1}, r"beta is -1; allowed: a number, 0 <= beta < inf"),
        ("dkd_standardised", {"temperature": -1}, r"temperature is -1; allowed"),
        ("rkd", {"angle_weight": -1}, r"angle_weight is -1; allowed: a number, 0 <= angle_weight"),
        ("cross_entropy", {"label_smoothing": 1}, r"label_smoothing is 1; .* label_smoothing < 1"),
        ("gce", {"q": 0}, r"q is 0; allowed: a number, 0 < q < 1"),
        ("bootstrapped", {"beta": 1}, r"beta is 1; allowed: a number, 0 <= beta < 1"),
        ("focal", {"gamma": -0.5}, r"gamma is -0.5; allowed: a number, 0 <= gamma < inf"),
        ("focal", {"class_weight": [1, -1]}, r"class_weight is \[1, -1\]; allowed: None or one"),
        ("poly1", {"class_weight": "heavy"}, r"class_weight is 'heavy'; allowed: None or one"),
        ("poly1", {"class_weight": [[1.0]]}, r"class_weight is \[\[1.0\]\]; allowed: None or one"),
        ("poly1", {"class_weight": []}, r"class_weight is \[\]; allowed: None or one"),
        ("poly1", {"epsilon": -2}, r"epsilon is -2; allowed: a number, -1 <= epsilon < inf"),
        ("cmd", {"moments": 0}, r"moments is 0; allowed: a whole number >= 1"),
        ("cmd", {"moments": 2.5}, r"moments is 2.5; allowed: a whole number >= 1"),
        ("jda", {"alpha": -1, "beta": 1}, r"alpha is -1; allowed: a number, 0 <= alpha < inf"),
        ("ghm_c", {"bins": 0}, r"bins is 0; allowed: a whole number >= 1"),
        ("ghm_c", {"alpha": 1.0}, r"alpha is 1.0; allowed: a number, 0 <= alpha < 1"),
        ("ghm_r", {"mu": 0}, r"mu is 0; allowed: a number, 0 < mu < inf"),
    ],
)
def test_wrong_options_are_named(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        by_name(name, **options)


@pytest.mark.parametrize(
    ("name", "inputs", "message"),
    [
        ("kd", {}, r"KD got nothing; it also needs logits, teacher_logits"),
        ("dkd", {"logits": X, "labels": LABELS}, r"got logits, labels; it also needs teacher_log"),
        ("kd", {"logits": X, "teacher_logits": X[:, :2]}, r"logits is \[3, 4\] .* is \[3, 2\]"),
        ("cross_entropy", {"logits": X[0], "labels": LABELS}, r"logits is \[4\]; allowed: \[B, C"),
        ("cross_entropy", {"logits": X[:0], "labels": LABELS[:0]}, r"logits is \[0, 4\]; allowed"),
        ("cross_entropy", {"logits": X.long(), "labels": LABELS}, r"logits is torch.int64; allowe"),
        ("cross_entropy", {"logits": X, "labels": LABELS[:2]}, r"torch.int64 \[2\]; .*int64 \[3\]"),
        (
            "cross_entropy",
            {"logits": X, "labels": LABELS.int()},
            r"labels are torch.int32 \[3\]; a",
        ),
        ("cross_entropy", {"logits": X, "labels": LABELS + 2}, r"lie in 2..4; allowed: 0..3 for 4"),
        ("cross_entropy", {"logits": X, "labels": LABELS - 1}, r"lie in -1..1; allowed: 0..3 for"),
        (
            "cross_entropy",
            {"logits": X, "labels": X[:, 1:]},
            r"float32 \[3, 3\]; .*floating \[3, 4",
        ),
        (
            "dkd",
            {"logits": X, "labels": X, "teacher_logits": X},
            r"float32 \[3, 4\]; .*int64 \[3\]",
        ),
        ("focal", {"logits": X[:, :1], "labels": LABELS}, r"logits is \[3, 1\]; .* C >= 2"),
        ("cmd", {"feature": X, "teacher_feature": X[:, :3]}, r"feature is \[4\] .* is \[3\]; they"),
        ("mmd", {"feature": X, "teacher_feature": X[:2]}, r"feature is \[3, 4\] .* is \[2, 4\]; t"),
        ("mmd", {"feature": X, "teacher_feature": X[:, :2]}, r"feature is \[3, 4\] .* is \[3, 2\]"),
        ("rkd", {"feature": X, "teacher_feature": X[:2]}, r"batch of feature is \[3\] .* is \[2\]"),
        ("ghm_r", {"feature": X, "teacher_feature": X[:2]}, r"feature is \[3, 4\] .* is \[2, 4\]"),
        ("ghm_r", {"feature": X[0], "teacher_feature": X}, r"feature is \[4\]; allowed: \[B, D\]"),
    ],
)
def test_wrong_inputs_are_named(name: str, inputs: dict[str, torch.Tensor], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        by_name(name)(**inputs)


@pytest.mark.parametrize("name", ["focal", "poly1"])
def test_class_weights_must_fit_the_classes(name: str) -> None:
    with pytest.raises(ValueError, match=r"class_weight has 2 values and logits are \[3, 4\]; al"):
        by_name(name, class_weight=[1.0, 2.0])(logits=X, labels=LABELS)


def test_unknown_inputs_are_refused() -> None:
    with pytest.raises(TypeError, match="targets"):
        by_name("cross_entropy")(logits=X, targets=LABELS)


def test_features_of_any_rank_are_flattened() -> None:
    maps = torch.randn(3, 4, 2, 2, generator=torch.Generator().manual_seed(0))
    flat = {"feature": maps.flatten(1), "teacher_feature": -maps.flatten(1)}
    for name in ("cmd", "mmd", "rkd", "ghm_r"):
        whole = by_name(name)(feature=maps, teacher_feature=-maps)
        assert torch.equal(whole, by_name(name)(**flat))

"""Stages: what is frozen stays bit by bit, what is declared trained moves, losses by name."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from backbone_cases import TINY, missing_package
from original_stages import (
    CODES,
    backbone,
    batch,
    case_network,
    case_of,
    declared,
    moved,
    recipe,
    state,
    student,
    teacher,
    train,
)
from torch import nn

from mineralid.lab.losses import LOSSES
from mineralid.lab.network.backbone import Placement
from mineralid.lab.network.test_encoders import TEST_ENCODERS
from mineralid.lab.original.batches import Batch
from mineralid.lab.original.stages import (
    DmibStage,
    JoinStage,
    SsfStage,
    Stage,
    StudentStage,
    TeacherStage,
)

pytestmark = pytest.mark.skipif(
    missing_package("resnet-50") is not None, reason="needs the package transformers"
)

BOTTLENECK = ("info_layer.", "classifier_error.", "bottleneck.", "dynamic.")
NEED_TEACHER = {name for name, kind in LOSSES.items() if any("teacher" in n for n in kind.needs)}


def options(name: str) -> dict[str, Any]:
    return {"alpha": 1.0, "beta": 1.0} if name == "jda" else {}


def every_gradient(stage: Stage) -> None:
    for name, parameter in stage.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name
            assert parameter.grad.abs().sum() > 0, name
        else:
            assert parameter.grad is None, name


def ssf_of(chosen: Any, name: str = "resnet-50", placement: Placement = "taps") -> SsfStage:
    return SsfStage(chosen, case_network(chosen, name, placement), teacher(), CODES)


@pytest.mark.parametrize("name", TINY)
def test_the_teacher_trains_its_image_model_and_nothing_else(name: str) -> None:
    network = teacher(name)
    before = state(network)
    stage = TeacherStage(recipe(), network)
    train(stage, batch(side=32 if name != "resnet-50" else 64))
    every_gradient(stage)
    joined = {n for n in before if n.startswith(("meta_head.", "classifier."))}
    statistics = {n for n, b in network.named_buffers() if "running" in n}
    assert not moved(network, before) & joined
    assert moved(network, before) >= declared(network) | statistics


def test_the_join_trains_test_encoder_and_joint_head_alone() -> None:
    network = teacher()
    before = state(network)
    stage = JoinStage(recipe(), network)
    features = torch.rand(8, network.backbone.feature_dim)
    train(stage, batch()._replace(image=(features,)))
    every_gradient(stage)
    assert moved(network, before) == {
        n for n in before if n.startswith(("meta_head", "classifier"))
    }


def test_the_student_learns_and_its_teacher_does_not() -> None:
    taught, network = teacher(), student()
    old, before = state(taught), state(network)
    stage = StudentStage(recipe(), network, taught)
    train(stage, batch())
    every_gradient(stage)
    assert not moved(taught, old)
    assert not declared(taught)
    assert moved(network, before) >= declared(network)
    assert not any("teacher" in name for name in stage.state_dict())


@pytest.mark.parametrize("tests", ["hardness,luster,streak", "hardness", "any"])
@pytest.mark.parametrize("placement", ["taps", "affine", "none"])
def test_scale_and_shift_move_and_the_encoder_does_not(tests: str, placement: Placement) -> None:
    chosen = recipe(tests)
    stage = ssf_of(chosen, placement=placement)
    network, taught = stage.network, stage.teacher.network
    before, old = state(network), state(taught)
    train(stage, batch(case_of(chosen)))
    every_gradient(stage)
    assert not moved(taught, old)
    changed = moved(network, before)
    assert changed == declared(network)
    assert {n for n in changed if n.startswith("backbone.")} == {
        n for n in before if ".adapter." in n
    }
    assert not any(
        n.startswith("fc.") or n.startswith(tuple("head." + b for b in BOTTLENECK)) for n in changed
    )


@pytest.mark.parametrize("encoder", TEST_ENCODERS)
@pytest.mark.parametrize("tests", ["luster,streak", "any"])
def test_every_encoder_of_the_tests_gets_gradients(encoder: str, tests: str) -> None:
    given: dict[str, Any] = {"test_encoder": encoder}
    if encoder not in ("original", "resnorm"):
        given["test_encoder_options"] = {"width": 16}
    chosen = recipe(tests, ssf=given)
    stage = ssf_of(chosen)
    before = state(stage.network)
    train(stage, batch(case_of(chosen), rows=24), steps=1)
    every_gradient(stage)
    encoded = ("head.meta_head.", "head.unified.encoder.")
    assert any(n.startswith(encoded) for n in moved(stage.network, before))


@pytest.mark.parametrize("tests", ["hardness,luster,streak", "streak", "none", "any"])
@pytest.mark.parametrize("live", [True, False], ids=["live", "features"])
def test_stage_4_moves_bottleneck_and_error_head_alone(tests: str, live: bool) -> None:
    chosen = recipe(tests)
    network = case_network(chosen)
    before = state(network)
    stage = DmibStage(chosen, network)
    given = batch(case_of(chosen))
    if not live:
        given = given._replace(image=(torch.rand(8, network.backbone.feature_dim),))
    train(stage, given)
    every_gradient(stage)
    changed = moved(network, before)
    assert changed == declared(network)
    assert changed == {n for n in before if n.startswith(tuple("head." + b for b in BOTTLENECK))}


def test_stage_4_of_the_dynamic_bottleneck_leaves_the_clean_head() -> None:
    chosen = recipe(dmib={"parts": {"view_classifiers": True, "masking": True}})
    network = case_network(chosen)
    before = state(network)
    stage = DmibStage(chosen, network.eval())  # as the stage before left it
    assert stage.train().network.head.dynamic.training  # else nothing would be masked
    train(stage, batch())
    assert moved(network, before) == {n for n in before if n.startswith("head.dynamic.")}


def test_frozen_norms_stay_in_evaluation_mode_in_training() -> None:
    chosen = recipe()
    for stage in (ssf_of(chosen), DmibStage(chosen, case_network(chosen))):
        stage.train()
        held = [m for part in stage.held for m in part.modules()]
        norms = [
            m
            for m in (*stage.network.backbone.modules(), *held)
            if isinstance(m, (nn.BatchNorm2d, nn.Dropout))
        ]
        assert norms
        assert not any(m.training for m in norms)
    assert any(
        m.training
        for m in TeacherStage(chosen, teacher().eval()).train().network.modules()
        if isinstance(m, nn.BatchNorm2d)
    )


def test_the_feature_of_training_is_that_of_the_network_itself() -> None:
    """What is merged for speed, shares its adapters with the network that is kept."""
    chosen = recipe()
    stage, given = ssf_of(chosen), batch()
    train(stage, given)
    stage.eval()
    with torch.no_grad():
        merged = stage.held[0](given.image)
        views, colors = given.image
        plain = type(stage.held[0])(stage.network.backbone)((views, colors))
    assert merged.abs().max() > 0.01
    torch.testing.assert_close(merged, plain, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("kind", ["student", "ssf"])
def test_every_loss_by_name_takes_a_step(name: str, kind: str) -> None:
    term = {"name": name, "options": options(name)}
    chosen = recipe(**{kind: {"losses": [term], "learning_rate": 1e-3}})
    taught = teacher("vit-small")  # its feature has another width
    made = student() if kind == "student" else case_network(chosen)
    assert taught.backbone.feature_dim != made.backbone.feature_dim
    before = state(made)
    # Images of one size for both.
    given = batch(side=32)
    stage: Stage
    if kind == "student":
        stage = StudentStage(chosen, made, taught)
    else:
        stage = SsfStage(chosen, made, taught, CODES)
    stage.train()
    losses, _ = stage.terms(given)
    assert set(losses) == {name}
    assert torch.isfinite(losses[name])
    losses[name].backward()
    optimizer = stage.configure_optimizers()["optimizer"]
    optimizer.step()
    changed = moved(made, before)
    assert any(n.startswith("backbone.") for n in changed)
    assert all(torch.isfinite(t).all() for t in state(stage).values())
    stage.eval()
    with torch.no_grad():  # as validation does, on a batch of one
        last = Batch(
            tuple(t[:1] for t in given.image),
            *(t[:1] for t in given[1:4]),  # type: ignore[arg-type]
            1.0,
            1,
        )
        counted = state(stage.losses)
        assert torch.isfinite(stage.terms(last)[0][name])
        assert not moved(stage.losses, counted)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_that_needs_a_teacher_is_refused_where_there_is_none(name: str) -> None:
    terms = {"losses": [{"name": name, "options": options(name)}]}
    if name not in NEED_TEACHER:
        train(TeacherStage(recipe(teacher=terms), teacher()), batch(), steps=1)
        return
    with pytest.raises(ValueError, match=f"the loss {name} needs .*teacher_.*this stage has not"):
        recipe(teacher=terms)


def test_terms_of_one_name_are_told_apart_and_add_up() -> None:
    chosen = recipe(
        ssf={"losses": ["kd", {"name": "kd", "weight": 2, "options": {"temperature": 1}}]}
    )
    losses, _ = ssf_of(chosen).terms(batch())
    assert set(losses) == {"kd", "kd'"}


def test_views_and_features_of_them_give_the_same_terms() -> None:
    chosen = recipe()
    network = case_network(chosen)
    stage, given = DmibStage(chosen, network).eval(), batch()
    with torch.no_grad():
        feature = stage.held[0](given.image)
        one, _ = stage.terms(given)
        two, _ = stage.terms(given._replace(image=(feature,)))
    assert {n: v.item() for n, v in one.items()} == {n: v.item() for n, v in two.items()}


def test_the_backbone_of_the_photograph_alone_has_no_scale_and_shift() -> None:
    assert not case_network(recipe("none")).backbone.adapters()
    assert backbone("resnet-50", "taps").adapters()

"""Stages of the protocol on tiny networks: built, stepped by hand, and looked at."""

from __future__ import annotations

import copy
import functools
from typing import Any

import torch
from backbone_cases import tiny
from torch import nn

from mineralid.lab.network.backbone import Backbone, Placement
from mineralid.lab.original.batches import Batch
from mineralid.lab.original.codes import ALL_TESTS, Case, mask, parse_case, published_codes
from mineralid.lab.original.heads import make_head
from mineralid.lab.original.networks import CaseNetwork, Student, Teacher
from mineralid.lab.original.recipe import ANY, OriginalRecipe
from mineralid.lab.original.stages import Stage

CODES = published_codes()
CLASSES = len(CODES.classes)
SIDE = 64


def recipe(tests: str = "hardness,luster,streak", **fields: Any) -> OriginalRecipe:
    """A recipe with large steps, so that what can move does."""
    step = {"epochs": 1, "learning_rate": 0.05}
    values: dict[str, Any] = {name: {**step} for name in ("teacher", "student", "ssf", "dmib")}
    values["dmib"]["hidden"] = 16
    for name, given in fields.items():
        if isinstance(given, dict):
            values[name] = {**values.get(name, {}), **given}
        else:
            values[name] = given
    return OriginalRecipe.model_validate({"tests": tests, "batch_size": 8, **values})


@functools.cache
def _built(name: str, placement: Placement, seed: int) -> Backbone:
    return tiny(name, placement, seed=seed).float()


def backbone(name: str = "resnet-50", placement: Placement = "none", seed: int = 0) -> Backbone:
    """One of its own; to build it takes longer than to copy it."""
    return copy.deepcopy(_built(name, placement, seed))


def teacher(name: str = "resnet-50", seed: int = 5) -> Teacher:
    made = backbone(name, seed=seed)
    torch.manual_seed(seed)
    return Teacher(made, CLASSES)


def student(name: str = "resnet-50", seed: int = 6) -> Student:
    made = backbone(name, seed=seed)
    torch.manual_seed(seed)
    return Student(made, CLASSES)


def case_network(
    chosen: OriginalRecipe, name: str = "resnet-50", placement: Placement = "taps"
) -> CaseNetwork:
    made = backbone(name, "none" if chosen.tests == "none" else placement, seed=6).freeze()
    torch.manual_seed(7)
    return CaseNetwork(made, make_head(chosen, made.feature_dim, CLASSES), CLASSES)


def batch(case: Case = ALL_TESTS, rows: int = 8, seed: int = 0, side: int = SIDE) -> Batch:
    """Random views; the last half of the given tests is that of other classes."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(CLASSES, (rows,), generator=draw)
    views = torch.randint(256, (rows, side, side, 3), generator=draw, dtype=torch.uint8)
    codes = torch.from_numpy(mask(CODES.array, case)).float()
    given = codes[labels].clone()
    given[rows // 2 :] = codes[(labels[rows // 2 :] + 17) % CLASSES]
    colors = torch.eye(3, 4).expand(rows, 3, 4)
    return Batch((views, colors), labels, codes[labels], given, 1.0, rows)


def train(stage: Stage, given: Batch, steps: int = 3) -> dict[str, torch.Tensor]:
    """Take steps as the loop does; return the last terms of the loss."""
    stage.train()
    optimizer = stage.configure_optimizers()["optimizer"]
    losses: dict[str, torch.Tensor] = {}
    for number in range(steps):
        torch.manual_seed(number)
        losses, _ = stage.terms(given)
        optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
    return {name: value.detach() for name, value in losses.items()}


def state(module: nn.Module) -> dict[str, torch.Tensor]:
    """A copy of parameters and buffers, those that are not saved too."""
    found = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    return {name: tensor.detach().clone() for name, tensor in found.items()}


def moved(module: nn.Module, before: dict[str, torch.Tensor]) -> set[str]:
    """Names of what is not bit-equal to what it was."""
    now = state(module)
    assert now.keys() == before.keys()
    return {name for name, tensor in now.items() if not torch.equal(tensor, before[name])}


def declared(module: nn.Module) -> set[str]:
    return {name for name, p in module.named_parameters() if p.requires_grad}


def case_of(chosen: OriginalRecipe) -> Case:
    return ALL_TESTS if chosen.tests == ANY else parse_case(chosen.tests)

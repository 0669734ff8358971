"""Names of the tensors in the published checkpoints ↔ those of our networks."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from mineralid.lab.network.backbone import Backbone
from mineralid.lab.network.torchvision_names import to_torchvision
from mineralid.lab.original.codes import CASES, NO_TESTS, Case
from mineralid.lab.original.heads import PublishedHead
from mineralid.lab.original.networks import CaseNetwork, Student

ENCODER = "image_encoder."
LISTED = 20  # names of each kind that an error shows

State = Mapping[str, torch.Tensor]


def heads_of(case: Case) -> dict[str, str]:
    """Return the published names of the parts of a case's head by ours."""
    alone = case == NO_TESTS
    error = f"classifier_{case.name}_error"
    if alone:  # its clean head is the encoder's `fc`
        return {"info_layer": "info_layer_0mo", "classifier_error": error}
    return {
        "meta_head": "meta_head_1",
        "classifier": f"classifier_{case.name}",
        "info_layer": "info_layer",
        "classifier_error": error,
    }


# What a published file may hold for other cases than the one that is read.
PUBLISHED_PARTS = frozenset(
    {f"ssf_layer_{number}" for number in range(1, 9)}
    | {part for case in CASES for part in heads_of(case).values()}
)


def published_head(network: CaseNetwork) -> PublishedHead:
    """Return the network's head; ValueError where the published layout has no names for it."""
    head = network.head
    if type(head) is not PublishedHead:
        raise ValueError(
            f"the head is a {type(head).__name__}; the published layout has names for that of one "
            "case alone, with the published bottleneck (dmib.parts: bottleneck and nothing else)"
        )
    return head


def student_names(student: Student | CaseNetwork) -> dict[str, str]:
    """Return the name in a student's own file of each tensor of encoder and `fc`.

    A ResNet's are torchvision's; another backbone's tensors keep their own names.
    """
    backbone = student.backbone
    adapters = _adapter_places(backbone)
    names = {}
    for name in backbone.model.state_dict():
        place = name.rpartition(".")[0]
        if place not in adapters:
            names[f"backbone.model.{name}"] = _encoder_name(backbone, name)
    return names | {f"fc.{name}": f"fc.{name}" for name in student.fc.state_dict()}


def published_names(network: CaseNetwork) -> dict[str, str]:
    """Return the published name of each tensor of a case's network.

    `ssf_layer_1` … are the adapters from the image to the feature, the eight taps on a ResNet. In
    the network for the photograph alone `fc` and `head.fc` have one name: both are the student's.
    Raises ValueError where the layout has no names for the network.
    """
    head = published_head(network)
    names = {ours: ENCODER + theirs for ours, theirs in student_names(network).items()}
    for place, number in _adapter_places(network.backbone).items():
        for name in network.backbone.model.get_submodule(place).state_dict():
            names[f"backbone.model.{place}.{name}"] = f"ssf_layer_{number}.{name}"
    parts = {**heads_of(head.case), "fc": f"{ENCODER}fc"}
    for name in head.state_dict():
        part, _, rest = name.partition(".")
        names[f"head.{name}"] = f"{parts[part]}.{rest}"
    return names


def _adapter_places(backbone: Backbone) -> dict[str, int]:
    """Return of each adapter its place in `backbone.model` and its number, from 1."""
    numbers = {id(adapter): n for n, adapter in enumerate(backbone.adapters().values(), 1)}
    return {
        name: numbers[id(module)]
        for name, module in backbone.model.named_modules()
        if id(module) in numbers
    }


def _encoder_name(backbone: Backbone, name: str) -> str:
    return to_torchvision(name) if getattr(backbone, "family", None) == "resnet" else name


def left_aside(state: State, names: Mapping[str, str]) -> tuple[str, ...]:
    """Return the published parts in a file that a network with these names does not use."""
    own = {theirs.partition(".")[0] for theirs in names.values()}
    parts = dict.fromkeys(name.partition(".")[0] for name in state)
    return tuple(part for part in parts if part in PUBLISHED_PARTS - own)


def take(network: nn.Module, names: Mapping[str, str], state: State, source: str) -> None:
    """Load the tensors of a published file into a network, whole or not at all.

    names: of each of the network's tensors that of the file. Parts of other cases are left aside.
    Raises ValueError, which lists all that is missing, unexpected or of another shape.
    """
    own = network.state_dict()
    aside = set(left_aside(state, names))
    # Counters of batches, which weights of before PyTorch 0.4.1 lack, change no output.
    missing = [
        theirs
        for theirs in dict.fromkeys(names.values())
        if theirs not in state and not theirs.endswith("num_batches_tracked")
    ]
    known = set(names.values())
    unexpected = [n for n in state if n not in known and n.partition(".")[0] not in aside]
    shapes = {
        theirs: f"{theirs} is {list(state[theirs].shape)}; allowed: {list(own[ours].shape)}"
        for ours, theirs in names.items()
        if theirs in state and state[theirs].shape != own[ours].shape
    }
    told = [
        f"{len(lines)} {label}:\n    "
        + "\n    ".join(lines[:LISTED])
        + (f"\n    and {len(lines) - LISTED} more" if len(lines) > LISTED else "")
        for label, lines in (
            ("missing", missing),
            ("unexpected", unexpected),
            ("of another shape", list(shapes.values())),
        )
        if lines
    ]
    if told:
        raise ValueError(f"{source} does not fit:\n  " + "\n  ".join(told))
    network.load_state_dict({n: state.get(names.get(n, ""), own[n]) for n in own})


def error_heads(state: State) -> tuple[Case, ...]:
    """Return the cases that have an error head in a published file."""
    return tuple(
        case
        for case in CASES
        if any(name.startswith(f"classifier_{case.name}_error.") for name in state)
    )


def is_student(state: State) -> bool:
    """Say whether a state dict is a student's own: encoder and head without a prefix."""
    parts = {name.partition(".")[0] for name in state}
    return "fc" in parts and not parts & (PUBLISHED_PARTS | {"image_encoder"})

"""Networks side by side are one: its scores, features, maps, folding, readout and graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mineralid.lab.evaluation import networks as module
from mineralid.lab.evaluation.networks import Networks, joined
from mineralid.lab.evaluation.scoring import Scores
from mineralid.lab.network.joined import JoinedNetwork
from mineralid.lab.network.lite import LiteNetwork, build_lite

pytest.importorskip("efficientnet_lite_pytorch")

SIZE, CLASSES = 64, 5


def member(name: str, seed: int, classes: int = CLASSES) -> LiteNetwork:
    torch.manual_seed(seed)
    network = build_lite(classes, name=name, pretrained=False)
    with torch.no_grad():
        network.head.weight.normal_(0, 0.3)
        network.head.bias.normal_(0, 0.3)
        for unit in network.units():
            for part, p in unit.adapter.named_parameters():
                p.normal_(1.0 if part == "scale" else 0.0, 0.2)
    return network.eval()


@pytest.fixture(scope="module")
def members() -> list[LiteNetwork]:
    return [member("efficientnet-lite0", 1), member("efficientnet-lite2", 2)]


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.rand((3, 3, SIZE, SIZE), generator=torch.Generator().manual_seed(0)) * 2 - 1


@torch.no_grad()
def test_scores_are_the_mean_and_features_in_a_row(
    members: list[LiteNetwork], images: torch.Tensor
) -> None:
    one, two = (m(images) for m in members)
    scores, feature, feature_map = JoinedNetwork(members).eval()(images)
    torch.testing.assert_close(scores, (one[0] + two[0]) / 2, rtol=1e-4, atol=1e-4)
    assert scores.std() > 0.01
    torch.testing.assert_close(feature, torch.cat([one[1], two[1]], 1))
    torch.testing.assert_close(feature_map.mean((2, 3)), feature, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_a_folded_one_answers_the_same_with_what_was_added_to_its_head(
    members: list[LiteNetwork], images: torch.Tensor
) -> None:
    network = JoinedNetwork(members).eval()
    network.head.weight.add_(0.5)
    folded = network.folded().eval()
    assert not any(p.ndim == 1 and "adapter" in n for n, p in folded.named_parameters())
    torch.testing.assert_close(folded(images)[0], network(images)[0], rtol=1e-3, atol=1e-3)


def test_members_of_other_classes_are_refused(members: list[LiteNetwork]) -> None:
    with pytest.raises(ValueError, match=r"networks of \[5, 4\] classes; allowed: two networks"):
        JoinedNetwork([members[0], member("efficientnet-lite0", 3, classes=4)])
    with pytest.raises(ValueError, match=r"networks of \[5\] classes; allowed: two networks"):
        JoinedNetwork(members[:1])


@torch.no_grad()
def test_kept_scores_joined_are_those_of_the_joined_network(
    members: list[LiteNetwork],
    images: torch.Tensor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs = dict(zip(("a-A", "b-A"), members, strict=True))
    monkeypatch.setattr(module, "load_network", lambda run: runs[run.name])

    def scored(run: Path, network: LiteNetwork, *given: object) -> Scores:
        found = network(images)
        return Scores(found[0].numpy(), found[1].numpy())

    monkeypatch.setattr(module, "cached_scores", scored)
    both = Networks(Path("runs"), "a+b")
    assert both.runs("A") == (Path("runs/a-A"), Path("runs/b-A"))
    expected = both.load("A").eval()(images)
    found = both.scores("A", None, None)  # type: ignore[arg-type]
    np.testing.assert_allclose(found.scores, expected[0], rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(found.feature, expected[1])
    alone = Networks(Path("runs"), "a")
    assert alone.load("A") is members[0]
    assert alone.scores("A", None, None).feature.shape == (3, 1280)  # type: ignore[arg-type]


def test_scores_of_one_network_are_left_as_they_are() -> None:
    one = Scores(np.ones((2, 3), np.float32), np.ones((2, 4), np.float32))
    assert joined([one]) is one

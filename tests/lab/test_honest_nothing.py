"""The bundle that ships never gives a thing that is no mineral a confident name."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable

import pytest

from mineralid.identify import Identifier
from mineralid.lab.evaluation.drawn import KINDS
from mineralid.lab.evaluation.robustness.honest.nothing import (
    Picture,
    drawn_pictures,
    named,
    sample_pictures,
)

EACH = 4


@pytest.fixture(scope="module")
def identifier() -> Identifier:
    return Identifier(threads=1)


def named_with_confidence(
    identifier: Identifier, pictures: Iterable[tuple[str, Picture]], count: int
) -> dict[str, str]:
    found = named(identifier, pictures)
    assert found["pictures"] >= count
    return {kind: entry["name"] for kind, entry in found["kinds"].items() if entry["species"]}


def test_drawings_get_no_confident_name(identifier: Identifier) -> None:
    pictures = drawn_pictures(EACH)
    assert named_with_confidence(identifier, pictures, EACH * len(KINDS)) == {}


@pytest.mark.skipif(
    importlib.util.find_spec("skimage") is None, reason="scikit-image is not installed"
)
def test_sample_pictures_get_no_confident_name(identifier: Identifier) -> None:
    """A cat, a rocket, a page, coins: what comes with scikit-image's wheel."""
    assert named_with_confidence(identifier, sample_pictures(), 10) == {}


def test_a_stone_in_the_network_s_eyes_would_be_counted(
    identifier: Identifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counting itself: an identifier that is sure of everything is found out."""
    report = identifier.identify(hardness=7)
    sure = report.model_copy(update={"level": "species", "unknown": 0.0})
    monkeypatch.setattr(identifier, "identify", lambda picture: sure)
    found = named(identifier, drawn_pictures(1))
    assert found["species"] == found["pictures"] == len(KINDS)

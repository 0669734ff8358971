"""The level of an answer, case by case over five minerals."""

from __future__ import annotations

import pytest

from mineralid.identify.levels import answer_level

ANCESTORS = {
    "Ruby": ("Corundum", "Hematite group"),
    "Sapphire": ("Corundum", "Hematite group"),
    "Hematite": ("Hematite group",),
    "Agate": ("Quartz",),
}
NAMES = ("Ruby", "Sapphire", "Hematite", "Agate", "Quartz")


def _level(
    probabilities: dict[str, float], unknown: float = 0.0, **thresholds: float
) -> tuple[str, str | None, float | None]:
    ranked = sorted(NAMES, key=lambda name: -probabilities.get(name, 0.0))
    limits = {"species_threshold": 0.5, "group_threshold": 0.6, "unknown_threshold": 0.5}
    return answer_level(
        names=ranked,
        probabilities=[probabilities.get(name, 0.0) for name in ranked],
        unknown=unknown,
        ancestors=ANCESTORS,
        **{**limits, **thresholds},
    )


@pytest.mark.parametrize(
    ("probabilities", "unknown", "expected"),
    [
        pytest.param({"Ruby": 0.9}, 0.1, ("species", "Ruby", 0.9), id="a clear leader"),
        pytest.param({"Ruby": 0.5}, 0.3, ("species", "Ruby", 0.5), id="just at the threshold"),
        pytest.param({"Ruby": 0.5}, 0.5, ("unknown", None, None), id="as likely none of them"),
        pytest.param({}, 0.99, ("unknown", None, None), id="none of them"),
        pytest.param(
            {"Ruby": 0.49, "Sapphire": 0.3}, 0.1, ("group", "Corundum", 0.79), id="two of a species"
        ),
        pytest.param(
            {"Agate": 0.4, "Quartz": 0.4},
            0.1,
            ("group", "Quartz", 0.8),
            id="a variety and its species",
        ),
        pytest.param(
            {"Ruby": 0.3, "Sapphire": 0.2, "Hematite": 0.3, "Agate": 0.1},
            0.1,
            ("group", "Hematite group", 0.8),
            id="only the wider group is likely enough",
        ),
        pytest.param(
            {"Ruby": 0.45, "Agate": 0.4}, 0.1, ("unknown", None, None), id="two that share nothing"
        ),
        pytest.param(
            {"Ruby": 0.49, "Agate": 0.01, "Quartz": 0.01},
            0.4,
            ("unknown", None, None),
            id="nothing is likely",
        ),
    ],
)
def test_five_minerals(
    probabilities: dict[str, float], unknown: float, expected: tuple[str, str | None, float | None]
) -> None:
    level, answer, probability = _level(probabilities, unknown)
    assert (level, answer) == expected[:2]
    assert probability == pytest.approx(expected[2])


def test_the_unknown_comes_first_and_the_species_before_the_group() -> None:
    sure = {"Ruby": 0.6, "Sapphire": 0.3}
    assert _level(sure, 0.1) == ("species", "Ruby", 0.6)
    assert _level(sure, 0.1, unknown_threshold=0.1) == ("unknown", None, None)
    assert _level(sure, 0.1, species_threshold=0.7)[:2] == ("group", "Corundum")
    assert _level(sure, 0.1, species_threshold=0.7, group_threshold=0.95) == ("unknown", None, None)


def _of(
    names: list[str], probabilities: list[float], ancestors: dict[str, tuple[str, ...]]
) -> tuple[str, str | None]:
    return answer_level(
        names=names,
        probabilities=probabilities,
        unknown=0.0,
        ancestors=ancestors,
        species_threshold=0.7,
        group_threshold=0.6,
        unknown_threshold=0.5,
    )[:2]


def test_a_group_needs_two_members_among_the_candidates() -> None:
    assert _of(["Hematite"], [0.65], ANCESTORS) == ("unknown", None)
    assert _of(["Hematite", "Ruby"], [0.65, 0.0], ANCESTORS) == ("group", "Hematite group")
    assert _of([], [], {}) == ("unknown", None)


def test_the_narrower_of_two_groups_with_the_same_candidates() -> None:
    """As in the catalogue, where no other garnet is likely."""
    ancestors: dict[str, tuple[str, ...]] = dict.fromkeys(
        ("Hessonite", "Tsavorite"), ("Grossular", "Garnet group")
    )
    assert _of(["Hessonite", "Tsavorite"], [0.5, 0.4], ancestors) == ("group", "Grossular")

"""Options out of range, and nothing given: each error names what was received and what is allowed."""

from __future__ import annotations

import pytest

from identify.stones import scored_for
from mineralid.identify import Identifier
from mineralid.observation import Observation, ReadingError


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("trust", 1.5, "trust is 1.5; allowed: 0 (ignore the readings) to 1 (believe them)"),
        ("trust", -0.1, "trust is -0.1; allowed: 0 (ignore the readings) to 1 (believe them)"),
        (
            "trust",
            float("nan"),
            "trust is nan; allowed: 0 (ignore the readings) to 1 (believe them)",
        ),
        ("confidence", 0, "confidence is 0; allowed: above 0 and below 1"),
        ("confidence", 1, "confidence is 1; allowed: above 0 and below 1"),
        ("confidence", 90, "confidence is 90; allowed: above 0 and below 1"),
        ("confidence", float("nan"), "confidence is nan; allowed: above 0 and below 1"),
        ("top", 0, "top is 0; allowed: 1 and more, or all"),
        ("top", -3, "top is -3; allowed: 1 and more, or all"),
        ("prior", "common", "prior is 'common'; allowed: commonness, uniform"),
        ("prior", "", "prior is ''; allowed: commonness, uniform"),
    ],
)
@pytest.mark.parametrize("photograph", [False, True])
def test_an_option_out_of_range(
    identifier: Identifier, option: str, value: object, message: str, photograph: bool
) -> None:
    item = scored_for("Quartz") if photograph else None
    with pytest.raises(ReadingError) as caught:
        identifier.decide(Observation.of(hardness=7), item, **{option: value})  # type: ignore[arg-type]
    assert str(caught.value) == message
    assert caught.value.field == option
    assert caught.value.received is value


def test_nothing_given(identifier: Identifier) -> None:
    message = "nothing was given; allowed: photographs, readings, or both"
    for observation in (Observation(), Observation.of(hardness=None, luster="", streak="-")):
        with pytest.raises(ReadingError) as caught:
            identifier.answer(observation)
        assert str(caught.value) == message and caught.value.field == "readings"


def test_an_unknown_option_is_an_unknown_test(identifier: Identifier) -> None:
    with pytest.raises(ReadingError, match=r"unknown test 'hardnes': did you mean hardness\?"):
        identifier.identify(hardnes=7)
    with pytest.raises(ReadingError, match="unknown test 'colour'"):
        identifier.identify(colour="green")


def test_a_reading_out_of_range_is_told_as_such(identifier: Identifier) -> None:
    with pytest.raises(ReadingError, match="hardness 11: 11 is outside the range"):
        identifier.identify(hardness=11)
    with pytest.raises(ReadingError, match="unknown luster 'shiny-ish'"):
        identifier.identify(luster="shiny-ish")


def test_the_edges_of_the_ranges_are_allowed(identifier: Identifier) -> None:
    for options in ({"trust": 0}, {"trust": 1}, {"confidence": 1e-9}, {"top": 1}, {"top": 10**6}):
        report = identifier.decide(Observation.of(hardness=7), None, **options)
        assert report.error is None and report.best is not None

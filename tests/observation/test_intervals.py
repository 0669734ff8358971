"""Density and other measured numbers: accepted forms, refusals, properties."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mineralid.observation import IntervalReading, ReadingError, parse_density


@pytest.mark.parametrize(
    "value",
    [
        2.65, "2.65", "2,65", "2.65 g/cm3", "2.65 g/cm³", "2.65g/cc", "2.65 g cm−3", "2.65 g·cm⁻³", "2.65 g/ml",
        "SG 2.65", "specific gravity: 2.65", "density 2.65 g/cm^3", "~2.65", "ca. 2.65",
    ],
)  # fmt: skip
def test_one_number(value: object) -> None:
    assert parse_density(value) == IntervalReading(2.65, 2.65)


@pytest.mark.parametrize(
    "value", ["2.6-2.7", "2.6–2.7 g/cm3", "2.6 to 2.7", "2.65±0.05", (2.6, 2.7), ["2.6", 2.7]]
)
def test_an_interval(value: object) -> None:
    reading = parse_density(value)
    assert reading is not None
    assert (reading.low, reading.high) == pytest.approx((2.6, 2.7))
    assert (reading.name, reading.unit) == ("density", "g/cm3")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("0.1", "density '0.1': 0.1 is outside the range; allowed: 0.5 to 25 g/cm3"),
        (2650, "density 2650: 2650 is outside the range; allowed: 0.5 to 25 g/cm3"),
        (-1, "density -1: -1 is outside the range"),
        ("2.7-2.6", "density '2.7-2.6': the interval is upside down; write 2.6-2.7"),
        ("heavy", "density 'heavy' is not a number; allowed: a number or an interval (low-high) "),
        ("2.65 kg", "density '2.65 kg' is not a number"),
        ("2.65 g", "density '2.65 g' is not a number"),
        ("nan", "density 'nan' is not a number"),
        (float("nan"), "density nan is not a number"),
        ("2.6, 2.7", "density '2.6, 2.7' is not a number"),
        (["2.6-2.7", 3], "is not a number"),
        ((1, 2, 3), "density (1, 2, 3): 3 numbers; allowed: 1 or 2"),
    ],
)
def test_refusals_say_what_was_received_and_what_is_allowed(value: object, message: str) -> None:
    with pytest.raises(ReadingError, match=re.escape(message)) as caught:
        parse_density(value)
    assert caught.value.field == "density"


@given(st.tuples(st.floats(0.5, 25), st.floats(0.5, 25)).map(sorted))
def test_wording_reads_back_as_an_equal_reading(bounds: list[float]) -> None:
    reading = IntervalReading(*bounds)
    assert parse_density(reading.describe()) == reading == parse_density(tuple(bounds))


@given(st.text(max_size=400) | st.text(alphabet="0123456789.,-+/ gcm½", max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        reading = parse_density(text)
    except ReadingError as error:
        assert error.field == "density"
    else:
        assert reading is None or 0.5 <= reading.low <= reading.high <= 25

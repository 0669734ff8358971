"""Readings as conditions on what is known of a mineral, for listing those that fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mineralid.minerals.tests_table import load_tests
from mineralid.observation.observation import parse_reading
from mineralid.observation.readings import HardnessReading, IntervalReading


def conditions(readings: Mapping[str, object]) -> dict[str, Any]:
    """Test name -> reading as people give it, to the arguments of `Catalogue.where`.

    Blanks are left out. ReadingError names an unknown test or an unusable reading.
    """
    wanted: dict[str, Any] = {}
    for name, given in readings.items():
        reading = parse_reading(given, name)
        if reading is None:
            continue
        column = load_tests()[name].column
        if isinstance(reading, HardnessReading):
            wanted[column] = _hardness_interval(reading)
        elif isinstance(reading, IntervalReading):
            wanted[column] = (reading.low, reading.high)
        else:
            wanted[column] = reading.tokens
    return wanted


def _hardness_interval(reading: HardnessReading) -> tuple[float, float]:
    """The hardness that a reading allows: stated bounds narrowed by comparisons."""
    lows = [*reading.above_mohs, 0.0 if reading.low_mohs is None else reading.low_mohs]
    highs = [*reading.below_mohs, 10.0 if reading.high_mohs is None else reading.high_mohs]
    return max(lows), min(highs)  # comparisons that contradict each other are no reading

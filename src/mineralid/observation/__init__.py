"""What a person saw: photographs and readings, each present or absent."""

from mineralid.observation.errors import ReadingError
from mineralid.observation.hardness import parse_hardness
from mineralid.observation.intervals import parse_density, parse_interval
from mineralid.observation.observation import Observation, parse_reading
from mineralid.observation.readings import (
    Hardness,
    HardnessReading,
    IntervalReading,
    Reading,
    WordsReading,
)
from mineralid.observation.tools import TOOLS, Tool
from mineralid.observation.words import parse_words

__all__ = [
    "TOOLS",
    "Hardness",
    "HardnessReading",
    "IntervalReading",
    "Observation",
    "Reading",
    "ReadingError",
    "Tool",
    "WordsReading",
    "parse_density",
    "parse_hardness",
    "parse_interval",
    "parse_reading",
    "parse_words",
]

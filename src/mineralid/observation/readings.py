"""What one field test gave: the value types of readings, and how they are worded.

Every reading is frozen, compares by value (not by the text that it came from), and its `describe()`
parses back to an equal reading.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from mineralid.observation.tools import tool_label


@dataclass(frozen=True, slots=True)
class HardnessReading:
    """Mohs hardness: a stated interval, comparisons, or both; 0.5..10.

    low_mohs, high_mohs: the stated interval (equal for a single number), None where only
    comparisons were made. above_mohs: hardness of what it scratches; below_mohs: of what scratches
    it; ascending, without repeats. Equal bounds are no contradiction: two stones of one hardness
    scratch each other.
    """

    name: ClassVar[str] = "hardness"

    low_mohs: float | None = None
    high_mohs: float | None = None
    above_mohs: tuple[float, ...] = ()
    below_mohs: tuple[float, ...] = ()
    text: str = field(default="", compare=False)

    def describe(self) -> str:
        """For example "hardness 6–6.5, scratches a coin, scratched by a knife"."""
        parts = []
        if self.low_mohs is not None and self.high_mohs is not None:
            parts.append(f"hardness {interval_text(self.low_mohs, self.high_mohs)}")
        for mohs in self.above_mohs:
            tool = tool_label(mohs)
            parts.append(f"scratches {tool}" if tool else f"harder than {number_text(mohs)}")
        for mohs in self.below_mohs:
            tool = tool_label(mohs)
            parts.append(f"scratched by {tool}" if tool else f"softer than {number_text(mohs)}")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class IntervalReading:
    """A measured number as the interval low..high (equal for a single number), in `unit`."""

    low: float
    high: float
    name: str = "density"
    unit: str = "g/cm3"
    text: str = field(default="", compare=False)

    def describe(self) -> str:
        """For example "density 2.6–2.7 g/cm3"."""
        return f"{self.name} {interval_text(self.low, self.high)} {self.unit}".strip()


@dataclass(frozen=True, slots=True)
class WordsReading:
    """What was seen, as tokens of the test's vocabulary in its order: one of these holds."""

    tokens: tuple[str, ...]
    name: str = ""
    text: str = field(default="", compare=False)

    def describe(self) -> str:
        """For example "luster vitreous or pearly"."""
        words = " or ".join(token.replace("-", " ") for token in self.tokens)
        return f"{self.name} {words}".strip()


Hardness: TypeAlias = HardnessReading
Reading: TypeAlias = HardnessReading | IntervalReading | WordsReading


def number_text(value: float) -> str:
    """The shortest text that reads back as the same number: 6, 6.5."""
    text = repr(float(value))
    return text[:-2] if text.endswith(".0") else text


def interval_text(low: float, high: float) -> str:
    """6.5, or 6–6.5 with an en dash."""
    return number_text(low) if low == high else f"{number_text(low)}–{number_text(high)}"

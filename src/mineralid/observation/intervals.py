"""Read numbers and intervals as people write them: 6.5, 6½, 3+1⁄2, 6-6.5, 6 to 6.5, (6, 6.5).

A comma directly between two digits is a decimal comma: "6,5" is 6.5. No reading of this kind is a
list of single numbers, so nothing else can be meant; "6, 5" with a space is an error.
"""

from __future__ import annotations

import math
import re
import unicodedata
from decimal import Decimal
from numbers import Real

from mineralid.minerals.tests_table import FieldTest, load_tests
from mineralid.observation.blanks import is_blank
from mineralid.observation.errors import ReadingError, shown
from mineralid.observation.readings import IntervalReading, number_text

LONGEST_TEXT = 300  # characters; anything longer is prose, not a reading

_UNSIGNED = r"[0-9]+(?:\s*\+\s*|\s+)[0-9]+/[0-9]+|[0-9]+(?:[.,][0-9]+)?|[.,][0-9]+"
# A number ends where no letter, digit or further mark continues it.
NUMBER = rf"(?:{_UNSIGNED})(?![\w/+]|[.,]?[0-9]|\.[0-9])"
INTERVAL = re.compile(
    rf"(?P<low>-?\s*(?:{NUMBER}))(?:\s*(?P<sign>-|to\b|until\b|\.\.+|\+/-|±)\s*(?P<high>{NUMBER}))?"
)
_CUBED_UNITS = re.compile(r"(?:g\s*(?:/|\bper\b)?\s*(?:cm\s*\^?\s*-?\s*3|cc|ml)|gcm-?3)\s*$")
_NAMES = re.compile(r"^(?:specific gravity|s\.?\s?g\.?|d|mohs|hardness|h)\b\s*[:=]?\s*")
_ABOUT = re.compile(r"^(?:about|approximately|approx\.?|circa\b|ca\b\.?|c\.|~|≈)\s*")

Pair = tuple[float, float]


def parse_density(value: object) -> IntervalReading | None:
    """A density in g/cm3, 0.5..25: "2.65", "2.6-2.7 g/cm3", 2.65, (2.6, 2.7); None = not tested.

    ReadingError names the value received and what is allowed.
    """
    return parse_interval(value, load_tests()["density"])


def parse_interval(value: object, test: FieldTest) -> IntervalReading | None:
    """A number or interval of any `interval` test, within its range; None = not tested."""
    if is_blank(value):
        return None
    if isinstance(value, str):
        text = spell_number_text(value, test)
        match = INTERVAL.fullmatch(text)
        if match is None:
            raise ReadingError(test.name, value, _not_a_number(test, value))
        low, high = read_match(match)
    else:
        low, high = read_numbers(value, test)
    low, high = check_range(low, high, value, test)
    return IntervalReading(low, high, test.name, test.unit, text=as_text(value))


def spell_number_text(value: str, test: FieldTest) -> str:
    """One spelling of a written number: ASCII digits, "-" for any dash, no unit, no name."""
    if len(value) > LONGEST_TEXT:
        raise ReadingError(test.name, value, _not_a_number(test, value))
    # NFKC would join 6½ to 61⁄2, so a fraction gets its space first.
    spaced = "".join(
        " " + char if unicodedata.decomposition(char).startswith("<fraction>") else char
        for char in value
    )
    text = unicodedata.normalize("NFKC", spaced).casefold().replace("\u2044", "/")
    text = re.sub(r"[\u2010-\u2015\u2212\ufe58]", "-", text)
    text = re.sub(r"[·⋅]", " ", text)
    text = re.sub(r"\s*/\s*", "/", " ".join(text.split()))
    name = re.compile(rf"{re.escape(test.name)}\b\s*[:=]?\s*")
    text = _ABOUT.sub("", _NAMES.sub("", name.sub("", text, count=1) if name.match(text) else text))
    if test.unit == "g/cm3":
        text = _CUBED_UNITS.sub("", text)
    return text.removesuffix(test.unit.casefold()).strip()


def read_match(match: re.Match[str]) -> Pair:
    """Low and high of a match of INTERVAL, as written (not yet checked)."""
    low = read_number(match["low"])
    if match["high"] is None:
        return low, low
    high = read_number(match["high"])
    return (low - high, low + high) if match["sign"] in ("+/-", "±") else (low, high)


def read_number(text: str) -> float:
    """The value of a text that NUMBER matches; nan for a fraction that is none (6 3/2, 6 1/0)."""
    sign = -1.0 if text.startswith("-") else 1.0
    text = text.removeprefix("-").strip().replace(",", ".")
    parts = [float(part) for part in re.split(r"[\s+/]+", text)]
    if len(parts) == 1:
        return sign * parts[0]
    whole, above, below = parts
    return sign * (whole + above / below) if above < below else math.nan


def read_numbers(value: object, test: FieldTest) -> Pair:
    """Low and high of a number, or of a list or tuple of one or two numbers or written numbers."""
    items = (
        [item for item in value if not is_blank(item)]
        if isinstance(value, (list, tuple))
        else [value]
    )
    numbers: list[float] = []
    for item in items:
        if isinstance(item, str):
            match = INTERVAL.fullmatch(spell_number_text(item, test))
            if match is None or match["high"] is not None:
                raise ReadingError(test.name, value, _not_a_number(test, value))
            numbers.append(read_match(match)[0])
        elif isinstance(item, (Real, Decimal)) and not isinstance(item, bool):
            try:
                numbers.append(float(item))
            except OverflowError:  # an integer beyond any float is beyond any range too
                numbers.append(math.inf)
        else:
            raise ReadingError(test.name, value, _not_a_number(test, value))
    if len(numbers) not in (1, 2):
        raise ReadingError(
            test.name, value, f"{test.name} {shown(value)}: {len(numbers)} numbers; allowed: 1 or 2"
        )
    return numbers[0], numbers[-1]


def check_range(low: float, high: float, value: object, test: FieldTest) -> Pair:
    """The interval, if it is one and lies in the test's range; else ReadingError says why not."""
    least, most = test.low or 0.0, test.high or math.inf
    allowed = f"{number_text(least)} to {number_text(most)} {test.unit}".strip()
    for number in (low, high):
        if math.isnan(number):
            raise ReadingError(test.name, value, _not_a_number(test, value))
        if not least <= number <= most:
            raise ReadingError(
                test.name,
                value,
                f"{test.name} {shown(value)}: {number_text(number)} is outside the range; "
                f"allowed: {allowed}",
            )
    if low > high:
        raise ReadingError(
            test.name,
            value,
            f"{test.name} {shown(value)}: the interval is upside down; "
            f"write {number_text(high)}-{number_text(low)}",
        )
    return low, high


def _not_a_number(test: FieldTest, value: object) -> str:
    least, most = number_text(test.low or 0.0), number_text(test.high or math.inf)
    return (
        f"{test.name} {shown(value)} is not a number; allowed: a number or an interval (low-high) "
        f"from {least} to {most} {test.unit}; None or blank where it was not tested"
    )


def as_text(value: object) -> str:
    """The value as a reading keeps it: the text itself, or a short repr."""
    return value if isinstance(value, str) else shown(value)

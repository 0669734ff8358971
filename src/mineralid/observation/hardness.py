"""Read a hardness: a Mohs number, an interval, comparisons by scratching, or a mixture.

    6.5   6-6.5   6 to 6½   6 or 7   (6, 6.5)   scratches:coin,scratched-by:knife   >coin,<5.5

Comparisons are separated by commas, semicolons, spaces or "and"; `>` and "harder than" mean
scratches, `<` and "softer than" scratched by; what it is compared with is a tool or a number.
"""

from __future__ import annotations

import re

from mineralid.minerals.tests_table import FieldTest, load_tests
from mineralid.observation.blanks import is_blank
from mineralid.observation.errors import ReadingError, shown
from mineralid.observation.intervals import (
    INTERVAL,
    NUMBER,
    as_text,
    check_range,
    read_match,
    read_number,
    read_numbers,
    spell_number_text,
)
from mineralid.observation.readings import HardnessReading, interval_text, number_text
from mineralid.observation.tools import TOOLS, tool_hardness

_ABOVE = (
    "scratches", "scratch", "does scratch", "can scratch", "not scratched by", "not scratched with",
    "cannot be scratched by", "cannot be scratched with",
    "harder than", "above", "over", "more than", "greater than", ">=", ">", "≥",
)  # fmt: skip
_BELOW = (
    "scratched by", "scratched with", "does not scratch", "doesn't scratch", "cannot scratch", "not scratch",
    "softer than", "below", "under", "less than", "<=", "<", "≤",
)  # fmt: skip


def _any_of(phrases: list[str]) -> str:
    longest_first = sorted(phrases, key=len, reverse=True)
    return "|".join(re.escape(phrase).replace(r"\ ", r"[\s_-]+") for phrase in longest_first)


_TOOL = _any_of([word for tool in TOOLS for word in (tool.name, *tool.synonyms)])
_OBJECT = rf"(?:(?:an?|the|my)\s+)?(?:(?P<tool>{_TOOL})(?![\w])|(?P<number>{NUMBER}))"
_COMPARISON = re.compile(
    r"(?:it\s+)?(?:(?:is|was|can\s+be|easily|just|barely)\s+)*"
    rf"(?:(?P<above>{_any_of(list(_ABOVE))})|(?P<below>{_any_of(list(_BELOW))}))\s*[:=]?\s*{_OBJECT}"
)
_BARE_OBJECT = re.compile(rf"(?:(?:an?|the|my)\s+)?(?P<tool>{_TOOL})(?![\w])(?P<number>(?!))?")
_EITHER = re.compile(rf"\s*((?:{NUMBER}))\s*(?:\bor\b|\|)\s*((?:{NUMBER}))\s*")
_SEPARATOR = re.compile(r"(?:[\s,;|&]|\b(?:and|but|hardness|mohs)\b:?)+")

_FORMS = (
    "a number (6.5), an interval (6-6.5), or comparisons (scratches:coin,scratched-by:knife) with "
    "a number or " + ", ".join(tool.name for tool in TOOLS)
)


def parse_hardness(value: object) -> HardnessReading | None:
    """A hardness as people give it; None = not tested.

    Numbers 0.5..10 (Mohs; a little below talc's 1 to leave room for an error of measurement). A
    decimal comma is understood (see `intervals`). ReadingError names the value received and what is
    allowed: unreadable text, outside the range, an interval upside down, contradictory comparisons.
    """
    if is_blank(value):
        return None
    test = load_tests()["hardness"]
    if isinstance(value, str):
        return _read_text(value, value)
    if isinstance(value, (list, tuple)):
        items = [item for item in value if not is_blank(item)]
        words = [item for item in items if isinstance(item, str)]
        # Two written numbers are an interval like two numbers; any other words are read as text.
        if words and (len(items) == 1 or not all(_is_number(word, test) for word in words)):
            return _read_text("; ".join(i if isinstance(i, str) else f"{i}" for i in items), value)
    low, high = check_range(*read_numbers(value, test), value, test)
    return HardnessReading(low, high, text=as_text(value))


def _is_number(text: str, test: FieldTest) -> bool:
    return re.fullmatch(rf"-?{NUMBER}", spell_number_text(text, test)) is not None


def _read_text(written: str, value: object) -> HardnessReading:
    test = load_tests()["hardness"]
    text = spell_number_text(written, test)
    if several := _EITHER.fullmatch(text):  # one of two numbers: what lies between them
        text = f"{several[1]}-{several[2]}"
    stated: tuple[float, float] | None = None
    bounds: dict[str, set[float]] = {"above": set(), "below": set()}
    relation = ""
    at = 0
    while at < len(text):
        if separator := _SEPARATOR.match(text, at):
            at = separator.end()
            continue
        match = _COMPARISON.match(text, at)
        if match is not None:
            relation = "above" if match["above"] else "below"
        elif relation:  # "scratches glass and a coin": the relation goes on
            match = _BARE_OBJECT.match(text, at)
        if match is not None:
            bounds[relation].add(_object_hardness(match, value))
        else:
            match = INTERVAL.match(text, at)
            if match is None:
                raise _unreadable(text[at:], value)
            if stated is not None:
                raise ReadingError(
                    test.name,
                    value,
                    f"hardness {shown(value)}: two numbers or intervals; allowed: one, such as "
                    "6-6.5, and any number of comparisons",
                )
            stated = check_range(*read_match(match), value, test)
        at = match.end()
        # An item must end where it ends: "6abc" and "coins" are no items.
        if at < len(text) and not (_SEPARATOR.match(text, at) or text[at] in "<>≤≥"):
            raise _unreadable(text[match.start() :], value)
    if stated is None and not any(bounds.values()):
        raise _unreadable(text, value)
    above, below = tuple(sorted(bounds["above"])), tuple(sorted(bounds["below"]))
    _check_consistent(stated, above, below, value)
    low, high = stated if stated is not None else (None, None)
    return HardnessReading(low, high, above, below, text=as_text(value))


def _object_hardness(match: re.Match[str], value: object) -> float:
    if match["tool"]:
        hardness = tool_hardness(re.sub(r"[\s_-]+", " ", match["tool"]))
        if hardness is None:
            raise _unreadable(match["tool"], value)
        return hardness
    number = read_number(match["number"])
    return check_range(number, number, value, load_tests()["hardness"])[0]


def _check_consistent(
    stated: tuple[float, float] | None,
    above: tuple[float, ...],
    below: tuple[float, ...],
    value: object,
) -> None:
    """Equal bounds pass: two stones of one hardness scratch each other."""
    why = ""
    if above and below and max(above) > min(below):
        why = (
            f"it cannot scratch {_named(max(above))} and be scratched by {_named(min(below))}, "
            "which is softer"
        )
    elif stated is not None and above and stated[1] < max(above):
        why = f"a hardness of {interval_text(*stated)} cannot scratch {_named(max(above))}"
    elif stated is not None and below and stated[0] > min(below):
        why = f"a hardness of {interval_text(*stated)} is not scratched by {_named(min(below))}"
    if why:
        raise ReadingError("hardness", value, f"hardness {shown(value)} is contradictory: {why}")


def _named(hardness_mohs: float) -> str:
    names = [tool.name for tool in TOOLS if tool.hardness_mohs == hardness_mohs]
    number = number_text(hardness_mohs)
    return f"{' or '.join(names)} ({number})" if names else number


def _unreadable(part: str, value: object) -> ReadingError:
    where = "" if part == value else f" (at {shown(part)})"
    return ReadingError(
        "hardness",
        value,
        f"hardness {shown(value)} is not understood{where}; allowed: {_FORMS}",
    )

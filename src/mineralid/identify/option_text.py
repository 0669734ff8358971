"""Read the options of an answer as people write them: `90%`, `0.9`, `all`."""

from __future__ import annotations

from mineralid.observation import ReadingError


def read_share(name: str, text: str) -> float:
    """A number from 0 to 1, also as `90%`. ReadingError names the option and what is allowed."""
    try:
        value = float(text.strip().removesuffix("%"))
    except ValueError:
        raise ReadingError(
            name, text, f"{name} is {text!r}; allowed: a number from 0 to 1"
        ) from None
    if text.strip().endswith("%"):
        return value / 100
    if 10 <= value <= 100:
        raise ReadingError(
            name, text, f"{name} is {text}; allowed: 0 to 1; write {value / 100:g}, or {text}%"
        )
    return value


def read_count(text: str) -> int | None:
    """How many candidates to list; None for `all`. ReadingError where it is no whole number."""
    if text.strip().lower() == "all":
        return None
    try:
        return int(text)
    except ValueError:
        raise ReadingError(
            "top", text, f"top is {text!r}; allowed: a whole number from 1, or all"
        ) from None

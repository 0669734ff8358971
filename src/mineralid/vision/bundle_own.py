"""What a bundle may state of its own classes: stones that the catalogue does not know."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from mineralid.minerals import load_vocabulary
from mineralid.minerals.lookup import fold_name
from mineralid.minerals.mineral import INTERVALS

LONGEST_NAME = 80
# Answers as CSV join names by | and put a number behind =.
_RESERVED = "|="

_Interval = tuple[
    Annotated[float, Field(allow_inf_nan=False)], Annotated[float, Field(allow_inf_nan=False)]
]


class OwnMineral(BaseModel):
    """What is known of one of the bundle's own classes, as the catalogue's columns have it.

    hardness_mohs (1..10) and density_g_cm3 (0.5..23) are [low, high]; luster, streak, magnetism
    and acid are tokens of their vocabulary, the most usual first. None and () are "not known".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    hardness_mohs: _Interval | None = None
    luster: tuple[str, ...] = ()
    streak: tuple[str, ...] = ()
    density_g_cm3: _Interval | None = None
    magnetism: tuple[str, ...] = ()
    acid: tuple[str, ...] = ()

    @field_validator("hardness_mohs", "density_g_cm3")
    @classmethod
    def _inside(cls, value: _Interval | None, info: ValidationInfo) -> _Interval | None:
        least, most = INTERVALS[str(info.field_name)]
        if value is not None and not least <= value[0] <= value[1] <= most:
            raise ValueError(
                f"{list(value)} is no interval; allowed: [low, high] with "
                f"{least:g} <= low <= high <= {most:g}, or null"
            )
        return value

    @field_validator("luster", "streak", "magnetism", "acid")
    @classmethod
    def _tokens(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        vocabulary = load_vocabulary(str(info.field_name))
        for token in value:
            vocabulary.index(token)  # UnknownWord, a ValueError, names it and those allowed
        if len(set(value)) != len(value):
            raise ValueError(f"{list(value)} names a word twice; allowed: each word once")
        return value

    def to_json(self) -> dict[str, Any]:
        """Plain values of what is known; {} where nothing is."""
        return self.model_dump(mode="json", exclude_defaults=True)


def own_names_problem(own: Iterable[str], classes: Iterable[str]) -> str | None:
    """Return what is wrong with the names of the bundle's own classes, or None."""
    names, known = list(own), set(classes)
    by_key: dict[str, str] = {}
    for name in names:
        if name not in known:
            return f"own_minerals names {name!r}, which is none of its classes"
        key = fold_name(name)
        plain = name.isprintable() and name == name.strip() and not set(name) & set(_RESERVED)
        if not key or not plain or len(name) > LONGEST_NAME:
            return (
                f"own_minerals names {name!r}; allowed: up to {LONGEST_NAME} printable characters, "
                f"a letter or digit among them, without {' or '.join(_RESERVED)} and without blanks "
                "at the ends"
            )
        if by_key.setdefault(key, name) != name:
            return f"own_minerals names {by_key[key]!r} and {name!r}, which read as one name"
    return None

"""Read formula and crystal system from an infobox cell."""

from __future__ import annotations

import re

from mineralid.minerals.importer.numbers import NOT_KNOWN, Unreadable, clean
from mineralid.minerals.mineral import CRYSTAL_SYSTEMS

_SYSTEMS = {
    "isometric": "cubic",
    "hexoctahedral": "cubic",
    "orthorombic": "orthorhombic",
    "orthorhombisch": "orthorhombic",
    "rhombohedral": "trigonal",
    "quasicrystal": "icosahedral",
    **{name: name for name in CRYSTAL_SYSTEMS},
}
_SYSTEM_WORD = re.compile(rf"\b({'|'.join(_SYSTEMS)})\b", re.I)
_LEAD = re.compile(r"^(?:the )?(?:general )?formula(?: is)?\s*:?\s*", re.I)
_WORD = re.compile(r"[a-z]{4}|\bwt%")


def read_crystal_system(cell: str) -> str | None:
    """The first crystal system named in the cell; the usual form stands first in the sources."""
    text = clean(cell)
    if not text or NOT_KNOWN.fullmatch(text):
        return None
    found = _SYSTEM_WORD.search(text)
    if found is None:
        raise Unreadable("no crystal system named")
    return _SYSTEMS[found[1].lower()]


def read_formula(cell: str) -> str | None:
    """A formula without footnotes, remarks and alternatives: the first one given.

    The notation stays that of the source, with `·` before water and no spaces.
    """
    text = clean(cell)
    if not text or NOT_KNOWN.fullmatch(text):
        return None
    text = _LEAD.sub("", text)
    text = re.sub(r"\((?=[^()]*[a-z]{3})[^()]*(\([^()]*\)[^()]*)*\)", "", text)  # (silicon dioxide)
    text = re.split(r"\s+or\s*|;(?![^()]*\))", text, maxsplit=1)[0]
    text = re.sub(r"^[A-Za-z-]+-\(?[A-Za-z]+\)?:\s*", "", text)  # Stilbite-Ca: ...
    if _WORD.search(text):
        text = next((part for part in re.split(r"[\s:]+|,\s", text) if _is_formula(part)), text)
    text = text.replace("•", "·").replace("*", "·").replace("▢", "□")
    text = re.sub(r"\s+", "", text).strip(",.")
    if text.startswith("(") and text.endswith(")") and "(" not in text[1:]:
        text = text[1:-1]
    if _WORD.search(text):
        raise Unreadable("words, not a formula")
    if not re.search(r"[A-Z]", text):
        raise Unreadable("no element symbol")
    if any(text.count(a) != text.count(b) for a, b in ("()", "[]", "{}")):
        raise Unreadable("brackets do not close")
    return text


def _is_formula(part: str) -> bool:
    return (
        not _WORD.search(part)
        and part.count("(") == part.count(")")
        and bool(re.match(r"[A-Z(\[].*(\d|[A-Z][a-z]?[A-Z])|[A-Z][a-z]?[A-Z\d]", part))
    )

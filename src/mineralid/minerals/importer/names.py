"""The canonical name of a row of a raw table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from mineralid.minerals.lookup import fold_name

_SUFFIX = re.compile(r"-(\(?)([A-Za-z0-9]+)(\)?)$")
# Root names with a lower-case tail after a hyphen that is no element: ferro-actinolite.
_QUALIFIER = re.compile(r" \((?:mineral|element)\)$")


def title_form(name: str) -> str:
    """A name as minerals are written: `aeschynite-(nd)` -> `Aeschynite-(Nd)`.

    The bracketed page qualifier `(mineral)` goes; the rest keeps its spelling and diacritics.
    """
    text = _QUALIFIER.sub("", re.sub(r"\s+", " ", name).strip())
    text = text[:1].upper() + text[1:]
    if text == text[:1] + text[1:].lower():
        text = _SUFFIX.sub(_element_suffix, text)
    return text


def _element_suffix(match: re.Match[str]) -> str:
    """Element symbols and polytypes after the last hyphen: -(ce), -(kf), -zn, -2n1s."""
    opening, tail, closing = match.groups()
    if tail[0].isdigit() or (opening and len(tail) == 2 and tail.lower() in _TWO_ELEMENTS):
        tail = tail.upper()
    elif opening or len(tail) <= 2:
        tail = tail.capitalize()
    return f"-{opening}{tail}{closing}"


_TWO_ELEMENTS = frozenset({"kf"})  # two one-letter elements, not one symbol


class CanonicalNames:
    """Resolves a name as given in a raw table to the catalogue's name.

    In this order: a rename of the table of rows, a name that the hierarchy knows, a synonym of
    the table of names, a name seen before in another spelling, the title form.
    """

    def __init__(
        self, known: Iterable[str], synonyms: Mapping[str, str], renames: Mapping[str, str]
    ) -> None:
        self._by_key = {fold_name(other): name for other, name in synonyms.items()}
        self._by_key |= {fold_name(name): name for name in known}
        self._by_key |= {fold_name(given): name for given, name in renames.items()}

    def resolve(self, given: str) -> str:
        """The canonical name; the first spelling of an unknown name is kept for later ones."""
        for form in (given, title_form(given)):
            found = self._by_key.get(fold_name(form))
            if found is not None:
                return found
        name = title_form(given)
        self._by_key[fold_name(name)] = name
        return name

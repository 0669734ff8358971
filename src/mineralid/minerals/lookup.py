"""Find a mineral by name: spelling, synonyms and Chinese names."""

from __future__ import annotations

import csv
import difflib
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from mineralid.minerals.errors import UnknownMineral
from mineralid.minerals.mineral import Mineral

ROCKS_FILE = Path(__file__).parent / "data" / "rocks.csv"
# Letters that Unicode does not decompose into a base letter and a mark.
_PLAIN = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe"})


def fold_name(name: str) -> str:
    """A name without case, diacritics, hyphens, spaces and brackets: `Krut'aite` -> `krutaite`."""
    lowered = name.casefold()
    if lowered.isascii() and lowered.isalnum():
        return lowered
    # Apart first: letters that only look otherwise (a mathematical 𝕬) come apart into capitals.
    apart = unicodedata.normalize("NFKD", lowered).casefold().translate(_PLAIN)
    return "".join(c for c in unicodedata.normalize("NFKD", apart) if c.isalnum())


class NameIndex:
    """Folded name -> mineral, over canonical names, synonyms and names in other languages."""

    def __init__(self, minerals: Iterable[Mineral]) -> None:
        self._by_key: dict[str, Mineral] = {}
        others: list[tuple[str, Mineral]] = []
        for mineral in minerals:
            self._by_key[fold_name(mineral.name)] = mineral
            others += [(n, mineral) for names in mineral.names.values() for n in names]
        # A canonical name always wins over a synonym of the same spelling.
        for name, mineral in others:
            self._by_key.setdefault(fold_name(name), mineral)

    def get(self, name: str) -> Mineral | None:
        """The mineral of this name, or None."""
        return self._by_key.get(fold_name(name))

    def find(self, name: str) -> Mineral:
        """The mineral of this name; raises UnknownMineral with the nearest names."""
        found = self.get(name)
        if found is None:
            made_of = _rocks().get(fold_name(name))
            reason = "" if made_of is None else f"it is a rock{made_of}, no mineral"
            raise UnknownMineral(name, self.nearest(name), reason)
        return found

    def nearest(self, name: str, n: int = 3) -> tuple[str, ...]:
        """Up to n canonical names spelled most like this one, best first."""
        close = difflib.get_close_matches(fold_name(name), self._by_key, n=3 * n, cutoff=0.5)
        names = dict.fromkeys(self._by_key[key].name for key in close)
        return tuple(names)[:n]


@cache
def _rocks() -> Mapping[str, str]:
    """Folded name of a rock -> what it is mostly made of, worded to follow "a rock"."""
    rocks = {}
    with ROCKS_FILE.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            minerals = ", ".join(filter(None, row["minerals"].split("|")))
            for name in filter(None, (row["rock"], row["zh"])):
                rocks[fold_name(name)] = f" (mostly {minerals})" if minerals else ""
    return rocks

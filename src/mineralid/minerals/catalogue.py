"""The catalogue of minerals: look up, walk the hierarchy, list what fits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from mineralid.minerals.lookup import NameIndex
from mineralid.minerals.mineral import INTERVALS, WORDS, Mineral
from mineralid.minerals.vocabulary import Vocabulary

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Source:
    """Where facts come from: a short id, a title, the terms of use and a note."""

    id: str
    title: str
    terms: str
    note: str


class Catalogue:
    """Minerals in alphabetical order, valid as a whole (see loading); never changed once built.

    version is a short hash over the content; two catalogues of one version are equal, but for the
    minerals of `own`: names that somebody has added to it (see `extended`), behind all others.
    """

    def __init__(
        self,
        minerals: Iterable[Mineral],
        *,
        version: str,
        sources: Mapping[str, Source],
        vocabularies: Mapping[str, Vocabulary],
        own: frozenset[str] = frozenset(),
    ) -> None:
        self.minerals: tuple[Mineral, ...] = tuple(minerals)
        self.version = version
        self.own = own
        self.sources = dict(sources)
        self.vocabularies = dict(vocabularies)
        self._by_name = {m.name: m for m in self.minerals}
        self._ancestors: dict[str, tuple[str, ...]] = {}
        self._species: dict[str, str] = {}

    def extended(self, own: Iterable[Mineral]) -> Catalogue:
        """This catalogue, its version too, with minerals of somebody's own behind its others.

        ValueError for a name that it knows already.
        """
        added = tuple(own)
        for mineral in added:
            known = self.get(mineral.name)
            if known is not None:
                raise ValueError(f"the catalogue knows {mineral.name!r} already, as {known.name}")
        return Catalogue(
            (*self.minerals, *added),
            version=self.version,
            sources=self.sources,
            vocabularies=self.vocabularies,
            own=self.own | {mineral.name for mineral in added},
        )

    def __len__(self) -> int:
        return len(self.minerals)

    def __iter__(self) -> Iterator[Mineral]:
        return iter(self.minerals)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __repr__(self) -> str:
        return f"<Catalogue of {len(self)} minerals, version {self.version}>"

    @cached_property
    def _index(self) -> NameIndex:
        return NameIndex(self.minerals)

    def get(self, name: str) -> Mineral | None:
        """The mineral of this name or synonym, or None."""
        return self._by_name.get(name) or self._index.get(name)

    def find(self, name: str) -> Mineral:
        """The mineral of this name, whatever its case, hyphens, diacritics; synonyms and Chinese
        names too. Raises UnknownMineral (a KeyError) with the nearest names."""
        return self._by_name.get(name) or self._index.find(name)

    def nearest(self, name: str, n: int = 3) -> tuple[str, ...]:
        """Up to n canonical names spelled most like this one, best first."""
        return self._index.nearest(name, n)

    def ancestors(self, name: str) -> tuple[str, ...]:
        """Parents of a mineral, nearest first: Demantoid -> (Andradite, Garnet group)."""
        known = self._ancestors.get(name)
        if known is None:
            found: list[str] = []
            parent = self.find(name).parent
            while parent is not None:
                found.append(parent)
                parent = self._by_name[parent].parent
            known = self._ancestors[name] = tuple(found)
        return known

    def species_of(self, name: str) -> str:
        """The species of a variety; every other mineral's own name: Agate -> Quartz."""
        known = self._species.get(name)
        if known is None:
            mineral = self.find(name)
            parent = mineral.parent if mineral.kind == "variety" else None
            known = self._species[name] = parent or mineral.name
        return known

    def children(self, name: str) -> tuple[str, ...]:
        """Minerals whose parent this is, in alphabetical order."""
        own = self.find(name).name
        return tuple(m.name for m in self.minerals if m.parent == own)

    def group(self, name: str) -> str | None:
        """What to answer where the mineral itself is not decided, or None if nothing is wider.

        A variety gives its species (Agate -> Quartz, Ruby -> Corundum), a species or a group its
        widest group (Muscovite -> Mica group).
        """
        chain = self.ancestors(name)
        if self.find(name).kind == "variety":
            chain = tuple(a for a in chain if self._by_name[a].kind == "species") or chain
        return chain[-1] if chain else None

    def related(self, a: str, b: str) -> bool:
        """Whether two names mean the same mineral or one contains the other."""
        first, second = self.find(a).name, self.find(b).name
        return first == second or first in self.ancestors(b) or second in self.ancestors(a)

    def where(
        self,
        *,
        hardness_mohs: Interval | float | None = None,
        density_g_cm3: Interval | float | None = None,
        luster: str | Iterable[str] | None = None,
        streak: str | Iterable[str] | None = None,
        magnetism: str | Iterable[str] | None = None,
        acid: str | Iterable[str] | None = None,
    ) -> list[Mineral]:
        """Minerals that are known to fit every condition given, in alphabetical order.

        An interval fits where it overlaps the mineral's; of several words one is enough. A
        mineral whose cell is blank is not listed. Raises ValueError for an unknown word and for
        an interval upside down.
        """
        given = {
            "hardness_mohs": hardness_mohs,
            "density_g_cm3": density_g_cm3,
            "luster": luster,
            "streak": streak,
            "magnetism": magnetism,
            "acid": acid,
        }
        intervals = {c: _interval(c, v) for c in INTERVALS if (v := given[c]) is not None}
        words = {c: self._tokens(c, v) for c in WORDS if (v := given[c]) is not None}
        return [
            m
            for m in self.minerals
            if all(_overlaps(m.value(c), wanted) for c, wanted in intervals.items())
            and all(not wanted.isdisjoint(getattr(m, c)) for c, wanted in words.items())
        ]

    def _tokens(self, column: str, given: object) -> frozenset[str]:
        words = [given] if isinstance(given, str) else list(given)  # type: ignore[call-overload]
        return frozenset(self.vocabularies[column].parse(word) for word in words)


def _interval(column: str, given: object) -> Interval:
    low, high = given if isinstance(given, tuple) else (given, given)
    if not low <= high:
        raise ValueError(f"{column}: interval {low}-{high} is upside down; give low-high")
    return float(low), float(high)


def _overlaps(known: object, wanted: Interval) -> bool:
    return isinstance(known, tuple) and known[0] <= wanted[1] and wanted[0] <= known[1]

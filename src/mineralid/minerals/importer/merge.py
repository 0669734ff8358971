"""Merge what the sources say of one cell into one value, its sources and, if any, a conflict."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mineralid.minerals.mineral import INTERVALS, WORDS
from mineralid.minerals.vocabulary import load_vocabulary

# Lower is better. A source of the hand-made tables ranks with the gemmological one, except the
# authors' own knowledge: it fills blanks and adds words, but never overrules what a source says.
OWN = "mineralid"
RANK = {"curated36": 0, "wikipedia2024": 2, "wikipedia2023": 3, OWN: 4}
AUTHORED_RANK = 1
# Extractions, mirrors, translations and copies of one encyclopedia are one witness.
WIKIPEDIA = "wikipedia"
_WIKIPEDIAS = ("wikipedia", "enwiki", "dewiki", "simplewiki")
LINEAGE = {"gemotion": WIKIPEDIA}
HARDNESS_TOUCH = 0.5  # Mohs: nearer than an observer can tell
DENSITY_TOUCH = 0.05  # of the value
# Of many sources some err or describe a rare stone (decision 015).
LEAST_REACH = 0.25  # of the witnesses: an end of a hardness
LEAST_SHARE = 0.1  # of the witnesses: a word


@dataclass(frozen=True, slots=True)
class Statement:
    """What one source says of one cell."""

    source: str
    value: Any

    @property
    def rank(self) -> int:
        return RANK.get(self.source, AUTHORED_RANK)

    @property
    def lineage(self) -> str:
        return lineage(self.source)


def lineage(source: str) -> str:
    """Return whose word a source is: itself, or what it was copied from."""
    return WIKIPEDIA if source.startswith(_WIKIPEDIAS) else LINEAGE.get(source, source)


def _witnesses(statements: Iterable[Statement]) -> int:
    """How many say so, each lineage once and the authors' own knowledge not at all."""
    return len({s.lineage for s in statements} - {OWN})


@dataclass(frozen=True, slots=True)
class Merged:
    """The value of a cell, the ids of the sources that support it, and what was left out."""

    value: Any
    sources: tuple[str, ...]
    conflict: str = ""


def merge(column: str, statements: Sequence[Statement]) -> Merged | None:
    """Merge the statements of one cell, in any order; None if there are none."""
    if not statements:
        return None
    ordered = sorted(statements, key=lambda s: (s.rank, s.source))
    if column in INTERVALS:
        return _merge_intervals(column, ordered)
    if column in WORDS:
        return _merge_words(column, ordered)
    return _merge_texts(column, ordered)


def _merge_intervals(column: str, ordered: list[Statement]) -> Merged:
    """The interval of the sources that overlap or nearly touch the best one; a curated one stands.

    Best is the source of the best rank that most witnesses agree with. An end of a hardness is as
    far out as a quarter of the witnesses reach (LEAST_REACH): of four and fewer it is the union, as
    a density is, of which many sources print only the middle.
    """
    peers = [s for s in ordered if s.rank == ordered[0].rank]
    kept = max((_touching(column, peer, ordered) for peer in peers), key=_witnesses)
    curated = [s.value for s in kept if s.source == "curated36"]
    share = LEAST_REACH if column == "hardness_mohs" else 0.0
    low, high = curated[0] if curated else _reached(kept, share)
    kept = [s for s in kept if _near(column, s.value, low, high)]
    left = [s for s in ordered if s not in kept]
    further = [] if curated else [s for s in kept if s.value[0] < low or s.value[1] > high]
    parts = [f"kept {low:g}-{high:g}"] if left or further else []
    for what, statements in (("left out", left), ("further", further)):
        if statements:
            told = ", ".join(f"{s.source} {s.value[0]:g}-{s.value[1]:g}" for s in statements)
            parts.append(f"{what} {told}")
    return Merged((low, high), _ids(kept), "; ".join(parts))


def _touching(column: str, best: Statement, ordered: list[Statement]) -> list[Statement]:
    """The best statement, then those that overlap or nearly touch it; unless it is curated, also
    those that do so with one that does.
    """
    low, high = best.value
    kept, left = [best], [s for s in ordered if s is not best]
    grown = True
    while grown:
        grown = False
        for statement in left:
            if _near(column, statement.value, low, high):
                kept.append(statement)
                left = [s for s in left if s is not statement]
                if best.source != "curated36":
                    low, high = min(low, statement.value[0]), max(high, statement.value[1])
                grown = True
                break
    return kept


def _near(column: str, value: tuple[float, float], low: float, high: float) -> bool:
    gap = HARDNESS_TOUCH if column == "hardness_mohs" else DENSITY_TOUCH * high
    return value[0] <= high + gap + 1e-9 and value[1] >= low - gap - 1e-9


def _reached(kept: list[Statement], share: float) -> tuple[float, float]:
    """As far down and up as that share of the witnesses, but at least one of them, reaches."""
    reach: dict[str, tuple[float, float]] = {}
    for statement in kept:
        low, high = reach.get(statement.lineage, statement.value)
        reach[statement.lineage] = min(low, statement.value[0]), max(high, statement.value[1])
    place = max(0, math.ceil(share * len(reach)) - 1)
    lows, highs = zip(*reach.values(), strict=True)
    return sorted(lows)[place], sorted(highs, reverse=True)[place]


def _merge_words(column: str, ordered: list[Statement]) -> Merged:
    """Every word, those of more witnesses first. A curated cell leads and is only extended.

    A word needs LEAST_SHARE of the cell's witnesses, or the authors' own knowledge (books print the
    colour of a powder that no streak plate shows): one of more than ten is a slip or a rare stone.
    Where no word has that many, those of most witnesses stay. A word is added to a curated cell
    where two witnesses have it or where it is a streak colour that people confuse with a curated
    one; the curators judged the other outliers. Magnetism and acid are graded, so there sources
    that share no word contradict each other and the best one stands, of equal rank the one that
    most witnesses agree with.
    """
    left: list[tuple[str, tuple[str, ...]]] = []
    lead = ordered[0]
    if column in ("magnetism", "acid"):
        peers = [s for s in ordered if s.rank == lead.rank]
        agreeing = ([s for s in ordered if set(s.value) & set(peer.value)] for peer in peers)
        kept = max(agreeing, key=_witnesses)
        left = [(s.source, s.value) for s in ordered if s not in kept]
        ordered = kept
    witnesses: dict[str, set[str]] = {}
    for statement in ordered:
        for word in statement.value:
            witnesses.setdefault(word, set()).add(statement.lineage)
    words = sorted(witnesses, key=lambda w: -len(witnesses[w]))
    least = min(LEAST_SHARE * len({s.lineage for s in ordered}), len(witnesses[words[0]]))
    words = [w for w in words if len(witnesses[w]) >= least or OWN in witnesses[w]]
    if lead.source == "curated36":
        near = _confusable(column, lead.value) if column == "streak" else frozenset()
        extra = [w for w in words if w not in lead.value]
        added = [w for w in extra if len(witnesses[w]) > 1 or w in near]
        words = [*lead.value, *added]
    for statement in ordered:
        if out := tuple(w for w in statement.value if w not in words):
            left.append((statement.source, out))
    kept = [s for s in ordered if set(s.value) & set(words)]
    others = ", ".join(f"{source} {'|'.join(value)}" for source, value in left)
    conflict = f"kept {'|'.join(words)}; left out {others}" if left else ""
    return Merged(tuple(words), _ids(kept), conflict)


def _confusable(column: str, words: Sequence[str]) -> frozenset[str]:
    vocabulary = load_vocabulary(column)
    return frozenset(near for word in words for near in vocabulary.neighbours(word))


def _merge_texts(column: str, ordered: list[Statement]) -> Merged:
    """The text of most witnesses, of the best source where they are equal in number."""
    same: Callable[[str], str] = _plain_formula if column == "formula" else str
    if column in ("toxicity", "radioactivity"):
        # Sentences of the project's own: any source that warns supports the warning, and a
        # hand-made sentence says more than one made from a remark in an infobox.
        written = [s for s in ordered if s.lineage != "wikipedia"] or ordered
        return Merged(written[0].value, _ids([*written, *ordered]))
    witnesses: dict[str, set[str]] = {}
    for statement in ordered:
        witnesses.setdefault(same(statement.value), set()).add(statement.lineage)
    best = ordered[0]
    if best.source != "curated36":
        best = max(ordered, key=lambda s: (len(witnesses[same(s.value)]), -s.rank))
    kept = [s for s in ordered if same(s.value) == same(best.value)]
    left = [s for s in ordered if s not in kept]
    conflict = ""
    if left and column == "crystal_system":
        others = ", ".join(f"{s.source} {s.value}" for s in left)
        conflict = f"kept {best.value}; left out {others}"
    return Merged(best.value, _ids(kept), conflict)


def _plain_formula(text: str) -> str:
    return re.sub(r"[·.\s]", "", text).lower()


def _ids(statements: Sequence[Statement]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(s.source for s in statements))

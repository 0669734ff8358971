"""Read the words of an infobox cell: luster and streak as people write them.

A cell is split into phrases ("vitreous to dull; pearly on cleavage" -> vitreous, dull, pearly on
cleavage) and the vocabulary reads each. What it cannot read is returned as well, never dropped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mineralid.minerals.importer.numbers import NOT_KNOWN, Unreadable, clean
from mineralid.minerals.vocabulary import UnknownWord, Vocabulary, load_vocabulary

# Slips of the pen in the raw tables, each seen in at least one of them.
SLIPS = {
    "resinvitreous": "resinous, vitreous",
    "resinousous": "resinous",
    "resinuous": "resinous",
    "rsinous": "resinous",
    "subresinous": "resinous",
    "greasey": "greasy",
    "waxlike": "waxy",
    "satiny": "silky",
    "oily": "greasy",
    "nacreous": "pearly",
    ";eaf": " leaf",
    "bronze-browngreenish": "bronze-brown, greenish",
    "vermillion": "vermilion",
    "gold-yellow": "golden-yellow",
    "drab": "",
    "faint ": "pale ",
}
_SPLIT = re.compile(r"[,;:/.|()]|\s[-–—]\s|–|\b(?:to|or|and|towards|turning|sometimes)\b", re.I)
# The rest of a streak cell after these words is about something else than the fresh powder.
_ASIDE = re.compile(r"\b(for example|paler than|altering to|in some cases)\b.*", re.I)
# "with a weak bluish tint" colours the noun before it.
_TINT = re.compile(
    r"(.+?)\s+with\s+(?:a\s+)?(?:weak\s+|slight\s+)?(.+?)\s+(?:tint|tinge|hue)\b", re.I
)
_NOISE = re.compile(r"\b(very|slightly|nearly|almost|bright|shiny|shining)\b\s*", re.I)
_MODIFIER = re.compile(r"(?:(?:pale|light|dark|deep)|\w+ish)$", re.I)


@dataclass(frozen=True, slots=True)
class Words:
    """The tokens of one cell in the order of mention, and the phrases that could not be read."""

    tokens: tuple[str, ...]
    unread: tuple[str, ...] = ()


def read_words(column: str, cell: str) -> Words | None:
    """Read a cell of luster, streak, magnetism or acid; None where it says "not known".

    Raises Unreadable where no phrase of the cell is in the vocabulary.
    """
    text = re.sub(r"\[\d+\]", "; ", cell)  # a footnote mark also ends a phrase
    text = clean(text).strip(" ;.")
    if not text or NOT_KNOWN.fullmatch(text):
        return None
    for slip, meant in SLIPS.items():
        text = re.sub(re.escape(slip), meant, text, flags=re.I)
    phrases = _streak_phrases(text) if column == "streak" else _split(text)
    vocabulary = load_vocabulary(column)
    tokens: dict[str, None] = {}
    unread: list[str] = []
    # "brilliant when fresh" beside another word says how strong a luster is, not which.
    strength = re.compile(r"brilliant\b(?!.*(metallic|adamantine))", re.I)
    several = sum(not strength.match(phrase) for phrase in phrases) > 0
    for phrase in phrases:
        found = () if several and strength.match(phrase) else _read(vocabulary, phrase)
        if found:
            tokens.update(dict.fromkeys(found))
        else:
            unread.append(phrase)
    if not tokens:
        raise Unreadable(f"no {column} word in {cell.strip()!r}")
    return Words(tuple(tokens), tuple(unread))


def _read(vocabulary: Vocabulary, phrase: str) -> tuple[str, ...]:
    """Tokens of one phrase in the order of its words; () where it has none.

    A phrase for several tokens counts only where it names them ("pearly adamantine"): "nonmetallic"
    says what a luster is not.
    """
    try:
        return (vocabulary.parse(phrase),)
    except UnknownWord:
        pass
    named: dict[str, None] = {}
    # A prefix keeps its hyphen: sub-metallic is one word, metallic-adamantine two.
    for word in re.split(r"\s+|(?<!sub)(?<!semi)(?<!non)-", phrase, flags=re.I):
        try:
            named[vocabulary.parse(word)] = None
        except UnknownWord:
            continue
    return tuple(named)


def _split(text: str) -> list[str]:
    return [part.strip() for part in _SPLIT.split(text) if part.strip()]


def _streak_phrases(text: str) -> list[str]:
    """Colour phrases of a streak cell, with modifiers that stand alone given their noun.

    `pale to bluish gray` -> pale gray, bluish gray; `white to brownish` -> white, brownish white.
    """
    text = _ASIDE.sub("", text)
    text = _TINT.sub(r"\2 \1", text)
    phrases = [re.sub(r"\s+", " ", p) for p in (_NOISE.sub("", p) for p in _split(text)) if p]
    complete: list[str] = []
    last_noun: str | None = None
    for at, phrase in enumerate(phrases):
        if _MODIFIER.fullmatch(phrase):
            noun = last_noun or _noun(phrases[at + 1 :])
            phrase = f"{phrase} {noun}" if noun else phrase
        else:
            last_noun = phrase.split()[-1]
        complete.append(phrase)
    return complete


def _noun(following: list[str]) -> str | None:
    """The colour noun of the first phrase that has a modifier and a noun: `reddish brown`."""
    for phrase in following:
        words = phrase.split()
        if len(words) > 1 and not _MODIFIER.fullmatch(words[-1]):
            return words[-1]
        if len(words) == 1 and not _MODIFIER.fullmatch(words[0]):
            return None
    return None

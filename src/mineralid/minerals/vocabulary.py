"""The accepted words of each field test: luster, streak, magnetism, acid.

A vocabulary is one CSV in data/vocabularies/: a row a token with the words that people use for it.
`Vocabulary.parse` reads one phrase; several values are split by the caller (observation, importer).
"""

from __future__ import annotations

import csv
import difflib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from mineralid.minerals import color_phrases
from mineralid.minerals.color_phrases import Lab

VOCABULARIES = Path(__file__).parent / "data" / "vocabularies"
IGNORED_WORDS_FILE = Path(__file__).parent / "data" / "ignored_words.csv"
VAGUE_WORDS_FILE = Path(__file__).parent / "data" / "vague_words.csv"

# Streak colours closer than this in CIE94 are taken for each other by people in ordinary light.
CONFUSABLE_DISTANCE = 13.0

_LONGEST_PHRASE = 200  # characters; anything longer is prose, not a value
_SPELLINGS = ((re.compile(r"grey"), "gray"), (re.compile(r"colour"), "color"),
              (re.compile(r"lustre"), "luster"), (re.compile(r"sulph"), "sulf"))  # fmt: skip
_PREFIXES = ("sub", "semi", "non")


class VocabularyError(ValueError):
    """A vocabulary file that cannot be used; says file, row and column."""


class UnknownWord(ValueError):
    """A phrase that a vocabulary cannot read.

    `vocabulary`: its name; `phrase`: as received; `nearest`: known words, best first (may be ()).
    """

    def __init__(self, vocabulary: Vocabulary, phrase: object, reason: str = "") -> None:
        self.vocabulary = vocabulary.name
        self.phrase = phrase
        self.reason = reason
        self.nearest = vocabulary.nearest(phrase) if isinstance(phrase, str) else ()
        shown = repr(phrase)
        if len(shown) > 80:
            shown = shown[:77] + "..."
        hint = reason
        if not hint and self.nearest:
            hint = f"did you mean {_either(self.nearest)}?"
        super().__init__(
            f"unknown {vocabulary.name} {shown}"
            + (f": {hint} " if hint else ". ")
            + f"Known: {', '.join(vocabulary.tokens)}."
        )

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_unknown_word, (self.vocabulary, self.phrase, self.reason))


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The tokens of one field test and the words that mean them. Made by `load_vocabulary`."""

    name: str
    tokens: tuple[str, ...]
    lab: Mapping[str, Lab]  # streak: token -> CIELAB of the powder; else {}
    _neighbours: Mapping[str, tuple[str, ...]] = field(repr=False)
    _labels: Mapping[str, Mapping[str, str]] = field(repr=False)  # language -> token -> label
    _meanings: Mapping[str, str] = field(repr=False)
    _words: Mapping[str, str] = field(repr=False)  # normalised word -> token
    _groups: Mapping[str, tuple[str, ...]] = field(repr=False)  # normalised word -> tokens
    _ignored: frozenset[str] = field(repr=False)

    def __contains__(self, token: object) -> bool:
        return token in self._meanings

    def __len__(self) -> int:
        return len(self.tokens)

    def index(self, token: str) -> int:
        """Place of the token in `tokens`. UnknownWord if it is none (words are not parsed here)."""
        if token not in self._meanings:
            raise UnknownWord(self, token)
        return self.tokens.index(token)

    def neighbours(self, token: str) -> tuple[str, ...]:
        """Tokens that a person may well confuse with it: at least one, symmetric, never itself."""
        if token not in self._neighbours:
            raise UnknownWord(self, token)
        return self._neighbours[token]

    def label(self, token: str, language: str = "en") -> str:
        """The token as people write it, in `en` or `zh`."""
        if token not in self._meanings:
            raise UnknownWord(self, token)
        if language not in self._labels:
            known = ", ".join(self._labels)
            raise ValueError(f"no labels in language {language!r}; languages: {known}")
        return self._labels[language][token]

    def meaning(self, token: str) -> str:
        """One line that says what is seen."""
        if token not in self._meanings:
            raise UnknownWord(self, token)
        return self._meanings[token]

    def nearest(self, phrase: str, n: int = 3) -> tuple[str, ...]:
        """Up to `n` known words that look most like the phrase, best first; () for no letters."""
        key = _spell(str(phrase)[:_LONGEST_PHRASE])
        known = {**self._words, **self._groups}
        best: dict[object, str] = {}  # one word for each meaning: no list of spellings of one token
        for word in difflib.get_close_matches(key, known, n=4 * max(n, 1), cutoff=0.6):
            meant = known[word]
            label = self._labels["en"][meant] if isinstance(meant, str) else word
            # The files hold common misspellings too; suggest the right one.
            alike = difflib.SequenceMatcher(None, word, label).ratio() > 0.8
            best.setdefault(meant, label if alike else word)
        if key and not best:
            labels = list(self._labels["en"].values())
            return tuple(difflib.get_close_matches(key, labels, n=max(n, 1), cutoff=0.2)[:n])
        return tuple(best.values())[:n]

    def parse(self, phrase: str) -> str:
        """One word or phrase -> its token.

        Accepts any case, hyphens or spaces, grey/gray, -ish, pale/light/dark/deep, sub- prefixes,
        comparisons ("brick red"), Chinese labels. A streak colour that is no token is composed in
        CIELAB and snapped to the nearest one. UnknownWord where the phrase means no token or
        several ("non-metallic", "vitreous-pearly"; see `read`).
        """
        tokens = self.read(phrase)
        if len(tokens) != 1:
            raise UnknownWord(self, phrase, f"it means several ({', '.join(tokens)}).")
        return tokens[0]

    def read(self, phrase: str) -> tuple[str, ...]:
        """One phrase -> the tokens that it means, in the vocabulary's order.

        Like `parse`, and besides: words for several tokens ("non-metallic", "coloured",
        "magnetic": yes, but not how much) and two words for one sight ("vitreous-pearly").
        """
        if not isinstance(phrase, str) or len(phrase) > _LONGEST_PHRASE:
            raise UnknownWord(self, phrase)
        words = _spell(phrase).split()
        kept = [word for word in words if word not in self._ignored]
        for candidate in (words, kept):
            found = self._look_up(candidate)
            if found:
                return found
        if self.lab:
            color = color_phrases.compose(color_phrases.canonical_words(kept))
            if color is not None:
                return (self._nearest_color(color),)
        elif kept and all(self._look_up([word]) for word in kept):
            several = {token for word in kept for token in self._look_up([word])}
            return tuple(token for token in self.tokens if token in several)
        vague = _vague_words(self.name)
        raise UnknownWord(self, phrase, next((vague[w] for w in words if w in vague), ""))

    def _look_up(self, words: list[str]) -> tuple[str, ...]:
        key = self._key(words)
        if key in self._words:
            return (self._words[key],)
        if key in self._groups:
            return self._groups[key]
        # "sub-vitreous" is a weak kind of vitreous: the same word to a person with a stone.
        if key.startswith("sub") and key[3:] in self._words:
            return (self._words[key[3:]],)
        return ()

    def _key(self, words: list[str]) -> str:
        return " ".join(color_phrases.canonical_words(words) if self.lab else words)

    def _nearest_color(self, color: Lab) -> str:
        return min(self.lab, key=lambda token: color_phrases.distance(color, self.lab[token]))


@cache
def load_vocabulary(name: str) -> Vocabulary:
    """The vocabulary `name`: luster, streak, magnetism or acid. ValueError if there is none."""
    known = sorted(path.stem for path in VOCABULARIES.glob("*.csv"))
    if name not in known:
        raise ValueError(f"no vocabulary {name!r}; vocabularies: {', '.join(known)}")
    return read_vocabulary(VOCABULARIES / f"{name}.csv")


def read_vocabulary(path: Path) -> Vocabulary:
    """Read and check one vocabulary file. VocabularyError says file, row and column."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        columns = set(reader.fieldnames or ())
        rows = list(reader)
    required = {"token", "synonyms", "groups", "neighbours", "zh", "meaning"}
    if required - columns:
        missing = ", ".join(sorted(required - columns))
        raise VocabularyError(f"{path.name}: columns missing: {missing}")
    tokens = tuple(row["token"] for row in rows)
    lab = _read_lab(path, rows) if "L" in columns else {}

    def key(word: str) -> str:
        words = _spell(word).split()
        return " ".join(color_phrases.canonical_words(words) if lab else words)

    words: dict[str, str] = {}
    groups: dict[str, list[str]] = {}
    for line, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise VocabularyError(f"{path.name}, row {line}: not {len(columns)} cells")
        for word in (row["token"], *_split(row["synonyms"]), *_split(row["zh"])):
            taken = words.setdefault(key(word), row["token"])
            if taken != row["token"]:
                raise VocabularyError(
                    f"{path.name}, row {line}, column synonyms: {word!r} already means {taken!r}"
                )
        for group in _split(row["groups"]):
            groups.setdefault(key(group), []).append(row["token"])
    return Vocabulary(
        name=path.stem,
        tokens=tokens,
        lab=lab,
        _neighbours=_read_neighbours(path, rows, tokens, lab),
        _labels={
            "en": {token: token.replace("-", " ") for token in tokens},
            "zh": {row["token"]: _split(row["zh"])[0] for row in rows},
        },
        _meanings={row["token"]: row["meaning"] for row in rows},
        _words=words,
        _groups={word: tuple(members) for word, members in groups.items()},
        _ignored=_ignored_words(path.stem),
    )


def _read_lab(path: Path, rows: list[dict[str, str]]) -> dict[str, Lab]:
    lab: dict[str, Lab] = {}
    for line, row in enumerate(rows, start=2):
        cells = (row["L"], row["a"], row["b"])
        if not any(cells):
            continue  # `none` leaves no powder, so it has no colour
        try:
            lab[row["token"]] = (float(cells[0]), float(cells[1]), float(cells[2]))
        except ValueError:
            raise VocabularyError(
                f"{path.name}, row {line}, columns L, a, b: {cells!r} are not three numbers"
            ) from None
    return lab


def _read_neighbours(
    path: Path, rows: list[dict[str, str]], tokens: tuple[str, ...], lab: Mapping[str, Lab]
) -> dict[str, tuple[str, ...]]:
    pairs: set[tuple[str, str]] = set()
    for line, row in enumerate(rows, start=2):
        for other in _split(row["neighbours"]):
            if other not in tokens or other == row["token"]:
                raise VocabularyError(
                    f"{path.name}, row {line}, column neighbours: {other!r} is not another token"
                )
            pairs |= {(row["token"], other), (other, row["token"])}
    for token, color in lab.items():
        by_distance = {
            other: color_phrases.distance(color, lab[other]) for other in lab if other != token
        }
        close = {other for other, d in by_distance.items() if d < CONFUSABLE_DISTANCE}
        for other in close | {min(by_distance, key=lambda o: by_distance[o])}:
            pairs |= {(token, other), (other, token)}
    neighbours = {token: tuple(o for o in tokens if (token, o) in pairs) for token in tokens}
    for line, token in enumerate(tokens, start=2):
        if not neighbours[token]:
            raise VocabularyError(f"{path.name}, row {line}, column neighbours: {token!r} has none")
    return neighbours


@cache
def _ignored_words(name: str) -> frozenset[str]:
    with IGNORED_WORDS_FILE.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            if row["vocabulary"] == name:
                return frozenset(_split(row["words"]))
    return frozenset()


@cache
def _vague_words(name: str) -> Mapping[str, str]:
    """Words that people use and that decide nothing -> what to say instead."""
    with VAGUE_WORDS_FILE.open(encoding="utf-8", newline="") as stream:
        return {
            word: row["say"]
            for row in csv.DictReader(stream)
            if row["vocabulary"] == name
            for word in _split(row["words"])
        }


def _spell(phrase: str) -> str:
    """One spelling: lower case, American, words divided by single spaces, no punctuation."""
    text = unicodedata.normalize("NFKC", phrase).casefold()
    text = re.sub(r"\{[^}]*\}|\[\d*\]", " ", text)  # crystal faces {010} and footnotes [2]
    text = " ".join(re.sub(r"[^\w']|_", " ", text).split())
    for pattern, spelling in _SPELLINGS:
        text = pattern.sub(spelling, text)
    text = re.sub(r"\bnot (?=metallic\b)", "non", text)
    for prefix in _PREFIXES:
        text = re.sub(rf"\b{prefix} (?=\w)", prefix, text)
    return text


def _split(cell: str) -> tuple[str, ...]:
    return tuple(part for part in cell.split("|") if part)


def _either(words: tuple[str, ...]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _rebuild_unknown_word(vocabulary: str, phrase: object, reason: str) -> UnknownWord:
    return UnknownWord(load_vocabulary(vocabulary), phrase, reason)

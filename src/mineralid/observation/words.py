"""Read a word test (luster, streak, magnetism, acid, ...): one or several values of its vocabulary."""

from __future__ import annotations

import re

from mineralid.minerals.tests_table import load_tests
from mineralid.minerals.vocabulary import UnknownWord, Vocabulary
from mineralid.observation.blanks import is_blank
from mineralid.observation.errors import ReadingError, shown
from mineralid.observation.readings import WordsReading

# "blue-green" is one colour, so a hyphen separates only between spaces; a dash always does.
_SEPARATOR = re.compile(
    r"[|,/;&\n、，；／｜–—]|\s-\s|\b(?:or|to|and)\b|[或和至到]", flags=re.IGNORECASE
)


def parse_words(value: object, name: str) -> WordsReading | None:
    """The reading of word test `name`; None = not tested.

    value: a phrase, several separated by | , / ; or "or", "to", "and", a list, tuple or set of
    phrases, or a bool (yes, no). Order and repeats do not matter. ReadingError names the test, the
    value and the nearest known words.
    """
    test = load_tests().get(name)
    if test is None or test.kind != "words":
        known = ", ".join(t.name for t in load_tests().values() if t.kind == "words")
        raise ReadingError(name, value, f"no word test {shown(name)}; word tests: {known}")
    if is_blank(value):
        return None
    vocabulary = test.vocabulary
    items = list(value) if isinstance(value, (list, tuple, set, frozenset)) else [value]
    found: set[str] = set()
    for item in items:
        if is_blank(item):
            continue
        if isinstance(item, bool):
            item = "yes" if item else "no"
        if not isinstance(item, str):
            raise ReadingError(
                name,
                value,
                f"{name} {shown(value)} is not a word; allowed: {', '.join(vocabulary.tokens)}",
            )
        found |= _read(item, vocabulary, name, value)
    tokens = tuple(token for token in vocabulary.tokens if token in found)
    return WordsReading(tokens, name, text=value if isinstance(value, str) else shown(value))


def _read(text: str, vocabulary: Vocabulary, name: str, value: object) -> set[str]:
    text = re.sub(rf"^\s*{re.escape(name)}\b\s*[:=]?", "", text, flags=re.IGNORECASE)
    parts = [part.strip() for part in _SEPARATOR.split(text) if part.strip()]
    try:
        return {token for part in parts or [text] for token in vocabulary.read(part)}
    except UnknownWord as unknown:
        # A known phrase may hold a separating word itself: "sticks to a magnet".
        try:
            return set(vocabulary.read(text))
        except UnknownWord:
            raise ReadingError(name, value, str(unknown)) from None

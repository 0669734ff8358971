"""Colours of powders in CIELAB: compose a phrase such as "pale greenish gray", measure distances.

Coordinates are CIELAB (L* 0..100, a*, b*; D65) of the powder on a white plate. They are committed
judgements from the usual meaning of the words, good enough to say which colours are close.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

Lab = tuple[float, float, float]

COLOR_WORDS_FILE = Path(__file__).parent / "data" / "color_words.csv"

_WHITE: Lab = (95.0, 0.0, 2.0)
_TINT_SHARE = 0.3  # "greenish gray": three parts in ten of green
_COMPARISON_SHARE = 0.6  # "brick red": more brick than red
_PALE_SHARE = 0.45  # "pale": this far towards white
_DARK_FACTOR = 0.65  # "dark": lightness and chroma times this


@dataclass(frozen=True, slots=True)
class ColorWord:
    """One word of a colour phrase: a hue, a comparison ("brick"), or `pale` / `dark`."""

    word: str
    role: str  # hue | like | pale | dark
    lab: Lab | None


@cache
def load_color_words() -> dict[str, ColorWord]:
    """Every spelling -> its word, from data/color_words.csv."""
    words: dict[str, ColorWord] = {}
    with COLOR_WORDS_FILE.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            lab = (float(row["L"]), float(row["a"]), float(row["b"])) if row["L"] else None
            entry = ColorWord(row["word"], row["role"], lab)
            for spelling in (row["word"], *filter(None, row["spellings"].split("|"))):
                words[spelling] = entry
    return words


def canonical_words(words: Sequence[str]) -> tuple[str, ...]:
    """The same phrase in one spelling, so that equal phrases compare equal.

    light -> pale, deep -> dark, red-brown and reddish brown -> (reddish) brown as ("red", "brown"),
    "white with a greenish tint" -> ("green", "white"). Words that are no colour words stay, and so
    does a word alone: "greenish" is paler than "green".
    """
    if len(words) < 2:
        return tuple(words)
    known = load_color_words()
    ordered = list(words)
    if "with" in ordered:
        at = ordered.index("with")
        head, tint = ordered[:at], ordered[at + 1 :]
        # A pale tint is a tint; its paleness is already in the small share that a tint gets.
        tint = [w for w in tint if w not in known or known[w].role in ("hue", "like")]
        modifiers = [w for w in head if w in known and known[w].lab is None]
        ordered = modifiers + tint + [w for w in head if w not in modifiers]
    return tuple(known[w].word if w in known else w for w in ordered)


def compose(words: Sequence[str]) -> Lab | None:
    """CIELAB of a colour phrase; None where a word is no colour word or no hue is among them.

    The last hue is the head; each earlier one tints it (30 %), a comparison such as "brick" gives
    60 %; `pale` moves towards white and `dark` scales lightness and chroma, afterwards.
    """
    known = load_color_words()
    entries = [known.get(word) for word in words]
    if not entries or any(entry is None for entry in entries):
        return None
    present = [entry for entry in entries if entry is not None]
    hues = [entry for entry in present if entry.lab is not None]
    if not hues or hues[-1].lab is None:
        return None
    color = hues[-1].lab
    for entry in reversed(hues[:-1]):
        if entry.lab is not None and entry.word != hues[-1].word:
            color = _mix(
                color, entry.lab, _COMPARISON_SHARE if entry.role == "like" else _TINT_SHARE
            )
    for entry in present:
        if entry.role == "pale":
            color = _mix(color, _WHITE, _PALE_SHARE)
        elif entry.role == "dark":
            color = (color[0] * _DARK_FACTOR, color[1] * _DARK_FACTOR, color[2] * _DARK_FACTOR)
    return color


def distance(first: Lab, second: Lab) -> float:
    """CIE94 colour difference, symmetric (weights from the geometric mean of both chromas).

    CIE 116-1995, graphic-arts constants. 0 = equal; about 2 = just seen side by side; two people
    who read a powder from memory differ by 10 and more.
    """
    c1, c2 = math.hypot(first[1], first[2]), math.hypot(second[1], second[2])
    d_l, d_c = first[0] - second[0], c1 - c2
    d_a, d_b = first[1] - second[1], first[2] - second[2]
    d_h_squared = max(0.0, d_a * d_a + d_b * d_b - d_c * d_c)
    c = math.sqrt(c1 * c2)
    s_c, s_h = 1.0 + 0.045 * c, 1.0 + 0.015 * c
    return math.sqrt(d_l * d_l + (d_c / s_c) ** 2 + d_h_squared / (s_h * s_h))


def _mix(base: Lab, other: Lab, share: float) -> Lab:
    return (
        base[0] + share * (other[0] - base[0]),
        base[1] + share * (other[1] - base[1]),
        base[2] + share * (other[2] - base[2]),
    )

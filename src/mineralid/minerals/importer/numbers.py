"""Read the numbers of an infobox cell: hardness and density as people write them.

Every reader returns an interval, None for a cell that says "not known", or raises Unreadable
with the reason. Nothing outside the physical range comes through.
"""

from __future__ import annotations

import re

from mineralid.minerals.mineral import INTERVALS

Interval = tuple[float, float]


class Unreadable(ValueError):
    """A cell that cannot be read; the message is the reason shown in the import report."""


# A table that says so is as good as a blank cell, and no rejection.
NOT_KNOWN = re.compile(
    r"(not (determined|reported|known|given)|undetermined|no data|unknown|n/?a|[-–—?])\.?", re.I
)
_FRACTIONS = {"½": ".5", "¼": ".25", "¾": ".75", "⅓": ".33", "⅔": ".67"}
_FOOTNOTE = re.compile(r"\[\d+\]")
_DASHES = re.compile(r"\s*[-‐‑‒–—−~]\s*")
_NUMBER = r"\d+(?:\.\d+)?"
_RANGE = re.compile(rf"({_NUMBER})(?:\s*(?:-|\bto\b)\s*({_NUMBER}))?")


def clean(cell: str) -> str:
    """A cell without footnote marks and odd spaces, trimmed."""
    text = _FOOTNOTE.sub(" ", cell)
    text = text.replace("\u2060", "").replace("\u2044", "/")
    return re.sub(r"\s+", " ", text).strip()


def read_hardness(cell: str) -> Interval | None:
    """Mohs hardness as a closed interval within 1..10.

    Several values (directions, varieties of one species, references) give their union. A value in
    brackets beside others is left out: it belongs to an impurity or a variety. `~` before a
    number and words around numbers are ignored.
    """
    text = clean(cell)
    if not text or NOT_KNOWN.fullmatch(text):
        return None
    text = re.sub(r"\{[^}]*\}", " ", text)  # Miller indices: {001}
    text = _whole_fractions(text)
    text = re.sub(r"(?<=\d),(?=\d(?!\d))", ".", text)  # decimal comma: 4,5
    text = re.sub(r"^~\s*", "", text)
    outside = re.sub(r"\([^)]*\)", " ; ", text)
    text = outside if re.search(r"\d", outside) else text
    if "<" in text or ">" in text or "less than" in text or "greater than" in text:
        raise Unreadable("a bound, not a value")
    return _union(text, "hardness_mohs")


def _whole_fractions(text: str) -> str:
    """`3+1/2`, `3½` and `31/2` (superscript lost in the copy) as `3.5`."""
    text = re.sub(r"(\d)\s*\+?\s*1/2", r"\1.5", text)
    for sign, decimal in _FRACTIONS.items():
        text = re.sub(rf"(\d)\s*\+?\s*{sign}", rf"\g<1>{decimal}", text)
    return text


def read_density(cell: str) -> Interval | None:
    """Density in g/cm3 as a closed interval within 0.5..23.

    Measured values are preferred to calculated ones where both stand in the cell, averages and
    values in brackets are left out beside others, a tolerance widens its value.
    """
    text = clean(cell)
    if not text or NOT_KNOWN.fullmatch(text):
        return None
    if re.search(r"[<>]|greater than|less than", text, re.I):
        raise Unreadable("a bound, not a value")
    text = re.sub(r"\d[\d–-]*\s*kg\s*/?\s*m\s*[-−]?3", " ", text)
    text = re.sub(
        r"(gm?\s*/\s*(cm|sm)\s*[-−]?\s*[3³]|gm?\s*cm\s*[-−]\s*[13]|gm?\s*/\s*(cc|ml))",
        " ",
        text,
        flags=re.I,
    )
    text = re.sub(r"(?<=\d),(?=\d)", ".", text)
    text = re.sub(r"(?<=\d)\(\d+\)", " ", text)  # standard uncertainty: 2.874(5)
    text = _tolerances(text)
    text = re.sub(r"\b(average|avg|mean)\b\s*=?\s*" + _NUMBER, " ", text, flags=re.I)
    text = re.sub(r"(?<=[\d )])\s*on average\s*" + _NUMBER, " ", text, flags=re.I)
    text = re.sub(r"(?i)d?\(?\b(measured|meas\.?|observed)(?![a-z])\)?", " M ", text)
    text = re.sub(r"(?i)d?\(?\b(calculated|calc\.?)(?![a-z])\)?", " C ", text)
    return _union(_prefer_measured(text), "density_g_cm3")


def _tolerances(text: str) -> str:
    """`3.00 (+0.10, -0.05)`, `3.06+0.20−0.06` and `6.6 ± 0.2` as ranges."""

    def asymmetric(match: re.Match[str]) -> str:
        centre, plus, minus = (float(g) for g in match.groups())
        return f"{centre - minus:.3f} to {centre + plus:.3f}"

    def symmetric(match: re.Match[str]) -> str:
        centre, either = float(match[1]), float(match[2])
        return f"{centre - either:.3f} to {centre + either:.3f}"

    n = r"(\d*\.?\d+)"
    text = re.sub(rf"{n}\s*\(?\+\s*{n}\s*[,/]?\s*[-–−]\s*{n}\)?", asymmetric, text)
    return re.sub(rf"{n}\s*\(?(?:±|\+/-)\s*{n}\)?", symmetric, text)


def _prefer_measured(text: str) -> str:
    """Only the measured numbers of a text with M and C marks, or all numbers if none is marked.

    Marks stand before their numbers where the text begins with one, after them otherwise.
    Numbers without a mark count as measured.
    """
    outside = re.sub(r"\((?!\s*[MC]\b)[^()]*(\([^()]*\)[^()]*)*\)", " ; ", text)
    if re.search(r"\d", outside):
        text = outside
    parts = re.split(r"\b([MC])\b", text)
    if len(parts) == 1:
        return text
    if not re.search(r"\d", parts[0]):
        marked = [("M", parts[0]), *zip(parts[1::2], parts[2::2], strict=True)]
    else:
        marked = [*zip(parts[1::2], parts[0::2], strict=False), ("M", parts[-1])]
    measured = " ; ".join(t for mark, t in marked if mark == "M")
    return measured if re.search(r"\d", measured) else " ; ".join(t for _, t in marked)


def _union(text: str, column: str) -> Interval:
    """The smallest interval that holds every number and range in the text."""
    text = re.sub(r"[A-Za-zα-ωΑ-Ω)][A-Za-z)\]-]*\d+\S*", " ", text)  # Fe2SiO4, α-S8
    text = _DASHES.sub("-", text)
    low, high = INTERVALS[column]
    bounds: list[float] = []
    for first, second in _RANGE.findall(text):
        a, b = float(first), float(second or first)
        for value in (a, b):
            if not low <= value <= high:
                raise Unreadable(f"{value:g} is outside {low:g}..{high:g}")
        if a > b:
            raise Unreadable(f"interval {a:g}-{b:g} is upside down")
        bounds += (a, b)
    if not bounds:
        raise Unreadable("no number")
    return min(bounds), max(bounds)

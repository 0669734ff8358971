"""The words and numbers that the text of an answer is made of."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mineralid.minerals import UnknownMineral, load_catalogue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mineralid.identify import ReadingFinding

# A reading that stands for more words than these ("non-metallic") is told by their number.
MOST_WORDS = 4


def percent(probability: float) -> str:
    """87 %, 1.4 %, <0.1 %; never a round 0 or 100 for what is neither."""
    hundred = 100 * probability
    if 0 < hundred < 0.05:
        return "<0.1 %"
    if hundred < 9.95:
        return f"{hundred:.1f} %"
    return ">99 %" if 99.5 <= hundred < 100 else f"{hundred:.0f} %"


def times(log_ratio: float) -> str:
    """A log-likelihood ratio in nats as a factor: ×4.2, ÷30."""
    factor = math.exp(min(abs(log_ratio), 7.0))
    number = ">1000" if factor > 1000 else f"{factor:.1f}" if factor < 9.95 else f"{factor:.0f}"
    return f"{'×' if log_ratio >= 0 else '÷'}{number}"


def reading_text(finding: ReadingFinding) -> str:
    """The reading as it came, and how it was read where that says something else."""
    given = finding.given.removeprefix(f"{finding.test} ")
    read = finding.value
    same = _bare(given) in (_bare(read), _bare(read.removesuffix(" g/cm3")))
    if same or not read or finding.test == "hardness":  # comparisons are plain as they are
        return given
    words = read.split(" or ")
    read = f"{len(words)} words" if len(words) > MOST_WORDS else read
    return f"{given}, read as {read}"


def _bare(text: str) -> str:
    return "".join(c for c in text.casefold().replace("–", "-") if c not in " -_")


def kind_of(name: str) -> str:
    """Its place in the catalogue: species, variety of Quartz, group."""
    mineral = load_catalogue().get(name)
    if mineral is None:
        return "species"
    of = f" of {mineral.parent}" if mineral.kind == "variety" and mineral.parent else ""
    return mineral.kind + of


def belongs(name: str, group: str) -> bool:
    """Whether the catalogue has a mineral in this group."""
    try:
        return name == group or group in load_catalogue().ancestors(name)
    except UnknownMineral:
        return False


def joined(names: Sequence[str], word: str) -> str:
    """The names as a list in prose: a, b or c."""
    return f" {word} ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else ""

"""Read the prose cells: what is said of magnetism, acid, radioactivity and poison.

Only plain statements about the mineral as found and cold, dilute hydrochloric acid are taken; all
else (behaviour after heating, water, other acids) is no field test and is left out.
"""

from __future__ import annotations

import re

from mineralid.minerals.importer.numbers import clean

# First match wins. A bare "magnetic" does not say how much, so it stands for both.
_MAGNETISM: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"magnetic (after|on|upon) heating", ()),
    (r"antiferromagnetic|paramagnetic|magnetic moment only", ()),
    (r"non[- ]?magnetic|not magnetic|diamagnetic", ("none",)),
    (r"(strongly|highly|very) magnetic|ferromagnetic", ("strong",)),
    (r"weak(ly)? to (moderately|medium) magnetic", ("weak",)),
    (r"variable magnetic", ("none", "weak")),
    (r"(weakly|slightly) magnetic", ("weak",)),
    (r"\bmagnetic\b", ("weak", "strong")),
)
_ACID: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"without effervescence", ("none",)),
    (r"nitric|HNO3", ()),
    (r"effervesce\w* in (hot|warm)", ("weak",)),
    (r"effervesce\w* (in cold|at room)", ("strong",)),
    (r"effervesc", ("weak", "strong")),
    (r"insoluble in (acids|dilute acid|HCl)|unsoluble in acids|insoluble: HCl", ("none",)),
)
_RADIOACTIVITY: tuple[tuple[str, str | None], ...] = (
    (r"(not|non|neither)[- ]*radioactive", None),
    (r"radioactive[\d.% ]*\(K\)|radioactive [\d.]+% \(K\)", None),  # potassium: below any hazard
    (r"barely detectable radioactivity|radioactivity: barely detectable", None),
    (r"mildly\s+radioactive", "Weakly radioactive."),
    (r"radioactive if", "Radioactive where it holds uranium or thorium."),
    (r"\bradioactive\b", "Radioactive."),
)
_TOXICITY: tuple[tuple[str, str], ...] = (
    (r"toxic and carcinogenic", "Poisonous and carcinogenic: wash hands, raise no dust."),
    (r"chromate ion", "Contains chromate, which causes cancer: raise no dust."),
    (r"toxic if inhaled", "Poisonous as dust: do not breathe it."),
    (r"\b(toxic|poisonous)\b", "Poisonous: wash hands after handling."),
)


def _first(rules: tuple[tuple[str, object], ...], text: str) -> object:
    return next((value for pattern, value in rules if re.search(pattern, text, re.I)), None)


def read_magnetism(remark: str) -> tuple[str, ...]:
    """Tokens of magnetism that a remark names; () where it says nothing of the mineral as found."""
    found = _first(_MAGNETISM, clean(remark))
    return found if isinstance(found, tuple) else ()


def read_acid(solubility: str) -> tuple[str, ...]:
    """Tokens of the reaction with dilute hydrochloric acid; () where the cell does not say it."""
    found = _first(_ACID, clean(solubility))
    return found if isinstance(found, tuple) else ()


def read_radioactivity(remark: str) -> str | None:
    """A short sentence where the remark warns of radioactivity, else None."""
    found = _first(_RADIOACTIVITY, clean(remark))
    return found if isinstance(found, str) else None


def read_toxicity(remark: str) -> str | None:
    """A short sentence where the remark warns of poison, else None."""
    found = _first(_TOXICITY, clean(remark))
    return found if isinstance(found, str) else None

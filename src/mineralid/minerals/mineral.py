"""One mineral and the columns that the catalogue holds of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

KINDS = ("variety", "species", "group")
CRYSTAL_SYSTEMS = (
    "cubic",
    "tetragonal",
    "orthorhombic",
    "hexagonal",
    "trigonal",
    "monoclinic",
    "triclinic",
    "icosahedral",
    "amorphous",
)
# Column -> the range that a value may lie in. Mohs' scale ends at diamond; the densest native
# metal is osmium-iridium at 22.6 and the lightest mineral is an organic one below 1.
INTERVALS: Mapping[str, tuple[float, float]] = {
    "hardness_mohs": (1.0, 10.0),
    "density_g_cm3": (0.5, 23.0),
}
WORDS = ("luster", "streak", "magnetism", "acid")
TEXTS = ("formula", "crystal_system", "toxicity", "radioactivity")
FACTS = (
    "formula",
    "crystal_system",
    "hardness_mohs",
    "luster",
    "streak",
    "density_g_cm3",
    "magnetism",
    "acid",
    "toxicity",
    "radioactivity",
)
TESTS = ("hardness_mohs", "luster", "streak", "density_g_cm3", "magnetism", "acid")
COMMONNESS = (1, 5)

Value = tuple[float, float] | tuple[str, ...] | str | None


@dataclass(frozen=True, slots=True)
class Mineral:
    """What is known of one mineral. An empty tuple or None is "not known", never "none".

    hardness_mohs (1..10) and density_g_cm3 are closed intervals (low, high); luster, streak,
    magnetism and acid are tokens of their vocabulary, the most usual first. commonness runs from
    1 (rare) to 5 (rock-forming). names maps a language to other names, sources a column to the
    ids of the sources that support its value.
    """

    name: str
    kind: str
    parent: str | None = None
    formula: str | None = None
    crystal_system: str | None = None
    hardness_mohs: tuple[float, float] | None = None
    luster: tuple[str, ...] = ()
    streak: tuple[str, ...] = ()
    density_g_cm3: tuple[float, float] | None = None
    magnetism: tuple[str, ...] = ()
    acid: tuple[str, ...] = ()
    toxicity: str | None = None
    radioactivity: str | None = None
    commonness: int = 1
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    def value(self, column: str) -> Value:
        """The value of a fact column; None or () where it is not known."""
        if column not in FACTS:
            raise KeyError(f"unknown column {column!r}; known: {', '.join(FACTS)}")
        value: Value = getattr(self, column)
        return value

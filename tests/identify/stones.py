"""A small catalogue around the five classes of the tiny bundle, and what people may see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from hypothesis import strategies as st

from mineralid.minerals import Catalogue, Mineral, load_vocabulary
from mineralid.vision.stream import ItemScores

CLASSES = ("Quartz", "Pyrite", "Calcite", "Malachite", "Hematite")


def _mineral(name: str, *, kind: str = "species", **facts: Any) -> Mineral:
    return Mineral(name=name, kind=kind, **facts)


MINERALS = (
    _mineral(
        "Agate",
        kind="variety",
        parent="Quartz",
        hardness_mohs=(6.5, 7.0),
        luster=("waxy", "vitreous"),
        streak=("white",),
        density_g_cm3=(2.58, 2.64),
        magnetism=("none",),
        acid=("none",),
        commonness=4,
    ),
    _mineral("Blankite"),
    _mineral(
        "Calcite",
        parent="Carbonate group",
        hardness_mohs=(3.0, 3.0),
        luster=("vitreous", "pearly", "dull"),
        streak=("white",),
        density_g_cm3=(2.71, 2.71),
        magnetism=("none",),
        acid=("strong",),
        commonness=5,
    ),
    _mineral("Carbonate group", kind="group"),
    _mineral(
        "Cinnabar",
        hardness_mohs=(2.0, 2.5),
        luster=("adamantine", "dull"),
        streak=("red",),
        density_g_cm3=(8.0, 8.2),
        magnetism=("none",),
        acid=("none",),
        toxicity="holds mercury",
        commonness=2,
    ),
    _mineral(
        "Galena",
        hardness_mohs=(2.5, 2.75),
        luster=("metallic",),
        streak=("dark-gray",),
        density_g_cm3=(7.2, 7.6),
        magnetism=("none",),
        toxicity="holds lead",
        commonness=4,
    ),
    _mineral(
        "Hematite",
        hardness_mohs=(5.0, 6.5),
        luster=("metallic", "submetallic", "dull"),
        streak=("reddish-brown", "red"),
        density_g_cm3=(4.9, 5.3),
        magnetism=("none", "weak"),
        acid=("none",),
        commonness=5,
    ),
    _mineral(
        "Magnetite",
        hardness_mohs=(5.5, 6.5),
        luster=("metallic", "submetallic"),
        streak=("black",),
        density_g_cm3=(5.1, 5.2),
        magnetism=("strong",),
        acid=("none",),
        commonness=4,
    ),
    _mineral(
        "Malachite",
        parent="Carbonate group",
        hardness_mohs=(3.5, 4.0),
        luster=("silky", "vitreous", "dull"),
        streak=("pale-green", "green"),
        density_g_cm3=(3.6, 4.05),
        acid=("strong",),
        toxicity="holds copper",
        commonness=4,
    ),
    _mineral(
        "Pyrite",
        hardness_mohs=(6.0, 6.5),
        luster=("metallic",),
        streak=("greenish-black", "brownish-black"),
        density_g_cm3=(4.95, 5.1),
        magnetism=("none",),
        acid=("none",),
        commonness=5,
    ),
    _mineral(
        "Quartz",
        hardness_mohs=(7.0, 7.0),
        luster=("vitreous", "greasy"),
        streak=("white", "none"),
        density_g_cm3=(2.6, 2.7),
        magnetism=("none",),
        acid=("none",),
        commonness=5,
    ),
)

READINGS: Mapping[str, tuple[str, ...]] = {
    "hardness": ("1", "3", "6-6.5", "7", ">coin,<knife", ">quartz", "<fingernail", "2.63"),
    "luster": ("metallic", "glassy", "dull", "silky or pearly", "non-metallic"),
    "streak": ("white", "none", "greenish black", "red", "pale green", "blue", "black or brown"),
    "density": ("2.65", "5", "7-8", "19.3"),
    "magnetism": ("none", "weak", "strong", "magnetic"),
    "acid": ("none", "weak", "strong"),
}

# Any subset of the tests, the empty one included; a test that was not made is absent.
records: st.SearchStrategy[dict[str, str]] = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(values) for name, values in READINGS.items()}
)
some_record = records.filter(bool)
trusts = st.sampled_from((None, 0.0, 0.3, 0.9, 1.0))
priors = st.sampled_from((None, "commonness", "uniform"))


def small_catalogue(*, without: tuple[str, ...] = ()) -> Catalogue:
    """The minerals above, less some."""
    return Catalogue(
        [m for m in MINERALS if m.name not in without],
        version="small",
        sources={},
        vocabularies={n: load_vocabulary(n) for n in ("luster", "streak", "magnetism", "acid")},
    )


def scored(seed: int = 0, photographs: int = 1, spread: float = 3.0) -> ItemScores:
    """What the network might give for some photographs of one stone."""
    random = np.random.default_rng(seed)
    return ItemScores(
        random.normal(0, spread, (photographs, 5)).astype(np.float32),
        random.normal(0, 1, (photographs, 8)).astype(np.float32),
    )


def scored_for(name: str, margin: float = 6.0) -> ItemScores:
    """A photograph that speaks for one class."""
    scores = np.zeros((1, 5), dtype=np.float32)
    scores[0, CLASSES.index(name)] = margin
    return ItemScores(scores, np.ones((1, 8), dtype=np.float32))


photographs = st.builds(scored, seed=st.integers(0, 50), photographs=st.integers(1, 3))

"""Five minerals for the tests of the evidence: blanks, many words, hard and soft ones."""

from __future__ import annotations

from mineralid.minerals import Mineral

FIVE = (
    Mineral(
        name="Quartz",
        kind="species",
        hardness_mohs=(7.0, 7.0),
        luster=("vitreous", "greasy", "waxy"),
        streak=("white", "none"),
        density_g_cm3=(2.6, 2.7),
        magnetism=("none",),
        acid=("none",),
        commonness=5,
    ),
    Mineral(
        name="Pyrite",
        kind="species",
        hardness_mohs=(6.0, 6.5),
        luster=("metallic",),
        streak=("greenish-black", "brownish-black"),
        density_g_cm3=(4.95, 5.1),
        magnetism=("none", "weak"),
        acid=("none",),
        commonness=5,
    ),
    Mineral(
        name="Calcite",
        kind="species",
        hardness_mohs=(3.0, 3.0),
        luster=("vitreous", "pearly", "dull"),
        streak=("white",),
        density_g_cm3=(2.71, 2.71),
        acid=("strong",),
        commonness=5,
    ),
    Mineral(
        name="Magnetite",
        kind="species",
        hardness_mohs=(5.5, 6.5),
        luster=("metallic", "submetallic"),
        streak=("black",),
        magnetism=("strong",),
        commonness=4,
    ),
    Mineral(name="Blankite", kind="species", commonness=2),
)

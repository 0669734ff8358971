"""Words of infobox cells: luster and streak phrases, remarks, formulas, names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mineralid.minerals import load_catalogue, load_vocabulary
from mineralid.minerals.importer.chemistry import read_crystal_system, read_formula
from mineralid.minerals.importer.names import CanonicalNames, title_form
from mineralid.minerals.importer.numbers import Unreadable
from mineralid.minerals.importer.phrases import Words, read_words
from mineralid.minerals.importer.remarks import (
    read_acid,
    read_magnetism,
    read_radioactivity,
    read_toxicity,
)


def tokens(column: str, cell: str) -> tuple[str, ...]:
    words = read_words(column, cell)
    assert isinstance(words, Words)
    return words.tokens


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("vitreous to dull; pearly on cleavage", ("vitreous", "dull", "pearly")),
        ("Pearly on {010} vitreous to greasy on {001} vitreous on {100}",
         ("pearly", "vitreous", "greasy")),
        ("Vitreous[3] to subresinous", ("vitreous", "resinous")),
        ("Earthy (dull)", ("dull",)),
        ("Adamantine, sub-metallic", ("adamantine", "submetallic")),
        ("Metallic-adamantine", ("metallic", "adamantine")),
        ("Pearly adamantine", ("pearly", "adamantine")),
        ("ResinVitreous, Sub-Vitreous, Resinousous", ("resinous", "vitreous")),
        ("Metallic (brilliant when fresh)", ("metallic",)),
        ("Brilliant submetallic to adamantine", ("submetallic", "adamantine")),
        ("is Waxy", ("waxy",)),
    ],
)  # fmt: skip
def test_luster_phrases(cell: str, expected: tuple[str, ...]) -> None:
    assert tokens("luster", cell) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("white to a blue-green color", ("white", "bluish-green")),
        ("Pale to bluish gray", ("pale-gray", "gray")),
        ("White to brownish", ("white",)),
        ("Black with brownish tint", ("brownish-black",)),
        ("Light bronze-brown[2][3][4][5]Greenish black[6][7][8]",
         ("light-brown", "greenish-black")),
        ("light bronze-browngreenish black", ("light-brown", "greenish-black")),
        ("White, altering to dark blue, brown", ("white",)),
        ("Blue green, paler than the mineral", ("bluish-green",)),
        ("colorless or white", ("white",)),
        ("Pale brown, yellowish or reddish, to white",
         ("light-brown", "yellowish-brown", "reddish-brown", "white")),
        ("red|copper-red", ("red", "copper-red")),
    ],
)  # fmt: skip
def test_streak_phrases(cell: str, expected: tuple[str, ...]) -> None:
    assert tokens("streak", cell) == expected


def test_what_cannot_be_read_is_reported() -> None:
    words = read_words("luster", "Vitreous to white")
    assert words == Words(("vitreous",), ("white",))
    with pytest.raises(Unreadable, match="no luster word in 'Nonmetallic'"):
        read_words("luster", "Nonmetallic")
    with pytest.raises(Unreadable, match="no streak word in 'tasty'"):
        read_words("streak", "tasty")
    assert read_words("streak", "not reported") is None
    assert read_words("luster", " ") is None


@given(
    column=st.sampled_from(["luster", "streak"]),
    data=st.data(),
    joint=st.sampled_from([" to ", ", ", "; ", " or ", "/", " – ", "[2] ", "|"]),
)
def test_any_list_of_tokens_reads_as_itself(column: str, data: st.DataObject, joint: str) -> None:
    known = [t for t in load_vocabulary(column).tokens if t != "none"]
    chosen = data.draw(st.lists(st.sampled_from(known), min_size=1, max_size=4, unique=True))
    assert set(tokens(column, joint.join(chosen))) == set(chosen)


@pytest.mark.parametrize(
    ("remark", "expected"),
    [
        ("Strongly magnetic", ("strong",)),
        ("weakly to moderately magnetic", ("weak",)),
        ("Magnetic", ("weak", "strong")),
        ("Becomes magnetic upon heating", ()),
        ("Magnetic after heating, iridescent", ()),
        ("non-radioactive, non-magnetic", ("none",)),
        ("Antiferromagnetic", ()),
        ("variable magnetic attraction", ("none", "weak")),
        ("Fluorescent", ()),
    ],
)
def test_magnetism(remark: str, expected: tuple[str, ...]) -> None:
    assert read_magnetism(remark) == expected


def test_acid_takes_effervescence_in_hydrochloric_acid_only() -> None:
    assert read_acid("Effervesces in cold, dilute hydrochloric acid") == ("strong",)
    assert read_acid("Effervesces in hot HCl") == ("weak",)
    assert read_acid("Soluble in acids but without effervescence (in contrast)") == ("none",)
    assert read_acid("partly etched by nitric acid, with slight effervescence") == ()
    assert read_acid("Insoluble in acids[4]") == ("none",)
    assert read_acid("Soluble in water") == ()


def test_hazards_are_warned_of_and_their_absence_is_not() -> None:
    assert read_radioactivity(" Radioactive 72.63% (U)") == "Radioactive."
    assert read_radioactivity(" Radioactive 4.37% (K)") is None
    assert read_radioactivity("Not radioactive, non-magnetic") is None
    assert read_radioactivity("Neither radioactive[3] nor fluorescent[4]") is None
    assert read_toxicity("Astringent, sweetish taste; toxic") == (
        "Poisonous: wash hands after handling."
    )
    assert read_toxicity("Salty taste") is None


@pytest.mark.parametrize(
    ("cell", "formula"),
    [
        ("SiO2 (silicon dioxide)", "SiO2"),
        ("Molybdenum disulfide (MoS2)", "MoS2"),
        ("Lead carbonate: PbCO3", "PbCO3"),
        ("MgB6O10·7H2O[1] or MgB6O7(OH)6·4H2O[2]", "MgB6O10·7H2O"),
        ("The general formula X3Y2(SiO4)3", "X3Y2(SiO4)3"),
        ("CaSO4 • 2 H2O", "CaSO4·2H2O"),
        ("unknown", None),
    ],
)
def test_formulas(cell: str, formula: str | None) -> None:
    assert read_formula(cell) == formula


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("See text", "words, not a formula"),
        ("NH4Al(SO4)2·12(H2O", "brackets do not close"),
        ("123", "no element symbol"),
    ],
)
def test_bad_formulas(cell: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        read_formula(cell)


def test_crystal_systems() -> None:
    assert read_crystal_system("Isometric - Hexoctahedral") == "cubic"
    assert read_crystal_system("Orthorombic") == "orthorhombic"
    assert read_crystal_system("2M polytype: monoclinic 1A polytype: triclinic") == "monoclinic"
    with pytest.raises(Unreadable, match="no crystal system named"):
        read_crystal_system("2H")


@pytest.mark.parametrize(
    ("given_name", "expected"),
    [
        ("aeschynite-(nd)", "Aeschynite-(Nd)"),
        ("Aeschynite-(Nd)", "Aeschynite-(Nd)"),
        ("apophyllite-(kf)", "Apophyllite-(KF)"),
        ("alsakharovite-zn", "Alsakharovite-Zn"),
        ("ferronigerite-2n1s", "Ferronigerite-2N1S"),
        ("fluor-uvite", "Fluor-uvite"),
        ("dolomite (mineral)", "Dolomite"),
        ("åkermanite", "Åkermanite"),
        ("Smoky Quartz", "Smoky Quartz"),
    ],
)
def test_title_form(given_name: str, expected: str) -> None:
    assert title_form(given_name) == expected


@given(st.sampled_from([m.name for m in load_catalogue()]))
def test_title_form_keeps_canonical_names(name: str) -> None:
    assert title_form(name) == name


def test_canonical_names_by_rename_hierarchy_synonym_and_spelling() -> None:
    names = CanonicalNames(["Baryte"], {"Barite": "Baryte"}, {"Native copper": "Copper"})
    assert names.resolve("native copper") == "Copper"
    assert names.resolve("barite") == names.resolve("BARYTE") == "Baryte"
    assert names.resolve("Krut'aite") == "Krut'aite"
    assert names.resolve("kruťaite") == "Krut'aite"  # the first spelling is kept

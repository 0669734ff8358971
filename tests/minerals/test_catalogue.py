"""The catalogue that ships: what it must hold, and what every mineral of it must satisfy."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mineralid.minerals import Catalogue, load_catalogue
from mineralid.minerals.loading import DATA
from mineralid.minerals.mineral import FACTS, INTERVALS, KINDS, WORDS, Mineral

THREE_TESTS = ("hardness_mohs", "luster", "streak")


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def core_names() -> list[str]:
    with (DATA / "authored" / "core.csv").open(encoding="utf-8", newline="") as stream:
        return [row["name"] for row in csv.DictReader(stream)]


def test_it_is_as_large_as_promised(catalogue: Catalogue) -> None:
    assert len(catalogue) >= 1400
    assert sum(all(m.value(c) for c in THREE_TESTS) for m in catalogue) >= 800


def test_core_species_are_canonical_and_complete(catalogue: Catalogue) -> None:
    names = core_names()
    assert len(names) == 75  # the union of 62 and 36
    for name in names:
        mineral = catalogue.find(name)
        assert mineral.name == name
        assert all(mineral.value(c) for c in THREE_TESTS), name
        assert mineral.formula and mineral.crystal_system and mineral.density_g_cm3, name
        assert mineral.names.get("zh"), name
        assert all(re.search("[\u4e00-\u9fff]", n) for n in mineral.names["zh"]), name


def test_every_value_has_a_source_and_every_source_a_value(catalogue: Catalogue) -> None:
    for mineral in catalogue:
        for column in FACTS:
            ids = mineral.sources.get(column, ())
            assert bool(mineral.value(column)) == bool(ids), (mineral.name, column)
            assert len(set(ids)) == len(ids)
            assert all(i in catalogue.sources for i in ids)


def test_values_lie_in_their_ranges_and_vocabularies(catalogue: Catalogue) -> None:
    for mineral in catalogue:
        for column, (least, most) in INTERVALS.items():
            value = mineral.value(column)
            if value is not None:
                assert isinstance(value, tuple)
                assert least <= value[0] <= value[1] <= most, (mineral.name, column)
        for column in WORDS:
            assert set(getattr(mineral, column)) <= set(catalogue.vocabularies[column].tokens)
        assert 1 <= mineral.commonness <= 5


def test_hierarchy_ends_and_never_narrows(catalogue: Catalogue) -> None:
    for mineral in catalogue:
        chain = catalogue.ancestors(mineral.name)
        assert len(set(chain)) == len(chain) and mineral.name not in chain
        width = [KINDS.index(m.kind) for m in (mineral, *map(catalogue.find, chain))]
        assert width == sorted(width), mineral.name
        for parent in chain:
            assert catalogue.related(mineral.name, parent)
        if chain:
            assert mineral.name in catalogue.children(chain[0])


@pytest.mark.parametrize(
    ("name", "within"),
    [
        ("Agate", ["Quartz"]),
        ("Jasper", ["Quartz"]),
        ("Chalcedony", ["Quartz"]),
        ("Ruby", ["Corundum"]),
        ("Sapphire", ["Corundum"]),
        ("Demantoid", ["Andradite", "Garnet group"]),
        ("Muscovite", ["Mica group"]),
        ("Almandine", ["Garnet group"]),
    ],
)
def test_known_places_in_the_hierarchy(catalogue: Catalogue, name: str, within: list[str]) -> None:
    chain = catalogue.ancestors(name)
    assert [a for a in chain if a in within] == within


def test_group_is_the_species_of_a_variety_and_the_group_of_a_species(
    catalogue: Catalogue,
) -> None:
    assert catalogue.group("Agate") == "Quartz"
    assert catalogue.group("Ruby") == "Corundum"
    assert catalogue.group("Muscovite") == "Mica group"
    assert catalogue.group("Quartz") is None


def test_relatives(catalogue: Catalogue) -> None:
    assert catalogue.related("Ruby", "Ruby")
    assert catalogue.related("corundum", "Ruby") and catalogue.related("Ruby", "corundum")
    assert not catalogue.related("Ruby", "Sapphire")
    assert not catalogue.related("Galena", "Pyrite")


@pytest.mark.parametrize(
    ("name", "hardness"),
    [
        ("Galena", (2.5, 2.75)),
        ("Quartz", (7, 7)),
        ("Diamond", (10, 10)),
        ("Topaz", (8, 8)),
        ("Calcite", (3, 3)),
    ],
)
def test_known_hardnesses(catalogue: Catalogue, name: str, hardness: tuple[float, float]) -> None:
    assert catalogue.find(name).hardness_mohs == hardness


def test_values_known_to_be_wrong_elsewhere(catalogue: Catalogue) -> None:
    assert "metallic" not in catalogue.find("Cinnabar").luster
    for name in ("Anglesite", "Epidote", "Schorl"):
        assert catalogue.find(name).streak[0] == "white"
    galena = catalogue.find("Galena").hardness_mohs
    assert galena is not None and galena[1] <= 3


def test_known_streaks_and_directions(catalogue: Catalogue) -> None:
    assert "greenish-black" in catalogue.find("Pyrite").streak
    assert "red" in catalogue.find("Hematite").streak
    assert catalogue.find("Kyanite").hardness_mohs == (4, 7)
    low, high = catalogue.find("Chrysocolla").hardness_mohs or (0, 0)
    assert low <= 2.5 and high < 7  # gem silica is quartz, not chrysocolla


def test_where_lists_only_minerals_that_fit(catalogue: Catalogue) -> None:
    found = catalogue.where(hardness_mohs=(6, 6.5), luster="metallic")
    assert "Pyrite" in {m.name for m in found} and "Galena" not in {m.name for m in found}
    for mineral in found:
        assert mineral.hardness_mohs is not None
        assert mineral.hardness_mohs[0] <= 6.5 and mineral.hardness_mohs[1] >= 6
        assert "metallic" in mineral.luster
    assert catalogue.where() == list(catalogue.minerals)


@given(
    low=st.floats(1, 10),
    width=st.floats(0, 3),
    luster=st.sampled_from(load_catalogue().vocabularies["luster"].tokens),
)
def test_a_further_condition_never_adds_minerals(low: float, width: float, luster: str) -> None:
    catalogue = load_catalogue()
    interval = (low, low + width)
    by_hardness = catalogue.where(hardness_mohs=interval)
    both = catalogue.where(hardness_mohs=interval, luster=luster)
    assert both == [m for m in by_hardness if luster in m.luster]
    inside = catalogue.where(hardness_mohs=low)
    assert {m.name for m in inside} <= {m.name for m in by_hardness}


def test_where_refuses_an_interval_upside_down(catalogue: Catalogue) -> None:
    with pytest.raises(ValueError, match="interval 7-6 is upside down"):
        catalogue.where(hardness_mohs=(7, 6))


def test_value_names_the_columns_it_knows() -> None:
    with pytest.raises(KeyError, match="unknown column 'colour'; known: formula"):
        Mineral("X", "species").value("colour")


def test_minerals_can_be_kept_in_sets(catalogue: Catalogue) -> None:
    assert len(set(catalogue.minerals)) == len(catalogue)


def test_importing_and_loading_stay_light() -> None:
    program = (
        "import sys, json; from mineralid.minerals import load_catalogue; load_catalogue();"
        "print(json.dumps(sorted(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    loaded = {name.split(".")[0] for name in json.loads(run.stdout)}
    assert "mineralid" in loaded
    assert not loaded & {"numpy", "pydantic", "rich", "typer", "onnxruntime", "PIL", "torch"}


def test_the_shipped_catalogue_is_read_once() -> None:
    assert load_catalogue() is load_catalogue()
    assert load_catalogue(DATA).version == load_catalogue().version

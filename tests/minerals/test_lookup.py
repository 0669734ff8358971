"""Finding minerals by the names that people use."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mineralid.minerals import UnknownMineral, load_catalogue
from mineralid.minerals.lookup import fold_name

MINERALS = load_catalogue().minerals


@pytest.mark.parametrize(
    ("given_name", "canonical"),
    [
        ("sulfur", "Sulphur"),
        ("sulphur", "Sulphur"),
        ("barite", "Baryte"),
        ("celestite", "Celestine"),
        ("native copper", "Copper"),
        ("K-feldspar", "Alkali feldspar"),
        ("fool's gold", "Pyrite"),
        ("sphene", "Titanite"),
        ("garnet", "Garnet group"),
        ("haematite", "Hematite"),
        ("fluorspar", "Fluorite"),
        ("石英", "Quartz"),
        ("aeschynite (nd)", "Aeschynite-(Nd)"),
        ("AKERMANITE", "Åkermanite"),
        ("smoky  quartz", "Smoky Quartz"),
    ],
)
def test_names_that_people_use(given_name: str, canonical: str) -> None:
    assert load_catalogue().find(given_name).name == canonical
    assert given_name in load_catalogue()


@given(mineral=st.sampled_from(MINERALS), data=st.data())
def test_every_name_in_any_dress_finds_its_mineral(mineral: object, data: st.DataObject) -> None:
    catalogue = load_catalogue()
    assert mineral in MINERALS
    entry = catalogue.find(mineral.name)  # type: ignore[attr-defined]
    names = [entry.name, *(n for names in entry.names.values() for n in names)]
    name = data.draw(st.sampled_from(names))
    dress = data.draw(
        st.sampled_from(
            [str.upper, str.lower, lambda n: n.replace(" ", "-"), lambda n: f"  {n.lower()} "]
        )
    )
    assert catalogue.find(dress(name)) is entry


@given(st.text(max_size=20))
@example("𝕬zurite")
def test_folding_is_idempotent_and_lookup_never_breaks(name: str) -> None:
    assert fold_name(fold_name(name)) == fold_name(name)
    found = load_catalogue().get(name)
    assert (found is not None) == (name in load_catalogue())


def test_an_unknown_name_gets_the_nearest_ones() -> None:
    with pytest.raises(UnknownMineral) as caught:
        load_catalogue().find("pirite")
    assert isinstance(caught.value, KeyError)
    assert caught.value.nearest[0] == "Pyrite"
    assert 1 <= len(caught.value.nearest) <= 3
    assert str(caught.value).startswith("unknown mineral 'pirite'; did you mean Pyrite, ")


def test_a_name_like_nothing_gets_no_guess() -> None:
    with pytest.raises(UnknownMineral) as caught:
        load_catalogue().find("0000000000")
    assert str(caught.value) == "unknown mineral '0000000000'"
    assert load_catalogue().get("") is None
    assert 7 not in load_catalogue()

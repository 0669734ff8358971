"""The published classes, codes, cases and candidate pools, against the facts written out here."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from mineralid.lab.original.codes import (
    ALL_TESTS,
    CASES,
    NO_TESTS,
    NOT_TESTED,
    TESTS,
    Case,
    Codes,
    Triple,
    codes_of_rows,
    mask,
    parse_case,
    published_codes,
)
from mineralid.lab.original.sources import Source

PUBLISHED = {
    (3, 1, 0): "Agate Albite Almandine Beryl Cassiterite Demantoid Diopside Elbaite Opal Quartz "
    "Ruby Sapphire Topaz",
    (3, 1, 1): "Epidote Schorl",
    (3, 0, 1): "Hematite Magnetite Marcasite Pyrite",
    (2, 1, 1): "Anglesite Azurite Malachite Sphalerite",
    (2, 1, 0): "Fluorite Rhodochrosite Wulfenite",
    (2, 0, 1): "Chalcopyrite Copper Gold",
    (1, 0, 1): "Cinnabar Galena Stibnite",
    (1, 1, 1): "Orpiment Sulphur Torbernite",
    (1, 1, 0): "Halite",
}
NAMES = ("3mo", "2mo_12", "2mo_13", "2mo_23", "1mo_1", "1mo_2", "1mo_3", "0mo")
POOL_SIZES = (9, 15, 21, 24, 31, 31, 31, 31)
# Of a wrong triple: that it is another masking of the truth, and that it keeps the case's pattern.
STILL_TRUE = (0, 0.07, 0.10, 0.13, 0.20, 0.20, 0.20)
SAME_PATTERN = (1, 0.36, 0.25, 0.09, 0.07, 0.03, 0.03)

CODES = published_codes()


def masked(triple: Triple, case: Case) -> Triple:
    """By hand: the sentinel where the case has no test."""
    kept = [v if test in case.tests else NOT_TESTED for v, test in zip(triple, TESTS, strict=True)]
    return kept[0], kept[1], kept[2]


def test_the_36_classes_have_the_published_codes() -> None:
    expected = {name: triple for triple, names in PUBLISHED.items() for name in names.split()}
    assert dict(zip(CODES.classes, CODES.triples, strict=True)) == expected
    assert len(CODES.classes) == 36
    assert list(CODES.classes) == sorted(CODES.classes)  # the order of a published head's rows


def test_nine_triples_of_which_a_perfect_reader_names_a_quarter() -> None:
    assert set(CODES.distinct) == set(PUBLISHED)
    assert len(CODES.distinct) == len(set(CODES.distinct)) == 9
    assert len(CODES.distinct) / len(CODES.classes) == 0.25
    share = np.array([len(names.split()) for names in PUBLISHED.values()]) / 36
    assert -(share * np.log2(share)).sum() == pytest.approx(2.8, abs=0.05)


def test_the_eight_cases_in_the_published_order() -> None:
    assert tuple(case.name for case in CASES) == NAMES
    assert [case.folder for case in CASES[:2]] == ["hardness-luster-streak", "hardness-luster"]
    assert (ALL_TESTS.name, NO_TESTS.name, NO_TESTS.folder) == ("3mo", "0mo", "none")
    assert len({case.folder for case in CASES}) == 8


@pytest.mark.parametrize(("case", "size"), list(zip(CASES, POOL_SIZES, strict=True)), ids=str)
def test_candidate_pools_are_nested_and_of_the_published_sizes(case: Case, size: int) -> None:
    pool = CODES.pools[case]
    assert len(pool) == len(set(pool)) == size
    for earlier in CASES[: CASES.index(case)]:
        assert set(CODES.pools[earlier]) <= set(pool)
    if case != NO_TESTS:
        assert {masked(t, case) for t in PUBLISHED} <= set(pool)
        assert set(CODES.same_pattern(case)) == {masked(t, case) for t in PUBLISHED}
    # Nothing in it but maskings of the nine triples; never a triple without any test.
    assert set(pool) <= {masked(t, c) for t in PUBLISHED for c in CASES[:-1]}


@pytest.mark.parametrize(
    ("case", "still_true", "same_pattern"),
    [(c, t, p) for c, t, p in zip(CASES[:-1], STILL_TRUE, SAME_PATTERN, strict=True)],
    ids=str,
)
def test_how_often_a_wrong_triple_is_another_masking_of_the_truth(
    case: Case, still_true: float, same_pattern: float
) -> None:
    true, alike = [], []
    for triple in CODES.triples:
        recorded = masked(triple, case)
        others = [c for c in CODES.pools[case] if c != recorded]
        truths = {masked(triple, c) for c in CASES}
        true.append(np.mean([c in truths for c in others]))
        pattern = [v == NOT_TESTED for v in recorded]
        alike.append(np.mean([[v == NOT_TESTED for v in c] == pattern for c in others]))
    assert np.mean(true) == pytest.approx(still_true, abs=0.005)
    assert np.mean(alike) == pytest.approx(same_pattern, abs=0.005)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_recorded_codes_are_those_of_the_class_masked(case: Case) -> None:
    labels = np.arange(36, dtype=np.int64)[::-1].copy()
    expected = [masked(CODES.triples[label], case) for label in labels]
    assert CODES.of(labels, case).tolist() == [list(t) for t in expected]
    assert mask(CODES.array, case)[::-1].tolist() == [list(t) for t in expected]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_case_is_read_by_each_of_its_names(case: Case) -> None:
    assert parse_case(str(case)) == case
    assert parse_case(case.name) == case
    assert parse_case(f"  {case.name}\n") == case
    for order in itertools.permutations(case.tests):
        assert parse_case(" , ".join(order).upper() or "None") == case
        assert parse_case("+".join(order) or "none") == case


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hardnes,streak", "Did you mean hardness?"),
        ("colour", "Allowed: any of hardness, luster, streak"),
        ("", "tests are ''"),
        ("hardness,,streak", "each once"),
        ("hardness,hardness", "each once"),
        ("none,hardness", "none; or 3mo, 2mo_12"),
        ("4mo", "2mo_23"),
    ],
)
def test_an_unknown_case_is_refused_with_what_is_allowed(text: str, said: str) -> None:
    with pytest.raises(ValueError, match="Allowed") as error:
        parse_case(text)
    assert said in str(error.value)
    assert repr(text) in str(error.value)


def test_codes_of_ones_own_classes(tmp_path: Path) -> None:
    path = tmp_path / "classes.csv"
    path.write_text("class,hardness,luster,streak\nBasalt,3,1,0\nMy stone, 1 ,0,1\n")
    found = Source(data=tmp_path, class_list=path).codes()
    assert found == Codes(("Basalt", "My stone"), ((3, 1, 0), (1, 0, 1)))
    assert [len(found.pools[case]) for case in CASES] == [2, 4, 6, 8, 14, 14, 14, 14]


def test_every_bad_cell_of_ones_own_codes_is_listed(tmp_path: Path) -> None:
    path = tmp_path / "classes.csv"
    path.write_text(
        "class,hardness,luster,streak\nA,4,1,0\nB,3,-1,white\nC,3,1,\nD,2.0,1,1\nE,1,0,1\n"
    )
    with pytest.raises(ValueError, match=r"5 bad cell\(s\)") as error:
        Source(data=tmp_path, class_list=path).codes()
    lines = str(error.value).splitlines()
    assert str(path) in lines[0]
    assert [line.strip() for line in lines[1:]] == [
        "A: hardness is '4'; allowed: 1, 2, 3",
        "B: luster is '-1'; allowed: 0, 1",  # the sentinel is no value
        "B: streak is 'white'; allowed: 0, 1",
        "C: streak is ''; allowed: 0, 1",
        "D: hardness is '2.0'; allowed: 1, 2, 3",
    ]


def test_a_table_of_codes_without_a_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "classes.csv"
    path.write_text("class,hardness\nA,3\n")
    with pytest.raises(ValueError, match="luster, streak missing"):
        Source(data=tmp_path, class_list=path).codes()
    with pytest.raises(ValueError, match="2 bad cell"):
        codes_of_rows({"A": {"hardness": "3"}}, path)

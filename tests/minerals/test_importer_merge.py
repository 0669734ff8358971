"""Merging the statements of several sources into one cell."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mineralid.minerals import load_vocabulary
from mineralid.minerals.importer.merge import Merged, Statement, merge

SOURCES = ("curated36", "gemmology", "book", "wikipedia2024", "wikipedia2023", "mineralid")


def merged(column: str, *statements: tuple[str, Any]) -> Merged:
    result = merge(column, [Statement(source, value) for source, value in statements])
    assert result is not None
    return result


def test_nothing_said_is_no_cell() -> None:
    assert merge("luster", []) is None


@pytest.mark.parametrize(
    ("statements", "value", "sources", "conflict"),
    [
        # They overlap: the union.
        ((("wikipedia2024", (5, 6)), ("gemmology", (5.5, 6.5))), (5, 6.5), 2, ""),
        # They touch within half a step of Mohs' scale: the union.
        ((("wikipedia2024", (4.0, 4.5)), ("gemmology", (5, 5))), (4, 5), 2, ""),
        # They are apart: the better source.
        (
            (("wikipedia2024", (2.0, 2.0)), ("gemmology", (5, 6))),
            (5, 6),
            1,
            "kept 5-6; left out wikipedia2024 2-2",
        ),
        # A curated range stands as it is, and those that agree support it.
        ((("wikipedia2024", (5, 7)), ("curated36", (6, 6.5))), (6, 6.5), 2, ""),
    ],
)
def test_intervals(
    statements: tuple[tuple[str, Any], ...],
    value: tuple[float, float],
    sources: int,
    conflict: str,
) -> None:
    result = merged("hardness_mohs", *statements)
    assert result.value == value
    assert len(result.sources) == sources
    assert result.conflict == conflict


def test_of_many_sources_an_end_counts_where_a_quarter_reach_it() -> None:
    books = [(f"book{i}", (3.5, 4.0)) for i in range(6)]
    result = merged("hardness_mohs", *books, ("old", (2.5, 4.0)), ("odd", (3.5, 5.0)))
    assert result.value == (3.5, 4.0)
    assert len(result.sources) == 8
    assert result.conflict == "kept 3.5-4; further odd 3.5-5, old 2.5-4"
    twice = merged("hardness_mohs", *books, ("old", (2.5, 4.0)), ("older", (3.0, 5.0)))
    assert twice.value == (3.0, 4.0)  # 2 of 8 reach below 3.5, one above 4
    # Two extractions of one encyclopedia are one witness.
    wiki = [(name, (2.5, 5.0)) for name in ("wikipedia2023", "wikipedia2024", "enwiki_calcite")]
    assert merged("hardness_mohs", *books, *wiki).value == (3.5, 4.0)
    # Many print only the middle of a density.
    middles = [(f"book{i}", (3.0, 3.0)) for i in range(6)]
    assert merged("density_g_cm3", *middles, ("wide", (2.9, 3.2))).value == (2.9, 3.2)


def test_an_outlier_is_left_out_wherever_the_alphabet_puts_it() -> None:
    for odd in ("aaa", "zzz"):
        result = merged("hardness_mohs", (odd, (7.5, 8)), ("b", (5.5, 6)), ("c", (6, 6.5)))
        assert result.value == (5.5, 6.5)
        assert result.conflict == f"kept 5.5-6.5; left out {odd} 7.5-8"


def test_intervals_that_are_apart_are_counted_by_witnesses_not_by_statements() -> None:
    wiki = [(name, (7.0, 7.0)) for name in ("wikipedia2023", "wikipedia2024", "enwiki_x")]
    low = [("a", (3.0, 3.0)), ("c", (3.0, 3.0))]
    assert merged("hardness_mohs", *low, ("b", (7.0, 7.0)), *wiki).value == (3.0, 3.0)
    # Own knowledge has no vote.
    tie = merged("hardness_mohs", ("a", (3.0, 3.0)), ("b", (7.0, 7.0)), ("mineralid", (7.0, 7.0)))
    assert tie.value == (3.0, 3.0)


def test_magnetism_goes_with_the_most_witnesses_of_the_best_rank() -> None:
    result = merged("magnetism", ("aaa", ("strong",)), ("b", ("none",)), ("c", ("none", "weak")))
    assert result.value == ("none", "weak")
    assert result.conflict == "kept none|weak; left out aaa strong"


def test_a_word_of_one_witness_in_more_than_ten_is_left_out() -> None:
    ten = [(f"book{i}", ("vitreous",)) for i in range(9)]
    assert merged("luster", *ten, ("odd", ("silky",))).value == ("vitreous", "silky")
    result = merged("luster", *ten, ("more", ("vitreous",)), ("odd", ("silky", "vitreous")))
    assert result.value == ("vitreous",)
    assert result.conflict == "kept vitreous; left out odd silky"
    own = merged("streak", *((f"b{i}", ("white",)) for i in range(12)), ("mineralid", ("none",)))
    assert own.value == ("white", "none")
    every = load_vocabulary("streak").tokens[:12]
    assert set(merged("streak", *((f"b{t}", (t,)) for t in every)).value) == set(every)


def test_words_of_more_witnesses_come_first_and_wikipedia_is_one_witness() -> None:
    result = merged(
        "luster",
        ("wikipedia2024", ("silky", "dull")),
        ("wikipedia2023", ("silky", "dull")),
        ("gemmology", ("vitreous", "dull")),
        ("book", ("vitreous",)),
    )
    assert result.value[:2] == ("vitreous", "dull")
    assert set(result.value) == {"vitreous", "dull", "silky"}


def test_curated_words_lead_and_are_extended_with_care() -> None:
    result = merged(
        "streak",
        ("curated36", ("white",)),
        ("book", ("green", "pale-gray")),
        ("wikipedia2024", ("white",)),
    )
    assert result.value == ("white", "pale-gray")  # a colour that is taken for white
    assert result.conflict == "kept white|pale-gray; left out book green"
    twice = merged(
        "streak", ("curated36", ("white",)), ("book", ("green",)), ("gemmology", ("green",))
    )
    assert twice.value == ("white", "green")


def test_magnetism_that_contradicts_is_not_added() -> None:
    result = merged("magnetism", ("book", ("strong",)), ("wikipedia2024", ("none",)))
    assert result.value == ("strong",) and result.sources == ("book",)
    assert result.conflict == "kept strong; left out wikipedia2024 none"


def test_own_knowledge_never_overrules_a_source() -> None:
    result = merged("magnetism", ("mineralid", ("none",)), ("wikipedia2023", ("weak",)))
    assert result.value == ("weak",)
    assert merged("hardness_mohs", ("mineralid", (2, 2)), ("wikipedia2023", (6, 7))).value == (6, 7)


def test_texts_go_with_the_majority_then_the_better_source() -> None:
    alike = ("wikipedia2024", "trigonal"), ("book", "trigonal"), ("gemmology", "hexagonal")
    assert merged("crystal_system", *alike).value == "trigonal"
    assert (
        merged("crystal_system", *alike).conflict == "kept trigonal; left out gemmology hexagonal"
    )
    apart = ("wikipedia2024", "trigonal"), ("gemmology", "hexagonal")
    assert merged("crystal_system", *apart).value == "hexagonal"
    formula = merged("formula", ("book", "CaSO4.2H2O"), ("wikipedia2024", "CaSO4·2H2O"))
    assert formula.sources == ("book", "wikipedia2024")
    warning = merged("toxicity", ("wikipedia2024", "Poisonous."), ("book", "Holds mercury."))
    assert warning.value == "Holds mercury." and set(warning.sources) == {"book", "wikipedia2024"}


intervals = st.tuples(st.integers(2, 20), st.integers(0, 6)).map(
    lambda pair: (pair[0] / 2, min(10.0, (pair[0] + pair[1]) / 2))
)
words = st.lists(
    st.sampled_from(load_vocabulary("luster").tokens), min_size=1, max_size=3, unique=True
).map(tuple)


@given(
    values=st.lists(intervals, min_size=1, max_size=4),
    order=st.permutations(SOURCES),
)
def test_order_of_statements_does_not_matter_and_the_best_is_kept(
    values: list[tuple[float, float]], order: list[str]
) -> None:
    statements = [Statement(s, v) for s, v in zip(order, values, strict=False)]
    results = {str(merge("hardness_mohs", p)) for p in itertools.permutations(statements)}
    assert len(results) == 1
    result = merge("hardness_mohs", statements)
    assert result is not None
    low, high = result.value
    rank = min(s.rank for s in statements)
    best = [s for s in statements if s.rank == rank and s.source in result.sources]
    assert any(low <= s.value[0] and s.value[1] <= high for s in best)
    assert low >= min(v[0] for v in values) and high <= max(v[1] for v in values)
    assert bool(result.conflict) == (len(result.sources) < len(statements))


@given(values=st.lists(intervals, min_size=5, max_size=16), shuffled=st.randoms())
def test_many_intervals_in_any_order(values: list[tuple[float, float]], shuffled: Any) -> None:
    statements = [Statement(f"book{i:02}", value) for i, value in enumerate(values)]
    result = merge("hardness_mohs", statements)
    assert result is not None
    shuffled.shuffle(statements)
    assert merge("hardness_mohs", statements) == result
    low, high = result.value
    assert low <= high
    kept = [s.value for s in statements if s.source in result.sources]
    assert 4 * sum(value[0] <= low for value in values) >= len(kept)
    assert 4 * sum(value[1] >= high for value in values) >= len(kept)
    assert all(first <= high + 0.5 and second >= low - 0.5 for first, second in kept)


@given(values=st.lists(words, min_size=5, max_size=24), shuffled=st.randoms())
def test_many_words_in_any_order(values: list[tuple[str, ...]], shuffled: Any) -> None:
    statements = [Statement(f"book{i:02}", value) for i, value in enumerate(values)]
    result = merge("luster", statements)
    assert result is not None
    counted = {word: sum(word in value for value in values) for word in result.value}
    assert list(counted.values()) == sorted(counted.values(), reverse=True)
    most = max(sum(word in value for value in values) for word in sum(values, ()))
    assert all(10 * count >= len(values) or count == most for count in counted.values())
    shuffled.shuffle(statements)
    assert merge("luster", statements) == result


@given(values=st.lists(words, min_size=1, max_size=4), order=st.permutations(SOURCES))
def test_no_word_is_invented_and_none_stands_twice(
    values: list[tuple[str, ...]], order: list[str]
) -> None:
    statements = [Statement(s, v) for s, v in zip(order, values, strict=False)]
    result = merge("luster", statements)
    assert result is not None
    said = {word for value in values for word in value}
    assert set(result.value) <= said
    assert len(set(result.value)) == len(result.value)
    if not result.conflict:
        assert set(result.value) == said

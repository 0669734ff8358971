"""The vocabularies: every token is consistent, and what people write resolves."""

from __future__ import annotations

import csv
import os
import pickle
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mineralid.minerals import color_phrases
from mineralid.minerals.vocabulary import (
    UnknownWord,
    VocabularyError,
    load_vocabulary,
    read_vocabulary,
)

NAMES = ("luster", "streak", "magnetism", "acid")
SHARED = Path(os.environ.get("MINERALID_SHARED", Path(__file__).parents[2] / "../shared"))
names = st.sampled_from(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_token_and_label_reads_as_itself(name: str) -> None:
    vocabulary = load_vocabulary(name)
    assert len(set(vocabulary.tokens)) == len(vocabulary) >= 3
    for place, token in enumerate(vocabulary.tokens):
        assert vocabulary.index(token) == place
        assert token in vocabulary
        assert vocabulary.meaning(token)
        for written in (token, vocabulary.label(token), vocabulary.label(token, "zh")):
            assert vocabulary.parse(written) == token
            assert vocabulary.parse(f"  {written.upper()} ") == token


@pytest.mark.parametrize("name", NAMES)
def test_neighbours_are_symmetric_and_never_missing(name: str) -> None:
    vocabulary = load_vocabulary(name)
    for token in vocabulary.tokens:
        neighbours = vocabulary.neighbours(token)
        assert neighbours
        assert token not in neighbours
        assert all(token in vocabulary.neighbours(other) for other in neighbours)
        # A confusion that reaches half of the words would say nothing.
        assert len(neighbours) <= max(2, len(vocabulary) // 2)


def test_no_streak_has_no_colour_and_looks_like_white() -> None:
    streak = load_vocabulary("streak")
    assert set(streak.tokens) - set(streak.lab) == {"none"}
    assert streak.neighbours("none") == ("white",)
    assert load_vocabulary("luster").lab == {}


@pytest.mark.parametrize(
    ("phrase", "token"),
    [
        ("Glassy", "vitreous"),
        ("glass-like", "vitreous"),
        ("sub-vitreous", "vitreous"),
        ("Subvitreous", "vitreous"),
        ("earthy", "dull"),
        ("sub-metallic", "submetallic"),
        ("sub metallic", "submetallic"),
        ("semi-metallic", "submetallic"),
        ("subadamantine", "adamantine"),
        ("metallic lustre", "metallic"),
        ("mother-of-pearl", "pearly"),
        ("pearly on cleavage surfaces", "pearly"),
        ("pearly on {010}[2]", "pearly"),
        ("玻璃", "vitreous"),
    ],
)
def test_luster_words(phrase: str, token: str) -> None:
    assert load_vocabulary("luster").parse(phrase) == token


@pytest.mark.parametrize(
    ("phrase", "token"),
    [
        ("grey", "gray"),
        ("GREENISH-BLACK", "greenish-black"),
        ("greenish black", "greenish-black"),
        ("green black", "greenish-black"),
        ("colourless", "white"),
        ("uncolored", "white"),
        ("no streak", "none"),
        ("harder than the plate", "none"),
        ("red-brown", "reddish-brown"),
        ("yellow-brown", "yellowish-brown"),
        ("steel gray", "gray"),
        ("lead-grey", "dark-gray"),
        ("brick red", "brownish-red"),
        ("blood-red", "dark-red"),
        ("deep red", "dark-red"),
        ("cherry red", "dark-red"),
        ("straw yellow", "pale-yellow"),
        ("light yellow", "pale-yellow"),
        ("apple green", "pale-green"),
        ("light brownish-yellow", "pale-yellow"),
        ("pale greenish gray", "pale-gray"),
        ("steel-black", "grayish-black"),
        ("white with a greenish tint", "white"),
        ("black with brownish tinge", "brownish-black"),
        ("very pale orange-brown", "light-brown"),
        ("樱红色", "dark-red"),
    ],
)
def test_streak_colours(phrase: str, token: str) -> None:
    assert load_vocabulary("streak").parse(phrase) == token


@pytest.mark.parametrize(
    ("name", "phrase", "token"),
    [
        ("magnetism", "no", "none"),
        ("magnetism", "non-magnetic", "none"),
        ("magnetism", "weakly magnetic", "weak"),
        ("magnetism", "strongly", "strong"),
        ("magnetism", "sticks to a magnet", "strong"),
        ("acid", "no reaction", "none"),
        ("acid", "only as powder", "weak"),
        ("acid", "effervesces in warm acid", "weak"),
        ("acid", "fizzes", "strong"),
        ("acid", "effervesces", "strong"),
        ("acid", "fizzes in dilute HCl", "strong"),
    ],
)
def test_words_of_the_other_tests(name: str, phrase: str, token: str) -> None:
    assert load_vocabulary(name).parse(phrase) == token


def test_a_word_for_several_tokens_is_read_but_not_parsed_as_one() -> None:
    luster = load_vocabulary("luster")
    expected = tuple(t for t in luster.tokens if t not in ("metallic", "submetallic"))
    assert luster.read("non-metallic") == expected
    assert luster.read("vitreous-pearly") == ("vitreous", "pearly")
    assert load_vocabulary("magnetism").read("magnetic") == ("weak", "strong")
    with pytest.raises(UnknownWord, match=r"it means several \(vitreous, pearly\)"):
        luster.parse("pearly vitreous")


def test_an_unknown_word_is_named_with_the_nearest_and_all_known_ones() -> None:
    luster = load_vocabulary("luster")
    with pytest.raises(UnknownWord) as caught:
        luster.parse("glasy")
    assert str(caught.value) == (
        "unknown luster 'glasy': did you mean glassy or greasy? Known: metallic, submetallic, "
        "adamantine, vitreous, resinous, greasy, waxy, pearly, silky, dull."
    )
    assert isinstance(caught.value, ValueError)
    assert caught.value.nearest == ("glassy", "greasy")
    assert luster.nearest("metalic-ish")[0] == "metallic"  # not the misspelling that it also reads
    assert len(luster.nearest("shiny-ish", n=2)) == 2
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (str(copy), copy.phrase) == (str(caught.value), "glasy")
    for call in (luster.index, luster.neighbours, luster.label, luster.meaning):
        with pytest.raises(UnknownWord, match="unknown luster 'glassy'"):
            call("glassy")


def test_unknown_vocabulary_and_language_are_named() -> None:
    with pytest.raises(ValueError, match="no vocabulary 'smell'; vocabularies: acid, luster"):
        load_vocabulary("smell")
    with pytest.raises(ValueError, match="no labels in language 'fr'; languages: en, zh"):
        load_vocabulary("luster").label("dull", "fr")


@given(names, st.text(max_size=300))
def test_any_text_reads_or_is_an_unknown_word(name: str, text: str) -> None:
    vocabulary = load_vocabulary(name)
    try:
        tokens = vocabulary.read(text)
    except UnknownWord as error:
        assert str(error).startswith(f"unknown {name} ")
    else:
        assert tokens and set(tokens) <= set(vocabulary.tokens)


hues = st.sampled_from(
    sorted({w.word for w in color_phrases.load_color_words().values() if w.role == "hue"})
)
modifiers = st.sampled_from(["", "pale ", "light ", "dark ", "deep ", "very pale ", "slightly "])


@given(modifiers, hues, hues)
def test_every_combination_of_colour_words_resolves_alike_in_any_spelling(
    modifier: str, first: str, second: str
) -> None:
    streak = load_vocabulary("streak")
    token = streak.parse(f"{modifier}{first} {second}")
    assert token in streak.lab
    assert streak.parse(f"{modifier}{first}-{second}".upper()) == token
    assert streak.parse(f"{modifier}{first} {second}".replace("gray", "grey")) == token
    for spelling, word in color_phrases.load_color_words().items():
        if word.word == first:
            assert streak.parse(f"{modifier}{spelling} {second}") == token


lab_colors = st.tuples(st.floats(0, 100), st.floats(-60, 60), st.floats(-60, 80))


@given(lab_colors, lab_colors)
def test_colour_distance_is_symmetric_and_zero_for_equals(
    first: color_phrases.Lab, second: color_phrases.Lab
) -> None:
    distance = color_phrases.distance(first, second)
    assert distance >= 0
    assert distance == pytest.approx(color_phrases.distance(second, first))
    assert color_phrases.distance(first, first) == pytest.approx(0, abs=1e-4)


@given(hues)
def test_pale_is_lighter_and_dark_is_darker(hue: str) -> None:
    plain, pale, dark = (
        color_phrases.compose(words) for words in ([hue], ["pale", hue], ["dark", hue])
    )
    assert plain and pale and dark
    assert dark[0] < plain[0] <= pale[0]


HEADER = "token,synonyms,groups,neighbours,zh,meaning\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("token,synonyms\na,b\n", "smell.csv: columns missing: groups, meaning, neighbours, zh"),
        (HEADER + "a,x,,b,甲,m\nb,X,,a,乙,m\n", "row 3, column synonyms: 'X' already means 'a'"),
        (HEADER + "a,,,c,甲,m\nb,,,a,乙,m\n", "row 2, column neighbours: 'c' is not another token"),
        (HEADER + "a,,,,甲,m\nb,,,,乙,m\n", "row 2, column neighbours: 'a' has none"),
        (HEADER + "a,,,b\nb,,,a,乙,m\n", "row 2: not 6 cells"),
        (
            HEADER.replace("meaning", "meaning,L,a,b") + "a,,,b,甲,m,x,0,0\nb,,,a,乙,m,1,2,3\n",
            "row 2, columns L, a, b: ('x', '0', '0') are not three numbers",
        ),
    ],
)
def test_a_broken_file_is_named_with_row_and_column(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "smell.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(VocabularyError, match=re.escape(message)):
        read_vocabulary(path)


@pytest.mark.skipif(not (SHARED / "facts").is_dir(), reason="the raw tables are not here")
@pytest.mark.parametrize("name", ["luster", "streak"])
def test_the_phrases_of_real_tables_resolve(name: str) -> None:
    vocabulary = load_vocabulary(name)
    read = unread = 0
    for path in sorted((SHARED / "facts").glob("wikipedia_minerals_*.csv")):
        with path.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                cell = row.get(name) or row.get(name.capitalize()) or ""
                for phrase in filter(None, re.split(r"[;,/–]|\s-\s|\b(?:to|or|and)\b", cell)):
                    try:
                        read += bool(phrase.strip() and vocabulary.read(phrase))
                    except UnknownWord:
                        unread += 1
    assert read > 2000
    assert unread / (read + unread) < 0.02

"""Word tests: several values, every separator, refusals with the nearest words, properties."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mineralid.minerals.vocabulary import load_vocabulary
from mineralid.observation import ReadingError, WordsReading, parse_words

NAMES = ("luster", "streak", "magnetism", "acid")


@pytest.mark.parametrize(
    "value",
    [
        "vitreous|pearly", "pearly, vitreous", "Vitreous/Pearly", "glassy or pearly", "vitreous to pearly",
        "vitreous and pearly", "vitreous; pearly", "vitreous – pearly", "vitreous–pearly", "vitreous - pearly",
        "pearly-vitreous", "vitreous & pearly", "luster: vitreous, pearly,", ["vitreous", "pearly"],
        ("pearly", "glassy", "vitreous"), {"pearly", "vitreous"}, ["vitreous", None, "", "pearly"],
        "玻璃光泽或珍珠光泽", "vitreous, sub-vitreous | pearly",
    ],
)  # fmt: skip
def test_several_values_in_any_order_and_separator(value: object) -> None:
    reading = parse_words(value, "luster")
    assert reading == WordsReading(("vitreous", "pearly"), "luster")
    assert reading is not None and reading.describe() == "luster vitreous or pearly"


@pytest.mark.parametrize(
    ("value", "tokens"),
    [
        ("colourless to white", ("white",)),
        ("white to pale greenish gray", ("white", "pale-gray")),
        ("harder than the plate", ("none",)),
        ("None", ("none",)),
        ("greenish-black/brownish black", ("greenish-black", "brownish-black")),
        ("blue-green", ("bluish-green",)),
        ("steel gray, blood-red", ("gray", "dark-red")),
    ],
)
def test_streaks(value: str, tokens: tuple[str, ...]) -> None:
    assert parse_words(value, "streak") == WordsReading(tokens, "streak")


@pytest.mark.parametrize(
    ("name", "value", "tokens"),
    [
        ("magnetism", "no", ("none",)),
        ("magnetism", False, ("none",)),
        ("magnetism", True, ("weak", "strong")),
        ("magnetism", "magnetic", ("weak", "strong")),
        ("magnetism", "sticks to a magnet", ("strong",)),
        ("acid", "fizzes", ("strong",)),
        ("acid", "yes", ("weak", "strong")),
        ("acid", "does not react", ("none",)),
    ],
)
def test_yes_no_and_how_much(name: str, value: object, tokens: tuple[str, ...]) -> None:
    assert parse_words(value, name) == WordsReading(tokens, name)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "glasy",
            "unknown luster 'glasy': did you mean glassy or greasy[?] Known: metallic, submetallic,",
        ),
        ("vitreous, wobbly", "unknown luster 'wobbly': did you mean "),
        ("none", "unknown luster 'none'"),
        (",", "unknown luster ','. Known: metallic,"),
        (3, "luster 3 is not a word; allowed: metallic, submetallic, adamantine"),
        (["vitreous", 2.5], r"luster \['vitreous', 2.5\] is not a word; allowed: metallic"),
        (b"dull", "luster b'dull' is not a word"),
    ],
)
def test_refusals_name_the_field_the_value_and_the_known_words(value: object, message: str) -> None:
    with pytest.raises(ReadingError, match=message) as caught:
        parse_words(value, "luster")
    assert caught.value.field == "luster"
    assert caught.value.received == value


@pytest.mark.parametrize("name", ["smell", "hardness"])
def test_only_word_tests_have_words(name: str) -> None:
    with pytest.raises(ReadingError, match=f"no word test '{name}'; word tests: luster, streak"):
        parse_words("dull", name)


@st.composite
def named_tokens(draw: st.DrawFn) -> tuple[str, list[str]]:
    name = draw(st.sampled_from(NAMES))
    tokens = st.sampled_from(load_vocabulary(name).tokens)
    return name, draw(st.lists(tokens, min_size=1, max_size=5))


@given(named_tokens(), st.sampled_from(["|", ", ", "/", ";", " or ", " to ", " AND "]))
def test_order_and_repeats_do_not_matter_and_wording_reads_back(
    drawn: tuple[str, list[str]], separator: str
) -> None:
    name, tokens = drawn
    reading = parse_words(tokens, name)
    assert reading is not None and set(reading.tokens) == set(tokens)
    assert parse_words(separator.join(reversed(tokens)), name) == reading
    assert parse_words(tokens + tokens, name) == reading
    assert parse_words(reading.describe(), name) == reading


@given(st.sampled_from(NAMES), st.text(max_size=300))
def test_any_text_is_read_or_refused(name: str, text: str) -> None:
    try:
        reading = parse_words(text, name)
    except ReadingError as error:
        assert error.field == name and error.received == text
    else:
        assert reading is None or set(reading.tokens) <= set(load_vocabulary(name).tokens)

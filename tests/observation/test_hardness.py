"""Hardness: every accepted form, every refusal with its message, and the properties."""

from __future__ import annotations

import math
import re
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mineralid.observation import TOOLS, HardnessReading, ReadingError, parse_hardness


@pytest.mark.parametrize(
    "value",
    [
        6.5, "6.5", "6,5", " 6.50 ", "6½", "6 1/2", "6 1⁄2", "6+1⁄2", "6 + 1/2", "６．５", "~6.5", "about 6.5",
        "Mohs 6.5", "hardness: 6.5", "H=6.5", "6.5 Mohs", (6.5, 6.5), [6.5], ["6.5"], Decimal("6.5"),
        np.float32(6.5), "6.5-6.5", ["6.5", ""], (None, 6.5),
    ],
)  # fmt: skip
def test_one_number(value: object) -> None:
    assert parse_hardness(value) == HardnessReading(6.5, 6.5)


@pytest.mark.parametrize(
    "value",
    [
        "6-6.5", "6–6.5", "6 — 6,5", "6−6.5", "6 to 6.5", "6-6½", "6 - 6+1⁄2", "6..6.5", "6 … 6.5",
        (6, 6.5), [6, "6.5"], ("6", "6.5"), "6.25±0.25", "6.25 +/- 0.25", "hardness 6–6.5",
    ],
)  # fmt: skip
def test_an_interval(value: object) -> None:
    assert parse_hardness(value) == HardnessReading(6.0, 6.5)


@pytest.mark.parametrize(
    "value",
    [
        "scratches:coin,scratched-by:knife", ">coin,<knife", "> coin; < knife", "<knife>coin",
        "scratches coin, scratched by knife", "scratched_by:glass scratches:penny",
        "It scratches a copper coin and is scratched by a pocket knife", ">3.5,<5.5", ">3,5 <5,5",
        "harder than a coin, softer than glass", "not scratched by a coin, does not scratch glass",
        ["scratches:coin", "scratched-by:knife"], ("> coin", "", "<5.5"), "SCRATCHES: COIN | < KNIFE",
        "scratches coin, scratches penny, scratched by knife and glass",
    ],
)  # fmt: skip
def test_comparisons(value: object) -> None:
    assert parse_hardness(value) == HardnessReading(above_mohs=(3.5,), below_mohs=(5.5,))


def test_a_relation_goes_on_until_the_next() -> None:
    reading = parse_hardness("scratches fingernail, coin and glass, scratched by quartz, file")
    assert reading == HardnessReading(above_mohs=(2.5, 3.5, 5.5), below_mohs=(6.5, 7.0))


def test_interval_and_comparisons_together() -> None:
    expected = HardnessReading(6.0, 6.5, above_mohs=(5.5,), below_mohs=(7.0,))
    for value in (
        "6-6.5, >knife, <quartz",
        ">knife 6-6.5 <quartz",
        ["<7", "6-6.5", ">knife"],
        [">knife <7", "6 to 6½"],
    ):
        assert parse_hardness(value) == expected


def test_the_reference_tools() -> None:
    hardness = {tool.name: tool.hardness_mohs for tool in TOOLS}
    usual = {"fingernail": 2.5, "coin": 3.5, "knife": 5.5, "glass": 5.5, "steel file": 6.5}
    assert hardness.items() >= usual.items()
    scale = ("talc", "gypsum", "calcite", "fluorite", "apatite", "orthoclase", "quartz", "topaz")
    for mohs, mineral in enumerate((*scale, "corundum", "diamond"), start=1):
        assert hardness[mineral] == mohs
    words = [word for tool in TOOLS for word in (tool.name, *tool.synonyms)]
    assert len(words) == len(set(words))
    for tool in TOOLS:
        for word in (tool.name, *tool.synonyms):
            reading = HardnessReading(above_mohs=(tool.hardness_mohs,))
            assert parse_hardness(f"scratches:{word}") == reading
            assert parse_hardness(f">{word.upper().replace(' ', '-')}") == reading


def test_stones_of_one_hardness_scratch_each_other() -> None:
    reading = parse_hardness("scratches:coin,scratched-by:coin")
    assert reading == HardnessReading(above_mohs=(3.5,), below_mohs=(3.5,))


def test_softer_than_talc_is_accepted_as_an_error_of_measurement() -> None:
    assert parse_hardness(0.5) == HardnessReading(0.5, 0.5)


NOT_UNDERSTOOD = "is not understood"
NOT_A_NUMBER = "is not a number; allowed: a number or an interval (low-high) from 0.5 to 10 Mohs"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (11, "hardness 11: 11 is outside the range; allowed: 0.5 to 10 Mohs"),
        ("11", "hardness '11': 11 is outside the range; allowed: 0.5 to 10 Mohs"),
        (-1, "hardness -1: -1 is outside the range; allowed: 0.5 to 10 Mohs"),
        ("-1", "hardness '-1': -1 is outside the range; allowed: 0.5 to 10 Mohs"),
        ("0", "hardness '0': 0 is outside the range"),
        ("9.5-10.5", "hardness '9.5-10.5': 10.5 is outside the range"),
        (">12", "hardness '>12': 12 is outside the range"),
        (math.inf, "hardness inf: inf is outside the range"),
        (10**400, "inf is outside the range"),
        (math.nan, "hardness nan " + NOT_A_NUMBER),
        (True, "hardness True " + NOT_A_NUMBER),
        ({"low": 6}, "hardness {'low': 6} " + NOT_A_NUMBER),
        (b"6", "hardness b'6' " + NOT_A_NUMBER),
        ("6 3/2", "hardness '6 3/2' " + NOT_A_NUMBER),
        ("6 1/0", "hardness '6 1/0' " + NOT_A_NUMBER),
        ("7-6", "hardness '7-6': the interval is upside down; write 6-7"),
        ((7, 6), "hardness (7, 6): the interval is upside down; write 6-7"),
        (["-1", "6"], "-1 is outside the range"),
        ([6, "nope"], "hardness [6, 'nope'] is not understood (at 'nope')"),
        ([6, [7]], "hardness [6, [7]] is not a number"),
        ((6, 6.5, 7), "hardness (6, 6.5, 7): 3 numbers; allowed: 1 or 2"),
        (
            "abc",
            "hardness 'abc' is not understood; allowed: a number (6.5), an interval (6-6.5), or",
        ),
        ("nan", NOT_UNDERSTOOD),
        ("inf", NOT_UNDERSTOOD),
        ("0.5?", NOT_UNDERSTOOD),
        ("6abc", NOT_UNDERSTOOD),
        ("6.5.5", NOT_UNDERSTOOD),
        ("5/6", NOT_UNDERSTOOD),
        ("6-", "hardness '6-' is not understood"),
        ("coin", NOT_UNDERSTOOD),
        ("none", NOT_UNDERSTOOD),
        ("scratches:", NOT_UNDERSTOOD),
        (",", NOT_UNDERSTOOD),
        ("scratches:coinage", "hardness 'scratches:coinage' is not understood; allowed:"),
        (">coin, <spoon", "hardness '>coin, <spoon' is not understood (at '<spoon'); allowed:"),
        ("6, 5", "hardness '6, 5': two numbers or intervals; allowed: one, such as 6-6.5"),
        ("6 or 7 or 8", NOT_UNDERSTOOD),
        ("9" * 400, NOT_A_NUMBER),
        (
            "scratches:file,scratched-by:coin",
            "hardness 'scratches:file,scratched-by:coin' is contradictory: it cannot scratch steel "
            "file (6.5) and be scratched by coin (3.5), which is softer",
        ),
        (">knife,<3", "it cannot scratch knife or glass (5.5) and be scratched by calcite (3)"),
        ("3, scratches:knife", "a hardness of 3 cannot scratch knife or glass (5.5)"),
        ("6-7, <coin", "a hardness of 6–7 is not scratched by coin (3.5)"),
    ],
)
def test_refusals_say_what_was_received_and_what_is_allowed(value: object, message: str) -> None:
    with pytest.raises(ReadingError, match=re.escape(message)) as caught:
        parse_hardness(value)
    assert caught.value.field == "hardness"
    assert caught.value.received is value


def test_wording() -> None:
    reading = parse_hardness("4-5, >coin <knife, harder than 3.7, <quartz, softer than 8")
    assert reading is not None
    assert reading.describe() == (
        "hardness 4–5, scratches a coin, harder than 3.7, scratched by a knife, "
        "scratched by quartz, softer than 8"
    )
    assert reading.text == "4-5, >coin <knife, harder than 3.7, <quartz, softer than 8"


def test_an_integer_too_long_to_print_is_refused_all_the_same() -> None:
    message = "hardness a value of type int too long to write: inf is outside the range"
    with pytest.raises(ReadingError, match=message):
        parse_hardness(10**5000)


mohs = st.floats(0.5, 10)
tools = st.sampled_from([tool.hardness_mohs for tool in TOOLS])


@st.composite
def readings(draw: st.DrawFn) -> HardnessReading:
    """Any consistent reading: bounds above do not exceed the interval nor the bounds below."""
    cuts = sorted(draw(st.lists(mohs | tools, min_size=4, max_size=4)))
    above = tuple(sorted({draw(st.floats(0.5, cuts[0])), cuts[0]})) if draw(st.booleans()) else ()
    below = tuple(sorted({draw(st.floats(cuts[3], 10)), cuts[3]})) if draw(st.booleans()) else ()
    if draw(st.booleans()) or not (above or below):
        return HardnessReading(cuts[1], cuts[2], above, below)
    return HardnessReading(None, None, above, below)


@given(readings())
def test_wording_reads_back_as_an_equal_reading(reading: HardnessReading) -> None:
    assert parse_hardness(reading.describe()) == reading


@given(readings(), st.randoms(use_true_random=False))
def test_order_does_not_matter(reading: HardnessReading, random: object) -> None:
    parts = reading.describe().split(", ")
    random.shuffle(parts)  # type: ignore[attr-defined]
    assert parse_hardness("; ".join(parts)) == reading
    assert parse_hardness(parts) == reading


@given(mohs, mohs)
def test_an_interval_is_read_or_called_upside_down(low: float, high: float) -> None:
    if low <= high:
        assert parse_hardness(f"{low}-{high}") == parse_hardness((low, high))
        assert parse_hardness((low, high)) == HardnessReading(low, high)
    else:
        with pytest.raises(ReadingError, match="upside down"):
            parse_hardness(f"{low}-{high}")


@given(mohs, mohs)
def test_comparisons_are_read_or_called_contradictory(above: float, below: float) -> None:
    if above <= below:
        assert parse_hardness(f">{above},<{below}") == HardnessReading(
            above_mohs=(above,), below_mohs=(below,)
        )
    else:
        with pytest.raises(ReadingError, match="contradictory"):
            parse_hardness(f">{above},<{below}")


pieces = st.sampled_from(
    ["6", "6.5", ",", "-", "–", ">", "<", " ", "scratches", "scratched by", "coin", "1/2", "½", ":", "±", "to"]
)  # fmt: skip


@given(st.text(max_size=400) | st.lists(pieces, max_size=10).map("".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        reading = parse_hardness(text)
    except ReadingError as error:
        assert error.field == "hardness" and error.received == text
        return
    if reading is not None:
        values = [reading.low_mohs, reading.high_mohs, *reading.above_mohs, *reading.below_mohs]
        assert all(0.5 <= value <= 10 for value in values if value is not None)
        assert parse_hardness(reading.describe()) == reading

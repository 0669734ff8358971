"""Numbers of infobox cells: every trap seen in the raw tables, and any number written sensibly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mineralid.minerals.importer.numbers import Unreadable, read_density, read_hardness


@pytest.mark.parametrize(
    ("cell", "interval"),
    [
        ("4.5-5 parallel to one axis  6.5-7 perpendicular to that axis", (4.5, 7)),
        ("3.5 on {001}, 6 at angle to {001}", (3.5, 6)),
        ("2–2.5 parallel to {001} 4 right angle to {001}", (2, 4)),
        ("3+1⁄2", (3.5, 3.5)),
        ("3+1⁄2\xa0– 4", (3.5, 4)),
        ("51⁄2 - 6", (5.5, 6)),
        ("2\u20601/2\u2060", (2.5, 2.5)),
        ("3½ - 4½", (3.5, 4.5)),
        ("2.5[3] 1–1.5[2]", (1, 2.5)),
        ("5[3] (defining mineral)", (5, 5)),
        ("1.5–2 (defining mineral for 2)", (1.5, 2)),
        ("2.5–3.5 (7 for chrysocolla chalcedony, high-silica content)", (2.5, 3.5)),
        ("3.5–4 (antigorite); 2.5 (lizardite); 2.5–3 (chrysotile)", (2.5, 4)),
        ("7\xa0– lower in impure varieties (defining mineral)", (7, 7)),
        ("6–6.5, 2 when massive", (2, 6.5)),
        ("4 to 5  or 4.5 to 5", (4, 5)),
        ("4,5 - 5,5", (4.5, 5.5)),
        ("3~4", (3, 4)),
        ("~9.5", (9.5, 9.5)),
        ("2 - 3 - Gypsum-Calcite", (2, 3)),
    ],
)
def test_hardness_traps(cell: str, interval: tuple[float, float]) -> None:
    assert read_hardness(cell) == interval


@pytest.mark.parametrize("cell", ["", "Not determined", "no data", "Undetermined", "unknown", "?"])
def test_not_known_is_no_value(cell: str) -> None:
    assert read_hardness(cell) is None
    assert read_density(cell) is None


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("Soft", "no number"),
        ("<5", "a bound, not a value"),
        ("60", "60 is outside 1..10"),
        ("0.5", "0.5 is outside 1..10"),
        ("3-40", "40 is outside 1..10"),
        ("6-5", "interval 6-5 is upside down"),
    ],
)
def test_bad_hardness_is_refused_with_its_reason(cell: str, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_hardness(cell)
    assert str(caught.value) == reason


numbers = st.integers(100, 1000).map(lambda n: n / 100)
dashes = st.sampled_from(["-", "–", " - ", " – ", "\xa0– ", "—", " to ", "~", "−"])
tails = st.sampled_from(["", "[2]", " [1][3]", " (defining mineral)", " on {001}", "  "])


@given(a=numbers, b=numbers, dash=dashes, tail=tails)
def test_any_range_reads_as_its_ends(a: float, b: float, dash: str, tail: str) -> None:
    low, high = min(a, b), max(a, b)
    assert read_hardness(f"{low:g}{dash}{high:g}{tail}") == (low, high)
    assert read_hardness(f"{low:g}{tail}") == (low, low)
    assert read_density(f"{low:g}{dash}{high:g} g/cm3") == (low, high)


@given(whole=st.integers(1, 9), form=st.sampled_from(["{}½", "{}+1⁄2", "{}1⁄2", "{} 1/2", "{}+½"]))
def test_halves(whole: int, form: str) -> None:
    assert read_hardness(form.format(whole)) == (whole + 0.5, whole + 0.5)


@given(measured=numbers, calculated=numbers)
def test_measured_density_is_preferred(measured: float, calculated: float) -> None:
    for form in (
        "{m:g} (meas.), {c:g} (calc.)",
        "{c:g} (calculated), {m:g} (measured)",
        "{m:g} g/cm3 (Measured){c:g} g/cm3 (Calculated)",
        "Measured: {m:g} Calculated: {c:g}",
        "(measured): {m:g} (calculated): {c:g}",
        "{m:g}(5) (meas.) {c:g}(2) (calc.)",
    ):
        assert read_density(form.format(m=measured, c=calculated)) == (measured, measured)
    assert read_density(f"{calculated:g} (calculated)") == (calculated, calculated)


@pytest.mark.parametrize(
    ("cell", "interval"),
    [
        ("3.00 (+0.10, -0.05)", (2.95, 3.1)),
        ("3.06+0.20−0.06", (3, 3.26)),
        ("6.6 ± 0.2", (6.4, 6.8)),
        ("3.17 (+/- .04)", (3.13, 3.21)),
        ("6.1–6.8, Average = 6.44", (6.1, 6.8)),
        ("7.88–9.00 (on average 8.44) g/sm3", (7.88, 9)),
        ("3.5–3.53\xa0g/cm3 3500–3530\xa0kg/m3", (3.5, 3.53)),
        ("2.4–2.7 (0.065–0.130 when exfoliated)", (2.4, 2.7)),
        ("3.90 (Mg2SiO4); 4.13 ((Mg0.91,Fe0.09)2SiO4); 4.85 (Fe2SiO4)", (3.9, 4.85)),
        ("2.62 (albite) to 2.76 (anorthite)[2]", (2.62, 2.76)),
        ("0.631 calculated[2] 1.032[3]", (1.032, 1.032)),
        ("alpha (α-S8): 2.07\xa0g/cm3 beta (β-S8): 1.96\xa0g/cm3", (1.96, 2.07)),
        ("D(measured) = ~3.2D(calculated) = 3.29", (3.2, 3.2)),
        ("3.175–3.184; to 3.56 if high in rare-earth elements", (3.175, 3.56)),
        ("2.1 g cm−1 (calculated)", (2.1, 2.1)),
    ],
)
def test_density_traps(cell: str, interval: tuple[float, float]) -> None:
    assert read_density(cell) == pytest.approx(interval)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("Greater than 4.07, calculated 4.69", "a bound, not a value"),
        ("heavy", "no number"),
        ("2650", "2650 is outside 0.5..23"),
    ],
)
def test_bad_density_is_refused_with_its_reason(cell: str, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_density(cell)
    assert str(caught.value) == reason


@given(st.text(max_size=40))
def test_any_text_gives_a_value_in_range_or_a_reason(cell: str) -> None:
    for read, least, most in ((read_hardness, 1, 10), (read_density, 0.5, 23)):
        try:
            interval = read(cell)
        except Unreadable as error:
            assert str(error)
        else:
            assert interval is None or least <= interval[0] <= interval[1] <= most

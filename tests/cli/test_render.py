"""What the text of an answer says, from Reports made by hand."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from mineralid.cli.render import percent, render, times
from mineralid.identify import (
    Candidate,
    NextTestAdvice,
    OutcomeAdvice,
    OutsideMineral,
    ReadingFinding,
    Report,
    Support,
    Versions,
)

VERSIONS = Versions(mineralid="0.1.0", bundle="tiny-0", catalogue="1.0")


def report(**values: object) -> Report:
    given_candidates = values.pop("candidates", {"Pyrite": 0.9, "Quartz": 0.05})
    assert isinstance(given_candidates, dict)
    candidates = [Candidate(name=n, probability=p) for n, p in given_candidates.items()]
    defaults: dict[str, object] = {
        "level": "species",
        "answer": candidates[0].name,
        "candidates": candidates,
        "unknown": 0.05,
        "prediction_set": ["Pyrite"],
        "confidence": 0.9,
        "set_basis": "calibrated",
        "prior": "uniform over the classes",
        "versions": VERSIONS,
    }
    return Report.model_validate({**defaults, **values})


def shown(answer: Report, encoding: str = "utf-8", width: int = 80) -> str:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="replace")
    Console(file=stream, width=width, highlight=False, color_system=None).print(render(answer))
    stream.flush()
    stream.seek(0)
    return stream.read()


def finding(status: str, test: str = "streak") -> ReadingFinding:
    return ReadingFinding(
        test=test,
        given="white",
        status=status,  # type: ignore[arg-type]
        log_likelihood_ratio=-2.0,
        consistency=-4.0,
        speaks_for=[Support(name="Quartz", log_likelihood_ratio=1.1)],
        speaks_against=[Support(name="Pyrite", log_likelihood_ratio=-3.0)],
    )


def test_a_species() -> None:
    text = shown(report())
    assert text.splitlines()[0] == "Pyrite   species, 90 % likely"
    assert "Set at 90 % confidence: Pyrite (such sets hold" in text and "none of these" in text


def test_a_variety_says_of_what() -> None:
    text = shown(report(candidates={"Agate": 0.8}))
    assert text.splitlines()[0] == "Agate   variety of Quartz, 80 % likely"


def test_a_group_says_that_its_members_are_not_told_apart() -> None:
    text = shown(
        report(
            level="group",
            answer="Garnet group",
            answer_probability=0.8,
            candidates={"Almandine": 0.5, "Pyrope": 0.3, "Quartz": 0.1},
            unknown=0.1,
        )
    )
    assert text.splitlines()[0] == "Garnet group   group, 80 % likely"
    assert "Which of its members is not decided: Almandine or Pyrope." in text


def test_a_group_whose_members_are_not_all_listed() -> None:
    values = {
        "level": "group", "answer": "Garnet group", "answer_probability": 0.7, "unknown": 0.1
    }  # fmt: skip
    for listed in ({"Almandine": 0.5}, {"Quartz": 0.3}):
        text = shown(report(**values, candidates=listed))
        assert text.splitlines()[0] == "Garnet group   group, 70 % likely"


@pytest.mark.parametrize(
    ("basis", "words"),
    [
        ("calibrated", "probably none of the minerals that the model knows"),
        ("model", "No mineral of the catalogue fits the readings well"),
    ],
)
def test_unknown(basis: str, words: str) -> None:
    text = shown(
        report(
            level="unknown",
            answer=None,
            why_unknown="none of these",
            candidates={"Pyrite": 0.2, "Quartz": 0.1},
            unknown=0.7,
            set_basis=basis,
        )
    )
    assert text.splitlines()[0] == "Unknown   70 % likely to be none of these"
    assert words in text and "If it is one of them at all: set at 90 % confidence" in text


@pytest.mark.parametrize(
    ("basis", "words"),
    [
        ("calibrated", "on collections that the model had not seen"),
        ("held out", "on photographs held out of the training"),
        ("assumed", "too few photographs were held out to say how often"),
        ("model", "if the readings are right"),
    ],
)
def test_a_set_says_what_its_promise_rests_on(basis: str, words: str) -> None:
    assert words in " ".join(shown(report(set_basis=basis)).split())


def test_not_decided() -> None:
    text = shown(report(level="unknown", answer=None, candidates={"Pyrite": 0.3, "Quartz": 0.3}))
    assert text.startswith("Not decided\nNo mineral and no group is likely enough")
    assert "Pyrite leads with 30 %" in " ".join(text.split())
    assert "all others" in text


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("contradicted", "Your streak contradicts everything else (white): test it again. Rub it"),
        ("doubted", "Your streak sits badly with everything else (white): test it again. Rub it"),
    ],
)
def test_a_reading_that_the_rest_doubts_is_said_plainly(status: str, words: str) -> None:
    text = shown(report(photos=["stone.jpg"], readings=[finding(status)]))
    assert words in " ".join(text.split())
    alone = " ".join(shown(report(readings=[finding(status)])).split())
    assert "Your streak fits no mineral that is likely (white): test it again." in alone
    assert "Your" not in shown(report(readings=[finding("used")]))


def test_what_readings_say_for_and_against() -> None:
    text = shown(report(readings=[finding("used")], wrong_record=0.6))
    assert "Quartz\u00a0×3.0" in text and "Pyrite\u00a0÷20" in text
    assert "60 % likely that the readings as a whole belong to another stone" in text
    assert "as a whole" not in shown(report(readings=[finding("used")], wrong_record=0.1))


def test_minerals_outside_the_model() -> None:
    one = [OutsideMineral(name="Cinnabar", probability=0.6, log_likelihood_ratio=2.0)]
    text = " ".join(shown(report(outside=one)).split())
    assert "readings fit them better than the leader: Cinnabar (60 %, fits ×7.4)." in text
    two = [*one, OutsideMineral(name="Realgar", probability=0.1, log_likelihood_ratio=1.0)]
    text = " ".join(shown(report(outside=two)).split())
    assert "Cinnabar (60 %, fits ×7.4), Realgar (10 %, fits ×2.7)." in text
    rival = [one[0].model_copy(update={"log_likelihood_ratio": 3.61})]
    text = " ".join(shown(report(outside=rival)).split())
    assert "But Cinnabar, which the photograph's model does not know, fits your readings 37" in text
    assert "But" not in shown(report(outside=one))
    unlikely = [one[0].model_copy(update={"probability": 1e-4})]
    assert "Outside" not in shown(report(outside=unlikely))
    none = {"level": "unknown", "answer": None, "why_unknown": "none of these", "unknown": 0.8}
    text = " ".join(shown(report(**none, outside=two, candidates={"Pyrite": 0.2})).split())
    assert "Outside the model the readings fit Cinnabar (60 %) or Realgar (10 %)." in text


def advice(bits: float, leader_probability: float = 0.9) -> NextTestAdvice:
    outcome = OutcomeAdvice(
        outcome="green", probability=0.7, leader="Malachite", leader_probability=leader_probability
    )
    return NextTestAdvice(
        test="streak",
        information_bits=bits,
        ease=0.8,
        destructive="powders a little",
        advice="Rub it on porcelain.",
        outcomes=[outcome],
    )


def test_what_to_test_next_and_what_it_would_mean() -> None:
    text = shown(report(next_tests=[advice(0.854)]))
    assert "1. streak (0.85 bits expected, powders a little) Rub it on porcelain." in text
    assert "green  70 %  → Malachite 90 %" in text
    assert "→ still open, Malachite 20 %" in shown(report(next_tests=[advice(0.8, 0.2)]))


def test_a_test_that_tells_nothing_is_not_advised() -> None:
    text = shown(report(next_tests=[advice(0.001)]))
    assert "nothing: no test left is expected to change the answer" in text
    assert "Rub it" not in text


def test_safety_and_versions_come_last() -> None:
    lines = shown(report(safety=["Pyrite: dust."], trust=0.93)).splitlines()
    assert lines[-4] == "Safety   Pyrite: dust."
    assert lines[-2] == "mineralid 0.1.0, bundle tiny-0, catalogue 1.0"
    assert lines[-1] == "prior uniform over the classes; readings believed 93 %"


def test_a_long_set_is_counted() -> None:
    names = [f"Mineral{n}" for n in range(40)]
    text = " ".join(shown(report(prediction_set=names)).split())
    assert "Set at 90 % confidence: 40 minerals: Mineral0, Mineral1," in text
    assert "Mineral11 and 28 more (such sets" in text
    assert "12 minerals" not in shown(report(prediction_set=names[:12]))


def test_a_reading_is_shown_as_it_was_read() -> None:
    given = finding("used").model_copy(update={"given": "colourless", "value": "white"})
    text = shown(report(readings=[given]))
    assert "streak colourless, read " in text and "as white " in text
    same = finding("used").model_copy(update={"given": "greenish-black", "value": "greenish black"})
    assert "read as" not in shown(report(readings=[same]))


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_any_terminal_shows_bars(encoding: str) -> None:
    text = shown(report(), encoding)
    assert ("█" in text) if encoding == "utf-8" else ("#" * 20 in text or "?" * 20 in text)


@given(
    names=st.lists(st.text("abcdefgh ijk-()", min_size=1, max_size=40), min_size=1, max_size=9),
    width=st.sampled_from([60, 80, 120]),
)
def test_no_line_is_wider_than_the_terminal(names: list[str], width: int) -> None:
    candidates = {name: 1 / (len(names) + 1) for name in names}
    supports = [Support(name=name, log_likelihood_ratio=0.5) for name in names]
    reading = finding("used").model_copy(update={"speaks_for": supports, "given": names[0] * 4})
    text = shown(
        report(
            candidates=candidates, prediction_set=names, readings=[reading], next_tests=[advice(1)]
        ),
        width=width,
    )
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize(
    ("probability", "text"),
    [
        (0.0, "0.0 %"), (1e-9, "<0.1 %"), (0.0142, "1.4 %"), (0.0996, "10 %"), (0.866, "87 %"),
        (0.999, ">99 %"), (1.0, "100 %"),
    ],
)  # fmt: skip
def test_percent(probability: float, text: str) -> None:
    assert percent(probability) == text


@pytest.mark.parametrize(
    ("ratio", "text"), [(1.435, "×4.2"), (-3.4, "÷30"), (20.0, "×>1000"), (0.0, "×1.0")]
)
def test_times(ratio: float, text: str) -> None:
    assert times(ratio) == text

"""A bundle may declare classes of its own; one that does not is as it always was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mineralid.minerals.mineral import TESTS
from mineralid.vision import BundleError, load_bundle, write_bundle
from mineralid.vision.bundle import DEFAULT_BUNDLE, sealed
from mineralid.vision.bundle_own import OwnMineral

FACTS = {
    "hardness_mohs": [5, 6.5],
    "luster": ["vitreous", "dull"],
    "streak": ["none"],
    "density_g_cm3": None,
    "magnetism": ["weak"],
    "acid": [],
}


@pytest.fixture
def own(tiny_bundle: Path, tmp_path: Path) -> Path:
    """A copy of the tiny bundle that a test may change."""
    return Path(shutil.copytree(tiny_bundle, tmp_path / "own"))


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    raw = json.loads((path / "model.json").read_text(encoding="utf-8"))
    change(raw)
    (path / "model.json").write_bytes(sealed(raw))


def declare(path: Path, own_minerals: object, classes: tuple[str, ...] = ("Slag", "石头")) -> None:
    def change(raw: dict[str, Any]) -> None:
        raw["classes"][-len(classes) :] = classes
        raw["own_minerals"] = own_minerals

    edit(path, change)


def message(path: Path) -> str:
    with pytest.raises(BundleError) as caught:
        load_bundle(path)
    return str(caught.value)


def test_what_can_be_stated_is_what_can_be_tested() -> None:
    assert tuple(OwnMineral.model_fields) == TESTS


def test_own_classes_are_read_and_written(own: Path, tmp_path: Path) -> None:
    declare(own, {"Slag": FACTS, "石头": {}})
    bundle = load_bundle(own)
    assert bundle.spec.own_minerals["石头"] == OwnMineral()
    slag = bundle.spec.own_minerals["Slag"]
    assert slag.hardness_mohs == (5.0, 6.5) and slag.luster == ("vitreous", "dull")
    assert slag.density_g_cm3 is None and slag.acid == ()
    onnx, arrays = bundle.graph_path.read_bytes(), bundle.arrays
    again = write_bundle(tmp_path / "again", bundle.spec, onnx, arrays, bundle.card())
    assert again.spec.own_minerals == bundle.spec.own_minerals
    raw = json.loads((again.path / "model.json").read_text(encoding="utf-8"))
    assert raw["own_minerals"] == {
        "Slag": {k: v for k, v in FACTS.items() if v},  # what is not known is not written
        "石头": {},
    }


@pytest.mark.parametrize("which", ["tiny", "default"])
def test_a_bundle_without_own_classes_has_no_such_field(tiny_bundle: Path, which: str) -> None:
    """So versions of before the field read it, and its bytes are what they were."""
    folder = {"tiny": tiny_bundle, "default": DEFAULT_BUNDLE}[which]
    text = (folder / "model.json").read_bytes()
    bundle = load_bundle(folder)
    assert b"own_minerals" not in text and bundle.spec.own_minerals == {}
    written = sealed(bundle.spec.model_copy(update={"seal": None}).to_json())
    assert json.loads(written) == json.loads(text)
    assert which == "default" or written == text


@pytest.mark.parametrize(
    ("facts", "part"),
    [
        ({"luster": ["shiny"]}, "own_minerals.Slag.luster: Value error, unknown luster 'shiny'"),
        ({"luster": ["glassy"]}, "Known: metallic, "),  # tokens, not whatever people write
        ({"streak": ["none", "none"]}, "streak: Value error, ['none', 'none'] names a word twice"),
        (
            {"hardness_mohs": [6, 5]},
            "hardness_mohs: Value error, [6.0, 5.0] is no interval; allowed: [low, high] with "
            "1 <= low <= high <= 10, or null",
        ),
        ({"density_g_cm3": [2, 40]}, "[2.0, 40.0] is no interval; allowed: [low, high] with 0.5"),
        ({"hardness_mohs": 6}, "own_minerals.Slag.hardness_mohs"),
        ({"hardness": [6, 7]}, "own_minerals.Slag.hardness: Extra inputs are not permitted"),
        ({"acid": "none"}, "own_minerals.Slag.acid"),
        ("dark", "own_minerals.Slag"),
    ],
)
def test_wrong_facts(own: Path, facts: object, part: str) -> None:
    declare(own, {"Slag": facts, "石头": {}})
    text = message(own)
    assert text.startswith(f"bundle {own}: its model.json is wrong: own_minerals.Slag")
    assert part in text


def test_a_name_that_is_no_class(own: Path) -> None:
    declare(own, {"Slagg": {}, "石头": {}})
    assert "own_minerals names 'Slagg', which is none of its classes" in message(own)


@pytest.mark.parametrize(
    "name", ["a|b", "a=b", "a\nb", " a", "a ", "???", "a" * 81, "a\x07", "\u202ea"]
)
def test_names_that_an_answer_cannot_hold(own: Path, name: str) -> None:
    declare(own, {name: {}}, (name,))
    text = message(own)
    assert f"own_minerals names {name!r}; allowed: up to 80 printable characters" in text


def test_two_names_that_read_as_one(own: Path) -> None:
    declare(own, {"My stone": {}, "my-stone": {}}, ("My stone", "my-stone"))
    assert "own_minerals names 'My stone' and 'my-stone', which read as one name" in message(own)

"""A bundle is verified file by file when it is read, and appears whole when it is written."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from mineralid.vision import Bundle, BundleError, BundleSpec, load_bundle, write_bundle
from mineralid.vision import bundle as bundle_module
from mineralid.vision.bundle import sealed


@pytest.fixture
def own(tiny_bundle: Path, tmp_path: Path) -> Path:
    """A copy of the tiny bundle that a test may spoil."""
    return Path(shutil.copytree(tiny_bundle, tmp_path / "own"))


def message(path: Path | None) -> str:
    with pytest.raises(BundleError) as caught:
        load_bundle(path)
    return str(caught.value)


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    raw = json.loads((path / "model.json").read_text(encoding="utf-8"))
    change(raw)
    (path / "model.json").write_bytes(sealed(raw))


def test_what_was_written_is_read(tiny_bundle: Path) -> None:
    bundle = load_bundle(str(tiny_bundle))
    assert isinstance(bundle, Bundle)
    assert bundle.classes == ("Quartz", "Pyrite", "Calcite", "Malachite", "Hematite")
    assert bundle.arrays["head_weight"].shape == (5, 8)
    assert bundle.arrays["head_bias"].dtype == np.float32
    assert set(bundle.spec.files) == {"model.onnx", "arrays.npz", "MODEL_CARD.md"}
    assert bundle.version == f"tiny-{bundle.fingerprint}"
    assert len(bundle.fingerprint) == 12
    assert bundle.graph_path.is_file()
    assert bundle.card() == "# Tiny bundle\n"


def test_arrays_cannot_be_changed(tiny_bundle: Path) -> None:
    bundle = load_bundle(tiny_bundle)
    with pytest.raises(ValueError, match="read-only"):
        bundle.arrays["head_bias"][0] = 1
    with pytest.raises(TypeError):
        bundle.arrays["head_bias"] = bundle.arrays["head_bias"]  # type: ignore[index]


def test_files_of_others_in_the_folder_do_not_matter(own: Path) -> None:
    (own / ".DS_Store").write_bytes(b"x")
    assert load_bundle(own).version == load_bundle(own).version


@pytest.mark.parametrize("name", ["model.onnx", "arrays.npz", "MODEL_CARD.md"])
def test_missing_file(own: Path, name: str) -> None:
    (own / name).unlink()
    assert message(own) == f"bundle {own}: its file {name} is missing"


@pytest.mark.parametrize("name", ["model.onnx", "arrays.npz", "MODEL_CARD.md"])
def test_altered_file(own: Path, name: str) -> None:
    content = bytearray((own / name).read_bytes())
    content[len(content) // 2] ^= 1
    (own / name).write_bytes(content)
    text = message(own)
    assert text.startswith(f"bundle {own}: its file {name} was altered: SHA-256 is ")
    stated = json.loads((own / "model.json").read_text(encoding="utf-8"))["files"][name][:12]
    assert text.endswith(f"…, model.json states {stated}…")


def test_folder_that_is_no_bundle(tmp_path: Path) -> None:
    assert message(tmp_path) == (
        f"bundle {tmp_path}: it is not a model bundle: it has no model.json"
    )
    gone = tmp_path / "gone"
    assert message(gone) == (
        f"bundle {gone}: there is no such folder; give a folder with model.json"
    )
    (tmp_path / "file").write_text("x", encoding="utf-8")
    assert "it is a file, not a folder; give a folder with model.json" in message(tmp_path / "file")


def test_no_default_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_module, "DEFAULT_BUNDLE", tmp_path / "default")
    bundle_module._load_default.cache_clear()
    assert "there is no such folder" in message(None)


def test_default_bundle_is_read_once(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_module, "DEFAULT_BUNDLE", tiny_bundle)
    bundle_module._load_default.cache_clear()
    assert load_bundle() is load_bundle()
    bundle_module._load_default.cache_clear()


def test_other_schema_version(own: Path) -> None:
    edit(own, lambda raw: raw.update(schema_version=2, novelty=True))
    assert message(own) == (
        f"bundle {own}: its schema version is 2; this version of mineralid reads 1"
    )


def test_model_json_that_is_none(own: Path) -> None:
    (own / "model.json").write_text("{", encoding="utf-8")
    assert "its model.json is not JSON (" in message(own)
    for other in ("[]", "{}"):
        (own / "model.json").write_text(other, encoding="utf-8")
        assert "its model.json is not a bundle's: it has no schema_version" in message(own)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda raw: raw.update(colour="red"), "colour: Extra inputs are not permitted"),
        (lambda raw: raw.pop("classes"), "classes: Field required"),
        (lambda raw: raw["classes"].append("Quartz"), "classes names Quartz more than once"),
        (
            lambda raw: raw["image"].update(fit="pad"),
            "image.fit: Input should be 'stretch' or 'crop'",
        ),
        (lambda raw: raw["calibration"].update(temperature=[0]), "calibration.temperature.0"),
        (lambda raw: raw["calibration"].update(temperature=[1.0]), "temperature has 1 entries"),
        (
            lambda raw: raw["calibration"]["set_thresholds"][2].pop(),
            "set_thresholds[2] has 3 entries; set_confidences has 4",
        ),
        (
            lambda raw: raw["calibration"].update(set_confidences=[0.5, 0.9, 0.8, 0.95]),
            "set_confidences is [0.5, 0.9, 0.8, 0.95]; it must rise strictly",
        ),
        (lambda raw: raw["unknown"].update(prior=1.5), "unknown.prior"),
        (lambda raw: raw["files"].pop("arrays.npz"), "lists no hash for arrays.npz"),
        (lambda raw: raw["files"].update({"../x": "0" * 64}), "files.../x"),
        (lambda raw: raw["files"].update({"model.onnx": "abc"}), "files.model.onnx"),
        (lambda raw: raw.update(feature_dim=9), "head_weight has shape [5, 8]; needed: [5, 9]"),
    ],
)
def test_wrong_model_json(own: Path, change: Callable[[dict[str, Any]], object], part: str) -> None:
    edit(own, change)
    text = message(own)
    assert text.startswith(f"bundle {own}: its ")
    assert part in text


@pytest.mark.parametrize("how", ["a number", "the seal", "no seal"])
def test_altered_model_json(own: Path, how: str) -> None:
    raw = json.loads((own / "model.json").read_text(encoding="utf-8"))
    if how == "a number":
        raw["calibration"]["temperature"][0] = 9.0
    elif how == "the seal":
        raw["seal"] = "0" * 64
    else:
        del raw["seal"]
    (own / "model.json").write_text(json.dumps(raw), encoding="utf-8")
    assert message(own) == (
        f"bundle {own}: its model.json was altered: its seal does not fit what it says"
    )


def test_calibration_lists_serve_any_number_of_tests(tiny_bundle: Path) -> None:
    calibration = load_bundle(tiny_bundle).spec.calibration
    assert calibration.temperature_for(0) == 1.5
    assert calibration.temperature_for(3) == calibration.temperature_for(6) == 1.2
    assert calibration.wrong_record_rate_for(99) == 0.1
    assert calibration.species_threshold_for(99) == 0.5
    assert calibration.set_thresholds_for(99) == (0.5, 0.8, 0.9, 0.95)


# --- writing ------------------------------------------------------------------------------------


@pytest.fixture
def parts(tiny_bundle: Path) -> tuple[BundleSpec, bytes, dict[str, np.ndarray], str]:
    bundle = load_bundle(tiny_bundle)
    return bundle.spec, bundle.graph_path.read_bytes(), dict(bundle.arrays), bundle.card()


def contents(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir()}


def test_writing_is_deterministic_and_round_trips(
    tiny_bundle: Path, tmp_path: Path, parts: tuple[Any, ...]
) -> None:
    spec, onnx, arrays, card = parts
    reversed_arrays = dict(reversed(arrays.items()))
    written = write_bundle(tmp_path / "deep" / "again", spec, onnx, reversed_arrays, card)
    assert contents(written.path) == contents(tiny_bundle)
    assert written.spec == spec
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["again"]


def test_non_ascii_and_free_form_parts_survive(tmp_path: Path, parts: tuple[Any, ...]) -> None:
    spec, onnx, arrays, _ = parts
    free = {"folds": {"A": 0.5, "B": [1, None, True]}, "note": "石英 ≥ ½"}
    spec = spec.model_copy(update={"training": free, "figures": copy.deepcopy(free)})
    written = write_bundle(tmp_path / "free", spec, onnx, arrays, "# Karte ½\n")
    assert written.spec.training == written.spec.figures == free
    assert written.card() == "# Karte ½\n"


def test_a_bundle_is_replaced_and_anything_else_is_not(
    own: Path, tmp_path: Path, parts: tuple[Any, ...]
) -> None:
    spec, onnx, arrays, _ = parts
    assert write_bundle(own, spec, onnx, arrays, "new card").card() == "new card"
    papers = tmp_path / "papers"
    papers.mkdir()
    write_bundle(papers, spec, onnx, arrays, "into an empty folder")
    shutil.rmtree(papers)
    papers.mkdir()
    (papers / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(BundleError, match="it exists and is no bundle, so it is not replaced"):
        write_bundle(papers, spec, onnx, arrays, "card")
    assert contents(papers) == {"thesis.txt": b"years of work"}


def test_a_failure_while_writing_leaves_the_old_bundle(
    own: Path, parts: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, onnx, arrays, _ = parts
    before = contents(own)

    def full(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        write_bundle(own, spec, onnx, arrays, "new card")
    assert contents(own) == before
    assert [path.name for path in own.parent.iterdir()] == ["own"]


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda arrays: arrays.pop("head_bias"), "has no array head_bias; it has ['head_weight']"),
        (
            lambda arrays: arrays.update(head_bias=np.zeros(4, np.float32)),
            "head_bias has shape [4]; needed: [5]",
        ),
        (lambda arrays: arrays.update(mean=np.zeros(4)), "mean is float64; needed: float32"),
        (
            lambda arrays: arrays.update(mean=np.float32([np.nan])),
            "mean holds NaN or infinity",
        ),
    ],
)
def test_arrays_that_do_not_fit_are_not_written(
    tmp_path: Path,
    parts: tuple[Any, ...],
    change: Callable[[dict[str, np.ndarray]], object],
    part: str,
) -> None:
    spec, onnx, arrays, card = parts
    change(arrays)
    with pytest.raises(BundleError) as caught:
        write_bundle(tmp_path / "new", spec, onnx, arrays, card)
    assert part in str(caught.value)
    assert not (tmp_path / "new").exists()


def test_specification_cannot_change(parts: tuple[Any, ...]) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        parts[0].name = "other"

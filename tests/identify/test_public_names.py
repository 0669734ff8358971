"""The names that `import mineralid` promises, what they load, and the example of the docstring."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import mineralid
from identify.stones import CLASSES, small_catalogue
from mineralid.identify import Identifier
from mineralid.vision import PhotoError
from mineralid.vision.bundle import DEFAULT_BUNDLE

HEAVY = ("numpy", "pydantic", "PIL", "onnxruntime", "torch", "rich", "typer")
needs_default = pytest.mark.skipif(
    not (DEFAULT_BUNDLE / "model.json").exists(), reason="the default bundle is not there yet"
)


def _run(*lines: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(Path(mineralid.__file__).parents[1])},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _loaded(*lines: str) -> set[str]:
    """Which of the heavy packages are loaded after some lines of Python."""
    report = f"print(*(name for name in {HEAVY!r} if name in sys.modules))"
    return set(_run("import sys", *lines, report).split())


@pytest.mark.parametrize(
    ("lines", "allowed"),
    [
        (["import mineralid", "mineralid.__version__", "dir(mineralid)"], ()),
        (["from mineralid import load_catalogue", "load_catalogue()"], ()),
        (["from mineralid import Observation", "Observation.of(hardness=7)"], ()),
        (["from mineralid.evidence import load_observers", "load_observers()"], ("numpy",)),
        (["from mineralid import Identifier"], ("numpy", "pydantic", "PIL")),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_is_loaded(lines: Sequence[str], allowed: Sequence[str]) -> None:
    assert _loaded(*lines) <= set(allowed)


def test_every_public_name_is_there() -> None:
    assert set(dir(mineralid)) == set(mineralid.__all__)
    for name in mineralid.__all__:
        assert getattr(mineralid, name) is not None
    with pytest.raises(AttributeError, match="module 'mineralid' has no attribute 'identifi'"):
        mineralid.identifi  # noqa: B018


@pytest.mark.parametrize(
    "before",
    [
        "mineralid.identify",
        "mineralid.Report",
        "import mineralid.identify",
    ],
)
def test_identify_stays_the_function(before: str) -> None:
    assert _run("import mineralid", before, "print(callable(mineralid.identify))") == "True"


def test_identify_takes_one_photograph_or_several(
    tiny_bundle: Path, identifier: Identifier
) -> None:
    picture = np.full((40, 40, 3), 200, dtype=np.uint8)
    one = identifier.identify(picture, hardness=7, top=None)
    several = identifier.identify(picture, picture, hardness=7, top=None)
    assert {c.name for c in one.candidates} == set(CLASSES)
    for a, b in zip(one.candidates, several.candidates, strict=True):
        assert a.name == b.name and a.probability == pytest.approx(b.probability, rel=1e-4)
    assert one.versions.bundle.startswith("tiny-")
    assert one.versions.catalogue == small_catalogue().version
    assert one.versions.mineralid == mineralid.__version__


def test_identify_reads_a_bundle_from_its_folder(tiny_bundle: Path) -> None:
    from mineralid.identify import identify

    record: dict[str, Any] = {"hardness": 6.5, "luster": "metallic", "streak": "greenish black"}
    report = identify(bundle=tiny_bundle, top=3, **record)
    assert report.best is not None and report.best.name == "Pyrite"
    assert len(report.candidates) == 3
    assert report.prior.startswith("commonness over ")
    assert report == identify([], bundle=str(tiny_bundle), top=3, **record)


def test_no_photograph_may_be_none(tiny_bundle: Path) -> None:
    from mineralid.identify import identify

    assert identify(None, bundle=tiny_bundle, hardness=7).best is not None


@pytest.mark.parametrize(
    "several",
    [
        False,
        True,
    ],
)
def test_a_broken_pillow_image_is_a_photo_error(tiny_bundle: Path, several: bool) -> None:
    """Pillow reads a file when its pixels are first asked for, which must not happen unguarded."""
    from mineralid.identify import identify

    whole = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(whole, "JPEG")
    with Image.open(io.BytesIO(whole.getvalue()[:1000])) as broken, pytest.raises(PhotoError):
        identify([broken] if several else broken, bundle=tiny_bundle)


@needs_default
def test_the_example_of_the_docstring() -> None:
    from mineralid.identify import identify

    report = identify(hardness=6.5, luster="metallic", streak="greenish black")
    assert report.best is not None and report.best.name == "Pyrite"

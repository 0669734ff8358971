"""The version stands in one place, and what quotes it agrees."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

import pytest

import mineralid
from mineralid.version import __version__

ROOT = Path(__file__).resolve().parents[2]


def test_the_package_says_its_version() -> None:
    assert mineralid.__version__ == __version__


def test_packaging_reads_the_version() -> None:
    packaging = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(r"^version *= *['\"]", packaging, re.MULTILINE) is None
    assert 'dynamic = ["version"]' in packaging
    assert 'version = { attr = "mineralid.version.__version__" }' in packaging


def test_no_second_place_states_the_version() -> None:
    stated = re.compile(rf"""version\w*\s*=\s*["']{re.escape(__version__)}["']""", re.IGNORECASE)
    places = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "src").rglob("*.py")
        if stated.search(path.read_text(encoding="utf-8"))
    }
    assert places == {"src/mineralid/version.py"}


def test_installed_version_agrees() -> None:
    try:
        installed = importlib.metadata.version("mineralid")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("mineralid runs from its folder and is not installed")
    assert installed == __version__


def test_the_newest_release_of_the_changelog_is_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    releases = re.findall(r"^## \[(\d[^\]]*)\]", changelog, re.MULTILINE)
    assert releases[0] == __version__

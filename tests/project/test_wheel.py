"""The built wheel holds what the field wing needs and nothing that it must not carry."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA_SUFFIXES = {".csv", ".onnx", ".npz", ".json", ".md", ".typed"}


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names in a wheel that is built from a copy of the packaged files."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE", "THIRD_PARTY.md"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, folder / name)
    shutil.copytree(
        ROOT / "src",
        folder / "src",
        ignore=shutil.ignore_patterns("*.egg-info", "__pycache__", ".*"),
    )
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--quiet",
        "--wheel-dir",
        "out",
        ".",
    ]
    subprocess.run(command, cwd=folder, check=True)
    (wheel,) = (folder / "out").glob("mineralid-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.mark.slow
def test_wheel_holds_every_module_and_table(wheel_names: set[str]) -> None:
    source = ROOT / "src"
    wanted = {
        path.relative_to(source).as_posix()
        for path in (source / "mineralid").rglob("*")
        if path.is_file() and path.suffix in DATA_SUFFIXES | {".py"}
        and not any(part.startswith(".") for part in path.relative_to(source).parts)
    }  # fmt: skip
    assert "mineralid/minerals/data/minerals.csv" in wanted
    assert wanted <= wheel_names


@pytest.mark.slow
def test_wheel_holds_the_licence_and_no_more_packages(wheel_names: set[str]) -> None:
    assert any(name.endswith("licenses/LICENSE") for name in wheel_names)
    assert any(name.endswith("licenses/THIRD_PARTY.md") for name in wheel_names)
    assert {name.partition("/")[0].partition("-")[0] for name in wheel_names} == {"mineralid"}

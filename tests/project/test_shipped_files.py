"""Files of the repository: no machine's paths, no registry's address, the licence, no photographs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# A place on somebody's machine: homes of users, mounts, optional software, working folders of robots.
MACHINE_PATH = re.compile(
    r"(?<![\w.~/:>-])/(?:home|Users|mnt|opt)/\w|(?<![\w.~/:>-])/(?:root|work)(?=[/\s\"'`,;)]|$)"
    r"|\b[A-Za-z]:\\+Users\\",
    re.MULTILINE,
)
REGISTRY_OPTION = re.compile(r"--(?:extra-)?index-url|--find-links|--trusted-host")


def shipped_files() -> list[Path]:
    """Every file that git tracks or would add; a copy without git is skipped with a reason."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"needs git to list the files: {error}")
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


def text_of(path: Path) -> str | None:
    """The text of a file, or None for one that holds no text."""
    content = path.read_bytes()
    if b"\0" in content:
        return None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return None


@pytest.mark.parametrize(
    "text", ["/ro" + "ot/x", "see /wo" + "rk.", '"/home/' + 'someone"', "C:" + "\\Users\\x"]
)
def test_machine_paths_are_recognised(text: str) -> None:
    assert MACHINE_PATH.search(text.replace(".", "/"))


@pytest.mark.parametrize("text", ["../shared/facts", "frame/work", "site.org/home/x", "a / work"])
def test_other_slashes_are_not(text: str) -> None:
    assert MACHINE_PATH.search(text) is None


def test_no_file_names_a_path_of_a_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}"
        for path in shipped_files()
        for number, line in enumerate((text_of(path) or "").splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert found == []


def test_installing_names_no_registry() -> None:
    for name in ("Makefile", ".ci/run", "constraints.txt", "pyproject.toml"):
        assert REGISTRY_OPTION.search((ROOT / name).read_text(encoding="utf-8")) is None, name


def test_no_photograph_outside_the_tests_own_pictures() -> None:
    pictures = {".jpg", ".jpeg", ".heic", ".webp", ".tif", ".tiff", ".gif", ".bmp"}
    assert [
        path.relative_to(ROOT).as_posix()
        for path in shipped_files()
        if path.suffix.lower() in pictures and ROOT / "tests" / "data" not in path.parents
    ] == []


def test_licence() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert 'license = "Apache-2.0"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_every_dependency_is_in_the_third_party_list() -> None:
    packaging = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    listed = (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8")
    names = set(re.findall(r'"([a-z0-9-]+)>=[0-9.]+"', packaging))
    assert {"numpy", "torch", "pytest", "pi-heif"} <= names
    assert [name for name in sorted(names) if f"| {name} |" not in listed] == []

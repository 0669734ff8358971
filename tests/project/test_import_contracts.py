"""The import contracts of pyproject.toml hold, and each of them notices what it forbids."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"

# A module, the line added to it, and the id of the contract that must break.
FORBIDDEN = [
    ("minerals/vocabulary.py", "import mineralid.observation", "field-layers"),
    ("evidence/likelihood.py", "import mineralid.vision", "field-layers"),
    ("vision/decode.py", "import mineralid.evidence", "field-layers"),
    ("observation/words.py", "import mineralid.identify", "field-layers"),
    ("lab/data/splits.py", "import mineralid.lab.training", "lab-layers"),
    ("vision/session.py", "import mineralid.lab.data", "lab-apart"),
    ("cli/main.py", "import mineralid.lab", "lab-apart"),
    ("__init__.py", "import torch", "torch-apart"),
    ("vision/session.py", "import onnx", "torch-apart"),
    (
        "cli/main.py",
        "def f():\n    import sklearn.linear_model",
        "torch-apart",
    ),
]


def lint_imports(source: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run import-linter over the package that lies in `source`."""
    program = (
        "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()"
    )
    return subprocess.run(
        [sys.executable, "-c", program, "--no-logo", "--no-cache", *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(source), "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_contracts_are_kept() -> None:
    done = lint_imports(SOURCE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("contracts") / "src"
    shutil.copytree(
        SOURCE,
        target,
        ignore=lambda folder, names: [n for n in names if n.startswith((".", "__py"))],
    )
    return target


@pytest.mark.parametrize(("module", "line", "contract"), FORBIDDEN)
def test_contracts_notice(copy: Path, module: str, line: str, contract: str) -> None:
    path = copy / "mineralid" / module
    text = path.read_text(encoding="utf-8")
    path.write_text(f"{text}\n{line}\n", encoding="utf-8")
    try:
        done = lint_imports(copy, "--contract", contract)
    finally:
        path.write_text(text, encoding="utf-8")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "0 kept, 1 broken" in done.stdout, done.stdout + done.stderr

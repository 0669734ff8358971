"""What loads when the package is imported: start-up stays quick because this stays little."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "onnxruntime", "PIL", "pydantic", "rich", "typer", "onnx", "lightning")


def loaded(statement: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after `statement`."""
    program = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize(
    "statement",
    [
        "import mineralid",
        "import mineralid.minerals",
        "import mineralid, mineralid.minerals",
        "import mineralid; mineralid.__version__",
        "from mineralid.minerals import load_catalogue; load_catalogue()",
    ],
)
def test_nothing_heavy_loads(statement: str) -> None:
    modules = loaded(statement)
    assert "mineralid" in modules
    assert modules.isdisjoint(HEAVY), sorted(modules.intersection(HEAVY))


def test_help_loads_no_model() -> None:
    statement = (
        "import sys\n"
        "from mineralid.cli.main import main\n"
        "sys.argv = ['mineralid', '--help']\n"
        "from contextlib import redirect_stdout, suppress\n"
        "from io import StringIO\n"
        "with redirect_stdout(StringIO()) as shown, suppress(SystemExit):\n"
        "    main()\n"
        "assert 'identify' in shown.getvalue(), shown.getvalue()"
    )
    assert loaded(statement).isdisjoint(("torch", "onnxruntime", "PIL", "onnx", "lightning"))

"""`mineralid serve`: what it prints, what it refuses, and the code for a phone."""

from __future__ import annotations

import builtins
import re
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from mineralid.cli.main import app


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["serve", *arguments], catch_exceptions=False)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def without(name: str, *given: Any, **named: Any) -> Any:
        if name.startswith("mineralid.web"):
            raise ModuleNotFoundError("No module named 'uvicorn'", name="uvicorn")
        return imported(name, *given, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    for module in [name for name in sys.modules if name.startswith("mineralid.web")]:
        monkeypatch.delitem(sys.modules, module)
    result = run()
    assert result.exit_code == 2
    assert result.stderr == (
        "error: the web app needs fastapi, uvicorn, python-multipart and segno "
        "(uvicorn is missing): pip install 'mineralid[web]'\n"
    )


class TestWithTheExtra:
    """What needs the packages of the extra."""

    @pytest.fixture(autouse=True)
    def needs_the_extra(self) -> None:
        pytest.importorskip("fastapi", reason="needs the extra web")

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--rate-limit", "fast"], "rate-limit is 'fast'; allowed: N/min with N from 1, or"),
            (["--bundle", "nowhere"], "bundle nowhere: there is no such folder"),
            (["--host", "203.0.113.77", "--port", "0"], "host '203.0.113.77', port 0: the server"),
            (["--host", "no such host", "--port", "0"], "the server cannot listen there"),
        ],
    )
    def test_what_it_refuses(self, arguments: list[str], message: str) -> None:
        result = run("--port", "0", *arguments)
        assert result.exit_code == 2
        (line,) = result.stderr.splitlines()
        assert line.startswith("error: ") and message in line

    def test_a_port_in_use(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            result = run("--port", str(port))
        assert result.exit_code == 2
        assert f"host '127.0.0.1', port {port}: the server cannot listen there" in result.stderr

    def test_a_port_that_is_none(self) -> None:
        assert run("--port", "65536").exit_code == 2

    def test_greetings(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from mineralid.web import serving

        monkeypatch.setattr(serving, "local_addresses", lambda: ["192.168.43.7", "10.0.0.2"])
        assert serving.greeting("127.0.0.1", 8000) == [
            "mineralid is at http://127.0.0.1:8000/   (Ctrl+C stops it)"
        ]
        assert "http://[::1]:8000/" in serving.greeting("::1", 8000)[0]
        assert "http://stone.local:80/" in serving.greeting("stone.local", 80)[0]
        everywhere = serving.greeting("0.0.0.0", 8000)
        assert "http://127.0.0.1:8000/" in everywhere[0]
        assert everywhere[1] == (
            "for a phone in the same network: http://192.168.43.7:8000/  or  http://10.0.0.2:8000/"
        )
        monkeypatch.setattr(serving, "local_addresses", list)
        assert serving.greeting("0.0.0.0", 8000)[1] == (
            "this machine has no address in a local network"
        )

    def test_local_addresses_are_of_use_to_others(self) -> None:
        from mineralid.web.network_address import local_addresses

        found = local_addresses()
        assert len(found) == len(set(found))
        for address in found:
            assert re.fullmatch(r"\d+\.\d+\.\d+\.\d+", address)
            assert not address.startswith(("127.", "0.", "169.254."))

    def test_the_code_is_that_of_the_address(self) -> None:
        """Half blocks are read back into modules: the same as the encoder's own matrix."""
        import segno

        from mineralid.web.network_address import qr_code

        text = "http://192.168.43.7:8000/"
        shown = qr_code(text, "utf-8", colored=False)
        assert shown is not None
        modules: list[list[int]] = []
        for line in shown.splitlines():
            upper = [int(sign in "▄ ") for sign in line]  # light is drawn: dark where nothing is
            lower = [int(sign in "▀ ") for sign in line]
            modules += [upper, lower]
        matrix = [list(row) for row in segno.make(text, error="l", micro=False).matrix]
        side = len(matrix)
        assert [row[2 : 2 + side] for row in modules[2 : 2 + side]] == matrix
        colored = qr_code(text, "utf-8", colored=True)
        assert colored is not None
        assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == shown
        assert qr_code(text, "ascii", colored=False) is None

    def test_the_web_app_loads_no_torch(self, tmp_path: Path) -> None:
        import subprocess

        program = "import sys; import mineralid.web.serving; print(*sys.modules)"
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
        loaded = {name.partition(".")[0] for name in done.stdout.split()}
        assert loaded.isdisjoint({"torch", "lightning", "onnx", "transformers"})
        assert "mineralid.lab" not in done.stdout.split()

"""The app in memory and on a free port, and drawn stones to send to it."""

from __future__ import annotations

import functools
import importlib.util
import io
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from web_cases import Draw, MakeClient, Serve, wait_until

from mineralid.identify import Identifier

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.testclient import TestClient

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "draw_stone.py"


@pytest.fixture(scope="session")
def draw() -> Draw:
    """`draw(seed, kind="pyrite", size=160, form="JPEG")`: the file of a drawn stone."""
    spec = importlib.util.spec_from_file_location("draw_stone", SCRIPT)
    assert spec is not None and spec.loader is not None
    module: ModuleType = sys.modules.setdefault("draw_stone", importlib.util.module_from_spec(spec))
    spec.loader.exec_module(module)

    @functools.cache
    def stone(seed: int = 0, kind: str = "pyrite", size: int = 160, form: str = "JPEG") -> bytes:
        stream = io.BytesIO()
        module.draw(kind, seed=seed, size=size).save(stream, form)
        return stream.getvalue()

    return stone


@pytest.fixture(scope="session")
def tiny(tiny_bundle: Path) -> Identifier:
    """An identifier over five classes that are told by colour: quick to run."""
    return Identifier(tiny_bundle)


@pytest.fixture(scope="session")
def shipped() -> Identifier:
    """An identifier with the bundle that ships."""
    return Identifier()


@pytest.fixture(scope="session")
def make_client() -> MakeClient:
    """`with make_client(identifier, **limits) as client:` a client of an app of its own."""
    from starlette.testclient import TestClient

    from mineralid.web.app import create_app

    @contextmanager
    def making(identifier: Identifier, **options: Any) -> Iterator[TestClient]:
        with TestClient(create_app(identifier, **options)) as client:
            yield client

    return making


@pytest.fixture(scope="module")
def client(tiny: Identifier, make_client: MakeClient) -> Iterator[TestClient]:
    """A client of an app with the tiny bundle and the default limits."""
    with make_client(tiny, decode_workers=1) as made:
        yield made


@pytest.fixture(scope="session")
def serve() -> Serve:
    """`with serve(app) as (host, port):` the app behind uvicorn, as `mineralid serve` runs it."""
    pytest.importorskip("uvicorn", reason="needs the extra web")
    from mineralid.web.serving import Server, server_config

    @contextmanager
    def serving(app: FastAPI) -> Iterator[tuple[str, int]]:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            server = Server(server_config(app), lambda line: None)
            running = threading.Thread(target=server.run, args=([listener],))
            running.start()
            try:
                wait_until(lambda: server.started, 30)
                yield listener.getsockname()
            finally:
                server.should_exit = True
                running.join(60)
        assert not running.is_alive()

    return serving

"""Every answer tells the browser what it may do; nothing that was sent comes back as a page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("fastapi", reason="needs the extra web")
pytest.importorskip("httpx2", reason="the web app's test client is not installed")

from starlette.testclient import TestClient
from web_cases import Draw

from mineralid.identify import Identifier
from mineralid.web.app import STATIC, create_app
from mineralid.web.headers import HEADERS

if TYPE_CHECKING:
    from fastapi import FastAPI

ANSWERS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/", {}),
    ("GET", "/static/index.html", {}),
    ("GET", "/static/nothing", {}),
    ("GET", "/api/health", {}),
    ("GET", "/openapi.json", {}),
    ("GET", "/nothing", {}),
    ("PUT", "/api/identify", {}),
    ("POST", "/api/identify", {}),
    ("POST", "/api/identify", {"data": {"hardness": "7"}}),
    ("POST", "/api/identify", {"content": b"x", "headers": {"Content-Type": "a/b"}}),
]


@pytest.mark.parametrize(("method", "path", "options"), ANSWERS)
def test_every_answer_has_them(
    client: TestClient, method: str, path: str, options: dict[str, Any]
) -> None:
    response = client.request(method, path, **options)
    assert {name: response.headers[name] for name in HEADERS} == HEADERS
    page = path in ("/", "/static/index.html")
    assert response.headers["cache-control"] == ("no-cache" if page else "no-store")
    assert "access-control-allow-origin" not in response.headers


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere() -> None:
    policy = HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy and "http" not in policy and "*" not in policy
    for part in ("default-src 'self'", "object-src 'none'", "base-uri 'none'"):
        assert part in policy.split("; ")


def test_the_page_needs_nothing_that_the_policy_forbids() -> None:
    for path in (p for p in STATIC.rglob("*.html")):  # type: ignore[attr-defined]
        text = path.read_text(encoding="utf-8")
        assert re.search(r"\son\w+\s*=|<style|\sstyle\s*=|javascript:", text) is None, path
        assert re.search(r"<script(?![^>]*\ssrc=)", text) is None, path
        assert re.search(r"(src|href)\s*=\s*[\"']?(https?:)?//", text) is None, path


MARKUP = "<script>alert(1)</script>"


@pytest.mark.parametrize(
    ("path", "options"),
    [
        (f"/api/minerals/{MARKUP.replace('/', '')}", {}),
        ("/api/minerals", {"params": {"q": MARKUP, "hardness": MARKUP}}),
        ("/api/heatmap", {"params": {"token": MARKUP, "mineral": MARKUP}}),
        (f"/{MARKUP}", {}),
        (f"/static/{MARKUP}", {}),
        (f"/api/batch/{MARKUP}", {}),
        ("/", {"params": {"x": MARKUP}}),
    ],
)
def test_what_was_asked_is_never_markup(
    client: TestClient, path: str, options: dict[str, Any]
) -> None:
    response = client.get(path, **options)
    assert response.headers["x-content-type-options"] == "nosniff"
    if response.headers["content-type"].startswith("text/html"):
        assert "alert(1)" not in response.text
    else:
        assert response.headers["content-type"].split(";")[0] in (
            "application/json",
            "application/problem+json",
        )


def test_an_error_of_the_server_tells_nothing_and_has_the_headers(
    tiny: Identifier, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app: FastAPI = create_app(tiny, decode_workers=1)
    with TestClient(app, raise_server_exceptions=False) as client:

        def fail(*given: object, **named: object) -> object:
            raise RuntimeError("secret words")

        monkeypatch.setattr(app.state.services.identifier, "decide", fail)
        response = client.post("/api/identify", data={"hardness": "7"})
    assert response.status_code == 500
    assert response.json()["type"] == "/problems/internal"
    assert response.headers["content-type"] == "application/problem+json"
    assert {name: response.headers[name] for name in HEADERS} == HEADERS
    assert "secret" not in response.text
    assert "secret" not in caplog.text


def test_text_is_compressed_for_who_reads_it_and_pictures_are_not(
    client: TestClient, draw: Draw
) -> None:
    for path in ("/", "/static/style.css", "/api/messages/zh", "/openapi.json"):
        plain = client.get(path, headers={"Accept-Encoding": "identity"})
        packed = client.get(path, headers={"Accept-Encoding": "gzip"})
        assert "content-encoding" not in plain.headers
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.headers["vary"] == "Accept-Encoding"
        assert int(packed.headers["content-length"]) < 0.5 * len(plain.content)
        assert packed.content == plain.content
    token = client.post("/api/identify", files={"photos": ("a.jpg", draw(1))}).json()["token"]
    mineral = client.get("/api/minerals", params={"limit": 500}).json()
    known = next(each["name"] for each in mineral if each["in_model"])
    picture = client.get("/api/heatmap", params={"token": token, "mineral": known})
    assert picture.headers["content-type"] == "image/png"
    assert "content-encoding" not in picture.headers

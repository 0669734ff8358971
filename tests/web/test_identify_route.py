"""POST /api/identify: the Report, the token, and what they do together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner
from web_cases import Draw, MakeClient

pytest.importorskip("fastapi", reason="needs the extra web")
pytest.importorskip("httpx2", reason="the web app's test client is not installed")

import mineralid
from mineralid.cli.main import app as command_line
from mineralid.identify import Identifier

if TYPE_CHECKING:
    from starlette.testclient import TestClient


CASES: list[tuple[list[tuple[str, int]], dict[str, str]]] = [
    ([("pyrite", 0)], {}),
    ([("pyrite", 1)], {"hardness": "6-6.5", "luster": "metallic"}),
    ([("pebble", 2), ("pebble", 3)], {"streak": "white", "density": "2.65"}),
    ([], {"hardness": "scratches:coin,scratched-by:knife", "acid": "strong", "top": "all"}),
    ([("pebble", 4)], {"hardness": "7", "trust": "50%", "confidence": "0.8", "top": "3"}),
    ([], {"luster": "玻璃光泽", "magnetism": "none", "prior": "uniform"}),
]


@pytest.mark.parametrize(("stones", "given"), CASES, ids=lambda value: str(value)[:40])
def test_command_line_python_and_http_give_one_report(
    shipped: Identifier,
    make_client: MakeClient,
    draw: Draw,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stones: list[tuple[str, int]],
    given: dict[str, str],
) -> None:
    monkeypatch.chdir(tmp_path)
    names = [f"{kind}-{seed}.jpg" for kind, seed in stones]
    for name, (kind, seed) in zip(names, stones, strict=True):
        Path(name).write_bytes(draw(seed, kind))

    options = [f"--{name}={value}" for name, value in given.items()]
    printed = CliRunner().invoke(command_line, ["identify", "--json", *options, *names]).stdout
    from_command_line = json.loads(printed)

    plain: dict[str, Any] = dict(given)
    for name in ("trust", "confidence"):
        if name in plain:
            text = plain[name]
            plain[name] = float(text.rstrip("%")) / (100 if "%" in text else 1)
    if plain.get("top", "all") != "all":
        plain["top"] = int(plain["top"])
    from_python = json.loads(mineralid.identify(names, **plain).to_json())

    with make_client(shipped, decode_workers=1) as client:
        files = [("photos", (name, Path(name).read_bytes())) for name in names]
        response = client.post("/api/identify", data=given, files=files or None)
    assert response.status_code == 200
    from_http = response.json()
    assert isinstance(from_http.pop("token"), str) == bool(names)
    assert from_command_line == from_python == from_http
    assert list(from_http) == list(from_command_line)


def sent(client: TestClient, photos: list[bytes], **given: str) -> dict[str, Any]:
    files = [("photos", (f"{n}.jpg", photo)) for n, photo in enumerate(photos)]
    response = client.post("/api/identify", data=given, files=files or None)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def test_readings_added_by_token_are_as_if_sent_together(client: TestClient, draw: Draw) -> None:
    photos = [draw(1), draw(2)]
    first = sent(client, photos)
    assert first["photos"] == ["0.jpg", "1.jpg"]
    again = sent(client, [], token=first["token"], hardness="7", streak="white")
    together = sent(client, photos, hardness="7", streak="white")
    assert again["token"] == first["token"] != together["token"]
    assert {**again, "token": None} == {**together, "token": None}
    assert again["candidates"] != first["candidates"]
    # What a token stands for does not change with what was asked of it.
    assert sent(client, [], token=first["token"]) == first


def test_a_blank_field_is_not_tested(client: TestClient) -> None:
    plain = sent(client, [], hardness="7")
    blank = sent(client, [], hardness="7", luster="", streak=" ", acid="not tested", token="")
    assert plain == blank
    assert plain["token"] is None


def test_a_photograph_as_text_is_told_how_it_goes(client: TestClient) -> None:
    for body in ({"data": {"photos": "a.jpg"}}, {"files": {"photos": (None, "a.jpg")}}):
        response = client.post("/api/identify", **body)  # type: ignore[arg-type]
        assert response.status_code == 422
        assert response.json()["field"] == "photos"
        assert response.json()["detail"].startswith("photos is text; allowed: ")


def test_urlencoded_and_multipart_are_one(client: TestClient) -> None:
    given = {"hardness": "6½", "luster": "glassy; pearly", "streak": "pale yellow"}
    body = client.post("/api/identify", data=given)
    parts = client.post("/api/identify", files={name: (None, text) for name, text in given.items()})
    assert body.headers["content-type"] == parts.headers["content-type"] == "application/json"
    assert body.json() == parts.json()


def test_an_empty_file_field_of_a_form_is_no_photograph(client: TestClient) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="photos"; filename=""\r\n\r\n\r\n'
        b'--x\r\nContent-Disposition: form-data; name="hardness"\r\n\r\n7\r\n--x--\r\n'
    )
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    response = client.post("/api/identify", content=body, headers=kind)
    assert response.json() == sent(client, [], hardness="7")


def test_names_are_told_as_they_were_sent(client: TestClient, draw: Draw) -> None:
    for name in ("../../etc/passwd", "Стоун 石.jpg", "<img src=x>.png", "a b"):
        response = client.post("/api/identify", files=[("photos", (name, draw(1)))])
        assert response.json()["photos"] == [name]


def test_health(client: TestClient, tiny: Identifier) -> None:
    assert client.get("/api/health").json() == {
        "status": "ok",
        "version": mineralid.__version__,
        "bundle": tiny.bundle.version,
    }

"""What cannot be answered: each a problem that says what is wrong, and in which field."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from web_cases import Draw, MakeClient

pytest.importorskip("fastapi", reason="needs the extra web")
pytest.importorskip("httpx2", reason="the web app's test client is not installed")

from mineralid.identify import Identifier
from mineralid.web.forms import FormRules
from mineralid.web.rates import Rate

if TYPE_CHECKING:
    from starlette.testclient import TestClient


MULTIPART = {"Content-Type": "multipart/form-data; boundary=x"}


def problem(response: Any, status: int, kind: str, field: str | None) -> str:
    """The detail of a problem, after checking the rest of it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    body = response.json()
    assert set(body) == {"type", "title", "status", "detail", "field"}
    assert (body["status"], body["type"], body["field"]) == (status, f"/problems/{kind}", field)
    detail: str = body["detail"]
    return detail


@pytest.mark.parametrize(
    ("given", "field", "message"),
    [
        ({"hardness": "11"}, "hardness", "hardness '11': 11 is outside the range; allowed: 0.5 to"),
        ({"hardness": "-1"}, "hardness", "hardness '-1': -1 is outside the range; allowed: 0.5 to"),
        ({"hardness": "abc"}, "hardness", "hardness 'abc' is not understood; allowed: a number"),
        ({"hardness": "7-6"}, "hardness", "hardness '7-6': the interval is upside down; write 6-7"),
        (
            {"hardness": "scratches:knife,scratched-by:coin"},
            "hardness",
            "it cannot scratch knife or glass (5.5) and be scratched by coin",
        ),
        ({"hardness": "9" * 4000}, "hardness", "hardness "),
        ({"luster": "vitrious"}, "luster", "unknown luster 'vitrious': did you mean vitreous"),
        ({"luster": "shiny"}, "luster", "unknown luster 'shiny': how does it shine?"),
        ({"streak": "greeen"}, "streak", "unknown streak 'greeen': did you mean green"),
        ({"acid": "boils"}, "acid", "Known: none, weak, strong"),
        ({"magnetism": "7"}, "magnetism", "Known: none, weak, strong"),
        ({"density": "1000"}, "density", "density '1000': 1000 is outside the range"),
        ({"hardness": "7", "trust": "2"}, "trust", "trust is 2.0; allowed: 0 (ignore"),
        ({"hardness": "7", "trust": "nan"}, "trust", "trust is nan; allowed: "),
        ({"hardness": "7", "confidence": "90"}, "confidence", "write 0.9, or 90%"),
        ({"hardness": "7", "confidence": "x"}, "confidence", "allowed: a number from 0 to 1"),
        ({"hardness": "7", "top": "0"}, "top", "top is 0; allowed: 1 and more, or all"),
        ({"hardness": "7", "top": "x"}, "top", "top is 'x'; allowed: a whole number from 1"),
        ({"hardness": "7", "prior": "flat"}, "prior", "prior is 'flat'; allowed: commonness"),
    ],
)
def test_readings_and_options(
    client: TestClient, given: dict[str, str], field: str, message: str
) -> None:
    response = client.post("/api/identify", data=given)
    assert message in problem(response, 422, "bad-reading", field)
    parts = client.post("/api/identify", files={name: (None, text) for name, text in given.items()})
    assert parts.json() == response.json()


@pytest.mark.parametrize("given", [{}, {"luster": " "}, {"trust": "0.5"}, {"token": ""}])
def test_nothing_at_all(client: TestClient, given: dict[str, str]) -> None:
    response = client.post("/api/identify", data=given)
    detail = problem(response, 422, "nothing-given", "photos")
    assert detail == "nothing was given; allowed: photographs, readings, or both"


def jpeg(width: int = 96, height: int = 64, **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.radial_gradient("L").resize((width, height)).convert("RGB").save(
        stream, "JPEG", **options
    )
    return stream.getvalue()


def png(width: int, height: int) -> bytes:
    """A PNG of a few bytes that declares a size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + crc

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 9)
    end = chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + end


@pytest.mark.parametrize(
    ("content", "status", "kind", "message"),
    [
        (b"", 415, "not-an-image", "it is an empty file; accepted are JPEG, PNG, "),
        (b"only words", 415, "not-an-image", "it is a text file; accepted are JPEG, PNG, "),
        (b"%PDF-1.7", 415, "not-an-image", "it is a PDF document; accepted are JPEG"),
        (b"<svg onload='x'>", 415, "not-an-image", "it is an SVG drawing or XML document"),
        (jpeg()[:-200], 415, "not-an-image", "it is a JPEG picture that is cut short"),
        (png(1, 1), 415, "not-an-image", "it is 1 x 1 pixels; at least 16 x 16 are needed"),
        (png(0, 9), 415, "not-an-image", "at least 16 x 16 are needed"),
        (png(20_000, 10_000), 413, "too-large", "it declares 20000 x 10000 pixels (200 megapix"),
    ],
)
def test_photographs(
    client: TestClient, content: bytes, status: int, kind: str, message: str
) -> None:
    good = ("photos", ("good.jpg", jpeg()))
    files = [good, ("photos", ("石 stone.jpg", content))]
    detail = problem(client.post("/api/identify", files=files), status, kind, "photos")
    assert detail.startswith("photograph 石 stone.jpg: ") and message in detail
    # It leaves nothing behind: the next one is answered.
    assert client.post("/api/identify", files=[good]).status_code == 200


def test_tokens(client: TestClient) -> None:
    for token in ("x", "x.0", "../..", "\u0000", "9" * 3000):
        response = client.post("/api/identify", data={"token": token, "hardness": "7"})
        assert "send the photographs again" in problem(response, 422, "unknown-token", "token")
    both = client.post("/api/identify", data={"token": "x"}, files=[("photos", ("a.jpg", jpeg()))])
    assert "allowed: one of them" in problem(both, 422, "bad-field", "token")


@pytest.mark.parametrize(
    ("files", "field", "message"),
    [
        ([("stone", (None, "7"))], "stone", "unknown field 'stone'; known: photos, "),
        ([("stone", ("a.jpg", b"7"))], "stone", "unknown field 'stone'; known: photos, "),
        ([("hardness", (None, "7")), ("hardness", (None, "6"))], "hardness", "more than once"),
        ([("hardness", ("a.txt", b"7"))], "hardness", "hardness is a file; allowed: text"),
        ([("photos", (None, "a.jpg"))], "photos", "photos is text; allowed: a file"),
        ([("hardness", (None, b"\xff7"))], "hardness", "hardness is no UTF-8 text"),
        ([("hardness", (None, "7")), ("lang", (None, "tlh"))], "lang", "allowed: en, zh"),
    ],
)
def test_fields(client: TestClient, files: Any, field: str, message: str) -> None:
    response = client.post("/api/identify", files=files)
    assert message in problem(response, 422, "bad-field", field)


PART = b'--x\r\nContent-Disposition: form-data; name="hardness"\r\n\r\n7\r\n'


@pytest.mark.parametrize(
    "body",
    [
        b"nonsense",
        PART,
        PART + b"--x",
        PART + b"--y--\r\n",
        b"--x\r\nContent-Disposition: form-data\r\n\r\n7\r\n--x--\r\n",
        b"--x\r\n\r\n7\r\n--x--\r\n",
        b"--x\r\nContent Disposition\r\n\r\n7\r\n--x--\r\n",
        b"--x\r\nX: " + b"y" * 5000 + b"\r\n\r\n7\r\n--x--\r\n",
        b"--x\r\n" + b"X-Y: z\r\n" * 2000 + b"\r\n7\r\n--x--\r\n",
        b'--x\r\nContent-Disposition: form-data; name="photos"; filename="a.jpg"\r\n\r\n\xff\xd8',
    ],
)
def test_malformed_multipart(client: TestClient, body: bytes) -> None:
    response = client.post("/api/identify", content=body, headers=MULTIPART)
    field = response.json()["field"]
    assert field in ("body", "hardness", "photos")
    assert problem(response, 400, "malformed", field)


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary="])
def test_a_multipart_without_a_boundary(client: TestClient, kind: str) -> None:
    response = client.post("/api/identify", content=PART, headers={"Content-Type": kind})
    assert "names no boundary" in problem(response, 400, "malformed", "body")


@pytest.mark.parametrize("kind", ["application/json", "image/jpeg", "text/plain; x=y", None])
def test_other_bodies(client: TestClient, kind: str | None) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    response = client.post("/api/identify", content=b'{"hardness": 7}', headers=headers)
    assert "allowed: multipart/form-data" in problem(response, 415, "wrong-body", "body")


def test_sizes(tiny: Identifier, make_client: MakeClient, draw: Draw) -> None:
    limits = {"photo_bytes": 20_000, "request_bytes": 50_000, "photos": 2, "field_bytes": 100}
    noise = jpeg(20, 20) + b"\0" * 20_000
    with make_client(tiny, decode_workers=1, **limits) as client:

        def sent(**what: Any) -> Any:
            return client.post("/api/identify", **what)

        several = [("photos", (f"{n}.jpg", jpeg())) for n in range(3)]
        assert sent(files=several[:2]).status_code == 200
        detail = problem(sent(files=several), 413, "too-large", "photos")
        assert detail == "more than 2 files in photos"
        detail = problem(sent(files=[("photos", ("a.jpg", noise))]), 413, "too-large", "photos")
        assert detail == "file 'a.jpg' has over 20.0 kB"
        detail = problem(sent(data={"hardness": "7" * 101}), 413, "too-large", "hardness")
        assert "100 bytes" in detail
        parts = sent(files={"hardness": (None, "7" * 101)})
        assert problem(parts, 413, "too-large", "hardness") == "hardness has over 100 bytes"
        whole = b"z" * 60_000
        detail = problem(sent(content=whole, headers=MULTIPART), 413, "too-large", "body")
        assert detail == "the request declares 60.0 kB; allowed: up to 50.0 kB"
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        long = sent(content=b"&" * 30_000, headers=form)
        assert "photographs go by multipart" in problem(long, 413, "too-large", "body")


def test_an_endless_request_is_counted(tiny: Identifier, make_client: MakeClient) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="photos"; filename="a.jpg"\r\n\r\n'

    def endless() -> Any:
        yield head
        for _ in range(100):
            yield b"\0" * 1000

    with make_client(tiny, decode_workers=1, request_bytes=30_000) as client:
        response = client.post("/api/identify", content=endless(), headers=MULTIPART)
    assert "the request is larger than" in problem(response, 413, "too-large", "body")


def test_too_often(tiny: Identifier, make_client: MakeClient) -> None:
    with make_client(tiny, decode_workers=1, rate=Rate(3)) as client:
        for _ in range(3):
            assert client.post("/api/identify", data={"hardness": "7"}).status_code == 200
        response = client.post("/api/identify", data={"hardness": "7"})
        assert "3 stones a minute" in problem(response, 429, "too-many-requests", None)
        assert 1 <= int(response.headers["retry-after"]) <= 20
        # What costs nothing stays open.
        assert client.get("/api/health").status_code == 200


def test_too_much_at_once(tiny: Identifier, make_client: MakeClient, draw: Draw) -> None:
    with make_client(tiny, decode_workers=1, upload_bytes=500) as client:
        response = client.post("/api/identify", files=[("photos", ("a.jpg", draw(1)))])
        detail = problem(response, 503, "busy", None)
        assert "too much is being uploaded at the moment; try again" in detail
        assert int(response.headers["retry-after"]) >= 1
        assert client.post("/api/identify", data={"hardness": "7"}).status_code == 200


def test_other_addresses_and_methods(client: TestClient) -> None:
    for path in ("/nothing", "/api", "/api/nothing", "/docs", "/redoc", "/static/nothing.js"):
        problem(client.get(path), 404, "not-found", None)
    for method, path in (("GET", "/api/identify"), ("PUT", "/api/health"), ("POST", "/")):
        problem(client.request(method, path), 405, "method", None)


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e%2f%2e%2e%2fversion.py",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/..%5capp.py",
        "/static/%00",
        "/static/" + "a" * 5000,
    ],
)
def test_nothing_outside_the_pages_folder(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert b"import" not in response.content and b"root:" not in response.content


def test_the_app_is_not_to_be_had_with_impossible_limits(tiny: Identifier) -> None:
    from mineralid.web.app import create_app

    with pytest.raises(ValueError, match="photos is 0; allowed: above 0"):
        create_app(tiny, photos=0)


def test_the_known_fields_are_told() -> None:
    rules = FormRules(
        texts=frozenset({"b", "a"}),
        files_allowed={"photos": 1},
        file_bytes={"photos": 1},
        request_bytes=1,
        text_bytes=1,
        seconds=1,
    )
    assert rules.known() == "photos, a, b"

"""Forms are read the same however they arrive, in memory alone, and never more of them than allowed."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("fastapi", reason="needs the extra web")

from starlette.requests import Request

from mineralid.web.forms import Form, FormRules, read_form
from mineralid.web.problems import Problem

RULES = FormRules(
    texts=frozenset({"hardness", "streak"}),
    files_allowed={"photos": 3, "table": 1},
    file_bytes={"photos": 4000, "table": 1000},
    request_bytes=10_000,
    text_bytes=200,
    seconds=5,
)
MULTIPART = "multipart/form-data; boundary=x-1"


def part(name: str, content: bytes, filename: str | None = None) -> bytes:
    more = "" if filename is None else f'; filename="{filename}"'
    head = f'--x-1\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
    return head.encode() + content + b"\r\n"


def read(chunks: Sequence[bytes], kind: str | None = MULTIPART, rules: FormRules = RULES) -> Form:
    """Read a body that arrives in these pieces; check what was reserved for it."""
    left = list(chunks)
    reserved: list[int] = []

    async def receive() -> dict[str, Any]:
        body = left.pop(0) if left else b""
        return {"type": "http.request", "body": body, "more_body": bool(left)}

    headers = [] if kind is None else [(b"content-type", kind.encode())]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers}
    form = asyncio.run(read_form(Request(scope, receive), rules, reserved.append))
    assert sum(reserved) == sum(map(len, chunks))
    return form


def contents(form: Form) -> tuple[Any, ...]:
    files = {k: [(u.name, bytes(u.content)) for u in v] for k, v in form.files.items()}
    return form.texts, files


files = st.tuples(st.text("abc.石", min_size=1, max_size=8), st.binary(max_size=900))


@given(
    photos=st.lists(files, max_size=3),
    hardness=st.none() | st.text(max_size=40),
    data=st.data(),
)
def test_a_form_is_the_same_in_whatever_pieces_it_arrives(
    photos: list[tuple[str, bytes]], hardness: str | None, data: st.DataObject
) -> None:
    body = b"".join(part("photos", content, name) for name, content in photos)
    if hardness is not None:
        body += part("hardness", hardness.encode())
    body += b"--x-1--\r\n"
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=12).map(sorted))
    pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    form = read(pieces)
    assert contents(form) == (
        {} if hardness is None else {"hardness": hardness},
        {"photos": photos} if photos else {},
    )


@given(end=st.integers(1, 300), data=st.data())
def test_a_form_that_ends_early_or_is_damaged_is_a_problem_or_a_form(
    end: int, data: st.DataObject
) -> None:
    body = bytearray(
        part("photos", b"\xff\xd8\r\n--x", "a.jpg") + part("hardness", b"7") + b"--x-1--\r\n"
    )
    for at in data.draw(st.lists(st.integers(0, len(body) - 1), max_size=4)):
        body[at] = data.draw(st.integers(0, 255))
    try:
        read([bytes(body[:end])])
    except Problem as problem:
        assert problem.status in (400, 413, 422)
        assert problem.field


@given(st.binary(max_size=400), st.sampled_from([MULTIPART, "application/x-www-form-urlencoded"]))
def test_any_bytes_are_a_problem_or_a_form(body: bytes, kind: str) -> None:
    try:
        read([body], kind)
    except Problem as problem:
        assert problem.status in (400, 413, 422)


def test_no_temporary_file_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: object, **named: object) -> NoReturn:
        raise AssertionError("a temporary file was made")

    for name in ("SpooledTemporaryFile", "TemporaryFile", "NamedTemporaryFile", "mkstemp"):
        monkeypatch.setattr(tempfile, name, refuse)
    large = FormRules(
        texts=frozenset(),
        files_allowed={"photos": 1},
        file_bytes={"photos": 8 << 20},
        request_bytes=9 << 20,
        text_bytes=1,
        seconds=20,
    )
    content = bytes(6 << 20)
    body = part("photos", content, "a.jpg") + b"--x-1--\r\n"
    form = read([body[at : at + 65_536] for at in range(0, len(body), 65_536)], rules=large)
    assert form.files["photos"][0].content == content


def refusal(chunks: Sequence[bytes], kind: str | None = MULTIPART) -> tuple[int, str | None, str]:
    with pytest.raises(Problem) as caught:
        read(chunks, kind)
    return caught.value.status, caught.value.field, caught.value.detail


def test_each_bound() -> None:
    assert refusal([part("photos", bytes(4001), "a.jpg")]) == (
        413,
        "photos",
        "file 'a.jpg' has over 4,000 bytes",
    )
    assert refusal([part("table", bytes(1001), "t.csv")])[:2] == (413, "table")
    assert refusal([part("hardness", b"7" * 201)]) == (
        413,
        "hardness",
        "hardness has over 200 bytes",
    )
    many = [part("photos", b"x", f"{n}.jpg") for n in range(4)]
    assert refusal(many) == (413, "photos", "more than 3 files in photos")
    long = [part("photos", bytes(3900), f"{n}.jpg") for n in range(3)]
    assert refusal(long)[:2] == (413, "body")
    assert refusal([b"--x-1\r\n" + b"A: b\r\n" * 1000])[:2] == (400, "body")


def test_a_slow_body_is_given_up() -> None:
    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.03)
        return {"type": "http.request", "body": part("photos", b"x", "a.jpg"), "more_body": True}

    rules = FormRules(
        texts=RULES.texts,
        files_allowed={"photos": 10_000},
        file_bytes=RULES.file_bytes,
        request_bytes=1 << 20,
        text_bytes=9,
        seconds=0.2,
    )
    headers = [(b"content-type", MULTIPART.encode())]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers}
    with pytest.raises(Problem) as caught:
        asyncio.run(read_form(Request(scope, receive), rules, lambda count: None))
    assert (caught.value.status, caught.value.field) == (408, "photos")
    assert "the request did not arrive in 0.2 seconds" in caught.value.detail


def test_no_body_is_an_empty_form() -> None:
    assert contents(read([], None)) == ({}, {})
    assert contents(read([b"", b""], MULTIPART)) == ({}, {})


def test_urlencoded_text_is_decoded_once() -> None:
    body = b"hardness=%3Ecoin%2C%3Cknife&streak=pale+yellow%2520"
    form = read([body[:7], body[7:]], "application/x-www-form-urlencoded")
    assert form.texts == {"hardness": ">coin,<knife", "streak": "pale yellow%20"}

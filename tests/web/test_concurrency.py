"""Many at once: everybody gets the answer to his own photograph, and too many are told to come again."""

from __future__ import annotations

import http.client
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from web_cases import Draw, Serve, alike, wait_until

pytest.importorskip("fastapi", reason="needs the extra web")
pytest.importorskip("httpx2", reason="the web app's test client is not installed")

from mineralid.identify import Identifier
from mineralid.web.app import create_app
from mineralid.web.services import Services

CLIENTS = 12
STONES = 18


def form(photos: dict[str, bytes], texts: dict[str, str]) -> tuple[bytes, dict[str, str]]:
    body = b""
    for name, content in photos.items():
        head = f'--x\r\nContent-Disposition: form-data; name="photos"; filename="{name}"\r\n\r\n'
        body += head.encode() + content + b"\r\n"
    for name, text in texts.items():
        body += f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
    return body + b"--x--\r\n", {"Content-Type": "multipart/form-data; boundary=x"}


def ask(
    connection: http.client.HTTPConnection, photos: dict[str, bytes], **texts: str
) -> tuple[int, dict[str, Any]]:
    connection.request("POST", "/api/identify", *form(photos, texts))
    response = connection.getresponse()
    return response.status, json.loads(response.read())


@pytest.mark.parametrize("batch", [1, 5])
def test_answers_are_never_mixed(shipped: Identifier, serve: Serve, draw: Draw, batch: int) -> None:
    """Different photographs, some of them two of one stone, from many clients at once.

    The answers must be those that each photograph has alone; photographs of which two are as
    alike as the last digits of a sum would prove nothing, so that is checked first.
    """
    stones = [
        {f"{seed}-{n}.jpg": draw(seed * 10 + n, kind) for n in range(1 + seed % 3 // 2)}
        for seed in range(STONES)
        for kind in (("pyrite", "pebble")[seed % 2],)
    ]
    alone = [json.loads(shipped.identify(list(stone.values())).to_json()) for stone in stones]
    for number, one in enumerate(alone):
        for other in alone[:number]:
            assert not alike(one["candidates"], other["candidates"])

    app = create_app(shipped, decode_workers=2, score_batch=batch)
    with serve(app) as (host, port):

        def client(number: int) -> list[str]:
            connection = http.client.HTTPConnection(host, port, timeout=120)
            wrong = []
            for turn in range(4):
                which = (number * 5 + turn * 7) % STONES
                status, answer = ask(connection, stones[which])
                token = answer.pop("token", None)
                same = {**alone[which], "photos": list(stones[which])}
                if status != 200 or not alike(answer, same):
                    wrong.append(f"stone {which}: {status} {str(answer)[:200]}")
                status, again = ask(connection, {}, token=str(token), hardness="7")
                if status != 200 or again["photos"] != list(stones[which]):
                    wrong.append(f"token of stone {which}: {status} {str(again)[:200]}")
            connection.close()
            return wrong

        with ThreadPoolExecutor(CLIENTS) as clients:
            assert [each for found in clients.map(client, range(CLIENTS)) for each in found] == []


def held_back(services: Services, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Let no picture be scored until the event is set."""
    go_on = threading.Event()
    classifier = services.batcher._classifier
    scores = classifier.scores
    monkeypatch.setattr(classifier, "scores", lambda batch: go_on.wait(60) and scores(batch))
    return go_on


def test_too_many_at_once_are_told_so_and_nobody_else_suffers(
    tiny: Identifier, serve: Serve, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(tiny, decode_workers=1, score_workers=1, waiting=3)
    services = app.state.services
    go_on = held_back(services, monkeypatch)
    photo = {"a.jpg": draw(1)}
    with serve(app) as (host, port), ThreadPoolExecutor(8) as clients:

        def once(number: int) -> tuple[int, str | None, dict[str, Any]]:
            connection = http.client.HTTPConnection(host, port, timeout=120)
            connection.request("POST", "/api/identify", *form(photo, {}))
            response = connection.getresponse()
            body = json.loads(response.read())
            connection.close()
            return response.status, response.getheader("Retry-After"), body

        accepted = [clients.submit(once, number) for number in range(3)]
        wait_until(lambda: services.admission.requests == 3)
        for number in range(5):
            status, wait, body = once(number)
            assert (status, body["type"]) == (503, "/problems/busy")
            assert wait is not None and 1 <= int(wait) <= 30
        # What needs no room is still answered.
        connection = http.client.HTTPConnection(host, port, timeout=60)
        connection.request("GET", "/api/health")
        assert connection.getresponse().status == 200
        connection.close()
        go_on.set()
        assert [future.result()[0] for future in accepted] == [200, 200, 200]
        wait_until(lambda: services.admission.requests == 0)
        assert once(9)[0] == 200
    assert services.admission.held_bytes == 0


def test_an_answer_that_takes_too_long_is_given_up(
    tiny: Identifier, serve: Serve, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(tiny, decode_workers=1, score_workers=1, answer_seconds=0.5)
    go_on = held_back(app.state.services, monkeypatch)
    with serve(app) as (host, port):
        connection = http.client.HTTPConnection(host, port, timeout=60)
        status, body = ask(connection, {"a.jpg": draw(1)})
        assert (status, body["type"]) == (503, "/problems/busy")
        assert "the answer took too long" in body["detail"]
        go_on.set()
        connection.close()

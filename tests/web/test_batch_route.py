"""Lists of stones: progress, what becomes of each, corrections, the table, and what is kept of them."""

from __future__ import annotations

import csv
import io
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from web_cases import Draw, MakeClient, alike

pytest.importorskip("fastapi", reason="needs the extra web")
pytest.importorskip("httpx2", reason="the web app's test client is not installed")

from mineralid.identify import Identifier
from mineralid.identify.table import answer_table
from mineralid.web.batches import Batches

if TYPE_CHECKING:
    from starlette.testclient import TestClient


TABLE = """name,photo,hardness,streak
first,a.jpg,6-6.5,greenish black
second,,7,white
third,nowhere.jpg,7,
fourth,shelf/B.JPG,soft,
fifth,a.jpg|b.jpg,,white
"""


def start(client: TestClient, files: list[tuple[str, Any]], **given: str) -> dict[str, Any]:
    response = client.post("/api/batch", files=files, data=given)
    assert response.status_code == 202, response.text
    begun: dict[str, Any] = response.json()
    return begun


def finished(client: TestClient, batch: str) -> dict[str, Any]:
    """Progress once all is answered; checks that it never goes back and pieces fit together."""
    end, done, rows = time.monotonic() + 60, 0, []
    while True:
        found: dict[str, Any] = client.get(f"/api/batch/{batch}?from={len(rows)}").json()
        assert found["done"] >= done and found["from"] == len(rows)
        done = found["done"]
        rows += found["rows"]
        if found["state"] != "running" and len(rows) == done:
            whole: dict[str, Any] = client.get(f"/api/batch/{batch}").json()
            assert whole["rows"] == rows
            return whole
        assert time.monotonic() < end
        time.sleep(0.02)


def photos(draw: Draw, **named: int) -> list[tuple[str, Any]]:
    return [("photos", (f"{name}.jpg", draw(seed))) for name, seed in named.items()]


def table(text: str, name: str = "stones.csv") -> tuple[str, Any]:
    return ("table", (name, text.encode()))


def test_a_table_and_photographs(client: TestClient, draw: Draw) -> None:
    files = [*photos(draw, a=1, b=2, c=3), ("photos", ("notes.txt", b"words")), table(TABLE)]
    begun = start(client, files)
    assert begun["total"] == 7
    assert begun["notes"] == ["photographs that no row names, each a stone of its own: 2"]
    found = finished(client, begun["id"])
    assert (found["state"], found["done"], found["total"]) == ("done", 7, 7)
    rows = found["rows"]
    assert [row["row"] for row in rows] == [1, 2, 3, 4, 5, 6, 7]
    assert [row["photos"] for row in rows] == [
        ["a.jpg"], [], ["nowhere.jpg"], ["shelf/B.JPG"], ["a.jpg", "b.jpg"], ["c.jpg"], ["notes.txt"],
    ]  # fmt: skip
    errors = [row["error"] for row in rows]
    assert errors[0] is errors[1] is errors[4] is errors[5] is None
    assert errors[2] == (
        "photograph nowhere.jpg: it was not sent; allowed: names of the photographs sent"
    )
    assert errors[3].startswith("hardness 'soft' is not understood")
    assert errors[6].startswith("photograph notes.txt: it is a text file")
    assert rows[1]["carried"] == {"name": "second"}
    assert [row["token"] is not None for row in rows] == [
        True,
        False,
        False,
        False,
        True,
        True,
        False,
    ]


def test_the_photograph_of_a_row_that_cannot_be_used_is_no_stone_of_its_own(
    client: TestClient, draw: Draw
) -> None:
    begun = start(client, [*photos(draw, a=1, b=2), table("photo,hardness\na.jpg,soft\n")])
    assert begun["notes"] == ["photographs that no row names, each a stone of its own: 1"]
    rows = finished(client, begun["id"])["rows"]
    assert [row["photos"] for row in rows] == [["a.jpg"], ["b.jpg"]]
    assert [row["error"] is None for row in rows] == [False, True]


def test_answers_are_those_of_single_stones(client: TestClient, draw: Draw) -> None:
    begun = start(client, photos(draw, a=1, b=2, c=3, d=4), top="2", confidence="80%")
    for row in finished(client, begun["id"])["rows"]:
        seed = "abcd".index(row["photos"][0][0]) + 1
        alone = client.post(
            "/api/identify",
            files=[("photos", (row["photos"][0], draw(seed)))],
            data={"top": "2", "confidence": "0.8"},
        ).json()
        assert alike({**alone, "row": row["row"], "token": row["token"]}, row)


def test_the_table_written_is_that_of_the_command_line(
    client: TestClient, tiny: Identifier, tmp_path: Path
) -> None:
    text = "name;Hardness;Streak;note\nfirst;6-6.5;white;=1+1\nsecond;soft;;\n\nthird;;none;x\n"
    (tmp_path / "stones.csv").write_text(text, encoding="utf-8")
    answer_table(tiny, tmp_path / "stones.csv", tmp_path / "out.csv")
    begun = start(client, [table(text)])
    finished(client, begun["id"])
    response = client.get(f"/api/batch/{begun['id']}/csv")
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == 'attachment; filename="minerals.csv"'
    assert response.text == (tmp_path / "out.csv").read_text(encoding="utf-8")


def test_a_row_is_corrected(client: TestClient, draw: Draw) -> None:
    begun = start(client, [*photos(draw, a=1), table("photo,hardness,shelf\na.jpg,2,7\n,soft,8\n")])
    batch = begun["id"]
    first, second = finished(client, batch)["rows"]
    response = client.post(f"/api/batch/{batch}/rows/1", data={"hardness": "7", "streak": "white"})
    corrected = response.json()
    assert [r["given"] for r in corrected["readings"]] == ["7", "white"]
    assert corrected["photos"] == ["a.jpg"] and corrected["carried"] == {"shelf": "7"}
    assert corrected["token"] == first["token"]
    assert corrected["candidates"] != first["candidates"]
    mended = client.post(f"/api/batch/{batch}/rows/2", data={"hardness": "7"}).json()
    assert second["error"] and mended["error"] is None and mended["carried"] == {"shelf": "8"}
    assert finished(client, batch)["rows"] == [corrected, mended]
    rows = list(csv.DictReader(io.StringIO(client.get(f"/api/batch/{batch}/csv").text)))
    assert [row["readings"] for row in rows] == ["hardness=7|streak=white", "hardness=7"]
    # The token of a row is as good as that of a stone.
    single = client.post("/api/identify", data={"token": first["token"], "acid": "none"})
    assert single.status_code == 200 and single.json()["photos"] == ["a.jpg"]
    name = first["candidates"][0]["name"]
    picture = client.get("/api/heatmap", params={"token": first["token"], "mineral": name})
    assert picture.headers["content-type"] == "image/png"


def refusal(response: Any, status: int, kind: str, field: str | None) -> str:
    body = response.json()
    assert (response.status_code, body["type"], body["field"]) == (
        status,
        f"/problems/{kind}",
        field,
    ), response.text
    detail: str = body["detail"]
    return detail


def test_what_cannot_be_begun(client: TestClient, draw: Draw) -> None:
    def sent(*files: tuple[str, Any], **given: str) -> Any:
        return client.post("/api/batch", files=list(files) or None, data=given)

    assert "allowed: photos, a table, or both" in refusal(sent(), 422, "nothing-given", "photos")
    empty = refusal(sent(table("")), 422, "bad-table", "table")
    assert empty == "table stones.csv: it is empty; its first line must name the columns"
    assert "no column is known" in refusal(sent(table("a,b\n1,2\n")), 422, "bad-table", "table")
    for content, what in (
        (b"\xff\xfeh\0", "it is in UTF-16"),
        (b"hardness\n\xe9\n", "it is not UTF-8 but Latin-1"),
        (draw(1), "it is a JPEG picture, no table"),
        (b'hardness\n"7\n', "a quotation mark is opened and never closed"),
    ):
        detail = refusal(sent(("table", ("t.csv", content))), 422, "bad-table", "table")
        assert what in detail
    two = [("photos", ("a.jpg", draw(1)))] * 2
    assert "two photographs are named 'a.jpg'" in refusal(sent(*two), 422, "bad-field", "photos")
    refusal(sent(table("hardness\n")), 422, "nothing-given", "photos")
    refusal(sent(table("hardness\n7\n"), top="0"), 422, "bad-reading", "top")
    refusal(sent(table("hardness\n7\n"), hardness="7"), 422, "bad-field", "hardness")
    refusal(sent(table("hardness\n7\n"), table("hardness\n7\n")), 413, "too-large", "table")


def test_limits_of_a_list(tiny: Identifier, make_client: MakeClient, draw: Draw) -> None:
    limits = {"batch_photos": 2, "batch_rows": 3, "table_bytes": 60, "batch_bytes": 30_000}
    with make_client(tiny, decode_workers=1, **limits) as client:
        rows = client.post("/api/batch", files=[table("acid\n" + "none\n" * 4)])
        assert "the table has 4 rows; allowed: up to 3" in refusal(rows, 413, "too-large", "table")
        wide = client.post("/api/batch", files=[table("acid,note\nnone," + "x" * 60)])
        assert "over 60 bytes" in refusal(wide, 413, "too-large", "table")
        many = client.post("/api/batch", files=photos(draw, a=1, b=2, c=3))
        assert "more than 2 files" in refusal(many, 413, "too-large", "photos")
        large = client.post("/api/batch", files=[("photos", ("a.jpg", bytes(40_000)))])
        assert "the request declares" in refusal(large, 413, "too-large", "body")


def test_unknown_lists_and_rows(client: TestClient) -> None:
    for method, path in (
        ("GET", "/api/batch/none"),
        ("GET", "/api/batch/none/csv"),
        ("DELETE", "/api/batch/none"),
        ("POST", "/api/batch/none/rows/1"),
    ):
        refusal(client.request(method, path), 404, "unknown-batch", "id")
    batch = start(client, [table("hardness\n7\n")])["id"]
    finished(client, batch)
    for row in (2, 99):
        answer = client.post(f"/api/batch/{batch}/rows/{row}", data={"hardness": "7"})
        assert "allowed: 1 to 1" in refusal(answer, 422, "bad-parameter", "row")
    for row in ("0", "-1", "x"):
        answer = client.post(f"/api/batch/{batch}/rows/{row}", data={"hardness": "7"})
        refusal(answer, 422, "bad-parameter", "row")
    nothing = client.post(f"/api/batch/{batch}/rows/1", data={"hardness": ""})
    refusal(nothing, 422, "bad-reading", "readings")
    assert client.get(f"/api/batch/{batch}?from=-1").status_code == 422
    assert client.get(f"/api/batch/{batch}?from=5").json()["rows"] == []


def test_a_list_is_stopped_and_forgotten(client: TestClient, draw: Draw) -> None:
    batch = start(client, photos(draw, **{f"s{n}": n for n in range(9)}))["id"]
    assert client.delete(f"/api/batch/{batch}").status_code == 204
    refusal(client.get(f"/api/batch/{batch}"), 404, "unknown-batch", "id")
    services = client.app.state.services  # type: ignore[attr-defined]
    end = time.monotonic() + 10
    while services.batch_admission.held_bytes and time.monotonic() < end:
        client.get("/api/health")
    assert services.batch_admission.held_bytes == services.batch_admission.requests == 0


def test_only_so_many_lists_at_once(tiny: Identifier, make_client: MakeClient) -> None:
    with make_client(tiny, decode_workers=1, batches=2, batch_seconds=1000) as client:
        batches: Batches = client.app.state.services.batches  # type: ignore[attr-defined]
        clock = [0.0]
        batches._clock = lambda: clock[0]
        one, two = (start(client, [table("hardness\n7\n")])["id"] for _ in range(2))
        for batch in (one, two):
            finished(client, batch)
        full = client.post("/api/batch", files=[table("hardness\n7\n")])
        refusal(full, 503, "busy", None)
        assert int(full.headers["retry-after"]) >= 1
        # One that nobody has looked at for a minute makes room.
        clock[0] += 61
        client.get(f"/api/batch/{two}")
        three = start(client, [table("hardness\n7\n")])["id"]
        refusal(client.get(f"/api/batch/{one}"), 404, "unknown-batch", "id")
        finished(client, three)
        clock[0] += 1001
        batches.forget_expired()
        assert len(batches) == 0


def test_one_stones_trouble_is_not_the_lists(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, draw: Draw
) -> None:
    services = client.app.state.services  # type: ignore[attr-defined]
    score = services.batches._score

    async def failing(uploads: Any) -> Any:
        if uploads[0].name == "b.jpg":
            raise RuntimeError("secret words")
        return await score(uploads)

    monkeypatch.setattr(services.batches, "_score", failing)
    rows = finished(client, start(client, photos(draw, a=1, b=2, c=3))["id"])["rows"]
    assert [row["error"] for row in rows] == [None, "something went wrong in the server", None]


def test_a_table_never_reads_the_servers_files(client: TestClient, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"\x89PNG")
    text = f"photo,hardness\n{secret},7\n../../../../etc/passwd,7\n"
    rows = finished(client, start(client, [table(text)])["id"])["rows"]
    assert [row["error"].split(": ")[1] for row in rows] == [
        "it was not sent; allowed"] * 2  # fmt: skip
    assert json.dumps(rows).count("root:") == 0

"""The server as a process: hostile requests, what stays of them, and its end."""

from __future__ import annotations

import contextlib
import errno
import http.client
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from web_cases import Draw, Serve, wait_until

pytest.importorskip("fastapi", reason="needs the extra web")
pytest.importorskip("httpx2", reason="the web app's test client is not installed")

from mineralid.identify import Identifier
from mineralid.web.app import create_app
from mineralid.web.connections import GuardedConnection

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
COMMAND = "import sys; from mineralid.cli.main import main; sys.argv[0] = 'mineralid'; main()"
MEBIBYTE = 1 << 20


class Served:
    """`mineralid serve` as a process of its own. printed: all that it wrote, once it has ended."""

    def __init__(self, bundle: Path, folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, "serve", "--port", "0", "--bundle", str(bundle)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=folder,
            env={**os.environ, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"},
        )
        assert self.process.stdout is not None
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        wait_until(lambda: self._lines, 60)
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", self._lines[0])
        assert found is not None, self._lines
        self.port = int(found[1])
        wait_until(self.answers, 60)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.append(line)

    @property
    def printed(self) -> str:
        self._reader.join(30)
        return "".join(self._lines)

    def answers(self) -> bool:
        try:
            return self.get("/api/health")[0] == 200
        except OSError:
            return False

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)

    def get(self, path: str) -> tuple[int, bytes]:
        connection = self.connection()
        with contextlib.closing(connection):
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()

    def send(self, *photos: tuple[str, bytes]) -> tuple[int, dict[str, Any]]:
        connection = self.connection()
        with contextlib.closing(connection):
            body = b"".join(part(name, content) for name, content in photos) + b"--x--\r\n"
            connection.request("POST", "/api/identify", body, FORM)
            response = connection.getresponse()
            return response.status, json.loads(response.read())

    def raw(self, content: bytes, *, ends: bool = True) -> bytes:
        """Return what came back, up to a reset: what a server leaves unread resets its connection."""
        answer = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as plain:
            try:
                plain.sendall(content)
                if ends:
                    plain.shutdown(socket.SHUT_WR)
                while piece := plain.recv(65_536):
                    answer += piece
            except OSError as error:  # a time-out among them, which is none of these
                if error.errno not in (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN):
                    raise
        return answer

    def clean_up(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(30)
        self.process.stdout.close()  # type: ignore[union-attr]

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(90)


FORM = {"Content-Type": "multipart/form-data; boundary=x"}


def part(name: str, content: bytes) -> bytes:
    head = f'--x\r\nContent-Disposition: form-data; name="photos"; filename="{name}"\r\n\r\n'
    return head.encode() + content + b"\r\n"


@pytest.fixture(scope="module")
def served(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One for the tests that leave it alive."""
    made = Served(tiny_bundle, tmp_path_factory.mktemp("served"))
    yield made
    made.clean_up()


@pytest.fixture
def own(tiny_bundle: Path, tmp_path: Path) -> Iterator[Served]:
    """One for the tests that end it; its folder is empty."""
    made = Served(tiny_bundle, tmp_path)
    yield made
    made.clean_up()


def peak_bytes(process: int) -> int:
    """The most memory that a process and its children have had, together."""
    total = 0
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            total = int(line.split()[1]) * 1024
    for task in Path(f"/proc/{process}/task").iterdir():
        for child in (task / "children").read_text().split():
            with contextlib.suppress(FileNotFoundError):
                total += peak_bytes(int(child))
    return total


def bomb(form: str, size: tuple[int, int], mode: str = "RGB", **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, size).save(stream, form, **options)
    return stream.getvalue()


@POSIX
@LINUX
def test_bombs_leave_the_server_alive_and_its_memory_bounded(served: Served, draw: Draw) -> None:
    assert served.send(("a.jpg", draw(1)))[0] == 200
    before = peak_bytes(served.process.pid)
    bombs = [
        ("declared.png", bomb("PNG", (60_000, 60_000), "1")),  # 3,600 megapixels in 450 kB
        ("wide.png", bomb("PNG", (30_000, 4_900), "1")),  # just allowed: 147 megapixels
        ("passes.jpg", bomb("JPEG", (9_000, 9_000), "L", progressive=True)),
        ("many.gif", bomb("GIF", (12_000, 12_000), "P")),
        ("deep.tif", bomb("TIFF", (11_000, 11_000), "RGB", compression="tiff_lzw")),
    ]
    assert max(len(content) for _, content in bombs) < 4 * MEBIBYTE
    statuses = []
    sending = [
        threading.Thread(target=lambda each=each: statuses.append(served.send(each)[0]))
        for each in bombs
    ]
    for thread in sending:
        thread.start()
    # Others are answered meanwhile.
    assert served.get("/api/health")[0] == 200
    for thread in sending:
        thread.join()
    assert set(statuses) <= {200, 413, 415}
    assert served.send(("declared.png", bombs[0][1]))[0] == 413
    assert served.send(("b.jpg", draw(2)))[0] == 200
    # Two processes that decode, each with a gibibyte at most.
    assert peak_bytes(served.process.pid) - before < 2.2 * 1024 * MEBIBYTE
    own = Path(f"/proc/{served.process.pid}/status").read_text()
    resident = int(re.search(r"VmRSS:\s+(\d+)", own)[1]) * 1024  # type: ignore[index]
    assert resident < 600 * MEBIBYTE


@LINUX
def test_uploads_that_are_too_large_take_no_memory(served: Served) -> None:
    """A request of a gigabyte is refused at its head; one that hides its length, where it is too much."""
    before = peak_bytes(served.process.pid)
    connection = served.connection()
    with contextlib.closing(connection):
        connection.putrequest("POST", "/api/identify")
        connection.putheader("Content-Type", FORM["Content-Type"])
        connection.putheader("Content-Length", str(1 << 30))
        connection.endheaders()
        with contextlib.suppress(OSError):
            for _ in range(20):
                connection.send(bytes(1 << 16))
        response = connection.getresponse()
        assert response.status == 413
        assert "the request declares 1,073.7 MB" in json.loads(response.read())["detail"]
    connection = served.connection()
    with contextlib.closing(connection):
        connection.putrequest("POST", "/api/identify")
        connection.putheader("Content-Type", FORM["Content-Type"])
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        head = part("a.jpg", b"")[:-2]
        piece = b"10000\r\n" + bytes(1 << 16) + b"\r\n"
        connection.send(f"{len(head):x}\r\n".encode() + head + b"\r\n")
        with contextlib.suppress(OSError):
            for _ in range(3000):  # 197 MB, were they taken
                connection.send(piece)
        response = connection.getresponse()
        assert response.status == 413
        assert json.loads(response.read())["field"] == "photos"
    assert peak_bytes(served.process.pid) - before < 200 * MEBIBYTE
    assert served.answers()


@pytest.mark.parametrize(
    "content",
    [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /api/identify HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
        b"POST /api/identify HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 9\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST /api/identify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=lambda content: repr(content[:30]),
)
def test_what_is_no_http_is_answered_400(served: Served, content: bytes) -> None:
    answer = served.raw(content, ends=False)  # who hangs up at once may get no answer
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer
    assert served.answers()


@pytest.mark.parametrize(
    "content",
    [
        b"GET / HTTP/9.9\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 10_000_000,
    ],
    ids=["version", "long head", "endless head"],
)
def test_an_odd_head_is_answered_or_refused(served: Served, content: bytes) -> None:
    """How much of a long head the server sees at once decides; an endless one is never kept."""
    answer = served.raw(content, ends=False)
    assert answer[:13] in (b"HTTP/1.1 200 ", b"HTTP/1.1 400 ", b"")
    if len(content) > 1_000_000:  # the reset may overtake the answer
        assert answer[:13] != b"HTTP/1.1 200 "
    assert served.answers()


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/../../version.py",
        "/static/%2e%2e/%2e%2e/version.py",
        "/static/..%2f..%2fversion.py",
        "//static/../app.py",
        "/static//etc/passwd",
        "/static/%00",
        "/../../../../etc/passwd",
        "/api/minerals/..%2f..%2f..%2fetc%2fpasswd",
        "/api/batch/..%2f..%2fetc/csv",
    ],
)
def test_paths_lead_nowhere_else(served: Served, path: str) -> None:
    asked = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = served.raw(asked.encode(), ends=False)
    assert answer.startswith(b"HTTP/1.1 404 ") or answer.startswith(b"HTTP/1.1 405 ")
    assert b"__version__" not in answer and b"root:" not in answer


@POSIX
def test_nothing_of_an_upload_is_written_or_told(own: Served, draw: Draw) -> None:
    served, tmp_path = own, own.folder
    large = draw(3, size=1200, form="BMP")  # beyond what others keep in memory
    status, answer = served.send(("private-name.bmp", large), ("other-name.jpg", draw(4)))
    assert status == 200
    assert served.send(("private-name.jpg", b"not a picture"))[0] == 415
    assert served.get(f"/api/heatmap?token={answer['token']}&mineral=Pyrite")[0] == 200
    assert b"400" in served.raw(b"nonsense\r\n\r\n")
    assert list(tmp_path.iterdir()) == []
    if sys.platform == "linux":
        open_files = [
            str(link.readlink())
            for link in Path(f"/proc/{served.process.pid}/fd").iterdir()
            if link.is_symlink()
        ]
        assert not any(name.startswith(("/tmp", str(tmp_path))) for name in open_files)
    assert served.end() == 0
    for secret in ("private-name", "other-name", answer["token"], "api/"):
        assert secret not in served.printed
    assert len(served.printed.splitlines()) <= 3
    assert list(tmp_path.iterdir()) == []


@POSIX
@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_the_end_waits_for_what_was_accepted(
    own: Served, draw: Draw, signal_number: signal.Signals
) -> None:
    served = own
    body = part("a.jpg", draw(1)) + b"--x--\r\n"
    uploading = served.connection()
    uploading.putrequest("POST", "/api/identify")
    uploading.putheader("Content-Type", FORM["Content-Type"])
    uploading.putheader("Content-Length", str(len(body)))
    uploading.endheaders()
    uploading.send(body[:500])
    time.sleep(0.3)  # the server has begun to read
    served.process.send_signal(signal_number)
    wait_until(lambda: not served.answers())  # nothing new is accepted
    assert served.process.poll() is None
    uploading.send(body[500:])
    response = uploading.getresponse()
    assert response.status == 200
    assert json.loads(response.read())["photos"] == ["a.jpg"]
    uploading.close()
    assert served.process.wait(60) in (0, -signal_number)
    assert "finishing 1 requests" in served.printed


@POSIX
@LINUX
def test_no_process_stays_behind(own: Served, draw: Draw) -> None:
    served = own
    assert served.send(("a.jpg", draw(1)))[0] == 200
    children = [
        int(child)
        for task in Path(f"/proc/{served.process.pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
    assert children
    served.process.kill()  # not asked, as when the machine runs out of memory
    served.process.wait()

    def left() -> list[int]:
        running = []
        for child in children:
            with contextlib.suppress(OSError):
                if Path(f"/proc/{child}/cmdline").read_bytes():  # none: it has ended
                    running.append(child)
        return running

    wait_until(lambda: not left(), 20)


# --- time, in this process so that the waiting can be short ------------------------------------


def test_a_slow_upload_is_given_up(tiny: Identifier, serve: Serve, draw: Draw) -> None:
    app = create_app(tiny, decode_workers=1, upload_seconds=1.0)
    body = part("a.jpg", draw(1)) + b"--x--\r\n"
    with serve(app) as (host, port):
        connection = http.client.HTTPConnection(host, port, timeout=60)
        connection.putrequest("POST", "/api/identify")
        connection.putheader("Content-Type", FORM["Content-Type"])
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders()
        start = time.monotonic()
        for at in range(0, 12):
            with contextlib.suppress(OSError):
                connection.send(body[at * 40 : at * 40 + 40])
            time.sleep(0.1)
        response = connection.getresponse()
        answer = json.loads(response.read())
        assert (response.status, answer["field"]) == (408, "photos")
        assert time.monotonic() - start < 20
        connection.close()
        assert app.state.services.admission.requests == 0
        good = http.client.HTTPConnection(host, port, timeout=60)
        good.request("POST", "/api/identify", body, FORM)
        assert good.getresponse().status == 200
        good.close()


def test_a_connection_that_says_nothing_is_closed(
    tiny: Identifier, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GuardedConnection, "head_seconds", 0.3)
    with serve(create_app(tiny, decode_workers=1)) as (host, port):
        for said in (b"", b"GET / HTT", b"GET / HTTP/1.1\r\nHost: x\r\n"):
            with socket.create_connection((host, port), timeout=30) as silent:
                silent.sendall(said)
                with contextlib.suppress(ConnectionResetError):
                    assert silent.recv(100) == b""
        # Between two requests of one connection as well.
        with socket.create_connection((host, port), timeout=30) as kept:
            kept.sendall(b"GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert kept.recv(100).startswith(b"HTTP/1.1 200")
            kept.sendall(b"GET /api/hea")
            with contextlib.suppress(ConnectionResetError):
                while kept.recv(65_536):
                    pass


def test_a_client_that_does_not_read_is_let_go(
    tiny: Identifier, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GuardedConnection, "read_seconds", 0.3)
    app = create_app(tiny, decode_workers=1)
    with serve(app) as (host, port), socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect((host, port))
        ask = b"GET /api/minerals?limit=5000 HTTP/1.1\r\nHost: x\r\n\r\n"
        with contextlib.suppress(OSError):
            for _ in range(400):
                deaf.sendall(ask)
                time.sleep(0.01)
            raise AssertionError("the server went on")


def test_only_so_many_connections(
    tiny: Identifier, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GuardedConnection, "most_connections", 3)
    with serve(create_app(tiny, decode_workers=1)) as (host, port):
        with contextlib.ExitStack() as opened:
            for _ in range(3):
                opened.enter_context(socket.create_connection((host, port), timeout=30))
            time.sleep(0.2)
            extra = opened.enter_context(socket.create_connection((host, port), timeout=30))
            answer = b"".join(iter(lambda: extra.recv(65_536), b""))
            assert answer.startswith(b"HTTP/1.1 503 ") and b"Retry-After: 5" in answer
            assert b"application/problem+json" in answer

        def works() -> bool:
            connection = http.client.HTTPConnection(host, port, timeout=30)
            with contextlib.closing(connection):
                connection.request("GET", "/api/health")
                return connection.getresponse().status == 200

        wait_until(works)

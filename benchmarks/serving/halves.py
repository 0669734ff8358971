"""The two halves: the server under load, and the bare session beside the same load."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measuring.processes import mineralid_command
from measuring.throughput import BareSession, Batch

from serving.client import Connection, form_request, photo_request
from serving.generator import Load

BENCHMARKS = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Rerank:
    """Milliseconds of each identification with three readings: the photograph sent, or its token."""

    whole_ms: list[float]
    token_ms: list[float]


@contextmanager
def server() -> Iterator[int]:
    """`mineralid serve` on a free port; ends it and checks that it ended well."""
    command = [mineralid_command(), "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            found = re.search(r":(\d+)/", process.stdout.readline())
            if found is None:
                raise SystemExit("mineralid serve did not start")
            port = int(found[1])
            asyncio.run(_ready(port))
            yield port
        finally:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()
    if process.returncode:
        raise SystemExit(f"mineralid serve ended with {process.returncode}")


async def _ready(port: int) -> None:
    for _ in range(600):
        try:
            connection = await Connection.open(port)
        except OSError:
            await asyncio.sleep(0.1)
            continue
        with contextlib.suppress(OSError):
            await connection.ask(b"GET /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            connection.close()
            return
    raise SystemExit("mineralid serve does not answer")


def answers_alone(port: int, paths: list[Path]) -> list[dict[str, Any]]:
    """The answer to each photograph, asked one after the other."""

    async def ask() -> list[dict[str, Any]]:
        connection = await Connection.open(port)
        found = []
        for path in paths:
            status, body = await connection.ask(photo_request(path))
            if status != 200:
                raise SystemExit(f"{path}: {status} {body.decode()}")
            found.append(json.loads(body))
        connection.close()
        return found

    return asyncio.run(ask())


def rerank(port: int, paths: list[Path], readings: list[dict[str, str]]) -> Rerank:
    """Time identifications with readings, by photograph and by token in turn, one at a time."""

    async def ask() -> Rerank:
        connection = await Connection.open(port)
        found = Rerank([], [])
        for path, given in zip(paths, readings, strict=False):
            start = time.perf_counter()
            _, body = await connection.ask(photo_request(path, given))
            found.whole_ms.append((time.perf_counter() - start) * 1000)
            token = json.loads(body)["token"]
            again = form_request({}, {"token": token, **given})
            start = time.perf_counter()
            status, body = await connection.ask(again)
            found.token_ms.append((time.perf_counter() - start) * 1000)
            if status != 200:
                raise SystemExit(f"{path}: {status} {body.decode()}")
        connection.close()
        return found

    return asyncio.run(ask())


def under_load(plan: Path, clients: int, seconds: float, port: int) -> Load:
    """Let the clients ask the server for some seconds."""
    with _generator(plan, clients, seconds, "--port", str(port)) as process:
        return _met(process)


def bare_beside_load(
    session: BareSession,
    arrays: Batch,
    batch: int,
    plan: Path,
    clients: int,
    seconds: float,
    pace: float,
) -> tuple[float, Load]:
    """Photographs a second of the bare session while the clients ask themselves at that pace."""
    with _generator(plan, clients, seconds + 2, "--pace", str(pace)) as process:
        met: list[Load] = []
        reader = threading.Thread(target=lambda: met.append(_met(process)))
        reader.start()
        time.sleep(1)  # until it has begun
        rates, counts = 0.0, 0
        start = time.perf_counter()
        while time.perf_counter() - start < seconds:
            session.rate(arrays, batch)
            counts += len(arrays)
        rates = counts / (time.perf_counter() - start)
        reader.join()
    return rates, met[0]


@contextmanager
def _generator(
    plan: Path, clients: int, seconds: float, *more: str
) -> Iterator[subprocess.Popen[str]]:
    path = os.pathsep.join(filter(None, (str(BENCHMARKS), os.environ.get("PYTHONPATH"))))
    command = [
        *(sys.executable, "-m", "serving.generator", str(plan)),
        *("--clients", str(clients), "--seconds", str(seconds), *more),
    ]
    environment = {**os.environ, "PYTHONPATH": path}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        yield process


def _met(process: subprocess.Popen[str]) -> Load:
    printed, _ = process.communicate()
    if process.returncode:
        raise SystemExit("the load generator failed")
    return Load(**json.loads(printed))

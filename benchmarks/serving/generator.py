"""The load: a process of its own with as many clients, against the server or against itself.

Against itself it sends the same bytes at a given pace to a canned answer within this process: what
the load costs the machine is then there too while the bare session is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from serving.client import Connection, photo_request

TOLERANCE = 1e-3  # of a probability: a call with another picture in it changes the last digits


@dataclass
class Load:
    """What the clients met. seconds: how long; latencies_ms: of each answer; cpu_seconds: of this
    process."""

    seconds: float = 0.0
    answered: int = 0
    errors: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)
    cpu_seconds: float = 0.0


@dataclass(frozen=True)
class Expected:
    """The answer to one photograph when nothing else is asked."""

    name: str
    candidates: list[tuple[str, float]]

    def differs(self, answer: dict[str, Any]) -> str | None:
        """What is wrong with an answer, or None."""
        if answer["photos"] != [self.name]:
            return f"{self.name}: the answer is of {answer['photos']}"
        given = {c["name"]: c["probability"] for c in answer["candidates"]}
        for name, probability in self.candidates[:5]:
            if abs(given.get(name, -1.0) - probability) > TOLERANCE:
                return f"{self.name}: {name} {given.get(name)} in the place of {probability:.4f}"
        return None


def expected_of(name: str, answer: dict[str, Any]) -> Expected:
    """What is expected of this photograph from now on."""
    pairs = [(c["name"], c["probability"]) for c in answer["candidates"]]
    return Expected(name, pairs)


async def load(
    port: int,
    paths: list[Path],
    clients: int,
    seconds: float,
    pace: float | None,
    expected: dict[str, Expected],
) -> Load:
    """Ask with all clients at once for some seconds. pace: answers a second in all; None: as they come."""
    requests = [photo_request(path) for path in paths]
    load = Load()
    start = time.perf_counter()
    cpu = _cpu()

    async def client(number: int) -> None:
        connection = await Connection.open(port)
        turn, slot = number, start + (number / pace if pace else 0.0)
        while True:
            if pace:
                await asyncio.sleep(slot - time.perf_counter())
                slot = max(slot + clients / pace, time.perf_counter() - 0.1)
            began = time.perf_counter()
            if began - start > seconds:
                break
            index = turn % len(paths)
            turn += clients + 1  # another neighbour each time
            try:
                status, body = await connection.ask(requests[index])
            except OSError as error:
                load.errors.append(str(error))
                connection = await Connection.open(port)
                continue
            load.latencies_ms.append((time.perf_counter() - began) * 1000)
            answer = json.loads(body)
            if status != 200:
                load.errors.append(f"{status}: {answer.get('detail')}")
                continue
            load.answered += 1
            if expected:
                problem = expected[paths[index].name].differs(answer)
                if problem is not None:
                    load.wrong.append(problem)
        connection.close()

    await asyncio.gather(*(client(number) for number in range(clients)))
    load.seconds = time.perf_counter() - start
    load.cpu_seconds = _cpu() - cpu
    return load


class Canned(asyncio.Protocol):
    """Answers any request of the benchmark with the same bytes."""

    answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with nothing."""
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._left, self._head = transport, 0, bytearray()

    def data_received(self, data: bytes) -> None:
        """Count the bytes of a request, then answer."""
        if not self._left:
            self._head += data
            head, found, body = bytes(self._head).partition(b"\r\n\r\n")
            if not found:
                return
            self._head.clear()
            self._left = int(head.rpartition(b"Content-Length: ")[2]) - len(body)
        else:
            self._left -= len(data)
        if self._left <= 0:
            self._left = 0
            self._transport.write(self.answer)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def _run(given: argparse.Namespace) -> Load:
    plan = json.loads(given.plan.read_text(encoding="utf-8"))
    paths = [Path(path) for path in plan["photos"]]
    expected = {name: Expected(name, pairs) for name, pairs in plan["expected"].items()}
    if given.port:
        return await load(given.port, paths, given.clients, given.seconds, None, expected)
    body = json.dumps(plan["canned"]).encode()
    Canned.answer = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    server = await asyncio.get_running_loop().create_server(Canned, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    found = await load(port, paths, given.clients, given.seconds, given.pace, {})
    server.close()
    return found


def main() -> None:
    """Read a plan, make the load, print what was met as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("plan", type=Path)
    parser.add_argument("--port", type=int, default=0, help="0: against itself")
    parser.add_argument("--clients", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--pace", type=float)
    print(json.dumps(asdict(asyncio.run(_run(parser.parse_args())))))


if __name__ == "__main__":
    main()

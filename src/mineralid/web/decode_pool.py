"""Decode photographs in a few processes, each with a bound on its time and memory.

A photograph that needs too much of either, or breaks its decoder, costs one process, which is
replaced: no other request notices. docs/decisions says why these are not threads.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from io import FileIO
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from mineralid.vision import ImageSpec
from mineralid.web.decode_child import ANSWER, DECODED, LENGTH

_PIPE_BYTES = 1 << 20  # holds a prepared picture, so that neither side waits for the other
_WATCH_SECONDS = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """A prepared picture float32 [3, H, W] and a small JPEG of the photograph."""

    array: NDArray[np.float32]
    picture: bytes


class Refused(Exception):
    """A photograph that was not decoded. too_large: it asks for more than is given to one."""

    def __init__(self, found: str, allowed: str, too_large: bool) -> None:
        super().__init__(found, allowed)
        self.found, self.allowed, self.too_large = found, allowed, too_large


class DecodePool:
    """`workers` processes. seconds, more_bytes: what one photograph may take of each."""

    def __init__(self, spec: ImageSpec, workers: int, seconds: float, more_bytes: int) -> None:
        self._spec, self._seconds, self._more_bytes = spec, seconds, more_bytes
        self._jobs: queue.SimpleQueue[tuple[bytearray, Future[Decoded]] | None] = (
            queue.SimpleQueue()
        )
        self._children: list[_Child | None] = [None] * workers
        self._closed = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, args=(place,), name=f"decode-{place}", daemon=True)
            for place in range(workers)
        ]
        self._threads.append(threading.Thread(target=self._watch, name="decode-watch", daemon=True))
        for thread in self._threads:
            thread.start()

    def submit(self, content: bytearray) -> Future[Decoded]:
        """Decode the bytes of a file: Decoded, or Refused as the future's exception."""
        future: Future[Decoded] = Future()
        self._jobs.put((content, future))
        return future

    @property
    def processes(self) -> list[int]:
        """Ids of the processes that run."""
        return [child.process.pid for child in self._children if child is not None]

    def close(self) -> None:
        """Finish what was submitted, then end the processes."""
        for _ in self._children:
            self._jobs.put(None)
        for thread in self._threads[:-1]:
            thread.join()
        self._closed.set()
        self._threads[-1].join()

    def _work(self, place: int) -> None:
        # Ready before the first photograph comes; a machine that cannot is met there again.
        with contextlib.suppress(OSError):
            self._child(place)
        while (job := self._jobs.get()) is not None:
            content, future = job
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(self._decode(place, content))
            except BaseException as error:  # handed to whoever waits
                future.set_exception(error)
            del job, content, future  # nothing here keeps the upload
            with contextlib.suppress(OSError):  # in the place of one that broke, ahead of need
                self._child(place)
        child = self._children[place]
        if child is not None:
            child.end()
            self._children[place] = None

    def _child(self, place: int) -> _Child:
        child = self._children[place]
        if child is None:
            child = self._children[place] = _Child(self._spec, self._more_bytes)
        return child

    def _decode(self, place: int, content: bytearray) -> Decoded:
        child = self._child(place)
        child.deadline = time.monotonic() + self._seconds
        try:
            return child.decode(content)
        except (OSError, EOFError):
            slow = child.overdue
            self._children[place] = None
            child.end()
            if slow:
                found = f"it takes over {self._seconds:g} seconds to decode"
                raise Refused(found, "send it smaller, or as a JPEG", True) from None
            raise Refused(
                "the decoder broke down over it", "give a complete picture file", False
            ) from None
        finally:
            child.deadline = None

    def _watch(self) -> None:
        while not self._closed.wait(_WATCH_SECONDS):
            for child in self._children:
                deadline = child.deadline if child is not None else None
                if child is not None and deadline is not None and time.monotonic() > deadline:
                    child.overdue = True
                    child.process.kill()


class _Child:
    """One process and the pipes to it. deadline: of the photograph in work."""

    def __init__(self, spec: ImageSpec, more_bytes: int) -> None:
        self.deadline: float | None = None
        self.overdue = False
        self._shape = (3, spec.height, spec.width)
        # Not in the terminal's group: Ctrl+C is the server's to deal with.
        apart: dict[str, Any] = (
            {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
            if sys.platform == "win32"
            else {"start_new_session": True}
        )
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mineralid.web.decode_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # decoders print parts of what they read
            bufsize=0,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            **apart,
        )
        self._in = cast(FileIO, self.process.stdin)
        self._out = cast(FileIO, self.process.stdout)
        _enlarge(self._in)
        _enlarge(self._out)
        self._send(
            json.dumps({"image": spec.model_dump(mode="json"), "bytes": more_bytes}).encode()
        )

    def decode(self, content: bytes | bytearray) -> Decoded:
        """Send a file, wait for its picture. EOFError or OSError where the process ended."""
        self._send(content)
        kind, array_bytes, rest_bytes = ANSWER.unpack(self._receive(ANSWER.size))
        if kind == DECODED:
            array = np.empty(self._shape, dtype=np.float32)
            self._receive_into(array.data.cast("B"))
            return Decoded(array, bytes(self._receive(rest_bytes)))
        refusal = json.loads(bytes(self._receive(array_bytes + rest_bytes)))
        raise Refused(**refusal)

    def end(self) -> None:
        """Let the process go."""
        for pipe in (self._in, self._out):
            with contextlib.suppress(OSError):
                pipe.close()
        try:
            self.process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _send(self, content: bytes | bytearray) -> None:
        # One message in as few writes as the pipe takes; a write may be partial.
        for part in (LENGTH.pack(len(content)), content):
            view = memoryview(part)
            while view:
                view = view[self._in.write(view) or 0 :]

    def _receive(self, count: int) -> bytearray:
        content = bytearray(count)
        self._receive_into(memoryview(content))
        return content

    def _receive_into(self, view: memoryview) -> None:
        while view:
            got = self._out.readinto(view)
            if not got:
                raise EOFError
            view = view[got:]


def _enlarge(pipe: FileIO) -> None:
    """Let a pipe hold more (Linux); where it cannot, it only takes more turns."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

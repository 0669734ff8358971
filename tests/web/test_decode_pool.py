"""Photographs are decoded in processes: the same pictures, bounds on time and memory, no one else hurt."""

from __future__ import annotations

import io
import os
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from web_cases import Draw

pytest.importorskip("fastapi", reason="needs the extra web")

from mineralid.identify import Identifier
from mineralid.vision import prepare_photo
from mineralid.web.decode_child import SMALL_SIDE
from mineralid.web.decode_pool import Decoded, DecodePool, Refused

MEBIBYTE = 1 << 20
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded and read on Linux")


@pytest.fixture
def pool(tiny: Identifier) -> Iterator[DecodePool]:
    made = DecodePool(tiny.bundle.spec.image, 2, 20.0, 256 * MEBIBYTE)
    yield made
    made.close()


def refused(future: Future[Decoded]) -> Refused:
    with pytest.raises(Refused) as caught:
        future.result(60)
    return caught.value


def packed(image: Image.Image, form: str, **options: Any) -> bytearray:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return bytearray(stream.getvalue())


def test_pictures_are_those_of_the_command_line(
    pool: DecodePool, shipped: Identifier, tiny: Identifier, draw: Draw
) -> None:
    files = [draw(seed, size=size, form=form) for seed, size, form in (
        (0, 64, "JPEG"), (1, 700, "JPEG"), (2, 331, "PNG"), (3, 200, "WEBP"), (4, 96, "BMP"),
    )]  # fmt: skip
    futures = [pool.submit(bytearray(file)) for file in files]
    for file, future in zip(files, futures, strict=True):
        decoded = future.result(60)
        assert np.array_equal(decoded.array, prepare_photo(file, tiny.bundle.spec.image))
        with Image.open(io.BytesIO(decoded.picture)) as small:
            assert small.format == "JPEG"
            assert max(small.size) <= SMALL_SIDE
    large = DecodePool(shipped.bundle.spec.image, 1, 20.0, 256 * MEBIBYTE)
    decoded = large.submit(bytearray(files[1])).result(60)
    large.close()
    assert np.array_equal(decoded.array, prepare_photo(files[1], shipped.bundle.spec.image))


def test_what_is_no_picture_says_so(pool: DecodePool) -> None:
    error = refused(pool.submit(bytearray(b"words")))
    assert (error.found, error.too_large) == ("it is a text file", False)


def test_a_picture_that_takes_too_long_costs_one_process(tiny: Identifier, draw: Draw) -> None:
    # Hundreds of passes over the whole picture, in a file of few bytes.
    slow = packed(Image.new("L", (10_000, 10_000)), "JPEG", progressive=True)
    pool = DecodePool(tiny.bundle.spec.image, 1, 30.0, 1024 * MEBIBYTE)
    pool.submit(bytearray(draw(0))).result(60)  # it runs
    (before,) = pool.processes
    pool._seconds = 0.05
    error = refused(pool.submit(slow))
    assert error.too_large and "it takes over 0.05 seconds to decode" in error.found
    pool._seconds = 30.0
    assert pool.submit(bytearray(draw(1))).result(60).picture
    assert pool.processes != [before]
    pool.close()
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)


@LINUX
def test_a_picture_that_takes_too_much_memory_is_refused(pool: DecodePool, draw: Draw) -> None:
    wide = packed(Image.new("RGB", (11_000, 11_000)), "PNG")  # 121 megapixels, 484 MB decoded
    assert len(wide) < 2 * MEBIBYTE
    error = refused(pool.submit(wide))
    assert error.too_large and "it needs more memory to decode" in error.found
    assert pool.submit(bytearray(draw(0))).result(60).picture
    for process in pool.processes:
        assert peak_bytes(process) < 400 * MEBIBYTE


def peak_bytes(process: int) -> int:
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_a_process_that_dies_is_replaced_and_only_its_picture_is_lost(
    tiny: Identifier, draw: Draw
) -> None:
    pool = DecodePool(tiny.bundle.spec.image, 1, 20.0, 256 * MEBIBYTE)
    assert pool.submit(bytearray(draw(0))).result(60).picture
    (process,) = pool.processes
    os.kill(process, signal.SIGSTOP)
    lost = pool.submit(bytearray(draw(1)))
    while not lost.running():
        time.sleep(0.001)
    others = [pool.submit(bytearray(draw(seed))) for seed in (2, 3)]
    os.kill(process, signal.SIGKILL)
    error = refused(lost)
    assert "the decoder broke down" in error.found and not error.too_large
    for other in others:
        assert other.result(60).picture
    pool.close()


def test_closing_finishes_what_was_submitted(tiny: Identifier, draw: Draw) -> None:
    pool = DecodePool(tiny.bundle.spec.image, 1, 20.0, 256 * MEBIBYTE)
    futures = [pool.submit(bytearray(draw(seed))) for seed in range(6)]
    pool.close()
    assert all(future.result(0).picture for future in futures)
    assert pool.processes == []


def test_what_nobody_waits_for_is_left_out(pool: DecodePool, draw: Draw) -> None:
    futures = [pool.submit(bytearray(draw(seed))) for seed in range(8)]
    cancelled = [future for future in futures if future.cancel()]
    assert cancelled
    for future in futures:
        if future not in cancelled:
            assert future.result(60).picture

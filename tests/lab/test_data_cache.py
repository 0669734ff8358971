"""The cache: the same arrays again, whatever happened to its files in between."""

from __future__ import annotations

import logging
import multiprocessing
import os
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mineralid.lab.data import cache as cache_module
from mineralid.lab.data.cache import Arrays, Cache, canonical, photographs_key
from mineralid.lab.data.manifest import Manifest, Photograph, read_manifest

KEY = {"what": "feature", "views": 8, "size": [192, 192]}
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def made() -> Arrays:
    """Arrays of several kinds, under names that mean something to numpy or to the cache too."""
    rng = np.random.default_rng(0)
    return {
        "feature": rng.normal(size=(5, 7)).astype(np.float32),
        "file": np.asfortranarray(rng.integers(0, 255, (4, 3), dtype=np.uint8)),
        "key": np.array(3.5),
        "key.npy": np.array([True]),
        "checksum": np.zeros((0, 4), np.float16),
        "names": np.array(["Quartz", "é"]),
    }


def never() -> Arrays:
    raise AssertionError("it is there and need not be made")


def check_same(found: Arrays, expected: Arrays) -> None:
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype and found[name].shape == array.shape
        np.testing.assert_array_equal(found[name], array)


def test_arrays_are_made_once_and_read_back(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "deep" / "cache")
    assert cache.size() == 0 and cache.clear() == 0
    assert not cache.folder.exists()
    check_same(cache.get(KEY, made), made())
    check_same(cache.get(dict(reversed(KEY.items())), never), made())
    assert [p.name for p in cache.folder.iterdir()] == [cache.path(KEY).name]
    assert cache.size() == cache.path(KEY).stat().st_size > 0
    (cache.folder / "notes.txt").write_text("not the cache's")
    assert cache.clear() == 1
    assert cache.size() == 0
    assert [p.name for p in cache.folder.iterdir()] == ["notes.txt"]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    arrays=st.dictionaries(
        st.text(max_size=4),
        hnp.arrays(
            hnp.scalar_dtypes(), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
        ),
        max_size=3,
    )
)
def test_any_arrays_come_back_bit_for_bit(tmp_path: Path, arrays: Arrays) -> None:
    cache = Cache(tmp_path)
    cache.clear()
    for found in (cache.get(KEY, lambda: arrays), cache.get(KEY, never)):
        assert set(found) == set(arrays)
        for name, array in arrays.items():
            assert found[name].dtype == array.dtype and found[name].shape == array.shape
            assert found[name].tobytes() == array.tobytes()


@given(st.dictionaries(st.text(), JSON, max_size=4), st.dictionaries(st.text(), JSON, max_size=4))
def test_the_order_of_names_in_a_key_does_not_matter_and_every_value_does(
    a: dict[str, Any], b: dict[str, Any]
) -> None:
    assert canonical(a) == canonical(dict(reversed(a.items())))
    if a != b:
        assert canonical(a) != canonical(b)


@pytest.mark.parametrize(
    ("key", "error", "sentence"),
    [
        ({"a": Path("x")}, TypeError, "Path is not JSON serializable; allowed: the values"),
        ({"a": [{1: 2}]}, TypeError, "name 1; allowed: text"),
        ({"a": float("nan")}, ValueError, "allowed: finite numbers"),
    ],
)
def test_a_key_that_is_none_is_refused(
    tmp_path: Path, key: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=f"key of a cache entry: .*{sentence}"):
        Cache(tmp_path).get(key, never)


def test_arrays_of_objects_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="array 'a' holds Python objects; allowed: numbers and"):
        Cache(tmp_path).get(KEY, lambda: {"a": np.array([{}])})
    assert Cache(tmp_path).size() == 0


def test_a_damaged_entry_is_made_again_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = Cache(tmp_path)
    cache.get(KEY, made)
    path = cache.path(KEY)
    whole = path.read_bytes()
    draw = random.Random(0)
    noticed = 0
    for _ in range(150):
        data = bytearray(whole)
        if draw.random() < 0.3:
            del data[draw.randrange(len(data)) :]
        else:
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        path.write_bytes(data)
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            check_same(cache.get(KEY, made), made())
        noticed += bool(caplog.records)
        for record in caplog.records:
            assert record.getMessage().startswith(f"cache entry {path} is damaged (")
        if caplog.records:
            assert path.read_bytes() != bytes(data)
    assert noticed > 100


def test_an_entry_under_the_name_of_another_is_not_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = Cache(tmp_path)
    cache.get(KEY, made)
    other = {"what": "another"}
    shutil.copy(cache.path(KEY), cache.path(other))
    check_same(cache.get(other, lambda: {"a": np.ones(2)}), {"a": np.ones(2)})
    assert "it is the entry of another key" in caplog.text


def test_an_interrupted_write_leaves_no_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(tmp_path)

    def interrupted(stream: Any, **arrays: Any) -> None:
        stream.write(b"half of")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", interrupted)
        with pytest.raises(KeyboardInterrupt):
            cache.get(KEY, made)
    assert list(tmp_path.iterdir()) == []
    # One that was killed leaves its part, which is no entry, and which `clear` removes.
    left = tmp_path / f".{cache.path(KEY).stem}.{'0' * 16}.partial"
    left.write_bytes(b"half of")
    check_same(cache.get(KEY, made), made())
    assert cache.size() == cache.path(KEY).stat().st_size + 7
    assert cache.clear() == 2


def test_a_folder_that_cannot_be_made_is_said_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OSError, match="taken"):
        Cache(tmp_path / "taken").get(KEY, never)


def _fill(folder: Path, start: Any) -> None:
    start.wait()
    for number in range(20):
        check_same(Cache(folder).get({"n": number}, made), made())


def test_two_processes_may_write_the_same_entries_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(2)
    processes = [context.Process(target=_fill, args=(tmp_path, start)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert len(list(tmp_path.iterdir())) == 20
    check_same(Cache(tmp_path).get({"n": 0}, never), made())


def test_the_key_of_photographs_is_of_their_bytes_in_order(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(photos, tmp_path / "copy")
    manifest, copied = (
        read_manifest(photos).subset(range(6)),
        read_manifest(folder).subset(range(6)),
    )
    key = photographs_key(manifest)
    assert key == photographs_key(copied)
    assert key != photographs_key(manifest.subset(reversed(range(6))))
    assert key != photographs_key(manifest.subset(range(5)))
    in_memory = Manifest(
        tuple(
            Photograph("x", Path("t.tar!x.jpg"), "Talc", "c", "s", p.path.read_bytes())
            for p in manifest.photographs
        ),
        ("Talc",),
    )
    assert key == photographs_key(in_memory)
    read: list[Path] = []
    read_bytes = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: (read.append(path), read_bytes(path))[1])
    assert photographs_key(copied) == key and read == []
    changed = copied.photographs[2].path
    changed.write_bytes(read_bytes(changed) + b"\0")
    assert photographs_key(copied) != key and read == [changed]
    # Another content of the same size: told by the time of change.
    before = photographs_key(copied)
    changed.write_bytes(read_bytes(changed)[:-1] + b"\1")
    os.utime(changed, ns=(1, 1))
    assert photographs_key(copied) != before
    assert cache_module._HASHED[changed.absolute()][1] == 1

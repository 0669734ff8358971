"""An output that appears only when it is complete, and can be gone on with after an interruption.

Lines go to OUT.partial; OUT.partial.json states what run they belong to.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from mineralid.identify.table_errors import TableError
from mineralid.identify.table_output import LineFormat

# Lines reach the disk's cache at least this often, so that a killed run loses little.
FLUSH_SECONDS = 2.0
BUFFER_BYTES = 1 << 18


class PartialOutput:
    """Where the lines of a run go: a context manager.

    run: what the run's lines follow from (JSON values by name); another run's lines are refused.
    rows_done and failed: the rows kept from an interrupted run, and how many of them failed; rows:
    with those written since. group: rows are kept in multiples of it, because rows of one group
    were computed together. again: gives so many lines after so many rows once more, to see whether
    a partial without its statement belongs to this run.
    """

    def __init__(
        self,
        output: Path,
        lines: LineFormat,
        run: Mapping[str, object],
        *,
        group: int,
        resume: bool,
        again: Callable[[int, int], str],
    ) -> None:
        self.output = output
        self.partial = output.with_name(output.name + ".partial")
        self.stated = output.with_name(output.name + ".partial.json")
        self.lines, self.group = lines, group
        self.run = json.loads(json.dumps(run))
        self.rows_done = self.failed = self.rows = 0
        self._stream: BinaryIO
        self._flush_at = 0.0
        self._resume = resume
        self._again = again

    def __enter__(self) -> PartialOutput:
        if self.output.is_dir():
            raise TableError(f"output {self.output}: it is a folder; give the name of a file")
        if not self.output.parent.is_dir():
            raise TableError(f"output {self.output}: there is no folder {self.output.parent}")
        try:
            if self._resume and self.partial.exists():
                stated = self._check_run()
                self._stream = self.partial.open("r+b", buffering=BUFFER_BYTES)
                try:
                    self._keep_whole_groups(stated)
                except TableError:
                    self._stream.close()
                    raise
                if not stated:
                    self._state()
            else:
                # In this order no partial ever stands beside another run's statement.
                self.partial.unlink(missing_ok=True)
                self._state()
                self._stream = self.partial.open("wb", buffering=BUFFER_BYTES)
                self._stream.write(self.lines.header.encode())
        except OSError as error:
            raise TableError(
                f"output {self.output}: {self.partial.name} cannot be written ({error.strerror})"
            ) from error
        self.rows = self.rows_done
        return self

    def write(self, line: str) -> None:
        """Add the line of one row."""
        try:
            self._stream.write(line.encode())
            self.rows += 1
            now = time.monotonic()
            if now >= self._flush_at:
                self._stream.flush()
                self._flush_at = now + FLUSH_SECONDS
        except OSError as error:
            raise TableError(
                f"output {self.output}: it cannot be written ({error.strerror}); "
                f"the rows so far are in {self.partial}"
            ) from error

    def complete(self) -> None:
        """All rows are written: let the output appear, in place of any older one."""
        try:
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self._stream.close()
            self.partial.replace(self.output)
            self.stated.unlink(missing_ok=True)
        except OSError as error:
            raise TableError(
                f"output {self.output}: it cannot be written ({error.strerror}); "
                f"the rows are in {self.partial}"
            ) from error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._stream.closed:
            return
        with contextlib.suppress(OSError):  # a full disk, of which `write` has told
            self._stream.close()
        if not self.rows:
            self.partial.unlink(missing_ok=True)
            self.stated.unlink(missing_ok=True)

    def _state(self) -> None:
        self.stated.write_text(json.dumps(self.run, indent=1) + "\n", encoding="utf-8")

    def _check_lines(self) -> None:
        """Compute the first and the last group of the kept rows again: the bytes must agree."""
        stream = self._stream
        stream.seek(len(self.lines.header.encode()))
        kept = stream.readlines()[: self.rows_done]
        for start in {0, self.rows_done - self.group} if self.rows_done else ():
            lines = b"".join(kept[start : start + self.group])
            if self._again(start, self.group).encode() != lines:
                raise TableError(
                    f"output {self.output}: {self.partial.name} belongs to another run: its rows "
                    f"from {start + 1} on are not what this run gives; {self._advice}"
                )

    @property
    def _advice(self) -> str:
        return f"delete {self.partial} to start again, or leave --resume out"

    def _check_run(self) -> bool:
        """Compare the statement with this run. False: there is none."""
        if not self.stated.exists():
            return False
        again = self._advice
        try:
            stated = json.loads(self.stated.read_text(encoding="utf-8"))
            assert isinstance(stated, dict)
        except (OSError, ValueError, AssertionError):
            raise TableError(
                f"output {self.output}: nothing to go on from, since {self.stated.name} does not "
                f"say which run {self.partial.name} belongs to; {again}"
            ) from None
        differences = [
            f"{name.replace('_', ' ')} was {_shown(stated.get(name))}, is {_shown(self.run.get(name))}"
            for name in {**stated, **self.run}
            if stated.get(name) != self.run.get(name)
        ]
        if differences:
            raise TableError(
                f"output {self.output}: {self.partial.name} belongs to another run "
                f"({'; '.join(differences)}); {again}"
            )
        return True

    def _keep_whole_groups(self, stated: bool) -> None:
        stream, rows, failed = self._stream, 0, 0
        header = self.lines.header.encode()
        if stream.read(len(header)) != header:  # killed before the first rows were written
            stream.seek(0)
            stream.truncate()
            stream.write(header)
            return
        keep = stream.tell()
        while line := stream.readline():
            try:
                row, bad = self.lines.read(line.decode())
            except (ValueError, KeyError, TypeError):
                break
            if not line.endswith(b"\n") or row != rows + 1:
                break
            rows, failed = row, failed + bad
            if rows % self.group == 0:
                keep, self.rows_done, self.failed = stream.tell(), rows, failed
        if not stated:
            self._check_lines()
        stream.seek(keep)
        stream.truncate()


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False) if value is not None else "not given"
    return text if len(text) <= 60 else text[:57] + "..."

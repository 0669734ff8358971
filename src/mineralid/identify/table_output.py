"""One line for each answer, as JSON or as CSV, and back from a line to whether it failed."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

from mineralid.identify.report import Candidate, OutsideMineral, Report
from mineralid.identify.table_errors import TableError

FORMATS = (".jsonl", ".csv")


class JsonLines:
    """One JSON object a line. by_photo: name the one photograph of each row as `photo`."""

    header = ""

    def __init__(self, *, by_photo: bool) -> None:
        self.by_photo = by_photo

    def line(self, report: Report) -> str:
        """The answer's line, its end included."""
        text = report.to_json()
        if self.by_photo:
            text = f'{{"photo":{json.dumps(report.photos[0], ensure_ascii=False)},{text[1:]}'
        return text + "\n"

    def read(self, line: str) -> tuple[int, bool]:
        """Row and whether it failed. ValueError, KeyError or TypeError where it is no such line."""
        answer = json.loads(line)
        return int(answer["row"]), answer["error"] is not None


class CsvLines:
    """One line a row, lists as name=number joined by |; carried columns last.

    Numbers have six significant digits. `best` and `probability`: the leading candidate. A carried column of the name of another column gets `carried_` before it. A line break within a
    carried cell becomes a space.
    """

    COLUMNS = (
        "row", "error", "level", "answer", "answer_probability", "why_unknown", "best", "probability",
        "leading_species", "candidates", "unknown", "prediction_set", "confidence",
        "outside", "photos", "readings", "doubted", "wrong_record", "next_tests", "safety", "prior", "trust",
        "mineralid", "bundle", "catalogue",
    )  # fmt: skip

    def __init__(self, carried: Sequence[str] = (), *, by_photo: bool) -> None:
        self.by_photo = by_photo
        self.carried = tuple(carried)
        self.columns = [*(["photo"] if by_photo else []), *self.COLUMNS]
        names = list(self.columns)
        for name in self.carried:
            shown = " ".join(name.splitlines())
            while shown in names:
                shown = f"carried_{shown}"
            names.append(shown)
        self.header = _csv_line(names)

    def line(self, report: Report) -> str:
        """The answer's line, its end included."""
        versions = report.versions
        cells: list[object] = [report.photos[0]] if self.by_photo else []
        cells += [
            report.row,
            report.error,
            report.level,
            report.answer,
            _number(report.answer_probability),
            report.why_unknown,
            report.best.name if report.best else None,
            _number(report.best.probability if report.best else None),
            _pair(report.leading_species),
            "|".join(map(_pair, report.candidates)),
            _number(report.unknown),
            "|".join(report.prediction_set),
            report.confidence,
            "|".join(map(_pair, report.outside)),
            "|".join(report.photos),
            "|".join(f"{r.test}={r.value}" for r in report.readings),
            "|".join(f"{r.test}={r.status}" for r in report.readings if r.status != "used"),
            _number(report.wrong_record),
            "|".join(f"{t.test}={_number(t.information_bits)}" for t in report.next_tests),
            "|".join(report.safety),
            report.prior,
            report.trust,
            versions.mineralid,
            versions.bundle,
            versions.catalogue,
        ]
        cells += [report.carried.get(name, "") for name in self.carried]
        return _csv_line(cells)

    def read(self, line: str) -> tuple[int, bool]:
        """Row and whether it failed. ValueError where it is no such line."""
        try:
            cells = next(csv.reader([line], strict=True))
        except (csv.Error, StopIteration) as error:  # torn within quotation marks
            raise ValueError(str(error)) from None
        if len(cells) != len(self.columns) + len(self.carried):
            raise ValueError(f"{len(cells)} cells")
        found = dict(zip(self.columns, cells, strict=False))
        return int(found["row"]), found["error"] != ""


LineFormat = JsonLines | CsvLines


def line_format(output: Path, carried: Sequence[str], *, by_photo: bool) -> LineFormat:
    """Return the format that a file's suffix asks for; TableError where it is neither."""
    suffix = output.suffix.lower()
    if suffix not in FORMATS:
        raise TableError(
            f"output {output}: its suffix is {suffix!r}; allowed: {' or '.join(FORMATS)}"
        )
    return (
        CsvLines(carried, by_photo=by_photo) if suffix == ".csv" else JsonLines(by_photo=by_photo)
    )


def _pair(mineral: Candidate | OutsideMineral | None) -> str:
    return "" if mineral is None else f"{mineral.name}={_number(mineral.probability)}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _csv_line(cells: Sequence[object]) -> str:
    line = io.StringIO()
    flat = [" ".join(c.splitlines()) if isinstance(c, str) else c for c in cells]
    csv.writer(line, lineterminator="\n").writerow(flat)
    return line.getvalue()

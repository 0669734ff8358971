"""Read photographs in the original system's own layout: lists of `<image_id>/<class_name>`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mineralid.lab.data.class_list import checked_classes, did_you_mean, text_lines
from mineralid.lab.data.manifest import Manifest, ManifestError, Photograph, listed, utf8_text
from mineralid.lab.data.picture_check import file_problem
from mineralid.lab.data.specimens import SPECIMENS_FILE, Specimens, read_specimens

TRAIN_FILE, TEST_FILE = "train.txt", "val.txt"
COLLECTION = "original"
LINE_FORM = "<image_id>/<class_name>"
NAMES_IN_NOTES = 5


@dataclass(frozen=True)
class OriginalData:
    """The published split: `val.txt` is the test set; a validation set is carved from `train`.

    specimens_known: whether a specimens.csv names the stone of any photograph; where not, every
    photograph counts as a stone of its own. notes: what a user should be warned of, in sentences.
    """

    train: Manifest
    test: Manifest
    specimens_known: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One good line of a list."""

    line: int
    image_id: str
    class_name: str


@dataclass
class ListReader:
    """Reads lists against one class list and one set of pictures; collects what is wrong.

    picture_problem: says why the picture of an image id can't be used, or None.
    """

    classes: tuple[str, ...]
    picture_problem: Callable[[str], str | None]
    problems: list[str] = field(default_factory=list)
    unknown_class: bool = False
    _seen: dict[str, tuple[str, int]] = field(default_factory=dict)

    def read(self, text: str, name: str) -> list[Entry]:
        """Return the good lines of a list; `name` is the file's in messages.

        An empty last line is fine, as are the line ends of Windows.
        """
        lines = text_lines(text.rstrip())
        if lines == [""]:
            self.problems.append(f"{name} line 1: it lists no photograph; needed: {LINE_FORM}")
            return []
        entries = []
        for number, given in enumerate(lines, 1):
            problems = self._problems_of(given.strip(), name, number)
            self.problems += [f"{name} line {number}: {problem}" for problem in problems]
            if not problems:
                image_id, _, class_name = given.strip().partition("/")
                entries.append(Entry(number, image_id, class_name))
        return entries

    def _problems_of(self, given: str, name: str, number: int) -> list[str]:
        if not given:
            return [f"it is empty; expected {LINE_FORM}"]
        image_id, _, class_name = given.partition("/")
        if "/" in class_name and class_name not in self.classes:
            return [f"{given!r} has more than one '/'; expected {LINE_FORM}"]
        if not image_id.strip() or not class_name.strip():
            return [f"{given!r}; expected {LINE_FORM}"]
        # Such a name leads to another folder on some system, or to no file on any.
        if "\\" in image_id or not image_id.isprintable():
            return [f"image_id {image_id!r} holds a backslash or a control character"]
        problems = []
        if class_name not in self.classes:
            self.unknown_class = True
            near = did_you_mean(class_name, self.classes)
            problems.append(f"unknown class {class_name!r}{near}")
        file, line = self._seen.setdefault(image_id, (name, number))
        if file != name:
            problems.append(
                f"image_id {image_id} is in {file} line {line} too: one photograph on both sides "
                "is a leak"
            )
        elif line != number:
            problems.append(f"image_id {image_id} was in line {line} already")
        elif problem := self.picture_problem(image_id):
            problems.append(f"photograph {image_id}.jpg: {problem}")
        return problems

    def raise_problems(self, heading: str) -> None:
        """Raise a ManifestError that lists every problem found, if there are any."""
        if self.problems:
            message = listed(f"{heading}: {len(self.problems)} problem(s)", self.problems)
            if self.unknown_class:
                message += f"\nThe {len(self.classes)} classes allowed: {', '.join(self.classes)}"
            raise ManifestError(message)


def read_original(img_root: Path, meta_root: Path, classes: Sequence[str]) -> OriginalData:
    """Read `<meta_root>/train.txt` and `val.txt` and find `<img_root>/<image_id>.jpg`.

    Classes keep the order given, those without a photograph too (`manifest.present` gives those
    that have one). Specimens are taken from `<meta_root>/specimens.csv` where that is; a
    photograph without an entry is a specimen of its own.

    Raises ManifestError that lists every problem of all files at once, with file and line: a
    picture that is missing or none, an unknown class, an empty or malformed line, a photograph
    listed twice (in both files: a leak), a file that is missing or not UTF-8.
    """
    img_root, meta_root = Path(img_root), Path(meta_root)
    there = img_root.is_dir()
    reader = ListReader(
        checked_classes(classes),
        # Without the folder every line would be a problem, and hide what else is wrong.
        (lambda image_id: file_problem(img_root / f"{image_id}.jpg"))
        if there
        else (lambda _: None),
    )
    if not there:
        reader.problems.append(f"no folder {img_root}, where the photographs should be")
    sides = {name: _read_list(meta_root, name, reader) for name in (TRAIN_FILE, TEST_FILE)}
    specimens = read_specimens(meta_root)
    reader.problems += specimens.problems
    reader.raise_problems(f"{meta_root} with the photographs in {img_root}")
    train, test = (
        Manifest(
            tuple(_photograph(entry, img_root, specimens) for entry in entries), reader.classes
        )
        for entries in sides.values()
    )
    known = specimens.covered(p.image_id for p in (*train.photographs, *test.photographs)) > 0
    return OriginalData(train, test, known, tuple(_notes(train, test, specimens, meta_root)))


def _read_list(meta_root: Path, name: str, reader: ListReader) -> list[Entry]:
    try:
        return reader.read(utf8_text((meta_root / name).read_bytes(), name), name)
    except FileNotFoundError:
        reader.problems.append(f"{name}: there is no such file in {meta_root}")
    except OSError as error:
        reader.problems.append(f"{name}: {error.strerror}")
    except ManifestError as error:
        reader.problems.append(str(error))
    return []


def _photograph(entry: Entry, img_root: Path, specimens: Specimens) -> Photograph:
    identity = entry.image_id
    return Photograph(
        identity,
        img_root / f"{identity}.jpg",
        entry.class_name,
        COLLECTION,
        specimens.of.get(identity, identity),
    )


def _notes(train: Manifest, test: Manifest, specimens: Specimens, meta_root: Path) -> list[str]:
    ids = [p.image_id for p in (*train.photographs, *test.photographs)]
    covered = specimens.covered(ids)
    leak = "photographs of one stone may lie on both sides of the validation split"
    if not specimens.there:
        return [f"There is no {SPECIMENS_FILE} beside {meta_root / TRAIN_FILE}: {leak}."]
    notes = []
    if covered < len(ids):
        notes.append(
            f"{SPECIMENS_FILE} has no entry for {len(ids) - covered} of the {len(ids)} "
            f"photographs, each taken as a specimen of its own: {leak}."
        )
    if unused := len(specimens.of) - covered:
        notes.append(
            f"{SPECIMENS_FILE} has {unused} entries for photographs that are in neither "
            f"{TRAIN_FILE} nor {TEST_FILE}; they are not used."
        )
    tested = {p.specimen for p in test.photographs}
    if both := sorted(tested & {p.specimen for p in train.photographs}):
        shown = ", ".join(both[:NAMES_IN_NOTES]) + (", …" if len(both) > NAMES_IN_NOTES else "")
        notes.append(
            f"{len(both)} specimen(s) are photographed in both {TRAIN_FILE} and {TEST_FILE} "
            f"({shown}): figures on the test set flatter."
        )
    return notes

"""Where a protocol's photographs come from: the original's layout, or a folder of one's own."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from mineralid.lab.data.class_list import read_class_list
from mineralid.lab.data.manifest import Manifest, ManifestError, present
from mineralid.lab.data.original_layout import read_original
from mineralid.lab.data.sources import open_data
from mineralid.lab.data.specimens import specimens_known
from mineralid.lab.data.tar_set import read_tar
from mineralid.lab.data.validation import carve
from mineralid.lab.original.codes import TESTS, Codes, codes_of_rows, published_codes
from mineralid.lab.original.recipe import OriginalRecipe
from mineralid.lab.original.records import write_whole
from mineralid.lab.original.run import Data

SOURCE_FILE = "data.json"
TEST_SHARE = 0.2  # of a folder that has no test set of its own


class Source(BaseModel):
    """data.json of a run: where its photographs and its class list are.

    Either img_root and meta_root (the original's layout) or data (a folder of one's own);
    class_list: a CSV with class, hardness, luster and streak, None for the published 36.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    img_root: Path | None = None
    meta_root: Path | None = None
    data: Path | None = None
    class_list: Path | None = None

    def check(self) -> None:
        """Raise ValueError where it is not one of the two layouts."""
        roots = (self.img_root, self.meta_root)
        if (self.data is None) == (None in roots) or (self.data is not None and any(roots)):
            names = ("--img-root", "--meta-root", "--data")
            given = list(zip(names, (*roots, self.data), strict=True))
            there = [name for name, value in given if value is not None]
            alone = there in (["--img-root"], ["--meta-root"])
            raise ValueError(
                f"the photographs are given by {', '.join(there) or 'nothing'}"
                f"{' alone' if alone else ''}; allowed: "
                "--img-root and --meta-root (the original's layout), or --data"
            )

    def codes(self) -> Codes:
        """Return the classes and their codes. Raises ValueError, which lists what is wrong."""
        if self.class_list is None:
            return published_codes()
        found = read_class_list(self.class_list)
        columns = next(iter(found.rows.values()))
        if lacking := [test for test in TESTS if test not in columns]:
            raise ValueError(
                f"{self.class_list}: column(s) {', '.join(lacking)} missing; needed: class, "
                f"{', '.join(TESTS)}"
            )
        return codes_of_rows(found.rows, self.class_list)

    def test_set(self, recipe: OriginalRecipe) -> Manifest:
        """Return the photographs to measure on."""
        return self._sides(recipe, self.codes())[1]

    def load(self, recipe: OriginalRecipe) -> tuple[Data, tuple[str, ...]]:
        """Return the photographs of a run, and what its user should know of them.

        Raises ManifestError or ValueError, which names everything that is wrong.
        """
        self.check()
        codes = self.codes()
        if recipe.error_rate and len(codes.distinct) < 2:
            raise ValueError(
                f"all {len(codes.classes)} classes have the codes {codes.distinct[0]}, so that no "
                "test can be wrong; allowed: classes of two triples or more, or --error-rate 0"
            )
        train, test, notes = self._sides(recipe, codes)
        kept, held_out = carve(train, recipe.validation_share, recipe.seed)
        data = Data(train.subset(kept), train.subset(held_out), test, codes)
        counted = (
            f"{len(data.train)} photographs to train on, {len(data.validation)} to watch the "
            f"training with, {len(test)} to measure on; {len(present(train))} of "
            f"{len(codes.classes)} classes have photographs to train on, {len(present(test))} to "
            "measure on"
        )
        return data, (counted, *notes)

    def _sides(
        self, recipe: OriginalRecipe, codes: Codes
    ) -> tuple[Manifest, Manifest, tuple[str, ...]]:
        if self.data is None:
            assert self.img_root is not None
            assert self.meta_root is not None
            found = read_original(self.img_root, self.meta_root, codes.classes)
            return found.train, found.test, found.notes
        everything = open_data(self.data, codes.classes).of_classes()
        if not len(everything):
            raise ManifestError(
                f"{self.data} holds no photograph of the {len(codes.classes)} classes"
            )
        train, test = carve(everything, TEST_SHARE, recipe.seed)
        notes = (
            ()
            if specimens_known(everything)
            else (
                f"no specimens are known in {self.data}: photographs of one stone may lie on both "
                "sides of the split",
            )
        )
        return everything.subset(train), everything.subset(test), notes


def tar_set(path: Path, codes: Codes) -> Manifest:
    """Return the test set of a tar archive, read without unpacking it."""
    return read_tar(path, codes.classes)


def write_source(out: Path, source: Source) -> None:
    """Keep in a run's folder where its photographs are."""
    absolute = {
        name: path.absolute() for name, path in source.model_dump().items() if path is not None
    }
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / SOURCE_FILE, Source(**absolute).model_dump_json(indent=1) + "\n")


def read_source(out: Path) -> Source:
    """Read where the photographs of a run are. Raises ValueError where that is not known."""
    path = out / SOURCE_FILE
    if not path.is_file():
        raise ValueError(f"no {SOURCE_FILE} in {out}: say where the photographs are")
    try:
        return Source.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ValueError(f"{path} can't be read: {error.errors()[0]['msg']}") from None

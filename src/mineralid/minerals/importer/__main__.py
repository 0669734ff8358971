"""Command line of the importer: write the generated tables and their report, or check them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mineralid.minerals.errors import CatalogueError
from mineralid.minerals.importer.building import build
from mineralid.minerals.importer.reporting import report
from mineralid.minerals.loading import DATA

REPORT = "catalogue.md"


def main(arguments: list[str] | None = None) -> int:
    """Run the importer. Exit status 0 done, 1 problems or differences, 2 no result."""
    parser = argparse.ArgumentParser(
        prog="python -m mineralid.minerals.importer",
        description="Build the catalogue's tables from raw tables and the hand-made ones.",
    )
    parser.add_argument("--facts", type=Path, required=True, help="folder of the raw tables")
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="folder of the report")
    parser.add_argument("--check", action="store_true", help="write nothing; fail on a difference")
    options = parser.parse_args(arguments)
    try:
        result = build(options.facts)
    except (CatalogueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    files = {DATA / name: text for name, text in result.texts.items()}
    files[options.docs / REPORT] = report(result)
    different = [path for path, text in files.items() if _content(path) != text]
    for path in different:
        if options.check:
            print(f"differs from what the importer makes: {path}", file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[path], encoding="utf-8", newline="\n")
    for problem in result.problems:
        print(f"left out: {problem}", file=sys.stderr)
    print(f"{len(result.catalogue)} minerals, version {result.catalogue.version}; "
          f"{len(result.rejected)} cells rejected, {len(result.skipped)} rows skipped, "
          f"{len(result.conflicts)} conflicts, {len(result.problems)} problems")  # fmt: skip
    return 1 if result.problems or (options.check and different) else 0


def _content(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())

"""The honest answers on the page of results, from what the folder of results keeps."""

from __future__ import annotations

from pathlib import Path

from mineralid.lab.evaluation.robustness.honest import sections as written
from mineralid.lab.evaluation.robustness.honest.measure import read_results


def sections(out: Path, figures: Path | None) -> list[str]:
    """Return the lines of Markdown; none where nothing was measured. figures: where to draw them."""
    results = read_results(out)
    return [] if results is None else written.sections(results, figures).splitlines()

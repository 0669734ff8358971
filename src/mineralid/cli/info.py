"""The command `mineralid info`: versions, the bundle and its card's figures, the catalogue."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mineralid.cli.failure import failure
from mineralid.version import __version__

if TYPE_CHECKING:
    from rich.console import Console

_MEASURED_ON = {"specimen": "new stones", "collection": "new collections"}
_STANDING = (
    "Points of top-1 over other ways to join photograph and three readings (0.6: so many wrong)"
)
_MOST_COLUMNS = 7  # wider tables are turned: a terminal has 80 columns
_FACTS = {"hardness_mohs": "hardness", "density_g_cm3": "density"}
_PACKAGES = ("onnxruntime", "numpy", "pillow", "pydantic", "pi-heif")


def info(
    bundle: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of a model. Default: the one that ships."),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Every figure of the model's card, fold by fold.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Print versions, the model in use with its measured figures, and the catalogue."""
    from mineralid.vision.bundle import BundleError

    about: dict[str, Any] = {"mineralid": __version__, "python": platform.python_version()}
    about |= {name: _installed(name) for name in _PACKAGES}
    about["catalogue"] = _about_catalogue()
    problem: BundleError | None = None
    try:
        about["bundle"] = _about_bundle(bundle)
    except BundleError as error:
        problem, about["bundle"] = error, {"error": str(error)}
    if as_json:
        typer.echo(json.dumps(about, ensure_ascii=False, indent=2).encode())
    else:
        _print(about, full)
    if problem is not None:
        raise failure(problem)


def _installed(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _about_catalogue() -> dict[str, Any]:
    from mineralid.minerals import load_catalogue

    catalogue = load_catalogue()
    kinds = [mineral.kind for mineral in catalogue]
    tested = sum(bool(m.hardness_mohs and m.luster and m.streak) for m in catalogue)
    return {
        "version": catalogue.version,
        "minerals": len(catalogue),
        "species": kinds.count("species"),
        "varieties": kinds.count("variety"),
        "groups": kinds.count("group"),
        "with_hardness_luster_streak": tested,
    }


def _about_bundle(path: Path | None) -> dict[str, Any]:
    from mineralid.vision.bundle import load_bundle

    bundle = load_bundle(path)
    spec = bundle.spec
    size = sum(file.stat().st_size for file in bundle.path.iterdir() if file.is_file())
    return {
        "path": str(bundle.path),
        "version": bundle.version,
        "created": spec.created,
        "code_version": spec.code_version,
        "catalogue_version": spec.catalogue_version,
        "size_mb": round(size / 1e6, 1),
        "input": f"{spec.image.width} x {spec.image.height} pixels",
        "classes": list(spec.classes),
        "own_minerals": {name: own.to_json() for name, own in spec.own_minerals.items()},
        "figures": spec.figures,
    }


def _print(about: Mapping[str, Any], full: bool) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    console.print(Text.assemble(("mineralid ", "bold"), (about["mineralid"], "bold")))
    versions = {"Python": about["python"]} | {name: about[name] for name in _PACKAGES}
    shown = [f"{name} {version}" for name, version in versions.items() if version]
    missing = [name for name, version in versions.items() if not version]
    console.print(Text(", ".join(shown)))
    if "pi-heif" in missing:
        console.print(Text("HEIC photographs: not read (pip install 'mineralid[heic]')"))
    c = about["catalogue"]
    console.print(Text("\nCatalogue", "bold"))
    _print_pairs(
        console,
        {
            "version": c["version"],
            "holds": f"{c['minerals']:,} minerals: {c['species']:,} species, "
            f"{c['varieties']:,} varieties, {c['groups']:,} groups",
            "all three tests": f"{c['with_hardness_luster_streak']:,} "
            "(hardness, luster and streak known)",
        },
    )
    bundle = about["bundle"]
    console.print(Text("\nModel", "bold"))
    if "error" in bundle:
        console.print(Text("none that can be used"))
        return
    _print_pairs(
        console,
        {
            "bundle": bundle["version"],
            "folder": bundle["path"],
            "made": f"{bundle['created']} by mineralid {bundle['code_version']} "
            f"with catalogue {bundle['catalogue_version']}"
            + (
                ""
                if bundle["catalogue_version"] == c["version"]
                else "; the catalogue has changed since"
            ),
            "size": f"{bundle['size_mb']} MB, for photographs of {bundle['input']}",
            "classes": f"{len(bundle['classes'])}: {', '.join(bundle['classes'])}",
            **_own_classes(bundle["own_minerals"]),
        },
    )
    if bundle["figures"] and full:
        _print_figures(console, "Figures of its card", _with_standing(bundle["figures"]))
    elif bundle["figures"]:
        _print_accuracy(console, bundle["figures"])
        card = Path(bundle["path"]) / "MODEL_CARD.md"
        console.print(
            Text(f"\nAll figures: mineralid info --full, or {card}", "dim"), soft_wrap=True
        )


def _own_classes(own: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The bundle's own classes, each with the properties that it states; {} where it has none."""
    stated = [
        f"{name} ({', '.join(_FACTS.get(fact, fact) for fact in facts) or 'no facts'})"
        for name, facts in own.items()
    ]
    if not stated:
        return {}
    return {"own classes": f"{len(stated)}, not in the catalogue: {', '.join(stated)}"}


def _print_pairs(console: Console, pairs: Mapping[str, str]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for name, value in pairs.items():
        table.add_row(name, Text(value))
    console.print(table)


def _print_figures(console: Console, title: str, figures: Mapping[str, Any]) -> None:
    """Print free-form figures: single values as pairs, rows of values as a table, the rest below."""
    from rich.text import Text

    console.print(Text(f"\n{title}", "bold"))
    single = {k: v for k, v in figures.items() if not isinstance(v, Mapping)}
    rows = {k: v for k, v in figures.items() if isinstance(v, Mapping) and _is_row(v)}
    if single:
        _print_pairs(console, {_worded(k): _figure(v) for k, v in single.items()})
    if rows:
        _print_rows(console, rows)
    for name, value in figures.items():
        if name not in single and name not in rows:
            _print_figures(console, _worded(name), value)


def _with_standing(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The figures with what stands as a list of methods, if it was measured, as a table."""
    rest = {k: v for k, v in figures.items() if k != "standing"}
    standing = {found["title"]: _gains(found["gains"]) for found in figures.get("standing", ())}
    return {**rest, _STANDING: standing} if standing else rest


def _gains(gains: Mapping[str, Any]) -> dict[str, str]:
    """Points of top-1 on each kind of stones, with nothing wrong and with 0.6 wrong."""
    return {
        f"{kind}{wrong}": f"{100 * gain[0]:+.1f}"
        for kind, pair in gains.items()
        for wrong, gain in zip(("", ", 0.6"), pair, strict=True)
    }


def _print_accuracy(console: Console, figures: Mapping[str, Any]) -> None:
    """Print top-1 / top-5 of each way of measuring: the mean of its folds."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("top-1 / top-5, readings simulated", style="dim")
    for kind, title in _MEASURED_ON.items():
        for given, folds in figures.get(kind, {}).get("accuracy", {}).items():
            mean = folds["mean of folds"]
            row = f"{title}, {given}"
            table.add_row(row, Text(f"{mean['top1']:.3f} / {mean['top5']:.3f}"))
    if table.row_count:
        console.print(Text("\nMeasured on photographs that the network had not seen", "bold"))
        console.print(table)


def _print_rows(console: Console, rows: Mapping[str, Mapping[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("")
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    if len(columns) > max(_MOST_COLUMNS, len(rows)):
        turned = {c: {name: row[c] for name, row in rows.items() if c in row} for c in columns}
        rows, columns = turned, list(rows)
    for column in columns:
        table.add_column(_worded(column), justify="right")
    for name, row in rows.items():
        cells = [_figure(row[column]) if column in row else "" for column in columns]
        table.add_row(Text(_worded(name)), *map(Text, cells))
    console.print(table)


def _is_row(value: Mapping[str, Any]) -> bool:
    return not any(isinstance(v, Mapping) for v in value.values())


def _worded(name: str) -> str:
    return name.replace("_", " ")


def _figure(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, (list, tuple)):
        return ", ".join(_figure(item) for item in value)
    return "" if value is None else str(value)

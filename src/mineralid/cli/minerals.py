"""The command `mineralid minerals`: print one mineral with its sources, or list those that fit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from mineralid.minerals import Catalogue, Mineral, UnknownMineral, load_catalogue
from mineralid.minerals.record import as_record

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

# Fact column -> how it is called, with its unit.
LABELS = {
    "formula": "formula",
    "crystal_system": "crystal system",
    "hardness_mohs": "hardness",
    "luster": "luster",
    "streak": "streak",
    "density_g_cm3": "density",
    "magnetism": "magnetism",
    "acid": "dilute acid",
    "toxicity": "toxicity",
    "radioactivity": "radioactivity",
}
UNITS = {"hardness_mohs": " Mohs", "density_g_cm3": " g/cm³"}
# A cell names up to four sources, or three and how many more; titles follow where a mineral has at
# most eight.
NAMED_SOURCES, LISTED_SOURCES = 3, 8


def minerals(
    name: Annotated[
        list[str] | None,
        typer.Argument(help="A mineral: any spelling, synonym or Chinese name."),
    ] = None,
    hardness: Annotated[
        str | None, typer.Option(help="Mohs: 6.5, 6-6.5 or scratches:coin,scratched-by:knife.")
    ] = None,
    luster: Annotated[
        str | None,
        typer.Option("--luster", "--lustre", help="One or several words: metallic."),
    ] = None,
    streak: Annotated[str | None, typer.Option(help="Powder colour: greenish black.")] = None,
    density: Annotated[str | None, typer.Option(help="In g/cm³: 2.6-2.7.")] = None,
    magnetism: Annotated[str | None, typer.Option(help="none, weak or strong.")] = None,
    acid: Annotated[str | None, typer.Option(help="In dilute acid: none, weak, strong.")] = None,
    sources: Annotated[
        bool,
        typer.Option(
            "--sources", help="With a NAME: every source of every cell (--json always has them)."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look up a mineral, or list the minerals known to fit the readings.

    With a NAME: all that the catalogue knows of it, with its sources.

    Without: the minerals that fit every reading given.
    A mineral of which such a property is not known is not listed.
    """
    catalogue = load_catalogue()
    readings = {
        "hardness": hardness,
        "luster": luster,
        "streak": streak,
        "density": density,
        "magnetism": magnetism,
        "acid": acid,
    }
    if name:
        if any(value is not None for value in readings.values()):
            raise _fail("give a name or readings, not both")
        try:
            mineral = catalogue.find(" ".join(name))
        except UnknownMineral as unknown:
            raise _fail(str(unknown)) from None
        if as_json:
            typer.echo(json.dumps(as_record(catalogue, mineral), ensure_ascii=False, indent=2))
        else:
            _print_mineral(_console(), catalogue, mineral, every_source=sources)
        return
    if sources:
        raise _fail("--sources needs the name of one mineral")
    # The likeliest to be met first.
    if not as_json and all(value is None for value in readings.values()):
        raise _fail(
            f"give a name or readings, for example --hardness 6-6.5 --luster metallic; "
            f"--json lists all {len(catalogue):,} minerals"
        )
    from mineralid.observation import ReadingError
    from mineralid.observation.conditions import conditions

    try:
        fitting = catalogue.where(**conditions(readings))
    except ReadingError as error:
        raise _fail(str(error)) from None
    found = sorted(fitting, key=lambda m: -m.commonness)
    if as_json:
        records = [as_record(catalogue, mineral) for mineral in found]
        typer.echo(json.dumps(records, ensure_ascii=False, indent=2))
    else:
        _print_list(_console(), catalogue, found)


def _fail(message: str) -> typer.Exit:
    typer.echo(f"error: {message}", err=True)
    return typer.Exit(2)


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False)


def _shown(catalogue: Catalogue, mineral: Mineral, column: str) -> str:
    value = mineral.value(column)
    if not value:
        return ""
    if column in catalogue.vocabularies:
        label = catalogue.vocabularies[column].label
        return ", ".join(label(token) for token in value if isinstance(token, str))
    if isinstance(value, tuple):
        low, high = value
        return f"{low:g}" if low == high else f"{low:g}–{high:g}"
    return value


def _print_mineral(
    console: Console, catalogue: Catalogue, mineral: Mineral, *, every_source: bool
) -> None:
    from rich.table import Table
    from rich.text import Text

    chinese = " ".join(mineral.names.get("zh", ()))
    console.print(Text.assemble((mineral.name, "bold"), f"  {chinese}".rstrip()))
    place = " › ".join([mineral.kind, *catalogue.ancestors(mineral.name)])
    console.print(Text(place, style="dim"))
    if mineral.names.get("en"):
        console.print(Text("also called " + ", ".join(mineral.names["en"])))
    varieties = catalogue.children(mineral.name)
    if varieties:
        console.print(Text("holds " + ", ".join(varieties)))
    console.print()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("", style="bold", no_wrap=True)
    table.add_column("", ratio=3)
    table.add_column("sources", style="dim", ratio=2)
    for column, label in LABELS.items():
        value = _shown(catalogue, mineral, column)
        blank = "none recorded" if column in ("toxicity", "radioactivity") else "not known"
        shown = Text(value + UNITS.get(column, "")) if value else Text(blank, style="dim")
        table.add_row(label, shown, _cited(mineral.sources.get(column, ()), every_source))
    console.print(table)
    cited = dict.fromkeys(source for ids in mineral.sources.values() for source in ids)
    if len(cited) > LISTED_SOURCES and not every_source:
        console.print(f"\n{len(cited)} sources in all: --sources names them", style="dim")
    elif cited:
        console.print("\nSources", style="bold")
        for source in cited:
            about = catalogue.sources[source]
            console.print(Text(f"{source}: {about.title} ({about.terms})", style="dim"))


def _cited(ids: tuple[str, ...], every_source: bool) -> Text:
    """Return the sources of a cell: all of them, or the first and how many more."""
    from rich.text import Text

    if len(ids) == 1:
        return Text(f"{ids[0]} (one source)")
    if every_source or len(ids) <= NAMED_SOURCES + 1:
        return Text(", ".join(ids))
    return Text(f"{', '.join(ids[:NAMED_SOURCES])} and {len(ids) - NAMED_SOURCES} more")


def _print_list(console: Console, catalogue: Catalogue, found: list[Mineral]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("mineral", no_wrap=True, max_width=24)
    table.add_column("hardness", no_wrap=True)
    table.add_column("luster", ratio=1)
    table.add_column("streak", ratio=1)
    table.add_column("density", no_wrap=True)
    for mineral in found:
        cells = [
            _shown(catalogue, mineral, column)
            for column in ("hardness_mohs", "luster", "streak", "density_g_cm3")
        ]
        table.add_row(Text(mineral.name, style="bold"), *(Text(cell) for cell in cells))
    if found:
        console.print(table)
    word = "mineral" if len(found) == 1 else "minerals"
    console.print(Text(f"{len(found)} {word} of {len(catalogue)}", style="dim"))

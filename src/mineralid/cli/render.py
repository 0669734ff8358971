"""Report → text that reads well at 80 columns."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mineralid.cli.wording import belongs, joined, kind_of, percent, reading_text, times
from mineralid.evidence import load_observers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mineralid.identify import NextTestAdvice, Report, Support

BAR_CELLS = 28
MOST_IN_SET = 12
# Candidates not listed are mentioned where they have more than this together.
LEAST_SHOWN = 0.0005
# An outcome after which no mineral is this likely leaves the question open.
CLEAR = 0.4
# A test expected to tell less than this is not worth making.
LEAST_BITS = 0.05
# Minerals outside the model less likely than this are not mentioned.
LEAST_OUTSIDE = 0.002
# Nats by which one of them must fit better than the name given to be set against it: 10 times.
MUCH_BETTER = math.log(10)
# Own classes less likely than this are not told of what is not known of them.
LEAST_OWN = 0.01
MOST_OWN = 4
NONE_OF_THESE = "none of these"
OWN_CLASS = "the bundle's own class"
_STATUS_STYLES = {"used": "", "doubted": "yellow", "contradicted": "bold red"}


def render(report: Report) -> RenderableType:
    """Return an answer as text, a blank line between its parts."""
    parts = [list(part(report)) for part in _PARTS]
    lines: list[RenderableType] = []
    for part in filter(None, parts):
        lines += [Text(), *part] if lines else part
    return Group(*lines)


class Bar:
    """A probability as a bar of block characters; as # where the output knows ASCII alone."""

    def __init__(self, probability: float, style: str = "") -> None:
        self.probability = min(max(probability, 0.0), 1.0)
        self.style = style

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(4, BAR_CELLS)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        cells = min(BAR_CELLS, options.max_width)
        whole, rest = divmod(round(self.probability * cells * 8), 8)
        if options.ascii_only:
            yield Text("#" * (whole + (rest >= 4)), self.style)
        else:
            yield Text("█" * whole + " ▏▎▍▌▋▊▉"[rest].strip(), self.style)


def _headline(report: Report) -> Iterator[RenderableType]:
    best = report.best
    if report.level == "species" and best is not None:
        name = report.answer or best.name
        kind = OWN_CLASS if name in report.own_minerals else kind_of(name)
        yield Text.assemble((name, "bold"), f"   {kind}, {percent(best.probability)} likely")
        return
    if report.level == "group" and report.answer:
        kind = kind_of(report.answer)
        whole = f"{kind}, its varieties counted in" if kind == "species" else kind
        yield Text.assemble(
            (report.answer, "bold"),
            f"   {whole}, {percent(report.answer_probability or 0.0)} likely",
        )
        members = [
            "no variety in particular" if c.name == report.answer else c.name
            for c in report.candidates
            if belongs(c.name, report.answer)
        ]
        if members:
            which = "variety" if kind == "species" else "of its members"
            yield Text(f"Which {which} is not decided: {joined(members[:4], 'or')}.")
        return
    if report.why_unknown == "none of these":
        yield Text.assemble(
            ("Unknown", "bold"), f"   {percent(report.unknown or 0.0)} likely to be none of these"
        )
        if report.set_basis == "model":
            yield Text("No mineral of the catalogue fits the readings well: check each of them.")
            return
        yield Text("This is probably none of the minerals that the model knows.")
        if report.outside:
            likely = [o for o in report.outside if o.probability >= LEAST_OUTSIDE]
            named = [
                f"{o.name} ({percent(o.probability)})" for o in likely[:3] or report.outside[:1]
            ]
            yield Text.assemble(
                "Outside the model the readings fit ", (joined(named, "or"), "bold"), "."
            )
    elif best is not None:
        yield Text("Not decided", "bold")
        leader = report.leading_species
        led = f"{best.name} leads with {percent(best.probability)}"
        if leader is not None and leader.probability > best.probability:
            led = f"{leader.name} with its varieties leads with {percent(leader.probability)}"
        yield Text(f"No mineral and no group is likely enough to be named; {led}.")


def _others(report: Report) -> float:
    """What the candidates that are not listed have together."""
    return 1 - sum(c.probability for c in report.candidates) - (report.unknown or 0.0)


def _rival(report: Report) -> Iterator[RenderableType]:
    """A mineral that the model does not know and that fits the readings much better than the name."""
    rivals = [
        o
        for o in report.outside
        if o.log_likelihood_ratio >= MUCH_BETTER and o.probability >= LEAST_OUTSIDE
    ]
    if report.level in ("species", "group") and rivals:
        best = max(rivals, key=lambda o: o.probability)
        yield Text(
            f"But {best.name}, which the photograph's model does not know, fits your readings "
            f"{times(best.log_likelihood_ratio)[1:]} times better.",
            "yellow",
        )


def _contradictions(report: Report) -> Iterator[RenderableType]:
    for finding in report.readings:
        if finding.status == "used":
            continue
        observer = load_observers().get(finding.test)
        again = f" {observer.advice}" if observer is not None else ""
        if len(report.readings) == 1 and not report.photos:
            said, style = f"Your {finding.test} fits no mineral that is likely", "yellow"
        elif finding.status == "contradicted":
            said, style = f"Your {finding.test} contradicts everything else", "bold red"
        else:
            said, style = f"Your {finding.test} sits badly with everything else", "yellow"
        yield Text.assemble(
            (said, style), f" ({reading_text(finding)}): test it again.{again}".rstrip()
        )
    assumed = 0.0 if report.trust is None else 1.0 - report.trust
    if report.wrong_record is not None and report.wrong_record >= max(0.2, assumed + 0.05):
        yield Text(
            f"{percent(report.wrong_record)} likely that the readings as a whole belong to another "
            "stone or were taken wrongly.",
            "yellow",
        )


def _candidates(report: Report) -> Iterator[RenderableType]:
    if not report.candidates:
        return
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(max_width=26, min_width=12)
    table.add_column(justify="right", no_wrap=True)
    table.add_column()
    for place, c in enumerate(report.candidates):
        style = "bold" if place == 0 else ""
        table.add_row(
            Text(c.name, style),
            percent(c.probability),
            Bar(c.probability, "green" if place == 0 else ""),
        )
    if report.unknown is not None:
        others = _others(report)
        if others > LEAST_SHOWN:
            table.add_row(
                Text("all others", "dim"), Text(percent(others), "dim"), Bar(others, "dim")
            )
        table.add_row(
            Text(NONE_OF_THESE, "dim"),
            Text(percent(report.unknown), "dim"),
            Bar(report.unknown, "dim"),
        )
    yield table
    yield Text()
    yield _set_line(report)


SET_BASES = {
    "calibrated": "such sets hold the answer that often on collections that the model had not seen",
    "held out": "such sets hold the answer that often on photographs held out of the training",
    "assumed": "too few photographs were held out to say how often such sets hold the answer",
    "model": "if the readings are right",
}


def _set_line(report: Report) -> Text:
    names = report.prediction_set
    # The set is drawn among the minerals ranked, which hold no promise for any other stone.
    doubtful = report.unknown is not None and report.unknown >= 0.5
    among = "If it is one of them at all: " if doubtful else ""
    listed = ", ".join(names[:MOST_IN_SET])
    if len(names) > MOST_IN_SET:
        listed = f"{len(names)} minerals: {listed} and {len(names) - MOST_IN_SET} more"
    basis = SET_BASES[report.set_basis or "model"]
    return Text.assemble(
        among,
        (
            f"{'set' if among else 'Set'} at {percent(report.confidence or 0.0)} confidence: ",
            "bold",
        ),
        listed,
        (f" ({basis})", "dim"),
    )


def _readings(report: Report) -> Iterator[RenderableType]:
    if not report.readings:
        return
    yield Text.assemble(
        ("What each reading says", "bold"),
        ("   × times likelier than on average, ÷ less likely", "dim"),
    )
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("reading", max_width=24)
    table.add_column("for", ratio=1)
    table.add_column("against", ratio=1)
    for finding in report.readings:
        cell = Text(f"{finding.test} {reading_text(finding)}")
        if finding.status != "used":
            cell.append(f"\n{finding.status}", _STATUS_STYLES[finding.status])
        table.add_row(cell, _supports(finding.speaks_for), _supports(finding.speaks_against))
    yield Padding(table, (0, 0, 0, 2))


def _own_classes(report: Report) -> Iterator[RenderableType]:
    """Of which own classes which readings say nothing, because the bundle states no such fact."""
    silent: dict[tuple[str, ...], list[str]] = {}
    for c in report.candidates:
        if c.name in report.own_minerals and c.probability >= LEAST_OWN:
            silent.setdefault(_unheard(report, c.name), []).append(c.name)
    for tests, names in silent.items():
        if not tests:
            continue
        more = len(names) - MOST_OWN
        named = [*names[:MOST_OWN], f"{more} more"] if more > 0 else names
        said = f"{joined(tests, 'and')} {'says' if len(tests) == 1 else 'say'}"
        if len(tests) == len(report.readings):
            said = "readings say"
        own = OWN_CLASS if len(names) == 1 else f"{OWN_CLASS}es"
        yield Text.assemble(
            f"The {said} nothing of ",
            (joined(named, "and"), "bold"),
            f": {own}, of which it states no such facts.",
        )


def _unheard(report: Report, name: str) -> tuple[str, ...]:
    """The tests that were made and of which the bundle states nothing for this own class."""
    known = report.own_minerals[name]
    return tuple(r.test for r in report.readings if r.test not in known)


def _supports(supports: Sequence[Support]) -> Text:
    return Text(
        ", ".join(f"{s.name}\u00a0{times(s.log_likelihood_ratio)}" for s in supports) or "-"
    )


def _outside(report: Report) -> Iterator[RenderableType]:
    worth = [o for o in report.outside if o.probability >= LEAST_OUTSIDE]
    if not worth:
        return
    fit = ", ".join(
        f"{o.name} ({percent(o.probability)}, fits {times(o.log_likelihood_ratio)})" for o in worth
    )
    best = report.best.name if report.best else ""
    heard = best not in report.own_minerals or len(_unheard(report, best)) < len(report.readings)
    yield Text.assemble(
        ("Outside the model", "bold"),
        f"   The photograph's model does not know them, and the readings fit them better than "
        f"{'the leader' if heard else 'most stones'}: {fit}.",
    )


def _next_tests(report: Report) -> Iterator[RenderableType]:
    if not report.next_tests:
        return
    worth = [test for test in report.next_tests if test.information_bits >= LEAST_BITS]
    title = Text.assemble(
        ("What to test next", "bold"),
        ("   best first, weighed by how easy and harmless it is" if worth else "", "dim"),
    )
    if not worth:
        title.append("   nothing: no test left is expected to change the answer", "not bold")
    yield title
    if not worth:
        return
    numbered = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    numbered.add_column(no_wrap=True)
    numbered.add_column()
    for place, test in enumerate(worth, start=1):
        numbered.add_row(f"{place}.", Group(_test_line(test, bool(report.safety)), _outcomes(test)))
    yield Padding(numbered, (0, 0, 0, 2))


def _test_line(test: NextTestAdvice, cautious: bool) -> Text:
    gain = f"{test.information_bits:.2f} bits expected"
    harm = f", {test.destructive}" if test.destructive else ""
    mind = " Mind the safety notes." if cautious and test.destructive else ""
    return Text.assemble((test.test, "bold"), (f" ({gain}{harm})", "dim"), f" {test.advice}{mind}")


def _outcomes(test: NextTestAdvice) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(max_width=30)
    table.add_column(justify="right", no_wrap=True)
    table.add_column()
    for outcome in test.outcomes:
        then = f"{outcome.leader} {percent(outcome.leader_probability)}"
        table.add_row(
            Text(outcome.outcome),
            Text(percent(outcome.probability), "dim"),
            Text("→ " + (then if outcome.leader_probability >= CLEAR else f"still open, {then}")),
        )
    return table


def _safety(report: Report) -> Iterator[RenderableType]:
    if not report.safety:
        return
    table = Table.grid(padding=(0, 3, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    for place, note in enumerate(report.safety):
        table.add_row(Text("Safety" if place == 0 else "", "bold red"), Text(note))
    yield table


def _versions(report: Report) -> Iterator[RenderableType]:
    v = report.versions
    trust = "" if report.trust is None else f"; readings believed {percent(report.trust)}"
    yield Text(f"mineralid {v.mineralid}, bundle {v.bundle}, catalogue {v.catalogue}", "dim")
    yield Text(f"prior {report.prior}{trust}", "dim")


_PARTS = (
    _headline,
    _rival,
    _contradictions,
    _candidates,
    _readings,
    _own_classes,
    _outside,
    _safety,
    _next_tests,
    _versions,
)

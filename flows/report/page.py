"""The report as one HTML page that holds all it needs: no script, no address but its neighbours'.

Importing this module imports Jinja; only what draws a report does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from flows.queries import Query
from flows.report import tables, wording
from flows.report.content import query
from flows.report.drawing import Drawn
from flows.report.model import Figure, Report
from flows.report.palette import style
from flows.report.tables import Cell, Table, toned

_LABELS = {
    "open_interest_usd": ("Open interest", "one-sided, at the day's end; change at prices before"),
    "funding_rate_8h_oi_weighted": ("Funding per 8 h", "weighted by open interest"),
    "funding_rate_annualised_oi_weighted": ("Funding for a year", "simple, weighted"),
    "liquidations_total_usd": ("Liquidated", "positions, on the UTC day"),
    "liquidations_long_share": ("Longs of liquidated", "of what was seen"),
    "liquidations_max_24h_usd": ("Largest 24 hours", "rolling, ends on this day"),
    "liquidations_to_open_interest": ("Liquidated of open interest", "of the day before"),
    "long_short_account_ratio": ("Accounts long ÷ short", "weighted by open interest"),
    "price_close": ("price at the close", "of the reference instrument"),
    "leverage_ratio": ("leverage", "open interest ÷ coins on exchanges"),
}
_INCOMPLETE = {
    "throttled": "throttled: a lower bound",
    "unknown": "completeness not documented",
}
_COUNTS = frozenset({"liquidations_total_usd", "liquidations_max_24h_usd"})


@dataclass(frozen=True, slots=True)
class Tile:
    """A headline number in words. trust: how complete it is."""

    label: str
    note: str
    value: str
    change: str
    trust: Cell
    lacking: str


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a section. open: whether its table is seen at once. half: two of them stand beside
    each other on a wide page. absent: said where there is neither a drawing nor a row."""

    title: str
    drawing: Drawn | None
    table: Table | None
    open: bool
    half: bool
    asked: str
    absent: str


@dataclass(frozen=True, slots=True)
class Section:
    anchor: str
    title: str
    note: str
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True)
class Question:
    """A query as it was asked. parameters: name and value."""

    query: Query
    cookbook: bool
    parameters: Sequence[tuple[str, str]]


def render(report: Report, drawings: Sequence[Drawn], *, quality: str | None = None) -> str:
    """The page. quality: where the gate's own pages are, relative to this one, if they are there.

    The same report gives the same page: nothing in it tells when or where it was drawn.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["svg"] = Markup  # drawn by us; what venues call things is escaped in it
    made = next(said for said in report.verdict if said.made_this_build)
    return environment.get_template("page.html.j2").render(
        report=report,
        day=wording.day(report.date),
        style=Markup(style()),  # noqa: S704 - our own palette
        verdict=toned(made.verdict),
        held=f"{wording.count(made.held_count)} of {wording.count(made.expectation_count)}",
        finished=wording.moment(made.finished_at),
        coverage=_coverage_line(report),
        tiles=[_tile(figure) for figure in report.headline],
        sections=_sections(report, {drawing.name: drawing for drawing in drawings}),
        taken_out=[row for row in report.coverage if row.excluded_because],
        questions=_questions(report),
        drawings=drawings,
        quality=quality,
    )


def _tile(figure: Figure) -> Tile:
    label, note = _LABELS[figure.figure]
    if figure.base_asset is not None:
        label = f"{figure.base_asset} {label}"
    if figure.at is not None:
        note = f"rolling, ended {figure.at:%H:%M} UTC"
    if figure.source is not None:
        note = figure.source
    return Tile(
        label=label,
        note=note,
        value=_value(figure, figure.value),
        change=_change(figure),
        trust=_trust(figure),
        lacking=_lacking(figure),
    )


def _value(figure: Figure, value: float | None) -> str:
    match figure.unit:
        case "USD":
            return wording.usd(value)
        case "USD per coin":
            return wording.price(value)
        case "fraction per 8 h":
            return wording.basis_points(value)
        case "fraction per year":
            return wording.percent(value, sign=True)
        case "fraction":
            return wording.percent(value, 2 if figure.figure.endswith("open_interest") else 1)
        case "ratio":
            return wording.ratio(value)
        case unit:
            raise ValueError(f"{figure.figure} has the unit {unit!r}, which has no wording")


def _change(figure: Figure) -> str:
    if figure.value is None:
        return "" if figure.before_value is None else f"day before: {_before(figure)}"
    if figure.before_value is None:
        return "no day before to compare with"
    if figure.change is None:
        return f"not comparable with the day before ({_before(figure)})"
    if figure.change_kind == "relative":
        changed = wording.percent(figure.change, sign=True)
    elif figure.unit == "fraction per 8 h":
        changed = wording.basis_points(figure.change)
    else:
        changed = f"{wording.decimals(100 * figure.change, 1, sign=True)}{wording.THIN}points"
    return f"{changed} (before: {_before(figure)})"


def _before(figure: Figure) -> str:
    return _value(figure, figure.before_value)


def _trust(figure: Figure) -> Cell:
    word = figure.completeness
    if word == "partial" and figure.figure in _COUNTS:
        return Cell("partial: a lower bound", toned(word).tone)
    return Cell(_INCOMPLETE.get(word or "", word or wording.NO_DATA), toned(word).tone or "quiet")


def _lacking(figure: Figure) -> str:
    said = []
    if figure.venues_missing is not None:
        said.append(f"missing: {figure.venues_missing}")
    if figure.venues_partial is not None:
        said.append(f"partial: {figure.venues_partial}")
    if figure.coverage is not None and figure.coverage < 1:
        said.append(f"{wording.percent(figure.coverage)} of the usual open interest")
    return "; ".join(said)


def _coverage_line(report: Report) -> str:
    due = [row for row in report.coverage if row.status != "unsupported"]
    ok = sum(row.status == "ok" for row in due)
    if not due:
        return "no feed was due"
    lacking = ", ".join(f"{r.venue} {r.dataset} {r.status}" for r in due if r.status != "ok")
    return f"{ok} of {len(due)} feeds whole" + (f"; {lacking}" if lacking else "")


def _sections(report: Report, drawings: dict[str, Drawn]) -> list[Section]:
    def part(
        title: str,
        drawing: str,
        table: Table | None,
        asked: str,
        absent: str,
        *,
        shown: bool = False,
        half: bool = False,
    ) -> Part:
        drawn = drawings.get(drawing)
        filled = table if table is not None and table.rows else None
        narrow = half or (drawn is not None and drawn.half and not shown)
        return Part(title, drawn, filled, shown, narrow, asked, absent)

    asset = report.asset or "the largest asset"
    no_feed = "No data: no liquidation feed covered this day, or no amount has a price."
    return [
        Section(
            "liquidations",
            "Liquidations",
            "Longs liquidated were forced to sell. Throttled and partial feeds show a lower bound; "
            "a venue without a feed is not in the sums.",
            [
                part("By hour", "liquidations-by-hour", _if(report, tables.hours),
                     "liquidations_by_hour", no_feed),
                part("Long against short, by venue", "liquidations-by-venue", None,
                     "liquidations_by_venue", no_feed),
                part("Long against short, by asset", "liquidations-by-asset",
                     _if(report, tables.liquidated_assets), "liquidations_by_asset", no_feed),
                part("", "", tables.liquidated_venues(report), "liquidations_by_venue", no_feed,
                     shown=True),
            ],
        ),
        Section(
            "funding",
            "Funding",
            "Per 8 hours, in basis points (1 bp = 0.0001); positive: longs pay shorts. Of the "
            "assets with the most open interest. A star: settlements that were due are missing; a "
            "dash: no data on this day; no rank: fewer than 14 known days.",
            [
                part("Across venues, against each one's own 90 days", "funding-against-history",
                     tables.funding_ranks(report), "funding_against_history",
                     "No data: no perpetual has a rate for this day."),
                part(f"{asset}, day by day", "funding-by-day", tables.funding_days(report),
                     "funding_by_venue", "No data: no venue has a rate."),
            ],
        ),
        Section(
            "open-interest",
            "Open interest and price",
            "One-sided. Changes are in coin, over instruments present on both days: neither a "
            "price move nor a venue's arrival is a change.",
            [
                part(f"{asset} over {len(report.open_interest_history)} days",
                     "open-interest-and-price", tables.interest(report), "open_interest_history",
                     "No data: no instrument's open interest is known."),
                part("Who opened, who closed", "open-interest-quadrants", tables.quadrants(report),
                     "open_interest_and_price", "No data: there is no day before to compare with."),
            ],
        ),
        Section(
            "crowded",
            "Crowded assets",
            "One side pays unusually much to keep its positions. An asset with fewer than 14 known "
            "days of funding has no verdict.",
            [
                part("", "", tables.crowded(report), "crowded_assets",
                     "No asset is crowded, as far as 14 days of funding are known.", shown=True),
            ],
        ),
        Section(
            "squeeze",
            "Squeeze table",
            "Score from 0 (usual) to 100; its parts from 0 to 1. No score with fewer than 14 known "
            "days of funding or open interest.",
            [
                part("Overheated score", "overheated-score", None, "squeeze_table",
                     "No data: no asset has the 14 days of history that a score needs."),
                part("Changed since the day before", "", tables.changed(report),
                     "changed_since_yesterday", "No asset's crowded side or risk has changed.",
                     shown=True, half=True),
                part("", "", tables.squeeze(report), "squeeze_table",
                     "No data: no asset has a row on this day.", shown=True),
            ],
        ),
        Section(
            "quality",
            "Coverage and quality",
            "What was due, what was there, and what the gate said.",
            [
                part("Coverage", "", tables.coverage(report), "coverage",
                     "No data: nothing is known of what was due.", shown=True),
                part("Verdict", "", tables.verdicts(report), "verdict", "No data.", shown=True),
                part("What did not hold", "", tables.findings(report), "findings",
                     "Nothing: every expectation held.", shown=True),
            ],
        ),
        Section(
            "restatements",
            "Restatements since yesterday",
            f"After run {report.verdict[0].since_run}, the first that was asked for the day before."
            if report.verdict[0].since_run
            else "No run was asked for the day before: all restatements there are.",
            [
                part("", "", tables.restatements(report), "restatements_since",
                     "None: nothing that had been published was changed.", shown=True),
            ],
        ),
    ]  # fmt: skip


def _if(report: Report, table: object) -> Table | None:
    """Hours and assets without any feed are rows of absences: one sentence says it better."""
    if not report.liquidations_by_venue:
        return None
    made: Table = table(report)  # type: ignore[operator] # one of the functions above
    return made


def _questions(report: Report) -> dict[str, Question]:
    return {
        asked.name: Question(
            query(asked.name),
            asked.cookbook,
            [(k, "NULL" if v is None else v) for k, v in asked.parameters.items()],
        )
        for asked in report.asked
    }

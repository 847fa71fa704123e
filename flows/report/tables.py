"""The report's tables: which columns, in which words. Absence is a word, never a zero."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from flows.report import wording
from flows.report.model import Report
from flows.report.wording import NO_DATA, basis_points, count, percent, price, rank, ratio, usd

SHOWN_ROWS = 15

_TONES = {
    "ok": "good",
    "complete": "good",
    "passed": "good",
    "partial": "warn",
    "throttled": "warn",
    "unknown": "warn",
    "warned": "warn",
    "warning": "warn",
    "building": "warn",
    "missing": "bad",
    "blocked": "bad",
    "critical": "bad",
    "high": "bad",
    "unsupported": "quiet",
}

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Cell:
    """tone: a name of the palette, or of none."""

    text: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """The first cell of a row is its heading. total: rows there are, of which some are shown."""

    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    total: int
    numeric: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Column(Generic[R]):
    heading: str
    text: Callable[[R], str | Cell]
    numeric: bool = True


def toned(word: str | None, otherwise: str = NO_DATA) -> Cell:
    """A word of a fixed vocabulary in the colour it has everywhere."""
    return Cell(otherwise if word is None else word, _TONES.get(word or "", ""))


def _table(
    caption: str, rows: Sequence[R], columns: Sequence[_Column[R]], shown: int = SHOWN_ROWS
) -> Table:
    cells = [
        [cell if isinstance(cell := column.text(row), Cell) else Cell(cell) for column in columns]
        for row in rows[:shown]
    ]
    numeric = frozenset(n for n, column in enumerate(columns) if column.numeric)
    return Table(caption, [column.heading for column in columns], cells, len(rows), numeric)


def _word(word: str | None) -> str:
    return NO_DATA if word is None else word


# ---- liquidations -------------------------------------------------------------------------------


def hours(report: Report) -> Table:
    return _table(
        "Liquidations by hour",
        report.liquidations_by_hour,
        [
            _Column("Hour (UTC)", lambda h: f"{h.hour:%H:%M}"),
            _Column("Longs", lambda h: usd(h.long_usd)),
            _Column("Shorts", lambda h: usd(h.short_usd)),
            _Column("Long orders", lambda h: count(h.long_count)),
            _Column("Short orders", lambda h: count(h.short_count)),
            _Column("Rows without price", lambda h: count(h.unpriced_row_count)),
        ],
        shown=24,
    )


def liquidated_venues(report: Report) -> Table:
    """Every venue with a feed, then those that have none on the day, with why."""
    there = {row.venue for row in report.liquidations_by_venue}
    absent = [
        [Cell(c.venue), *[Cell(NO_DATA)] * 5, toned(c.status)]
        for c in report.coverage
        if c.dataset == "liquidations" and c.venue not in there and c.status != "unsupported"
    ]
    table = _table(
        "Liquidations by venue",
        report.liquidations_by_venue,
        [
            _Column("Venue", lambda v: v.venue, numeric=False),
            _Column("Longs", lambda v: usd(v.long_usd)),
            _Column("Shorts", lambda v: usd(v.short_usd)),
            _Column("Longs of total", lambda v: percent(v.long_share_fraction)),
            _Column("Orders", lambda v: count(v.long_count + v.short_count)),
            _Column("Largest", lambda v: usd(v.largest_usd)),
            _Column("Completeness", lambda v: toned(v.completeness), numeric=False),
        ],
        shown=len(report.liquidations_by_venue),
    )
    return Table(
        table.caption,
        table.headings,
        [*table.rows, *absent],
        table.total + len(absent),
        table.numeric,
    )


def liquidated_assets(report: Report) -> Table:
    return _table(
        "Liquidations by asset",
        report.liquidations_by_asset,
        [
            _Column("Asset", lambda a: a.base_asset, numeric=False),
            _Column("Longs", lambda a: usd(a.long_usd)),
            _Column("Shorts", lambda a: usd(a.short_usd)),
            _Column("Longs of total", lambda a: percent(a.long_share_fraction)),
            _Column("Of open interest", lambda a: percent(a.to_open_interest_fraction, 2)),
            _Column("Completeness", lambda a: toned(a.completeness), numeric=False),
        ],
    )


# ---- funding ------------------------------------------------------------------------------------


def funding_ranks(report: Report) -> Table:
    return _table(
        "Funding per 8 h by asset and venue, against the venue's own 90 days",
        report.funding_against_history,
        [
            _Column("Asset", lambda c: c.base_asset, numeric=False),
            _Column("Venue", lambda c: c.venue, numeric=False),
            _Column("Funding", lambda c: basis_points(c.funding_rate_8h)),
            _Column("Usually", lambda c: basis_points(c.typical_8h)),
            _Column("Rank", lambda c: rank(c.percentile_90d)),
            _Column("Days known", lambda c: count(c.history_days)),
            _Column("Settlements missing", lambda c: count(c.missing_settlement_count)),
        ],
        shown=len(report.funding_against_history),
    )


def funding_days(report: Report) -> Table:
    """A day a row, newest first; a column a venue."""
    venues = ["all", *sorted({row.venue for row in report.funding_by_venue} - {"all"})]
    rates = {(row.date, row.venue): row.funding_rate_8h for row in report.funding_by_venue}
    days = sorted({row.date for row in report.funding_by_venue}, reverse=True)
    return Table(
        f"Funding of {report.asset} per 8 h by day and venue",
        ["Day", *venues],
        [
            [Cell(str(day)), *(Cell(basis_points(rates.get((day, venue)))) for venue in venues)]
            for day in days
        ],
        len(days),
        frozenset(range(1, len(venues) + 1)),
    )


# ---- open interest, crowding --------------------------------------------------------------------


def interest(report: Report) -> Table:
    days = report.open_interest_history[::-1]
    return _table(
        f"Open interest and price of {report.asset}",
        days,
        [
            _Column("Day", lambda d: str(d.date), numeric=False),
            _Column("Open interest", lambda d: usd(d.open_interest_usd)),
            _Column("Price", lambda d: price(d.price_close)),
            _Column("Coverage", lambda d: percent(d.open_interest_coverage)),
        ],
        shown=len(days),
    )


def quadrants(report: Report) -> Table:
    return _table(
        "Price and open interest by asset",
        report.open_interest_and_price,
        [
            _Column("Asset", lambda a: a.base_asset, numeric=False),
            _Column("Price", lambda a: percent(a.price_return_fraction, sign=True)),
            _Column("OI in coin", lambda a: percent(a.open_interest_change_fraction, sign=True)),
            _Column("Means", lambda a: _word(a.quadrant), numeric=False),
            _Column("OI", lambda a: usd(a.open_interest_usd)),
            _Column("Coverage", lambda a: percent(a.open_interest_coverage)),
        ],
    )


def crowded(report: Report) -> Table:
    return _table(
        "Crowded assets, furthest from their usual funding first",
        report.crowded_assets,
        [
            _Column("Asset", lambda a: a.base_asset, numeric=False),
            _Column("Side", lambda a: Cell(a.crowded_side, a.crowded_side), numeric=False),
            _Column("Funding 8 h", lambda a: basis_points(a.funding_rate_8h_oi_weighted)),
            _Column("Usually", lambda a: basis_points(a.funding_typical_8h)),
            _Column("A year", lambda a: percent(a.funding_rate_annualised_oi_weighted, sign=True)),
            _Column("Rank, 90 days", lambda a: rank(a.funding_percentile_90d)),
            _Column("Days known", lambda a: count(a.funding_history_days)),
            _Column("Open interest", lambda a: usd(a.open_interest_usd)),
            _Column("Accounts long ÷ short", lambda a: ratio(a.long_short_account_ratio)),
            _Column("OI coverage", lambda a: percent(a.open_interest_coverage)),
        ],
    )


def changed(report: Report) -> Table:
    """Assets whose crowded side or squeeze risk is another than the day before, as far as there
    was one then."""

    def both(before: str | None, now: str | None) -> str:
        return _word(now) if before == now else f"{_word(before)} → {_word(now)}"

    rows = [
        row
        for row in report.changed_since_yesterday
        if row.before_crowded_side not in {None, row.crowded_side}
        or row.before_squeeze_risk not in {None, row.squeeze_risk}
    ]
    return _table(
        "Crowded side and squeeze risk against the day before",
        rows,
        [
            _Column("Asset", lambda a: a.base_asset, numeric=False),
            _Column("Risk", lambda a: both(a.before_squeeze_risk, a.squeeze_risk), numeric=False),
            _Column(
                "Crowded", lambda a: both(a.before_crowded_side, a.crowded_side), numeric=False
            ),
            _Column("Price", lambda a: percent(a.price_return_fraction, sign=True)),
            _Column("OI in coin", lambda a: percent(a.open_interest_change_fraction, sign=True)),
        ],
    )


def squeeze(report: Report) -> Table:
    def part(value: float | None) -> str:
        return ratio(value, 2)

    return _table(
        "Squeeze table, most stretched first",
        report.squeeze_table,
        [
            _Column("Asset", lambda a: a.base_asset, numeric=False),
            _Column("Risk", lambda a: toned(a.squeeze_risk), numeric=False),
            _Column("Score", lambda a: ratio(a.overheated_score, 0)),
            _Column(
                "Crowded",
                lambda a: Cell(
                    _word(a.crowded_side),
                    a.crowded_side if a.crowded_side in {"long", "short"} else "",
                ),
                numeric=False,
            ),
            _Column(
                "Deleveraged",
                lambda a: NO_DATA if a.deleveraged is None else "yes" if a.deleveraged else "no",
                numeric=False,
            ),
            _Column("Funding", lambda a: part(a.score_funding)),
            _Column("OI", lambda a: part(a.score_open_interest)),
            _Column("Leverage", lambda a: part(a.score_leverage)),
            _Column("Liquidations", lambda a: part(a.score_liquidations)),
            _Column("Long/short", lambda a: part(a.score_long_short)),
            _Column("Liquidations are", lambda a: toned(a.completeness), numeric=False),
            _Column("OI coverage", lambda a: percent(a.open_interest_coverage)),
        ],
    )


# ---- quality ------------------------------------------------------------------------------------


def coverage(report: Report) -> Table:
    """Venues by datasets: status and, where not all is there, instruments present of those due."""
    datasets = sorted({row.dataset for row in report.coverage})
    rows = {(row.venue, row.dataset): row for row in report.coverage}
    venues = sorted({row.venue for row in report.coverage})

    def cell(venue: str, dataset: str) -> Cell:
        row = rows.get((venue, dataset))
        if row is None:
            return Cell("–", "quiet")
        if row.status == "unsupported":
            return toned(row.status)
        due = "?" if row.expected_instrument_count is None else row.expected_instrument_count
        said = f"{row.status}, {row.present_instrument_count} of {due}"
        return Cell(said + (", taken out" if row.excluded_because else ""), _TONES[row.status])

    return Table(
        "Coverage by venue and dataset: status, instruments present of those due; –: not asked for",
        ["Venue", *(dataset.replace("_", " ") for dataset in datasets)],
        [[Cell(venue), *(cell(venue, dataset) for dataset in datasets)] for venue in venues],
        len(venues),
        frozenset(),
    )


def verdicts(report: Report) -> Table:
    def why(made: bool, published: bool) -> str:
        said = [("made this build", made), ("published this day", published)]
        return ", ".join(word for word, holds in said if holds)

    return _table(
        "Runs this page rests on",
        report.verdict,
        [
            _Column("Run", lambda r: r.run_id, numeric=False),
            _Column("Verdict", lambda r: toned(r.verdict), numeric=False),
            _Column("Held", lambda r: f"{count(r.held_count)} of {count(r.expectation_count)}"),
            _Column("Days", lambda r: f"{r.first_date} … {r.last_date}", numeric=False),
            _Column("Finished", lambda r: wording.moment(r.finished_at), numeric=False),
            _Column(
                "Why here", lambda r: why(r.made_this_build, r.published_the_day), numeric=False
            ),
        ],
    )


def findings(report: Report) -> Table:
    return _table(
        "Expectations that did not hold",
        report.findings,
        [
            _Column("Rule", lambda f: f"{f.table_name}.{f.expectation}", numeric=False),
            _Column("Severity", lambda f: toned(f.severity), numeric=False),
            _Column("Where", lambda f: _joined((f.date, f.venue)) or "the table", numeric=False),
            _Column("Asked", lambda f: f.threshold or "–", numeric=False),
            _Column("Found", lambda f: f.detail or f.observed or "–", numeric=False),
            _Column("Run", lambda f: f.run_id, numeric=False),
        ],
    )


def restatements(report: Report) -> Table:
    return _table(
        "What was changed, by run, largest relative change first; –: not of two known numbers",
        report.restatements_since,
        [
            _Column("Table", lambda r: r.table_name, numeric=False),
            _Column("Day", lambda r: str(r.date), numeric=False),
            _Column("Venue", lambda r: r.venue or "all", numeric=False),
            _Column("What", lambda r: _joined((r.kind, r.column_name)), numeric=False),
            _Column("Values", lambda r: count(r.value_count)),
            _Column("Largest change", lambda r: _change(r.largest_relative_change)),
            _Column(
                "Such as",
                lambda r: (
                    f"{r.example_symbol or 'the market'}: {r.example_old_value or NO_DATA} → "
                    f"{r.example_new_value or NO_DATA}"
                ),
                numeric=False,
            ),
            _Column("Cause", lambda r: r.cause, numeric=False),
        ],
    )


def _change(relative: float | None) -> str:
    return "–" if relative is None else percent(relative, 2)


def _joined(words: Iterable[object]) -> str:
    return " ".join(str(word) for word in words if word is not None)

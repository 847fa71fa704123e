"""Funding: across venues against each one's own history, and day by day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt

from flows.report import wording
from flows.report.charts.chart import (
    NARROW,
    ROW,
    Chart,
    Ink,
    classes,
    framed,
    values,
)
from flows.report.model import Report
from flows.report.palette import HEAT

_RANKS = [
    "lowest 5 % ▼▼",
    "to 20 % ▼",
    "to 40 %",
    "middle",
    "from 60 %",
    "from 80 % ▲",
    "highest 5 % ▲▲",
]
_RANK_BOUNDS = [0.05, 0.2, 0.4, 0.6, 0.8, 0.95]
_RATES = ["below −2", "−2 to 0", "0 to 0.5", "0.5 to 1.5", "1.5 to 3", "3 to 6", "6 and above"]
_RATE_BOUNDS = [-2e-4, 0.0, 0.5e-4, 1.5e-4, 3e-4, 6e-4]
_NO_RANK = "no rank"


def against_history(report: Report) -> Chart | None:
    cells = report.funding_against_history
    if not any(cell.funding_rate_8h is not None for cell in cells):
        return None
    assets = list(dict.fromkeys(cell.base_asset for cell in cells))
    venues = ["all", *sorted({cell.venue for cell in cells} - {"all"})]
    drawn = [
        {
            "asset": cell.base_asset,
            "venue": cell.venue,
            "rank": _rank_name(cell.percentile_90d),
            "text": "–"
            if cell.funding_rate_8h is None
            else wording.decimals(1e4 * cell.funding_rate_8h, 1)
            + ("*" if cell.missing_settlement_count else "")
            + _mark(cell.percentile_90d),
        }
        for cell in cells
    ]
    extreme = [c for c in cells if c.venue != "all" and _at_an_end(c.percentile_90d)]
    count = sum(c.funding_rate_8h is not None for c in cells if c.venue != "all")
    description = (
        f"Funding per 8 hours in basis points on {wording.day(report.date)}, {len(assets)} assets "
        f"by {len(venues) - 1} venues and all venues together; the colour is the rank among the "
        f"venue's own 90 days. {len(extreme)} of {count} venue cells are in their highest or "
        "lowest 20 percent."
    )

    def draw(ink: Ink, width: int) -> alt.TopLevelMixin:
        return _heat(drawn, "rank", [*_RANKS, _NO_RANK], venues, assets, ink, width)

    title = "Funding by venue against its own 90 days"
    return Chart("funding-against-history", title, description, 1080, draw)


def _rank_name(percentile: float | None) -> str:
    if percentile is None:
        return _NO_RANK
    return _RANKS[sum(percentile >= bound for bound in _RANK_BOUNDS)]


def _mark(percentile: float | None) -> str:
    """What the legend has behind the class, for whoever does not see its colour."""
    _, _, mark = _rank_name(percentile).partition(" % ")
    return f" {mark}" if mark else ""


def _at_an_end(percentile: float | None) -> bool:
    return percentile is not None and not _RANK_BOUNDS[1] <= percentile < _RANK_BOUNDS[4]


def _heat(
    cells: Sequence[Mapping[str, object]],
    field: str,
    names: Sequence[str],
    columns: Sequence[str],
    rows: Sequence[str],
    ink: Ink,
    width: int,
) -> alt.TopLevelMixin:
    """Cells of class `field` (`names`: the palette's seven, and one for no class) with their text,
    as far as it fits."""
    base = alt.Chart(values(cells)).encode(
        x=alt.X(
            "venue:N",
            scale=alt.Scale(domain=columns),
            axis=alt.Axis(title=None, orient="top", labelAngle=0 if width >= NARROW else -60),
        ),
        y=alt.Y("asset:N", scale=alt.Scale(domain=rows), axis=alt.Axis(title=None)),
    )
    boxes = base.mark_rect(stroke=ink["ground"], strokeWidth=2).encode(
        color=classes(ink, field, names, width)
    )
    written = base.mark_text(fontSize=11).encode(
        text="text:N",
        color=alt.Color(
            f"{field}:N",
            scale=alt.Scale(
                domain=list(names), range=[*(ink[f"on-{name}"] for name in HEAT), ink["ink"]]
            ),
            legend=None,
        ),
    )
    fits = (width - 60) / max(len(columns), 1) >= 30
    layers = [boxes, written] if fits else [boxes]
    return framed(
        alt.layer(*layers).resolve_scale(color="independent"), ink, width, ROW * len(rows)
    )


def by_day(report: Report) -> Chart | None:
    rows = [row for row in report.funding_by_venue if row.funding_rate_8h is not None]
    if not rows:
        return None
    venues = ["all", *sorted({row.venue for row in rows} - {"all"})]
    cells = [
        {
            "date": f"{row.date}T00:00:00",
            "venue": row.venue,
            "rate": _RATES[sum((row.funding_rate_8h or 0.0) >= bound for bound in _RATE_BOUNDS)],
        }
        for row in rows
    ]
    days = [f"{day}T00:00:00" for day in sorted({row.date for row in report.funding_by_venue})]

    def draw(ink: Ink, width: int) -> alt.TopLevelMixin:
        step = max(1, len(days) * 48 // (width - 60) + 1)
        boxes = (
            alt.Chart(values(cells))
            .mark_rect(stroke=ink["ground"], strokeWidth=1)
            .encode(
                x=alt.X(
                    "date:O",
                    scale=alt.Scale(domain=days),
                    axis=alt.Axis(
                        title=None,
                        labelAngle=0,
                        labelExpr="timeFormat(toDate(datum.value), '%-d %b')",
                        values=days[::-1][::step][::-1],
                        labelOverlap=False,
                    ),
                ),
                y=alt.Y("venue:N", scale=alt.Scale(domain=venues), axis=alt.Axis(title=None)),
                color=classes(ink, "rate", _RATES, width),
            )
        )
        return framed(boxes, ink, width, ROW * len(venues))

    low = min(rows, key=lambda row: (row.funding_rate_8h or 0.0, row.date, row.venue))
    high = max(rows, key=lambda row: (row.funding_rate_8h or 0.0, row.date, row.venue))
    description = (
        f"Funding of {report.asset} per 8 hours by venue and day, in basis points, to "
        f"{wording.day(report.date)}. Lowest {wording.basis_points(low.funding_rate_8h)} at "
        f"{low.venue} on {wording.day(low.date)}, highest "
        f"{wording.basis_points(high.funding_rate_8h)} at {high.venue} on {wording.day(high.date)}."
    )
    title = f"Funding of {report.asset} by venue and day"
    return Chart("funding-by-day", title, description, 1080, draw)

"""Who was liquidated: by hour, and longs against shorts by venue and by asset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import altair as alt

from flows.report import wording
from flows.report.charts.chart import (
    GROUPED,
    NARROW,
    ROW,
    SHOWN_NAMES,
    Chart,
    Ink,
    framed,
    side_colours,
    values,
)
from flows.report.model import AssetLiquidations, Report, VenueLiquidations

T = TypeVar("T", VenueLiquidations, AssetLiquidations)
Sides = Sequence[tuple[str, float | None, float | None]]


def by_hour(report: Report) -> Chart | None:
    known = [
        (h, h.long_usd or 0.0, h.short_usd or 0.0)
        for h in report.liquidations_by_hour
        if h.long_usd is not None or h.short_usd is not None
    ]
    if not known:
        return None
    peak, long_usd, short_usd = max(known, key=lambda hour: hour[1] + hour[2])
    size, unit = wording.scale_of(max(max(pair[1:]) for pair in known))
    names = [f"{h.hour:%H}" for h in report.liquidations_by_hour]
    bars = [
        {"hour": f"{h.hour:%H}", "side": side, "value": sign * usd / size}
        for h in report.liquidations_by_hour
        for side, sign, usd in (("shorts", 1, h.short_usd), ("longs", -1, h.long_usd))
        if usd is not None
    ]
    there = {f"{hour.hour:%H}" for hour, *_ in known}
    holes = [{"hour": name} for name in names if name not in there]

    def draw(ink: Ink, width: int) -> alt.TopLevelMixin:
        step = 3 if width < NARROW else 1
        hours = alt.X(
            "hour:O",
            scale=alt.Scale(domain=names),
            axis=alt.Axis(
                title="hour (UTC)", labelAngle=0, values=names[::step], labelOverlap=False
            ),
        )
        amounts = alt.Y(
            "value:Q",
            axis=alt.Axis(
                title=f"{unit} USD", labelExpr=GROUPED.format("abs(datum.value)"), tickCount=6
            ),
        )
        drawn = (
            alt.Chart(values(bars))
            .mark_bar()
            .encode(x=hours, y=amounts, color=side_colours(ink, "side"))
        )
        zero = alt.Chart(values([{"value": 0}])).mark_rule(color=ink["quiet"]).encode(y="value:Q")
        gaps = alt.Chart(values(holes)).mark_rect(color=ink["line"]).encode(x=hours)
        layers = [gaps, drawn, zero] if holes else [drawn, zero]
        return framed(alt.layer(*layers), ink, width, 240)

    share = wording.percent(long_usd / (long_usd + short_usd)) if long_usd + short_usd else "0 %"
    description = (
        f"Longs (down) and shorts (up) liquidated in each hour of {wording.day(report.date)}, UTC. "
        f"The largest hour began at {peak.hour:%H:%M} with {wording.usd(long_usd + short_usd)}, "
        f"of which longs {share}."
        + (f" {len(holes)} hours without data are grey." if holes else "")
    )
    title = "Liquidations by hour"
    return Chart("liquidations-by-hour", title, description, 1080, draw)


def by_venue(report: Report) -> Chart | None:
    found = _with_amount(report.liquidations_by_venue)
    rows = [(venue.venue, venue.long_usd, venue.short_usd) for venue in found]
    return _sides("liquidations-by-venue", "Liquidations by venue", rows, report)


def by_asset(report: Report) -> Chart | None:
    found = [*_with_amount(report.liquidations_by_asset)][:SHOWN_NAMES]
    rows = [(asset.base_asset, asset.long_usd, asset.short_usd) for asset in found]
    return _sides("liquidations-by-asset", "Liquidations by asset", rows, report)


def _with_amount(rows: Sequence[T]) -> Iterator[T]:
    return (row for row in rows if row.total_usd is not None)


def _sides(name: str, title: str, rows: Sides, report: Report) -> Chart | None:
    """Longs to the left, shorts to the right, a bar a name."""
    if not rows:
        return None
    size, unit = wording.scale_of(max(max(long or 0, short or 0) for _, long, short in rows))
    bars = [
        {"name": name, "side": side, "value": sign * usd / size}
        for name, long, short in rows
        for side, sign, usd in (("longs", -1, long), ("shorts", 1, short))
        if usd is not None
    ]

    def draw(ink: Ink, width: int) -> alt.TopLevelMixin:
        drawn = (
            alt.Chart(values(bars))
            .mark_bar()
            .encode(
                x=alt.X(
                    "value:Q",
                    axis=alt.Axis(
                        title=f"{unit} USD",
                        labelExpr=GROUPED.format("abs(datum.value)"),
                        tickCount=5,
                    ),
                ),
                y=alt.Y("name:N", sort=[row[0] for row in rows], axis=alt.Axis(title=None)),
                color=side_colours(ink, "side"),
            )
        )
        zero = alt.Chart(values([{"value": 0}])).mark_rule(color=ink["quiet"]).encode(x="value:Q")
        return framed(alt.layer(drawn, zero), ink, width, ROW * max(len(rows), 3))

    first, long, short = rows[0]
    description = (
        f"Longs (left) and shorts (right) liquidated on {wording.day(report.date)}, largest total "
        f"first: {first} with longs {wording.usd(long)} and shorts {wording.usd(short)}"
        + (f", then {', '.join(row[0] for row in rows[1:])}." if len(rows) > 1 else ".")
    )
    return Chart(name, title, description, 500, draw)

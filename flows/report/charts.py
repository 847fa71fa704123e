"""The report's charts as Altair specifications: what is drawn, and what it says in words.

Each takes the colours by name (`palette`), so the same chart is drawn for the page, where a colour
is a variable of the style sheet, and as a picture. A chart is None where there is nothing to draw:
the page then says so, in words. What is not known is left open, never drawn as zero.

Importing this module imports Altair (0.7 s); only `flows.report.drawing` does, once there is a
report to draw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import altair as alt

from flows.report import wording
from flows.report.model import AssetLiquidations, Report, VenueLiquidations
from flows.report.palette import HEAT

Ink = Mapping[str, str]
Drawing = Callable[[Ink, int], alt.TopLevelMixin]

SHOWN_NAMES = 12
LABEL_WIDTH, LABEL_HEIGHT = 0.22, 0.14
ROW = 24
"""Pixels of a bar or a row of cells."""
NARROW = 480
"""Pixels of width below which a chart has fewer labels."""

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
_GROUPED = f"replace(format({{}}, ',~r'), regexp(',', 'g'), '{wording.THIN}')"
"""Vega's expression for a number as `wording` writes it."""


@dataclass(frozen=True, slots=True)
class Chart:
    """name: of its file. description: what it shows, for whoever does not see it."""

    name: str
    title: str
    description: str
    wide: int
    draw: Drawing


def charts(report: Report) -> list[Chart]:
    """All that can be drawn of the report, in the order of the page."""
    found = (
        _hours(report),
        _sides("liquidations-by-venue", "Liquidations by venue", _venue_sides(report), report),
        _sides("liquidations-by-asset", "Liquidations by asset", _asset_sides(report), report),
        _funding_ranks(report),
        _funding_days(report),
        _interest(report),
        _quadrants(report),
        _scores(report),
    )
    return [chart for chart in found if chart is not None]


def _values(rows: Sequence[Mapping[str, object]]) -> alt.InlineData:
    return alt.InlineData(values=[dict(row) for row in rows])


# ---- liquidations -------------------------------------------------------------------------------


def _hours(report: Report) -> Chart | None:
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
                title=f"{unit} USD", labelExpr=_GROUPED.format("abs(datum.value)"), tickCount=6
            ),
        )
        drawn = (
            alt.Chart(_values(bars))
            .mark_bar()
            .encode(x=hours, y=amounts, color=_side_colours(ink, "side"))
        )
        zero = alt.Chart(_values([{"value": 0}])).mark_rule(color=ink["quiet"]).encode(y="value:Q")
        gaps = alt.Chart(_values(holes)).mark_rect(color=ink["line"]).encode(x=hours)
        layers = [gaps, drawn, zero] if holes else [drawn, zero]
        return _framed(alt.layer(*layers), ink, width, 240)

    share = wording.percent(long_usd / (long_usd + short_usd)) if long_usd + short_usd else "0 %"
    description = (
        f"Longs (down) and shorts (up) liquidated in each hour of {wording.day(report.date)}, UTC. "
        f"The largest hour began at {peak.hour:%H:%M} with {wording.usd(long_usd + short_usd)}, "
        f"of which longs {share}."
        + (f" {len(holes)} hours without data are grey." if holes else "")
    )
    title = "Liquidations by hour"
    return Chart("liquidations-by-hour", title, description, 1080, draw)


T = TypeVar("T", VenueLiquidations, AssetLiquidations)
Sides = Sequence[tuple[str, float | None, float | None]]


def _venue_sides(report: Report) -> Sides:
    return [(v.venue, v.long_usd, v.short_usd) for v in _with_amount(report.liquidations_by_venue)]


def _asset_sides(report: Report) -> Sides:
    found = [*_with_amount(report.liquidations_by_asset)][:SHOWN_NAMES]
    return [(a.base_asset, a.long_usd, a.short_usd) for a in found]


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
            alt.Chart(_values(bars))
            .mark_bar()
            .encode(
                x=alt.X(
                    "value:Q",
                    axis=alt.Axis(
                        title=f"{unit} USD",
                        labelExpr=_GROUPED.format("abs(datum.value)"),
                        tickCount=5,
                    ),
                ),
                y=alt.Y("name:N", sort=[row[0] for row in rows], axis=alt.Axis(title=None)),
                color=_side_colours(ink, "side"),
            )
        )
        zero = alt.Chart(_values([{"value": 0}])).mark_rule(color=ink["quiet"]).encode(x="value:Q")
        return _framed(alt.layer(drawn, zero), ink, width, ROW * max(len(rows), 3))

    first, long, short = rows[0]
    description = (
        f"Longs (left) and shorts (right) liquidated on {wording.day(report.date)}, largest total "
        f"first: {first} with longs {wording.usd(long)} and shorts {wording.usd(short)}"
        + (f", then {', '.join(row[0] for row in rows[1:])}." if len(rows) > 1 else ".")
    )
    return Chart(name, title, description, 500, draw)


# ---- funding ------------------------------------------------------------------------------------


def _funding_ranks(report: Report) -> Chart | None:
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
    base = alt.Chart(_values(cells)).encode(
        x=alt.X(
            "venue:N",
            scale=alt.Scale(domain=columns),
            axis=alt.Axis(title=None, orient="top", labelAngle=0 if width >= NARROW else -60),
        ),
        y=alt.Y("asset:N", scale=alt.Scale(domain=rows), axis=alt.Axis(title=None)),
    )
    boxes = base.mark_rect(stroke=ink["ground"], strokeWidth=2).encode(
        color=_classes(ink, field, names, width)
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
    return _framed(
        alt.layer(*layers).resolve_scale(color="independent"), ink, width, ROW * len(rows)
    )


def _classes(ink: Ink, field: str, names: Sequence[str], width: int) -> alt.Color:
    return alt.Color(
        f"{field}:N",
        scale=alt.Scale(
            domain=list(names), range=[*(ink[name] for name in HEAT), ink["soft"]][: len(names)]
        ),
        legend=alt.Legend(
            title=None,
            orient="bottom",
            columns=len(names) if width >= 2 * NARROW else 4 if width >= NARROW else 3,
            columnPadding=14,
            symbolType="square",
            symbolStrokeWidth=1,
            symbolStrokeColor=ink["line"],
        ),
    )


def _funding_days(report: Report) -> Chart | None:
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
            alt.Chart(_values(cells))
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
                color=_classes(ink, "rate", _RATES, width),
            )
        )
        return _framed(boxes, ink, width, ROW * len(venues))

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


# ---- open interest, price, score ----------------------------------------------------------------


def _interest(report: Report) -> Chart | None:
    rows = report.open_interest_history
    known = [row for row in rows if row.open_interest_usd is not None]
    if not known:
        return None
    size, unit = wording.scale_of(max(row.open_interest_usd or 0.0 for row in known))
    points = [
        {
            "date": f"{row.date}T00:00:00",
            "interest": None if row.open_interest_usd is None else row.open_interest_usd / size,
            "price": row.price_close,
        }
        for row in rows
    ]

    def draw(ink: Ink, width: int) -> alt.TopLevelMixin:
        days = alt.X(
            "date:T",
            axis=alt.Axis(title=None, format="%-d %b", tickCount=4, grid=False),
        )

        def panel(field: str, title: str) -> alt.Chart:
            # A point a day: a day between two gaps has no line.
            line = alt.Chart(_values(points), width=width - 70, height=110).mark_line(
                color=ink["ink"],
                strokeWidth=1.5,
                point=alt.OverlayMarkDef(color=ink["ink"], size=12, filled=True),
            )
            amounts = alt.Y(
                f"{field}:Q",
                scale=alt.Scale(zero=False),
                axis=alt.Axis(title=title, tickCount=4, labelExpr=_GROUPED.format("datum.value")),
            )
            encoded: alt.Chart = line.encode(x=days, y=amounts)
            return encoded

        both = alt.vconcat(
            panel("interest", f"OI, {unit} USD"),
            panel("price", "price, USD"),
            spacing=8,
        ).resolve_scale(x="shared")
        return _styled(both, ink)

    first, last = known[0], known[-1]
    description = (
        f"{report.asset}, all venues, {wording.day(first.date)} to {wording.day(last.date)}: open "
        f"interest (above) from {wording.usd(first.open_interest_usd)} to "
        f"{wording.usd(last.open_interest_usd)}; closing price (below) from "
        f"{wording.price(first.price_close)} to {wording.price(last.price_close)}. Days without "
        "data are gaps."
    )
    title = f"Open interest and price of {report.asset}"
    return Chart("open-interest-and-price", title, description, 500, draw)


def _quadrants(report: Report) -> Chart | None:
    rows = [
        row
        for row in report.open_interest_and_price
        if row.open_interest_change_fraction is not None and row.price_return_fraction is not None
    ][:SHOWN_NAMES]
    if not rows:
        return None
    places = [
        (100 * (r.open_interest_change_fraction or 0.0), 100 * (r.price_return_fraction or 0.0))
        for r in rows
    ]
    across, up = (1.25 * max(0.5, *(abs(place[axis]) for place in places)) for axis in (0, 1))
    labelled = _apart([(p[0] / across, p[1] / up) for p in places])
    points = [
        {
            "asset": row.base_asset if number in labelled else "",
            "interest": places[number][0],
            "price": places[number][1],
            "usd": row.open_interest_usd or 0.0,
        }
        for number, row in enumerate(rows)
    ]
    corners = [
        {
            "interest": x * across,
            "price": y * up,
            "said": said,
            "align": "left" if x < 0 else "right",
        }
        for x, y, said in (
            (-1, 1, "shorts closing"),
            (1, 1, "new longs"),
            (-1, -1, "longs closing"),
            (1, -1, "new shorts"),
        )
    ]

    def draw(ink: Ink, width: int) -> alt.TopLevelMixin:
        x = alt.X(
            "interest:Q",
            scale=alt.Scale(domain=[-across, across], nice=False),
            axis=alt.Axis(title="change of open interest in coin, %", tickCount=5),
        )
        y = alt.Y(
            "price:Q",
            scale=alt.Scale(domain=[-up, up], nice=False),
            axis=alt.Axis(title="price, %", tickCount=5),
        )
        base = alt.Chart(_values(points)).encode(x=x, y=y)
        dots = base.mark_circle(color=ink["quiet"], opacity=0.75).encode(
            size=alt.Size("usd:Q", legend=None, scale=alt.Scale(range=[40, 500]))
        )
        names = base.mark_text(color=ink["ink"], dy=-14, fontSize=11).encode(text="asset:N")
        zero = alt.Chart(_values([{"interest": 0, "price": 0}]))
        said = [
            alt.Chart(_values([c for c in corners if c["align"] == align]))
            .mark_text(color=ink["quiet"], fontSize=11, align=align, baseline="middle")
            .encode(x=x, y=y, text="said:N")
            for align in ("left", "right")
        ]
        return _framed(
            alt.layer(
                zero.mark_rule(color=ink["quiet"]).encode(x=x),
                zero.mark_rule(color=ink["quiet"]).encode(y=y),
                *said,
                dots,
                names,
            ),
            ink,
            width,
            250,
        )

    counted = [(name, sum(row.quadrant == name for row in rows)) for name in _QUADRANTS]
    description = (
        f"Change of open interest (across) and price (up) on {wording.day(report.date)} of the "
        f"{len(rows)} assets with the most open interest: "
        + ", ".join(f"{count} {name}" for name, count in counted if count)
        + f". {rows[0].base_asset}: open interest "
        f"{wording.percent(rows[0].open_interest_change_fraction, sign=True)}, price "
        f"{wording.percent(rows[0].price_return_fraction, sign=True)}."
    )
    title = "Who opened, who closed"
    return Chart("open-interest-quadrants", title, description, 500, draw)


def _apart(places: Sequence[tuple[float, float]]) -> set[int]:
    """Which of the points, in order, can have their name beside them without covering another's.

    places: of −1 to 1 both ways.
    """
    taken: list[tuple[float, float]] = []
    found = set()
    for number, (x, y) in enumerate(places):
        if all(abs(x - a) > LABEL_WIDTH or abs(y - b) > LABEL_HEIGHT for a, b in taken):
            taken.append((x, y))
            found.add(number)
    return found


_QUADRANTS = ("new longs", "new shorts", "longs closing", "shorts closing", "flat")


_CROWDED = {
    "long": "longs crowded",
    "short": "shorts crowded",
    "none": "neither",
    None: "not known",
}


def _scores(report: Report) -> Chart | None:
    rows = [row for row in report.squeeze_table if row.overheated_score is not None][:SHOWN_NAMES]
    if not rows:
        return None
    bars = [
        {
            "asset": row.base_asset,
            "score": row.overheated_score,
            "side": _CROWDED[row.crowded_side],
            "text": f"{row.overheated_score:.0f}",
        }
        for row in rows
    ]

    def draw(ink: Ink, width: int) -> alt.TopLevelMixin:
        sides = list(_CROWDED.values())
        base = alt.Chart(_values(bars)).encode(
            x=alt.X(
                "score:Q",
                scale=alt.Scale(domain=[0, 100]),
                axis=alt.Axis(title="score, 0 to 100", tickCount=5),
            ),
            y=alt.Y("asset:N", sort=[row.base_asset for row in rows], axis=alt.Axis(title=None)),
        )
        drawn = base.mark_bar().encode(
            color=alt.Color(
                "side:N",
                scale=alt.Scale(
                    domain=sides, range=[ink["long"], ink["short"], ink["quiet"], ink["line"]]
                ),
                legend=alt.Legend(
                    title=None, orient="top", columnPadding=14, columns=2 if width < NARROW else 4
                ),
            )
        )
        written = base.mark_text(align="left", dx=4, color=ink["ink"], fontSize=11).encode(
            text="text:N"
        )
        return _framed(alt.layer(drawn, written), ink, width, ROW * max(len(rows), 3))

    named = ", ".join(f"{row.base_asset} {row.overheated_score:.0f}" for row in rows)
    description = f"Overheated score of {wording.day(report.date)}, highest first: {named}."
    return Chart("overheated-score", "Overheated score", description, 500, draw)


# ---- style --------------------------------------------------------------------------------------


def _side_colours(ink: Ink, field: str) -> alt.Color:
    return alt.Color(
        f"{field}:N",
        scale=alt.Scale(domain=["longs", "shorts"], range=[ink["long"], ink["short"]]),
        legend=alt.Legend(title=None, orient="top", columnPadding=14),
    )


def _framed(chart: Any, ink: Ink, width: int, height: int) -> alt.TopLevelMixin:
    """`width` is of everything, axes included."""
    return _styled(
        chart.properties(
            width=width,
            height=height,
            autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
        ),
        ink,
    )


def _styled(chart: Any, ink: Ink) -> alt.TopLevelMixin:
    styled: alt.TopLevelMixin = (
        chart.configure(background="transparent", font="sans-serif", aria=False, padding=4)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=ink["quiet"],
            titleColor=ink["quiet"],
            titleFontWeight="normal",
            labelFontSize=11,
            titleFontSize=11,
            gridColor=ink["line"],
            domainColor=ink["line"],
            tickColor=ink["line"],
        )
        .configure_legend(
            labelColor=ink["ink"],
            titleColor=ink["quiet"],
            labelFontSize=11,
            titleFontSize=11,
            titleFontWeight="normal",
        )
    )
    return styled

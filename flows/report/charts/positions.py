"""Positions: open interest and price, who opened and who closed, how stretched they are."""

from __future__ import annotations

from collections.abc import Sequence

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
    styled,
    values,
)
from flows.report.model import Report

LABEL_WIDTH, LABEL_HEIGHT = 0.22, 0.14
"""What a name takes of a chart that goes from −1 to 1 both ways."""
_QUADRANTS = ("new longs", "new shorts", "longs closing", "shorts closing", "flat")


_CROWDED = {
    "long": "longs crowded",
    "short": "shorts crowded",
    "none": "neither",
    None: "not known",
}


def interest_and_price(report: Report) -> Chart | None:
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
            line = alt.Chart(values(points), width=width - 70, height=110).mark_line(
                color=ink["ink"],
                strokeWidth=1.5,
                point=alt.OverlayMarkDef(color=ink["ink"], size=12, filled=True),
            )
            amounts = alt.Y(
                f"{field}:Q",
                scale=alt.Scale(zero=False),
                axis=alt.Axis(title=title, tickCount=4, labelExpr=GROUPED.format("datum.value")),
            )
            encoded: alt.Chart = line.encode(x=days, y=amounts)
            return encoded

        both = alt.vconcat(
            panel("interest", f"OI, {unit} USD"),
            panel("price", "price, USD"),
            spacing=8,
        ).resolve_scale(x="shared")
        return styled(both, ink)

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


def quadrants(report: Report) -> Chart | None:
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
        base = alt.Chart(values(points)).encode(x=x, y=y)
        dots = base.mark_circle(color=ink["quiet"], opacity=0.75).encode(
            size=alt.Size("usd:Q", legend=None, scale=alt.Scale(range=[40, 500]))
        )
        names = base.mark_text(color=ink["ink"], dy=-14, fontSize=11).encode(text="asset:N")
        zero = alt.Chart(values([{"interest": 0, "price": 0}]))
        said = [
            alt.Chart(values([c for c in corners if c["align"] == align]))
            .mark_text(color=ink["quiet"], fontSize=11, align=align, baseline="middle")
            .encode(x=x, y=y, text="said:N")
            for align in ("left", "right")
        ]
        return framed(
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


def scores(report: Report) -> Chart | None:
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
        base = alt.Chart(values(bars)).encode(
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
        return framed(alt.layer(drawn, written), ink, width, ROW * max(len(rows), 3))

    named = ", ".join(f"{row.base_asset} {row.overheated_score:.0f}" for row in rows)
    description = f"Overheated score of {wording.day(report.date)}, highest first: {named}."
    return Chart("overheated-score", "Overheated score", description, 500, draw)

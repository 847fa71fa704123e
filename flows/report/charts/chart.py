"""What all charts share: what one is, its colours by name, its frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from flows.report import wording
from flows.report.palette import HEAT

Ink = Mapping[str, str]
Drawing = Callable[[Ink, int], alt.TopLevelMixin]

SHOWN_NAMES = 12
"""Assets of a chart."""
ROW = 24
"""Pixels of a bar or a row of cells."""
NARROW = 480
"""Pixels of width below which a chart has fewer labels."""
GROUPED = f"replace(format({{}}, ',~r'), regexp(',', 'g'), '{wording.THIN}')"
"""Vega's expression for a number as `wording` writes it."""


@dataclass(frozen=True, slots=True)
class Chart:
    """name: of its file. description: what it shows, for whoever does not see it."""

    name: str
    title: str
    description: str
    wide: int
    draw: Drawing


def values(rows: Sequence[Mapping[str, object]]) -> alt.InlineData:
    return alt.InlineData(values=[dict(row) for row in rows])


def classes(ink: Ink, field: str, names: Sequence[str], width: int) -> alt.Color:
    return alt.Color(
        f"{field}:N",
        scale=alt.Scale(
            domain=list(names), range=[*(ink[name] for name in HEAT), ink["soft"]][: len(names)]
        ),
        legend=alt.Legend(
            title=None,
            orient="bottom",
            columns=len(names) if width >= 2 * NARROW else 4 if width >= NARROW else 2,
            columnPadding=14,
            symbolType="square",
            symbolStrokeWidth=1,
            symbolStrokeColor=ink["line"],
        ),
    )


def side_colours(ink: Ink, field: str) -> alt.Color:
    return alt.Color(
        f"{field}:N",
        scale=alt.Scale(domain=["longs", "shorts"], range=[ink["long"], ink["short"]]),
        legend=alt.Legend(title=None, orient="top", columnPadding=14),
    )


def framed(chart: Any, ink: Ink, width: int, height: int) -> alt.TopLevelMixin:
    """`width` is of everything, axes included."""
    return styled(
        chart.properties(
            width=width,
            height=height,
            autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
        ),
        ink,
    )


def styled(chart: Any, ink: Ink) -> alt.TopLevelMixin:
    styled: alt.TopLevelMixin = (
        chart.configure(background="transparent", font="sans-serif", aria=False, padding=4)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=ink["quiet"],
            titleColor=ink["quiet"],
            titleFontWeight="normal",
            labelFontSize=11,
            titleFontSize=11,
            titlePadding=9,
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

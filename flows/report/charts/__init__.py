"""The report's charts as Altair specifications: what is drawn, and what it says in words.

Each takes the colours by name (`palette`), so the same chart is drawn for the page, where a colour
is a variable of the style sheet, and as a picture. A chart is None where there is nothing to draw:
the page then says so, in words. What is not known is left open, never drawn as zero.

Importing this package imports Altair (0.7 s); only `flows.report.drawing` does, once there is a
report to draw.
"""

from __future__ import annotations

from flows.report.charts import funding, liquidations, positions
from flows.report.charts.chart import Chart
from flows.report.model import Report

_IN_ORDER = (
    liquidations.by_hour,
    liquidations.by_venue,
    liquidations.by_asset,
    funding.against_history,
    funding.by_day,
    positions.interest_and_price,
    positions.quadrants,
    positions.scores,
)


def charts(report: Report) -> list[Chart]:
    """All that can be drawn of the report, in the order of the page."""
    return [chart for draw in _IN_ORDER if (chart := draw(report)) is not None]


__all__ = ["Chart", "charts"]

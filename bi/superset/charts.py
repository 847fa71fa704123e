"""The charts of the dashboard."""

from __future__ import annotations

from bi.superset.datasets import (
    COVERAGE,
    EXPECTATIONS,
    FUNDING,
    LIQUIDATIONS,
    LIQUIDATIONS_HOURLY,
    MARKET,
    MARKET_TOTAL,
    OPEN_INTEREST,
    RESTATEMENTS,
    VERDICTS,
)
from bi.superset.forms import (
    ALL,
    AXIS_ROWS,
    DAY_AXIS,
    DAY_FORMAT,
    NOTHING,
    ONLY_DATE,
    WITHOUT_VENUE,
    Chart,
    bars,
    headline,
    heatmap,
    over_time,
    table_of_assets,
    table_of_rows,
    when,
)

_LOWER_BOUND = (
    "A day without a bar is not known, not zero; throttled and partial feeds show a lower bound: "
    "see “How complete liquidations are”."
)

HEADLINES = (
    headline(
        "headline_liquidations",
        "Liquidated",
        LIQUIDATIONS,
        "total_usd",
        "Positions liquidated on the last day, USD. The two days compare only where completeness "
        "and venues are the same.",
        against_day_before=True,
    ),
    headline(
        "headline_long_share",
        "Of it, longs",
        LIQUIDATIONS,
        "long_share",
        "Share of long positions among those liquidated on the last day.",
    ),
    headline(
        "headline_max_24h",
        "24 h, market",
        MARKET_TOTAL,
        "max_24h_usd",
        "Largest total over a rolling 24 hours that ends on the last day, USD; all venues and "
        "assets, whatever is chosen.",
        ONLY_DATE,
        against_day_before=True,
    ),
    headline(
        "headline_open_interest",
        "Open interest",
        OPEN_INTEREST,
        "open_interest_usd",
        "One-sided, at the end of the last day, USD. It falls if a venue's data is missing; the "
        "change beside it does not.",
    ),
    headline(
        "headline_open_interest_change",
        "OI, like for like",
        OPEN_INTEREST,
        "open_interest_change",
        "Change on the day before over instruments that were there on both days, at the day "
        "before's prices.",
    ),
    headline(
        "headline_funding",
        "Funding, bp / 8 h",
        FUNDING,
        "funding_bp",
        "Weighted by mean open interest, basis points per 8 hours. Above 0 longs pay shorts.",
    ),
)

LIQUIDATIONS_BY_DAY = bars(
    "liquidations_by_day",
    "Liquidations by day, longs and shorts",
    LIQUIDATIONS,
    ["long_usd", "short_usd"],
    f"USD. {_LOWER_BOUND}",
)

LIQUIDATIONS_BY_VENUE = bars(
    "liquidations_by_venue",
    "Liquidations by day and venue",
    LIQUIDATIONS,
    ["total_usd"],
    f"USD. {_LOWER_BOUND}",
    by="venue",
)

LIQUIDATIONS_BY_HOUR = bars(
    "liquidations_by_hour",
    "Liquidations by hour, UTC",
    LIQUIDATIONS_HOURLY,
    ["long_usd", "short_usd"],
    "USD. An hour without a bar is zero where the feed covered the day, else not known.",
    grain="PT1H",
)

LIQUIDATIONS_BY_ASSET = Chart(
    "liquidations_by_asset",
    "Liquidations by asset",
    LIQUIDATIONS,
    "echarts_timeseries_bar",
    {
        "x_axis": "base_asset",
        "x_axis_sort": "long_usd",
        "x_axis_sort_asc": True,
        "metrics": ["long_usd", "short_usd"],
        "groupby": [],
        "order_desc": True,
        "adhoc_filters": when(LIQUIDATIONS),
        "row_limit": 15,
        "stack": "Stack",
        "orientation": "horizontal",
        "y_axis_format": "SMART_NUMBER",
        "truncate_metric": True,
        "rich_tooltip": True,
        "showTooltipTotal": True,
        "show_legend": True,
        "legendOrientation": "top",
        "color_scheme": "d3Category10",
    },
    "USD over the range, the 15 assets of which most longs were liquidated. Days that are not "
    "known are not in it.",
    ALL,
)

LIQUIDATIONS_COMPLETENESS = Chart(
    "liquidations_completeness",
    "How complete liquidations are",
    LIQUIDATIONS,
    "table",
    {
        "query_mode": "aggregate",
        "groupby": ["venue", "completeness"],
        "metrics": ["days", "total_usd", "orders", "largest_usd", "unpriced_rows"],
        "timeseries_limit_metric": "total_usd",
        "order_desc": True,
        "adhoc_filters": when(LIQUIDATIONS),
        "row_limit": 1000,
        "server_pagination": False,
        "page_length": 0,
        "show_cell_bars": False,
        "color_pn": False,
    },
    "What the feeds behind the liquidations show: complete; throttled and partial are lower "
    "bounds; unknown where no venue documents it.",
    ALL,
)

FUNDING_BY_VENUE = Chart(
    "funding_by_venue",
    "Funding by venue",
    FUNDING,
    "echarts_timeseries_line",
    over_time(FUNDING)
    | {
        "metrics": ["funding_or_mean_bp"],
        "groupby": ["venue"],
        "seriesType": "line",
        "connectNulls": False,
        "markerEnabled": True,
        "markerSize": 5,
        "showTooltipTotal": False,
        "y_axis_format": ",.2f",
        "y_axis_title": "bp per 8 h",
        "y_axis_title_margin": 40,
        "y_axis_title_position": "Left",
    },
    "Basis points per 8 hours, weighted by open interest within a venue. A gap is a day that is "
    "not known.",
    ALL,
)

FUNDING_HEATMAP = heatmap(
    "funding_heatmap",
    "Funding, venue by day",
    FUNDING,
    "venue",
    "funding_or_mean_bp",
    "Basis points per 8 hours, weighted by open interest within a venue. An empty cell is not "
    "known.",
    ALL,
    # White is nobody pays; beyond 10 bp the colour is that of 10.
    linear_color_scheme="schemePuOr",
    y_axis_format=",.2f",
    value_bounds=[-10, 10],
)

OPEN_INTEREST_BY_VENUE = bars(
    "open_interest_by_venue",
    "Open interest by venue",
    OPEN_INTEREST,
    ["open_interest_usd"],
    "USD at the day's end, one-sided. A venue without a bar is not known on that day.",
    by="venue",
)

OPEN_INTEREST_AND_PRICE = Chart(
    "open_interest_and_price",
    "Open interest in coin, and price",
    MARKET,
    "mixed_timeseries",
    {
        "x_axis": "date",
        "time_grain_sqla": "P1D",
        # Not a series an asset, limited to one: Superset ranks each half by what it draws itself,
        # so that the bars were of one asset and the line of another.
        "metrics": ["open_interest_coin"],
        "groupby": [],
        "adhoc_filters": when(MARKET),
        "row_limit": AXIS_ROWS,
        "seriesType": "bar",
        "opacity": 0.35,
        "yAxisIndex": 0,
        "y_axis_format": "SMART_NUMBER",
        "metrics_b": ["price"],
        "groupby_b": [],
        "adhoc_filters_b": when(MARKET),
        "row_limit_b": AXIS_ROWS,
        "seriesTypeB": "line",
        "yAxisIndexB": 1,
        "y_axis_format_secondary": "SMART_NUMBER",
        "truncateYAxis": False,
        "show_legend": True,
        "legendOrientation": "top",
        "rich_tooltip": True,
        "x_axis_time_format": DAY_AXIS,
        "tooltipTimeFormat": DAY_FORMAT,
        "color_scheme": "d3Category10",
    },
    "Of the asset with the most open interest in USD of those chosen, day by day: Bitcoin, as a "
    "rule. On a day on which the USD of the largest are not known it is the next one; choose one "
    "asset to see it alone. All venues. Coin, so that a price move alone is no change.",
    WITHOUT_VENUE,
)

OVERHEATED = table_of_assets(
    "overheated",
    "Overheated score",
    [
        "last_day",
        "last_overheated_score",
        "last_score_funding",
        "last_score_open_interest",
        "last_score_leverage",
        "last_score_liquidations",
        "last_score_long_short",
    ],
    "On the last day of the range: how far positions are stretched against the asset's own past, "
    "0 to 100, and the parts of it, 0 to 1. Empty: fewer than 14 known days, or not known. Assets "
    "without a row on that day are left out.",
    [
        {
            "column": metric,
            "operator": "< x <",
            "targetValueLeft": 0,
            "targetValueRight": most,
            "colorScheme": "#E8A33D",
        }
        for metric, most in (("last_overheated_score", 100.01), ("last_score_funding", 1.01))
    ],
)

SQUEEZE = table_of_assets(
    "squeeze",
    "Squeeze watch",
    [
        "last_day",
        "last_squeeze_risk",
        "last_crowded_side",
        "last_deleveraged",
        "typical_bp",
        "last_funding_percentile_90d",
        "last_open_interest_percentile_90d",
        "last_liquidations_percentile_90d",
    ],
    "On the last day of the range: whether a squeeze of the crowded side is likely, and the ranks "
    "of the day among 90. Empty: fewer than 14 known days, or not known. Assets without a row on "
    "that day are left out.",
)

COVERAGE_MAP = heatmap(
    "coverage",
    "What was there of what was due",
    COVERAGE,
    "feed",
    "there",
    "1 all that was due, 0.5 a part of it, 0 nothing: venue and dataset by day. An empty cell: "
    "the venue does not publish it.",
    frozenset({"date", "venue"}),
    linear_color_scheme="schemeRdYlGn",
    y_axis_format=".1f",
    value_bounds=[0, 1],
)

VERDICT = table_of_rows(
    "verdicts",
    "What the gate said",
    VERDICTS,
    [
        "run_id",
        "first_date",
        "last_date",
        "verdict",
        "expectations",
        "did_not_hold",
        "command",
        "finished_at",
    ],
    '["run_id", false]',
    "Every run that made a published build, newest first. A blocked run publishes nothing, and is "
    "not here.",
    NOTHING,
)

FINDINGS = table_of_rows(
    "findings",
    "What did not hold",
    EXPECTATIONS,
    ["run_id", "severity", "table_name", "expectation", "date", "venue", "observed", "detail"],
    '["run_id", false]',
    "Expectations of all published runs that did not hold, newest first: warnings, since what is "
    "critical publishes nothing.",
    NOTHING,
    only="NOT success",
)

RESTATED = table_of_rows(
    "restatements",
    "Restatements",
    RESTATEMENTS,
    [
        "run_id",
        "date",
        "table_name",
        "venue",
        "symbol",
        "kind",
        "column_name",
        "old_value",
        "new_value",
        "difference",
        "cause",
    ],
    '["run_id", false]',
    "What changed after it had been published, by how much and why, newest first.",
    frozenset({"date"}),
)

CHARTS = (
    *HEADLINES,
    LIQUIDATIONS_BY_DAY,
    LIQUIDATIONS_BY_VENUE,
    LIQUIDATIONS_BY_HOUR,
    LIQUIDATIONS_BY_ASSET,
    LIQUIDATIONS_COMPLETENESS,
    FUNDING_BY_VENUE,
    FUNDING_HEATMAP,
    OPEN_INTEREST_BY_VENUE,
    OPEN_INTEREST_AND_PRICE,
    OVERHEATED,
    SQUEEZE,
    COVERAGE_MAP,
    VERDICT,
    FINDINGS,
    RESTATED,
)

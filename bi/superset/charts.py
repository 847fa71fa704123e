"""The charts, as Superset's forms hold them.

What is not known is left out: no chart fills a missing day, connects over it, or counts it as 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

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
    SIGNALS,
    VERDICTS,
    VERSION,
    Dataset,
    identity,
)

DAY_FORMAT = "%Y-%m-%d"
DAY_AXIS = "%d %b"
_AXIS_ROWS = 50_000
"""More than the points of any of these charts; Superset's own limit is far below."""

Form = dict[str, Any]
Narrowing = Literal["date", "asset", "venue"]


@dataclass(frozen=True, slots=True)
class Chart:
    """narrowed_by: the filters of the dashboard that the dataset has a column for."""

    name: str
    title: str
    dataset: Dataset
    kind: str
    form: Form
    meaning: str
    narrowed_by: frozenset[Narrowing]

    @property
    def uuid(self) -> str:
        return identity("chart", self.name)

    def exported(self) -> dict[str, Any]:
        return {
            "slice_name": self.title,
            "description": self.meaning,
            "certified_by": None,
            "certification_details": None,
            "viz_type": self.kind,
            "params": {"viz_type": self.kind, **self.form},
            "query_context": None,
            "cache_timeout": None,
            "uuid": self.uuid,
            "version": VERSION,
            "dataset_uuid": self.dataset.uuid,
        }


ALL: frozenset[Narrowing] = frozenset({"date", "asset", "venue"})
WITHOUT_VENUE: frozenset[Narrowing] = frozenset({"date", "asset"})
ONLY_DATE: frozenset[Narrowing] = frozenset({"date"})
NOTHING: frozenset[Narrowing] = frozenset()


def _when(dataset: Dataset) -> list[Form]:
    """The place where the dashboard's date range goes."""
    return [
        {
            "clause": "WHERE",
            "subject": dataset.time,
            "operator": "TEMPORAL_RANGE",
            "comparator": "No filter",
            "expressionType": "SIMPLE",
        }
    ]


def _where(sql: str) -> Form:
    return {"clause": "WHERE", "expressionType": "SQL", "sqlExpression": sql}


def _over_time(dataset: Dataset, grain: str = "P1D") -> Form:
    return {
        "x_axis": dataset.time,
        "time_grain_sqla": grain,
        "adhoc_filters": _when(dataset),
        "row_limit": _AXIS_ROWS,
        "x_axis_time_format": DAY_AXIS,
        "tooltipTimeFormat": DAY_FORMAT if grain == "P1D" else "%Y-%m-%d %H:%M",
        "truncate_metric": True,
        "show_empty_columns": True,
        "rich_tooltip": True,
        "showTooltipTotal": True,
        "show_legend": True,
        "legendType": "scroll",
        "legendOrientation": "top",
        "color_scheme": "d3Category10",
        "order_desc": True,
    }


def _headline(
    name: str,
    title: str,
    dataset: Dataset,
    metric: str,
    meaning: str,
    narrowed_by: frozenset[Narrowing] = ALL,
    *,
    against_day_before: bool = False,
) -> Chart:
    change: Form = {"compare_lag": 1, "compare_suffix": "on the day before"}
    form = {
        "x_axis": dataset.time,
        "time_grain_sqla": "P1D",
        "metric": metric,
        "adhoc_filters": _when(dataset),
        "aggregation": "LAST_VALUE",
        "show_trend_line": True,
        "start_y_axis_at_zero": False,
        "show_timestamp": True,
        "time_format": DAY_FORMAT,
        "rolling_type": "None",
        "header_font_size": 0.4,
        "subheader_font_size": 0.15,
        "color_picker": {"r": 31, "g": 119, "b": 180, "a": 1},
        "row_limit": _AXIS_ROWS,
    } | (change if against_day_before else {})
    return Chart(name, title, dataset, "big_number", form, meaning, narrowed_by)


def _bars(
    name: str,
    title: str,
    dataset: Dataset,
    metrics: list[str],
    meaning: str,
    *,
    by: str | None = None,
    grain: str = "P1D",
) -> Chart:
    form = _over_time(dataset, grain) | {
        "metrics": metrics,
        "groupby": [by] if by else [],
        "stack": "Stack",
        "orientation": "vertical",
        "y_axis_format": "SMART_NUMBER",
        "sort_series_type": "name",
        "sort_series_ascending": True,
    }
    return Chart(name, title, dataset, "echarts_timeseries_bar", form, meaning, ALL)


def _heatmap(
    name: str,
    title: str,
    dataset: Dataset,
    by: str,
    metric: str,
    meaning: str,
    narrowed_by: frozenset[Narrowing],
    **more: Any,
) -> Chart:
    form: Form = {
        "x_axis": dataset.time,
        "time_grain_sqla": "P1D",
        "groupby": by,
        "metric": metric,
        "adhoc_filters": _when(dataset),
        "row_limit": _AXIS_ROWS,
        "sort_x_axis": "alpha_asc",
        "sort_y_axis": "alpha_desc",
        "normalize_across": "heatmap",
        "legend_type": "continuous",
        "show_legend": True,
        "show_percentage": False,
        "show_values": False,
        "x_axis_time_format": DAY_AXIS,
        "xscale_interval": -1,
        "yscale_interval": -1,
        "left_margin": "auto",
        "bottom_margin": "auto",
        "value_bounds": [None, None],
    } | more
    return Chart(name, title, dataset, "heatmap_v2", form, meaning, narrowed_by)


def _rows(
    name: str,
    title: str,
    dataset: Dataset,
    columns: list[str],
    order: str,
    meaning: str,
    narrowed_by: frozenset[Narrowing],
    *,
    only: str | None = None,
) -> Chart:
    form: Form = {
        "query_mode": "raw",
        "all_columns": columns,
        "order_by_cols": [order],
        "adhoc_filters": (_when(dataset) if dataset.time and "date" in narrowed_by else [])
        + ([_where(only)] if only else []),
        "row_limit": 1000,
        "server_pagination": False,
        "page_length": 0,
        "table_timestamp_format": DAY_FORMAT,
        "show_cell_bars": False,
        "column_config": {"finished_at": {"d3TimeFormat": "%Y-%m-%d %H:%M"}},
    }
    return Chart(name, title, dataset, "table", form, meaning, narrowed_by)


def _per_asset(
    name: str, title: str, metrics: list[str], meaning: str, shades: list[Form] | None = None
) -> Chart:
    """A table of the assets as they were on the last day of the range, highest score first."""
    form: Form = {
        "query_mode": "aggregate",
        "groupby": ["base_asset"],
        "metrics": metrics,
        "timeseries_limit_metric": "last_overheated_score",
        "order_desc": True,
        "adhoc_filters": _when(SIGNALS),
        "row_limit": 1000,
        "server_pagination": False,
        "page_length": 0,
        "table_timestamp_format": DAY_FORMAT,
        "show_cell_bars": False,
        "color_pn": False,
        "conditional_formatting": shades or [],
    }
    return Chart(name, title, SIGNALS, "table", form, meaning, WITHOUT_VENUE)


_LOWER_BOUND = (
    "A day without a bar is not known, not zero; throttled and partial feeds show a lower bound: "
    "see “How complete liquidations are”."
)

HEADLINES = (
    _headline(
        "headline_liquidations",
        "Liquidated",
        LIQUIDATIONS,
        "total_usd",
        "Positions liquidated on the last day, USD. The two days compare only where completeness "
        "and venues are the same.",
        against_day_before=True,
    ),
    _headline(
        "headline_long_share",
        "Of it, longs",
        LIQUIDATIONS,
        "long_share",
        "Share of long positions among those liquidated on the last day.",
    ),
    _headline(
        "headline_max_24h",
        "24 h, market",
        MARKET_TOTAL,
        "max_24h_usd",
        "Largest total over a rolling 24 hours that ends on the last day, USD; all venues and "
        "assets, whatever is chosen.",
        ONLY_DATE,
        against_day_before=True,
    ),
    _headline(
        "headline_open_interest",
        "Open interest",
        OPEN_INTEREST,
        "open_interest_usd",
        "One-sided, at the end of the last day, USD. It falls if a venue's data is missing; the "
        "change beside it does not.",
    ),
    _headline(
        "headline_open_interest_change",
        "OI, like for like",
        OPEN_INTEREST,
        "open_interest_change",
        "Change on the day before over instruments that were there on both days, at the day "
        "before's prices.",
    ),
    _headline(
        "headline_funding",
        "Funding, bp / 8 h",
        FUNDING,
        "funding_bp",
        "Weighted by mean open interest, basis points per 8 hours. Above 0 longs pay shorts.",
    ),
)

LIQUIDATIONS_BY_DAY = _bars(
    "liquidations_by_day",
    "Liquidations by day, longs and shorts",
    LIQUIDATIONS,
    ["long_usd", "short_usd"],
    f"USD. {_LOWER_BOUND}",
)

LIQUIDATIONS_BY_VENUE = _bars(
    "liquidations_by_venue",
    "Liquidations by day and venue",
    LIQUIDATIONS,
    ["total_usd"],
    f"USD. {_LOWER_BOUND}",
    by="venue",
)

LIQUIDATIONS_BY_HOUR = _bars(
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
        "adhoc_filters": _when(LIQUIDATIONS),
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
        "adhoc_filters": _when(LIQUIDATIONS),
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
    _over_time(FUNDING)
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

FUNDING_HEATMAP = _heatmap(
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

OPEN_INTEREST_BY_VENUE = _bars(
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
        "metrics": ["largest_open_interest_coin"],
        "groupby": [],
        "adhoc_filters": _when(MARKET),
        "row_limit": _AXIS_ROWS,
        "seriesType": "bar",
        "opacity": 0.35,
        "yAxisIndex": 0,
        "y_axis_format": "SMART_NUMBER",
        "metrics_b": ["largest_price"],
        "groupby_b": [],
        "adhoc_filters_b": _when(MARKET),
        "row_limit_b": _AXIS_ROWS,
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
    "Of the asset with the most open interest among those chosen, over all venues. Coin, so that "
    "a price move alone is no change.",
    WITHOUT_VENUE,
)

OVERHEATED = _per_asset(
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
    "0 to 100, and the parts of it, 0 to 1. Empty: fewer than 14 known days, or not known.",
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

SQUEEZE = _per_asset(
    "squeeze",
    "Squeeze watch",
    [
        "last_squeeze_risk",
        "last_crowded_side",
        "last_deleveraged",
        "typical_bp",
        "last_funding_percentile_90d",
        "last_open_interest_percentile_90d",
        "last_liquidations_percentile_90d",
    ],
    "On the last day of the range: whether a squeeze of the crowded side is likely, and the ranks "
    "of the day among 90. Empty: fewer than 14 known days, or not known.",
)

COVERAGE_MAP = _heatmap(
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

VERDICT = _rows(
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

FINDINGS = _rows(
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

RESTATED = _rows(
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

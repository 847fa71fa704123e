"""What a chart is, and the forms of the kinds of charts as Superset holds them.

What is not known is left out: no form fills a missing day, connects over it, or counts it as 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from bi.superset.dataset import VERSION, Dataset, identity
from bi.superset.datasets import ON_LAST_DAY, SIGNALS

DAY_FORMAT = "%Y-%m-%d"
DAY_AXIS = "%d %b"
AXIS_ROWS = 50_000
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


def when(dataset: Dataset) -> list[Form]:
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


def _only(sql: str, clause: Literal["WHERE", "HAVING"] = "WHERE") -> Form:
    return {"clause": clause, "expressionType": "SQL", "sqlExpression": sql}


def over_time(dataset: Dataset, grain: str = "P1D") -> Form:
    return {
        "x_axis": dataset.time,
        "time_grain_sqla": grain,
        "adhoc_filters": when(dataset),
        "row_limit": AXIS_ROWS,
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


def headline(
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
        "adhoc_filters": when(dataset),
        "aggregation": "LAST_VALUE",
        "show_trend_line": True,
        "start_y_axis_at_zero": False,
        "show_timestamp": True,
        "time_format": DAY_FORMAT,
        "rolling_type": "None",
        "header_font_size": 0.4,
        "subheader_font_size": 0.15,
        "color_picker": {"r": 31, "g": 119, "b": 180, "a": 1},
        "row_limit": AXIS_ROWS,
    } | (change if against_day_before else {})
    return Chart(name, title, dataset, "big_number", form, meaning, narrowed_by)


def bars(
    name: str,
    title: str,
    dataset: Dataset,
    metrics: list[str],
    meaning: str,
    *,
    by: str | None = None,
    grain: str = "P1D",
) -> Chart:
    form = over_time(dataset, grain) | {
        "metrics": metrics,
        "groupby": [by] if by else [],
        "stack": "Stack",
        "orientation": "vertical",
        "y_axis_format": "SMART_NUMBER",
        "sort_series_type": "name",
        "sort_series_ascending": True,
    }
    return Chart(name, title, dataset, "echarts_timeseries_bar", form, meaning, ALL)


def heatmap(
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
        "adhoc_filters": when(dataset),
        "row_limit": AXIS_ROWS,
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


def table_of_rows(
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
        "adhoc_filters": (when(dataset) if dataset.time and "date" in narrowed_by else [])
        + ([_only(only)] if only else []),
        "row_limit": 1000,
        "server_pagination": False,
        "page_length": 0,
        "table_timestamp_format": DAY_FORMAT,
        "show_cell_bars": False,
        "column_config": {"finished_at": {"d3TimeFormat": "%Y-%m-%d %H:%M"}},
    }
    return Chart(name, title, dataset, "table", form, meaning, narrowed_by)


def table_of_assets(
    name: str, title: str, metrics: list[str], meaning: str, shades: list[Form] | None = None
) -> Chart:
    """A table of the assets as they were on the last day of the range, highest score first. Those
    without a row on that day are not in it."""
    form: Form = {
        "query_mode": "aggregate",
        "groupby": ["base_asset"],
        "metrics": metrics,
        "timeseries_limit_metric": "last_overheated_score",
        "order_desc": True,
        "adhoc_filters": [*when(SIGNALS), _only(ON_LAST_DAY, "HAVING")],
        "row_limit": 1000,
        "server_pagination": False,
        "page_length": 0,
        "table_timestamp_format": DAY_FORMAT,
        "show_cell_bars": False,
        "color_pn": False,
        "conditional_formatting": shades or [],
    }
    return Chart(name, title, SIGNALS, "table", form, meaning, WITHOUT_VENUE)

"""The dashboard: which chart stands where, and the filter bar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bi.superset.charts import (
    CHARTS,
    COVERAGE_MAP,
    FINDINGS,
    FUNDING_BY_VENUE,
    FUNDING_HEATMAP,
    HEADLINES,
    LIQUIDATIONS_BY_ASSET,
    LIQUIDATIONS_BY_DAY,
    LIQUIDATIONS_BY_HOUR,
    LIQUIDATIONS_BY_VENUE,
    LIQUIDATIONS_COMPLETENESS,
    OPEN_INTEREST_AND_PRICE,
    OPEN_INTEREST_BY_VENUE,
    OVERHEATED,
    RESTATED,
    SQUEEZE,
    VERDICT,
)
from bi.superset.dataset import VERSION, Dataset, identity
from bi.superset.datasets import FUNDING
from bi.superset.forms import Chart, Narrowing

TITLE = "Perpmill: derivatives market"
SLUG = "perpmill"
COLUMNS = 12
"""Of Superset's grid."""

_LONG, _SHORT = "#d9534f", "#2a9d6f"
"""Longs that were liquidated sold into a falling price."""

_READ_ME = (
    "One published, audited build of Perpmill; days and hours are UTC. **No data is not zero**: "
    "what is not known is left out. After a publish the next query sees the new build."
)

Row = Sequence[tuple[Chart, int]]
SECTIONS: tuple[tuple[str, tuple[tuple[int, Row], ...]], ...] = (
    ("The last day", ((24, tuple((chart, 2) for chart in HEADLINES)),)),
    (
        "Liquidations",
        (
            (50, ((LIQUIDATIONS_BY_DAY, 6), (LIQUIDATIONS_BY_VENUE, 6))),
            (46, ((LIQUIDATIONS_BY_HOUR, 12),)),
            (46, ((LIQUIDATIONS_BY_ASSET, 6), (LIQUIDATIONS_COMPLETENESS, 6))),
        ),
    ),
    ("Funding", ((50, ((FUNDING_BY_VENUE, 6), (FUNDING_HEATMAP, 6))),)),
    ("Open interest", ((50, ((OPEN_INTEREST_BY_VENUE, 6), (OPEN_INTEREST_AND_PRICE, 6))),)),
    ("Crowded", ((60, ((OVERHEATED, 6), (SQUEEZE, 6))),)),
    (
        "How far it can be trusted",
        (
            (54, ((COVERAGE_MAP, 6), (VERDICT, 6))),
            (30, ((RESTATED, 12),)),
            (36, ((FINDINGS, 12),)),
        ),
    ),
)
"""Headings, each with rows of (height in Superset's units of 8 pixels, charts and their widths)."""


ALL_DAYS = "No filter"


def exported(days: str = ALL_DAYS) -> dict[str, Any]:
    """The dashboard in Superset's export format. days: the range it opens with, in its words."""
    return {
        "dashboard_title": TITLE,
        "description": "Funding, open interest and liquidations of a published Perpmill build",
        "css": "",
        "slug": SLUG,
        "certified_by": None,
        "certification_details": None,
        "published": True,
        "uuid": identity("dashboard", SLUG),
        "position": _position(),
        "metadata": _metadata(days),
        "version": VERSION,
    }


def _number(chart: Chart) -> int:
    """What stands for the chart inside the export; an import puts its own numbers there."""
    return CHARTS.index(chart) + 1


def _position() -> dict[str, Any]:
    grid: dict[str, Any] = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"type": "ROOT", "id": "ROOT_ID", "children": ["GRID_ID"]},
        "GRID_ID": {"type": "GRID", "id": "GRID_ID", "children": [], "parents": ["ROOT_ID"]},
        "HEADER_ID": {"type": "HEADER", "id": "HEADER_ID", "meta": {"text": TITLE}},
    }
    above = ["ROOT_ID", "GRID_ID"]

    def put(kind: str, name: str, parents: list[str], meta: dict[str, Any]) -> str:
        key = f"{kind}-{name}"
        grid[key] = {"type": kind, "id": key, "children": [], "parents": parents, "meta": meta}
        grid[parents[-1]]["children"].append(key)
        return key

    row = put("ROW", "read-me", above, {"background": "BACKGROUND_TRANSPARENT"})
    put("MARKDOWN", "read-me", [*above, row], {"code": _READ_ME, "width": COLUMNS, "height": 8})
    for section, (heading, rows) in enumerate(SECTIONS):
        put(
            "HEADER",
            f"section-{section}",
            above,
            {
                "text": heading,
                "headerSize": "MEDIUM_HEADER",
                "background": "BACKGROUND_TRANSPARENT",
            },
        )
        for number, (height, charts) in enumerate(rows):
            row = put("ROW", f"{section}-{number}", above, {"background": "BACKGROUND_TRANSPARENT"})
            for chart, width in charts:
                meta = {
                    "chartId": _number(chart),
                    "uuid": chart.uuid,
                    "sliceName": chart.title,
                    "width": width,
                    "height": height,
                }
                put("CHART", chart.name, [*above, row], meta)
    return grid


def _metadata(days: str) -> dict[str, Any]:
    return {
        "native_filter_configuration": [
            _filter(
                "date",
                "Date range",
                "filter_time",
                "Days and hours of the charts; the headlines show the last day of it",
                begins_with=days,
            ),
            _filter("asset", "Asset", "filter_select", "Canonical base asset", "base_asset"),
            _filter("venue", "Venue", "filter_select", "Where a chart tells them apart", "venue"),
        ],
        "chart_configuration": {},
        "global_chart_configuration": {
            "scope": {"rootPath": ["ROOT_ID"], "excluded": []},
            "chartsInScope": [_number(chart) for chart in CHARTS],
        },
        "cross_filters_enabled": True,
        "color_scheme": "d3Category10",
        "label_colors": {"long_usd": _LONG, "short_usd": _SHORT, "Longs": _LONG, "Shorts": _SHORT},
        "shared_label_colors": [],
        "color_scheme_domain": [],
        "expanded_slices": {},
        "timed_refresh_immune_slices": [],
        "refresh_frequency": 0,
        "default_filters": "{}",
    }


def _filter(
    narrowing: Narrowing,
    name: str,
    kind: str,
    meaning: str,
    column: str | None = None,
    dataset: Dataset = FUNDING,
    begins_with: str = ALL_DAYS,
) -> dict[str, Any]:
    """A filter of the bar. Charts that cannot be narrowed by it are outside, so that Superset shows
    beside each what it is narrowed by."""
    return {
        "id": f"NATIVE_FILTER-{narrowing}",
        "type": "NATIVE_FILTER",
        "name": name,
        "description": meaning,
        "filterType": kind,
        "targets": [{"column": {"name": column}, "datasetUuid": dataset.uuid} if column else {}],
        "defaultDataMask": {
            "extraFormData": {} if begins_with == ALL_DAYS else {"time_range": begins_with},
            "filterState": {} if begins_with == ALL_DAYS else {"value": begins_with},
            "ownState": {},
        },
        "controlValues": {
            "enableEmptyFilter": False,
            "multiSelect": True,
            "defaultToFirstItem": False,
            "inverseSelection": False,
            "searchAllOptions": False,
        }
        if column
        else {"enableEmptyFilter": False},
        "cascadeParentIds": [],
        "scope": {
            "rootPath": ["ROOT_ID"],
            "excluded": [_number(c) for c in CHARTS if narrowing not in c.narrowed_by],
        },
    }


def row_widths() -> list[int]:
    """The width of every row, for a test: a row wider than the grid is not shown."""
    return [sum(width for _, width in charts) for _, rows in SECTIONS for _, charts in rows]

"""Charts: what they draw, as SVG and PNG, and that what is not known is not drawn."""

from __future__ import annotations

import json
import struct
from datetime import timedelta

import pytest

from flows.report.charts import Chart, charts
from flows.report.content import gather
from flows.report.drawing import Drawn, drawn, png_files
from flows.report.model import Report
from flows.report.palette import LIGHT
from tests.queries.given import DAY
from tests.report.conftest import Make, tables

NAMES = [
    "liquidations-by-hour",
    "liquidations-by-venue",
    "liquidations-by-asset",
    "funding-against-history",
    "funding-by-day",
    "open-interest-and-price",
    "open-interest-quadrants",
    "overheated-score",
]


def chart(report: Report, name: str) -> Chart:
    (found,) = [found for found in charts(report) if found.name == name]
    return found


def values(found: Chart) -> list[dict[str, object]]:
    """All rows of data a chart is drawn from."""
    spec = found.draw(LIGHT, found.wide).to_dict()
    rows = [row for name in sorted(spec["datasets"]) for row in spec["datasets"][name]]
    assert rows
    return rows


def test_all_charts_are_drawn_in_the_order_of_the_page(drawings: list[Drawn]) -> None:
    assert [drawing.name for drawing in drawings] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_pictures_are_of_a_size_and_not_empty(drawings: list[Drawn], name: str) -> None:
    png = png_files(drawings)[f"charts/{name}.png"]
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    assert width >= 900  # at least 450 points, twice as fine
    assert height >= 100
    assert len(png) > 5_000


@pytest.mark.parametrize("name", NAMES)
def test_a_description_names_the_day_or_the_values(report: Report, name: str) -> None:
    found = chart(report, name)
    assert "2021" in found.description
    assert len(found.description) > 40


@pytest.mark.parametrize("width", [340, 500, 1080])
@pytest.mark.parametrize("name", NAMES)
def test_every_chart_is_vega_lite_at_any_width(report: Report, name: str, width: int) -> None:
    spec = chart(report, name).draw(LIGHT, width).to_dict(validate=True)
    assert spec["$schema"].startswith("https://vega.github.io/schema/vega-lite/")


def test_longs_go_down_and_shorts_up_in_a_readable_unit(report: Report) -> None:
    rows = values(chart(report, "liquidations-by-hour"))
    # 80 and 8 M USD, in millions
    assert {"hour": "09", "side": "longs", "value": -80.0} in rows
    assert {"hour": "09", "side": "shorts", "value": 8.0} in rows


def test_an_hour_that_is_not_known_has_no_bar(make: Make) -> None:
    rows = tables()
    rows["liquidations_daily"][2]["completeness"] = "partial"
    found = chart(gather(make(rows)), "liquidations-by-hour")
    drawn_rows = values(found)
    assert {"hour": "00"} in drawn_rows  # a gap
    assert not [row for row in drawn_rows if row.get("hour") == "00" and "value" in row]
    assert "22 hours without data are grey" in found.description  # all but 09 and 23


def test_a_rank_is_drawn_and_a_short_history_has_none(report: Report) -> None:
    cells = {
        (row["asset"], row["venue"]): row
        for row in values(chart(report, "funding-against-history"))
    }
    assert cells["BTC", "binance"]["rank"] == "highest 5 % ▲▲"  # 14.5 ÷ 15 = 0.967
    assert cells["BTC", "binance"]["text"] == "4.0 ▲▲"
    assert cells["BTC", "bybit"]["rank"] == "no rank"
    assert cells["BTC", "bybit"]["text"] == "−2.0*"  # a settlement is missing


def test_a_venue_that_paid_before_and_not_today_has_a_dash(make: Make) -> None:
    rows = tables()
    rows["funding_daily"] = [
        row for row in rows["funding_daily"] if (row["venue"], row["date"]) != ("bybit", DAY)
    ]
    cells = {
        (row["asset"], row["venue"]): row["text"]
        for row in values(chart(gather(make(rows)), "funding-against-history"))
    }
    assert cells["BTC", "bybit"] == "–"


def test_a_day_without_open_interest_is_a_gap(make: Make) -> None:
    rows = tables()
    early = DAY - timedelta(days=2)  # a price and no open interest
    rows["market_daily"].append({"date": early, "base_asset": "BTC", "price_close": 39_000.0})
    points = values(chart(gather(make(rows)), "open-interest-and-price"))
    known = {point["date"]: point["interest"] for point in points}
    assert known == {
        "2021-01-15T00:00:00": None,
        "2021-01-16T00:00:00": 5.6,
        "2021-01-17T00:00:00": 6.0,
    }


def test_names_that_would_cover_each_other_are_left_out(make: Make) -> None:
    rows = tables()
    rows["market_daily"] += [
        {
            "date": DAY,
            "base_asset": f"COIN{n}",
            "open_interest_usd": 1e9 - n,
            "open_interest_change_pct": 0.06,
            "price_return": -0.04,
        }
        for n in range(3)
    ]
    points = values(chart(gather(make(rows)), "open-interest-quadrants"))
    assert {p["asset"] for p in points if "asset" in p} == {"BTC", "ETH", ""}


def test_drawings_take_colours_by_name_and_pictures_by_value(
    report: Report, drawings: list[Drawn]
) -> None:
    for drawing in drawings:
        assert "var(--" in drawing.wide
        assert "<svg" in drawing.narrow
    spec = json.dumps(charts(report)[0].draw(LIGHT, 500).to_dict())
    assert "var(" not in spec


def test_two_sizes_of_a_drawing_share_no_id(drawings: list[Drawn]) -> None:
    for drawing in drawings:
        assert f'id="{drawing.name}-wide-title"' in drawing.wide
        assert f'id="{drawing.name}-narrow-title"' in drawing.narrow


def test_the_same_report_gives_the_same_drawings(report: Report, drawings: list[Drawn]) -> None:
    assert drawn(report) == drawings

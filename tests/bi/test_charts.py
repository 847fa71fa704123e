"""What charts answer that look at assets over a range, on rows written by hand.

The SQL is put together as Superset does it from a chart's form: groups of its dataset in the range.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from bi.superset.charts import OPEN_INTEREST_AND_PRICE, OVERHEATED, SQUEEZE
from bi.superset.forms import Chart
from tests.queries.given import BEFORE, DAY, Row, Tables, ask, filled_build, market

BEGIN = date(2021, 1, 15)


def sql_of(
    chart: Chart, first: date, last: date, *, part: str = "", assets: tuple[str, ...] = ()
) -> str:
    """The query of a chart with the days first … last chosen, and these assets if any.

    part: what the names of the form end with, `_b` for the second query of a mixed chart.
    """
    of = {metric.name: metric.expression for metric in chart.dataset.metrics}
    form = chart.form
    names = form["metrics" + part]
    groups = form["groupby" + part]
    rows = f"({chart.dataset.sql})" if chart.dataset.sql else chart.dataset.name
    chosen = f"{chart.dataset.time} BETWEEN DATE '{first}' AND DATE '{last}'"
    if assets:
        chosen += f" AND base_asset IN ({', '.join(repr(name) for name in assets)})"
    by = [*([form["x_axis"]] if "x_axis" in form else []), *groups]
    having = [
        clause["sqlExpression"]
        for clause in form["adhoc_filters" + part]
        if clause["clause"] == "HAVING"
    ]
    return (
        f"SELECT {', '.join([*by, *(of[name] for name in names)])} FROM {rows}"  # noqa: S608 - ours
        f" WHERE {chosen} GROUP BY {', '.join(by)}"
        + (f" HAVING {' AND '.join(having)}" if having else "")
        + f" ORDER BY {', '.join(by)}"
    )


def drawn(empty: Path, folder: Path, tables: Tables, chart: Chart, **given: Any) -> list[Row]:
    build = filled_build(empty, folder / f"{len(list(folder.iterdir()))}.duckdb", tables)
    return ask(build, sql_of(chart, given.pop("first", BEGIN), given.pop("last", DAY), **given))[1]


def interest(asset: str, day: date, usd: float | None, price: float | None) -> dict[str, Any]:
    """Its coins are always known: 2 of Bitcoin, 900 of Dogecoin."""
    coin = {"BTC": 2.0, "DOGE": 900.0}[asset]
    return market(asset, day, open_interest_usd=usd, open_interest_coin=coin, price_close=price)


def test_open_interest_and_price_are_of_one_asset(empty: Path, tmp_path: Path) -> None:
    """Also on a day on which it has no price: that is a gap, and not another asset's."""
    tables = {
        "market_daily": [
            interest("BTC", BEGIN, 90.0, 45.0),
            interest("BTC", BEFORE, 80.0, None),
            interest("BTC", DAY, None, None),
            interest("DOGE", BEGIN, 10.0, 0.01),
            interest("DOGE", BEFORE, 20.0, 0.02),
            interest("DOGE", DAY, 30.0, 0.03),
        ]
    }
    chart = OPEN_INTEREST_AND_PRICE
    coins = drawn(empty, tmp_path, tables, chart)
    prices = drawn(empty, tmp_path, tables, chart, part="_b")
    # On the last day nobody knows what Bitcoin's is worth: the day is the next asset's.
    assert coins == [(BEGIN, 2.0), (BEFORE, 2.0), (DAY, 900.0)]
    assert prices == [(BEGIN, 45.0), (BEFORE, None), (DAY, 0.03)]
    alone = {"assets": ("BTC",)}
    assert drawn(empty, tmp_path, tables, chart, **alone)[-1] == (DAY, None)
    assert drawn(empty, tmp_path, tables, chart, part="_b", **alone)[-1] == (DAY, None)


def signal(asset: str, day: date, score: float | None, risk: str | None) -> dict[str, Any]:
    return {"base_asset": asset, "date": day, "overheated_score": score, "squeeze_risk": risk}


def as_of(
    empty: Path, folder: Path, chart: Chart, column: str, **given: Any
) -> dict[str, tuple[Any, Any]]:
    """What a table of the assets shows of SIGNALS: asset → (day, the column)."""
    names = ["base_asset", *chart.form["metrics"]]
    rows = drawn(empty, folder, {"signals_daily": SIGNALS}, chart, **given)
    found = [dict(zip(names, row, strict=True)) for row in rows]
    return {row["base_asset"]: (row["last_day"], row[column]) for row in found}


SIGNALS = [
    signal("BTC", BEGIN, 10.0, "none"),
    signal("BTC", DAY, 20.0, "building"),
    # There on the last day, with nothing known.
    signal("DOGE", BEFORE, 90.0, "high"),
    signal("DOGE", DAY, None, None),
    # Ended the day before.
    signal("FTT", BEGIN, 70.0, "none"),
    signal("FTT", BEFORE, 80.0, "high"),
]


def test_an_asset_that_ended_is_not_in_the_tables_of_the_last_day(
    empty: Path, tmp_path: Path
) -> None:
    for chart, column, btc, doge, ftt in (
        (OVERHEATED, "last_overheated_score", 20.0, 90.0, 80.0),
        (SQUEEZE, "last_squeeze_risk", "building", "high", "high"),
    ):

        def shown(chart: Chart = chart, column: str = column, **given: Any) -> Any:
            return as_of(empty, tmp_path, chart, column, **given)

        assert shown() == {"BTC": (DAY, btc), "DOGE": (DAY, None)}
        # A range that ends when it was there has it; of BTC there is no row on that day.
        assert shown(last=BEFORE) == {"DOGE": (BEFORE, doge), "FTT": (BEFORE, ftt)}
        # The last day is all assets', also where only one that ended is chosen.
        assert shown(assets=("FTT",)) == {}
        # A range that goes on after the build ends with the build's newest day.
        assert shown(last=date(2021, 2, 1)) == shown()

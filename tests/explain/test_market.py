"""Market numbers down to the instruments: contributions come to what is published."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from flows.explain import market_funding, market_interest, market_liquidations, market_prices
from flows.explain.inputs import Lake as InputLake
from flows.explain.market import Sources, made, sources
from flows.explain.part import Part, same
from flows.explain.published import open_build
from flows.explain.question import Question
from flows.explain.recomputed import only_row
from tests.explain.conftest import Markets
from tests.flows.conftest import DAY, FIRST, LAST
from transforms.schemas.market import MarketDaily, MarketTotalDaily

TABLES = {"market_daily": MarketDaily, "market_total_daily": MarketTotalDaily}


def disagreeing(said: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(p["title"], g) for p in said["parts"] for g in p["gives"] if not g["agrees"]]


def given(said: dict[str, Any]) -> set[str]:
    return {g["column"] for p in said["parts"] for g in p["gives"]}


@pytest.mark.parametrize("table", TABLES)
def test_contributions_come_to_every_published_value(markets: Markets, table: str) -> None:
    key = "date, base_asset" if table == "market_daily" else "date"
    rows = markets.sql(f"SELECT {key} FROM {table} ORDER BY ALL")  # noqa: S608 - a table of ours
    assert len(rows) >= 3
    for row in rows:
        said = markets.explain(table, *row)
        assert disagreeing(said) == []
        # No column is left without an explanation.
        assert given(said) == set(TABLES[table].columns()) - {"date", "base_asset"}
        assert [each for each in said["recomputed"] if not each["equal"]] == []
        assert said["inputs"]["as_built"] is True


def test_a_wrong_total_does_not_agree() -> None:
    part = Part("x", ("a",), [], {"a": 1.0, "elsewhere": 2.0})
    assert [g["agrees"] for g in part.said({"a": 1.0 + 1e-12})["gives"]] == [True]
    assert [g["agrees"] for g in part.said({"a": 1.0 + 1e-6})["gives"]] == [False]
    assert not same(None, 0.0)
    assert not same(0.0, None)
    assert same(None, None)


def test_one_column_is_explained_by_its_own_parts(markets: Markets) -> None:
    said = markets.explain("market_daily", LAST, "BTC", column="funding_rate_8h_oi_weighted")
    (part,) = said["parts"]
    # Σ share = 1, Σ contribution = the value; every line leads one level deeper.
    assert sum(row["share"] for row in part["rows"]) == pytest.approx(1)
    assert {row["venue"] for row in part["rows"]} == {"binance", "bybit"}
    for row in part["rows"]:
        words = row["explain"].split()
        assert words[:3] == ["perpmill", "explain", "funding_daily"]
        assert markets.explain(*words[2:])["found"]


def test_the_largest_window_is_its_events(markets: Markets) -> None:
    said = markets.explain("market_total_daily", LAST, column="liquidations_max_24h_usd")
    window, largest = said["parts"]
    (end,) = (g["published"] for g in window["gives"] if g["column"].endswith("_end"))
    assert sum(row["usd"] for row in window["rows"]) == pytest.approx(
        said["row"]["liquidations_max_24h_usd"]
    )
    assert largest["rows"]
    for event in largest["rows"]:
        assert end - DAY < event["liquidated_at"] <= end
        assert event["raw_key"].startswith("raw/")
    sizes = [event["amount_usd"] for event in largest["rows"]]
    assert sizes == sorted(sizes, reverse=True)


def test_the_reference_price_says_why(markets: Markets) -> None:
    said = markets.explain("market_daily", LAST, "BTC", column="price_close")
    (part,) = said["parts"]
    first, *others = part["rows"]
    assert (first["venue"], first["symbol"]) == (
        said["row"]["price_venue"],
        said["row"]["price_symbol"],
    )
    assert others
    assert all(
        o["contract_kind"] == "dated"
        or (o["open_interest_usd_mean"] or 0) <= first["open_interest_usd_mean"]
        for o in others
    )


def without(found: Sources, **keep: pl.Expr) -> Sources:
    """The sources with some rows of a venue table taken away."""
    inputs = found.inputs
    kept = {name: getattr(inputs, name).filter(which) for name, which in keep.items()}
    return replace(found, inputs=replace(inputs, **kept))


OF_BYBIT = pl.col("venue") == "bybit"
TODAY = pl.col("date") == LAST


@pytest.mark.parametrize(
    "keep",
    [
        # A venue that is missing today: measured on the day before.
        {"open_interest": ~(OF_BYBIT & TODAY)},
        # All were never seen together: each as when last seen.
        {
            "open_interest": ~(OF_BYBIT & (pl.col("date") > FIRST))
            & ~(~OF_BYBIT & (pl.col("date") == FIRST))
        },
        # One that came today is measured against nobody.
        {"open_interest": ~(OF_BYBIT & ~TODAY)},
        # Nothing at all today.
        {"open_interest": ~TODAY, "funding": ~TODAY},
        {"open_interest": pl.lit(value=False), "liquidations": ~OF_BYBIT},
        {"prices": ~OF_BYBIT, "positioning": OF_BYBIT},
        {"funding": pl.lit(value=False), "reserves": pl.lit(value=False)},
        {"prices": pl.lit(value=False), "liquidations": pl.lit(value=False)},
    ],
)
@pytest.mark.parametrize("table", TABLES)
def test_parts_agree_where_something_is_missing(
    markets: Markets, table: str, keep: dict[str, pl.Expr]
) -> None:
    key: dict[str, Any] = {"date": LAST} | (
        {"base_asset": "BTC"} if table == "market_daily" else {}
    )
    asked = Question(table, key, None)
    with open_build(markets.settings) as build:
        found = without(sources(build, InputLake(markets.settings, build), asked), **keep)
        row = only_row(made(asked, found), asked)
        assert row is not None
        parts = [
            *market_funding.parts(build, asked, found),
            *market_interest.parts(asked, found),
            *market_liquidations.parts(asked, found, row),
            *market_prices.parts(asked, found, row),
        ]
    gives = [g for part in parts for g in part.said(row)["gives"]]
    assert [g for g in gives if not g["agrees"]] == []
    assert len(gives) > 20

"""Price, ratios and leverage of the market: whose price counts and why, whose ratio weighs how
much, and which reserves the open interest stands against."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import polars as pl

from flows.explain.market import Sources
from flows.explain.part import Part, largest_first
from flows.explain.question import Question, command
from transforms.amounts import AT_PAR
from transforms.schemas.column import ContractKind

_DAY = ["date", "venue", "symbol"]
_PRICES = ("price_open", "price_high", "price_low", "price_close", "price_return")
_RATIOS = (
    ("long_short_account_ratio", "long_short_account_ratio_mean", "open_interest_usd_mean"),
    ("taker_buy_sell_ratio", "taker_buy_sell_ratio_mean", "volume_usd"),
)


def parts(asked: Question, found: Sources, row: dict[str, Any]) -> list[Part]:
    made = [_ratio(asked.day, found, *ratio) for ratio in _RATIOS]
    if asked.table == "market_daily":
        made += [_reference(asked.day, found), _leverage(asked.day, found, row)]
    return [_who(asked.day, found), *made]


def _who(day: date, found: Sources) -> Part:
    """Which venues have what of the day."""
    tables = {
        "funding_daily": found.inputs.funding,
        "open_interest_daily": found.interest,
        "liquidations_daily": found.inputs.liquidations,
        "positioning_daily": found.inputs.positioning,
        "prices_daily": found.inputs.prices,
    }
    today = {name: frame.filter(pl.col("date") == day) for name, frame in tables.items()}
    venues = sorted({venue for frame in today.values() for venue in frame["venue"]})
    perpetuals = pl.concat(
        today[name]
        .filter(pl.col("contract_kind") == ContractKind.PERPETUAL.value)
        .select("venue", "symbol")
        for name in ("funding_daily", "open_interest_daily")
    ).unique()
    rows = [
        {"venue": venue}
        | {
            f"{name.removesuffix('_daily')} instruments": frame.filter(
                pl.col("venue") == venue
            ).height
            for name, frame in today.items()
        }
        for venue in venues
    ]
    assets = {asset for frame in today.values() for asset in frame["base_asset"]}
    gives = {"venues": len(venues), "instruments": perpetuals.height, "assets": len(assets)}
    return Part("Who is there, and with how many instruments", tuple(gives), rows, gives)


def _reference(day: date, found: Sources) -> Part:
    interest = found.interest.select(*_DAY, "open_interest_usd_mean")
    candidates = (
        found.inputs.prices.filter(pl.col("date") == day, pl.col("quote_asset").is_in(AT_PAR))
        .join(interest, on=_DAY, how="left")
        .sort(
            pl.col("contract_kind") == ContractKind.PERPETUAL.value,
            "open_interest_usd_mean",
            "volume_usd",
            "venue",
            "symbol",
            descending=[True, True, True, False, False],
            nulls_last=True,
        )
        .to_dicts()
    )
    gives: dict[str, Any] = dict.fromkeys((*_PRICES, "price_venue", "price_symbol"))
    notes: tuple[str, ...] = ("no instrument is priced in dollars",)
    if candidates:
        first = candidates[0]
        gives = {name: first[name] for name in _PRICES}
        gives |= {"price_venue": first["venue"], "price_symbol": first["symbol"]}
        notes = (
            f"the reference is {first['venue']} {first['symbol']}",
            "perpetuals before dated, then the largest mean open interest, then volume",
        )
    rows = [
        {
            "venue": row["venue"],
            "symbol": row["symbol"],
            "contract_kind": row["contract_kind"],
            "open_interest_usd_mean": row["open_interest_usd_mean"],
            "volume_usd": row["volume_usd"],
            "price_close": row["price_close"],
            "explain": command("prices_daily", day, row["venue"], row["symbol"]),
        }
        for row in candidates
    ]
    return Part(
        "Instruments priced in dollars, the reference first", tuple(gives), rows, gives, notes
    )


def _ratio(day: date, found: Sources, column: str, value: str, weight: str) -> Part:
    weights = found.interest if weight == "open_interest_usd_mean" else found.inputs.prices
    counted = (
        found.inputs.positioning.filter(pl.col("date") == day, pl.col(value).is_not_null())
        .join(weights.select(*_DAY, weight), on=_DAY, how="left")
        .filter(pl.col(weight) > 0)
        .sort("venue", "symbol")
        .to_dicts()
    )
    everything = math.fsum(row[weight] for row in counted)
    rows = [
        {
            "venue": row["venue"],
            "symbol": row["symbol"],
            weight: row[weight],
            value: row[value],
            "share": row[weight] / everything,
            "contribution": row[weight] * row[value] / everything,
            "explain": command("positioning_daily", day, row["venue"], row["symbol"]),
        }
        for row in counted
    ]
    gives = {column: math.fsum(row["contribution"] for row in rows) if rows else None}
    return Part(
        f"{value} weighted by {weight}: contribution = share × ratio",
        (column,),
        largest_first(rows, lambda row: row["share"]),
        gives,
    )


def _leverage(day: date, found: Sources, row: dict[str, Any]) -> Part:
    series = (
        found.inputs.reserves.filter(pl.col("date") == day, pl.col("reference_venue").is_null())
        .sort("provider", "series")
        .to_dicts()
    )
    interest = row["open_interest_coin"]
    reserve = series[0]["reserve_coin"] if series else None
    known = interest is not None and reserve is not None and reserve > 0
    ratio = interest / reserve if known else None
    rows = [
        {
            "provider": each["provider"],
            "series": each["series"],
            "reserve_coin": each["reserve_coin"],
            "counts": number == 0,
            "explain": command("reserves_daily", day, each["provider"], each["series"]),
        }
        for number, each in enumerate(series)
    ]
    notes = () if ratio is None else (f"{interest!r} / {reserve!r} coin",)
    return Part(
        "Open interest in coin against the reserves of all exchanges, by the first provider",
        ("leverage_ratio",),
        rows,
        {"leverage_ratio": ratio},
        notes,
    )

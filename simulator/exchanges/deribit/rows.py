"""Deribit's rows and envelopes, the same in its answers and in dumps of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from simulator.faulty import dice
from simulator.listing import Listing

_SAMPLE_MS = 300_000
_BOTH = "both"


def envelope(result: Any, now_ms: int) -> dict[str, Any]:
    """A successful answer."""
    return {
        "jsonrpc": "2.0",
        "id": 1,
        "result": result,
        "usIn": now_ms * 1000,
        "usOut": now_ms * 1000 + 500,
        "usDiff": 500,
        "testnet": False,
    }


def funding_rows(settlements: pl.DataFrame) -> list[dict[str, Any]]:
    """One instrument's hours, oldest first; the eight-hour sum is shorter at the very start."""
    rate = pl.col("funding_rate").cast(pl.Float64)
    rows = settlements.sort("stamp_ms").select(
        pl.col("stamp_ms").alias("timestamp"),
        "index_price",
        pl.coalesce(pl.col("index_price").shift(1), "index_price").alias("prev_index_price"),
        rate.rolling_sum(8, min_samples=1).round(12).alias("interest_8h"),
        rate.alias("interest_1h"),
    )
    return list(rows.iter_rows(named=True))


def both_sides(events: pl.DataFrame) -> pl.DataFrame:
    """With each fiftieth counterparty liquidated too: same moment, price and amount."""
    opposite = pl.when(pl.col("position") == "long").then(pl.lit("short")).otherwise(pl.lit("long"))
    also = events.filter(pl.col("at").dt.epoch("ms") % 50 == 0).with_columns(position=opposite)
    return pl.concat([events, also]).sort("product", "symbol", "at", "position", "quantity")


def trades(
    listing: Listing, samples: pl.DataFrame, events: pl.DataFrame, seed: int
) -> list[dict[str, Any]]:
    """A day's trades of an instrument, oldest first: its liquidations among ordinary ones.

    samples, events: of this instrument and day only.
    """
    forced = (
        events.filter("published")
        .with_columns(at_ms=pl.col("at").dt.epoch("ms"))
        .group_by("at_ms", "average_price", "quantity", maintain_order=True)
        .agg(pl.col("position").first(), pl.len().alias("sides"))
        .with_columns(
            position=pl.when(pl.col("sides") > 1).then(pl.lit(_BOTH)).otherwise("position")
        )
        .select("at_ms", "average_price", "quantity", "position")
    )
    step = 10.0**-listing.quantity_digits
    ordinary = samples.select(
        (pl.col("sampled_at").dt.epoch("ms") + 150_000).alias("at_ms"),
        pl.col("last_price").alias("average_price"),
        pl.lit(40 * step).alias("quantity"),
        pl.lit(None, pl.String()).alias("position"),
    )
    told = pl.concat([forced, ordinary]).sort("at_ms", "average_price", "quantity")
    stamps = samples["sampled_at"].dt.epoch("ms").to_numpy()
    marks, indices = samples["mark_price"].to_list(), samples["index_price"].to_list()
    first = int(stamps[0]) // 86_400_000 * 100_000
    size = float(listing.contract_size) if listing.inverse else 1.0
    luck = dice(seed, "maker", f"{listing.symbol}/{first}", told.height)
    rows = []
    for n, ((at, price, quantity, position), u) in enumerate(
        zip(told.iter_rows(), luck, strict=True)
    ):
        place = int(np.clip((at - stamps[0]) // _SAMPLE_MS, 0, len(stamps) - 1))
        flag, direction = _forced(position, u)
        amount = round(quantity * size, 8)
        row = {
            "trade_seq": first + n,
            "trade_id": f"{'' if listing.base == 'BTC' else listing.base + '-'}{first + n}",
            "timestamp": at,
            "tick_direction": n % 4,
            "price": price,
            "mark_price": marks[place],
            "instrument_name": listing.symbol,
            "index_price": indices[place],
            "direction": direction,
            "contracts": quantity,
            "amount": amount,
        }
        rows.append(row | ({"liquidation": flag} if flag else {}))
    return rows


def _forced(position: str | None, u: float) -> tuple[str, str]:
    """The flag and the taker's direction. A liquidated long sells, as taker or as maker."""
    if position is None:
        return "", "buy" if u < 0.5 else "sell"
    if position == _BOTH:
        return "MT", "buy" if u < 0.5 else "sell"
    closing, other = ("sell", "buy") if position == "long" else ("buy", "sell")
    return ("M", other) if u < 0.3 else ("T", closing)


def summary_rows(samples: pl.DataFrame, listings: dict[str, Listing]) -> list[dict[str, Any]]:
    """Book summaries at one moment."""
    rows = []
    for symbol, at, native, mark, last, premium, volume in samples.select(
        "symbol",
        pl.col("sampled_at").dt.epoch("ms"),
        "open_interest_native",
        "mark_price",
        "last_price",
        "premium",
        "volume_coin",
    ).iter_rows():
        listing = listings[symbol]
        row = {
            "base_currency": listing.base,
            "quote_currency": listing.quote,
            "instrument_name": symbol,
            "open_interest": native * listing.contract_size,
            "mark_price": mark,
            "last": last,
            "mid_price": last,
            "volume": round(volume * 288, 4),
            "volume_usd": round(volume * 288 * mark, 2),
            "creation_timestamp": at,
        }
        if not listing.dated:
            row |= {"current_funding": round(premium, 8), "funding_8h": round(premium, 8)}
        rows.append(row)
    return rows

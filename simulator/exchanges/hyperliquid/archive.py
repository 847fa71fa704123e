"""The bytes of Hyperliquid's archives: contexts by minute and fills by hour, as LZ4 frames."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from hashlib import blake2b
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from simulator.faulty import dice
from simulator.listing import Listing
from simulator.market import DAY, DayPath, Market, day_minutes
from simulator.noise import Floats
from simulator.numerals import compact
from simulator.plan import Quirk

CONTEXT_COLUMNS = (
    "time",
    "coin",
    "funding",
    "open_interest",
    "prev_day_px",
    "day_ntl_vlm",
    "premium",
    "oracle_px",
    "mark_px",
    "mid_px",
    "impact_bid_px",
    "impact_ask_px",
)
BY_BLOCK_FROM = date(2025, 7, 27)
_BACKSTOP = "0x2e3d94f0562703b25c83308a05046ddaf9a8dd14"


def lz4(content: bytes) -> bytes:
    """One LZ4 frame."""
    packed: bytes = pa.compress(content, codec="lz4", asbytes=True)
    return packed


def contexts(
    market: Market, path: DayPath, where: str, *, quirks: bool
) -> tuple[bytes, list[Quirk]]:
    """The csv of a day; needs a grid of one minute."""
    listings, at = path.listings, slice(path.start, path.start + DAY)
    minutes = path.minutes[at]
    yesterday = market.index(listings, minutes - DAY) * (
        1.0 + market.premium(listings, minutes - DAY)
    )
    premium, mark = path.premium[:, at], path.mark[:, at]
    rate = (premium + np.clip(0.0001 - premium, -0.0005, 0.0005)) / 8.0
    turnover = path.volume[:, at] * mark * DAY

    def column(values: Floats, places: int) -> pl.Series:
        # By minute first, as the archive has it.
        flat = np.ascontiguousarray(values.T).ravel()
        text = pl.Series(flat).round(places).cast(pl.Decimal(38, places)).cast(pl.String)
        return text.str.strip_chars_end("0").str.strip_chars_end(".")

    seconds = np.zeros(DAY, dtype=np.int64)
    kept = np.ones(DAY, dtype=bool)
    found: list[Quirk] = []
    u = dice(market.plan.seed, "contexts", where, 4)
    if quirks:
        late, gap = 30 + int(u[0] * 1000), 200 + int(u[1] * 1000)
        seconds[late : late + 3] = 4
        kept[gap : gap + 1 + int(u[2] * 20)] = False
        found = [
            Quirk("context-off-grid", where, "3 minutes"),
            Quirk("context-missing-minutes", where, f"{int((~kept).sum())} minutes"),
            Quirk("context-unknown", where, "5 minutes"),
        ]
    stamp = (minutes * 60 + seconds).astype("datetime64[s]").astype(str)
    frame = pl.DataFrame(
        {
            "time": np.repeat(np.char.add(stamp, "Z"), len(listings)).tolist(),
            "coin": [x.symbol for x in listings] * DAY,
            "funding": column(rate, 10),
            "open_interest": column(path.open_interest[:, at], 6),
            "prev_day_px": column(yesterday, 8),
            "day_ntl_vlm": column(turnover, 4),
            "premium": column(premium, 8),
            "oracle_px": column(path.index[:, at], 8),
            "mark_px": column(mark, 8),
            "mid_px": column(path.last[:, at], 8),
            "impact_bid_px": column(mark * 0.9999, 8),
            "impact_ask_px": column(mark * 1.0001, 8),
        }
    )
    if quirks:
        unknown = 40 + int(u[3] * 1000)
        minute = pl.int_range(pl.len()) // len(listings)
        null = minute.is_between(unknown, unknown + 1)
        empty = minute.is_between(unknown + 2, unknown + 4)
        frame = frame.with_columns(
            pl.when(null)
            .then(pl.lit("null"))
            .when(empty)
            .then(pl.lit(""))
            .otherwise(pl.col(name))
            .alias(name)
            for name in ("premium", "mid_px", "impact_bid_px", "impact_ask_px")
        )
        frame = frame.filter(pl.Series(np.repeat(kept, len(listings))))
    return frame.write_csv(quote_style="never").encode(), found


def fills(
    day: date, listings: dict[str, Listing], samples: pl.DataFrame, events: pl.DataFrame, seed: int
) -> list[bytes]:
    """Lines of JSON for each of the 24 hours: liquidations among ordinary fills."""
    told: list[tuple[int, str, str | None, float, float]] = [
        *events.filter("published")
        .select(pl.col("at").dt.epoch("ms"), "symbol", "position", "average_price", "quantity")
        .iter_rows(),
        *samples.filter(pl.col("sampled_at").dt.minute() == 30)
        .select(
            pl.col("sampled_at").dt.epoch("ms"),
            "symbol",
            pl.lit(None, pl.String()).alias("position"),
            "last_price",
            pl.lit(1.0).alias("quantity"),
        )
        .iter_rows(),
    ]
    told.sort(key=lambda x: (x[0], x[1], x[2] or "", x[3], x[4]))
    hours: list[list[bytes]] = [[] for _ in range(24)]
    start = day_minutes(day) * 60_000
    luck = dice(seed, "fills", str(day), len(told))
    for n, ((at, coin, position, price, size), u) in enumerate(zip(told, luck, strict=True)):
        legs = _legs(f"{day}/{n}", at, listings[coin], position, price, size, u)
        hours[(at - start) // 3_600_000] += (
            [_block(at, day, n, legs)] if day >= BY_BLOCK_FROM else [compact(x) for x in legs]
        )
    return [b"".join(line + b"\n" for line in lines) for lines in hours]


def _legs(
    name: str, at: int, listing: Listing, position: str | None, price: float, size: float, u: float
) -> Iterable[list[Any]]:
    """`[user, fill]` of both sides of a trade; the forced one first half of the time."""
    user, other = _address(f"{name}/user"), _address(f"{name}/other")
    sells = position == "long" or (position is None and u < 0.5)
    forced: dict[str, Any] = {}
    if position is not None:
        backstop = u < 0.05
        other = _BACKSTOP if backstop else other
        forced = {
            "liquidation": {
                "liquidatedUser": user,
                "markPx": f"{price:.{listing.price_digits}f}",
                "method": "backstop" if backstop else "market",
            }
        }
    tid = int.from_bytes(blake2b(name.encode(), digest_size=6).digest(), "big")
    legs = []
    for who, selling, crossed in ((user, sells, True), (other, not sells, False)):
        own = "Close" if who == user else "Open"
        fill = {
            "coin": listing.symbol,
            "px": f"{price:.{listing.price_digits}f}",
            "sz": f"{size:.{listing.quantity_digits}f}",
            "side": "A" if selling else "B",
            "time": at,
            "startPosition": "0.0",
            "dir": f"{own} {'Long' if (own == 'Close') == selling else 'Short'}",
            "closedPnl": "0.0",
            "hash": f"0x{tid:064x}",
            "oid": tid % 1_000_000_007,
            "crossed": crossed,
            "fee": "0.0",
            "tid": tid,
            **forced,
            "feeToken": "USDC",
            "twapId": None,
        }
        legs.append([who, fill])
    return legs if u < 0.5 else legs[::-1]


def _block(at: int, day: date, number: int, legs: Iterable[list[Any]]) -> bytes:
    when = datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return compact(
        {
            "local_time": f"{when}334",
            "block_time": f"{when}000",
            "block_number": day.toordinal() * 1_000_000 + number,
            "events": list(legs),
        }
    )


def _address(name: str) -> str:
    return f"0x{blake2b(name.encode(), digest_size=20).hexdigest()}"

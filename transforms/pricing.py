"""Prices for amounts that come without one, from the venue's own rows of the hour before.

An amount is valued at what was known at its moment: the close of the last bar that had ended by
then, at most an hour earlier; else the open of a bar that began exactly then. Mark stands before
index before last. A bar still under way tells nothing: its close lies in the future.

Only bars that lie within one UTC day count. So the price of a moment hangs on bars that opened on
its day or the day before, and whoever hands over the files of these two has every price.

A quanto contract pays in a coin that is neither its base nor its quote (`transforms.amounts`): it
also needs the dollar price of that coin, which the venue's perpetuals on the coin tell, inverse
before linear ones: their bars, or the mark price beside their open interest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from transforms.fold import ORIGIN
from transforms.instruments import InstrumentBook
from transforms.native import UTC_MICROS
from transforms.reading import Reading, placed
from transforms.schemas.column import ContractKind, Margin, PriceSource
from transforms.schemas.normalised import TIME_COLUMN
from transforms.venue import Venue

REACH = timedelta(hours=1)
"""How old a price may be."""

PRICED = frozenset({"open_interest", "liquidations"})
"""Datasets whose amounts can be valued so: what `Venue.priced_by_prices` may name."""

PRICING = ("prices", "open_interest")
"""Datasets whose files say prices."""

SNAPSHOT = "snapshot"
# What is looked for first. `exact`: counts at its own moment only.
_KINDS: tuple[tuple[str, bool], ...] = (
    (PriceSource.MARK.value, False),
    (PriceSource.MARK.value, True),
    (PriceSource.INDEX.value, False),
    (PriceSource.INDEX.value, True),
    (PriceSource.LAST.value, False),
    (PriceSource.LAST.value, True),
    (SNAPSHOT, False),
)
_ORDER = {kind: number for number, kind in enumerate(_KINDS)}

_KNOWN = {
    "symbol": pl.String(),
    "known_at": UTC_MICROS,
    "price": pl.Float64(),
    "order": pl.Int64(),
    "interval_minutes": pl.Int64(),
    "precedence": pl.Int64(),
    "rank": pl.Int64(),
    "raw_key": pl.String(),
    "raw_row": pl.Int64(),
}
# Names of one coin: BitMEX settles in XBt, a hundred-millionth of what it calls XBT.
_COINS = {"XBT": "BTC", "XBt": "BTC"}
_DOLLARS = ("USD", "USDT", "USDC")


@dataclass(frozen=True, slots=True)
class KnownPrices:
    """What a call's files say prices were, and since when.

    own: per symbol, for one unit of it.
    of_coins: dollars for one settlement coin, by its canonical name in `symbol`.
    """

    own: pl.DataFrame
    of_coins: pl.DataFrame

    @classmethod
    def of(cls, venue: Venue, reading: Reading, answers: pl.DataFrame | None) -> KnownPrices:
        """From the `prices` of a reading, and from what stands beside its open interest."""
        bars = _of_bars(_credible(reading, "prices"))
        beside = _credible(reading, "open_interest").filter(pl.col("price") > 0)
        snapshots = beside.select(
            "symbol",
            pl.col(TIME_COLUMN["open_interest"]).alias("known_at"),
            "price",
            pl.lit(_ORDER[SNAPSHOT, False], pl.Int64).alias("order"),
            pl.lit(0, pl.Int64).alias("interval_minutes"),
            *ORIGIN,
        )
        everything = pl.concat([bars, snapshots])
        book = InstrumentBook.of(venue, answers, everything["symbol"].drop_nulls().unique())
        return cls(_once(bars), _once(_of_coins(everything, book)))

    def beside(self, rows: pl.DataFrame, time: str) -> pl.DataFrame:
        """Identified rows with the prices that they lack, in the order of `time`.

        `price` and, where the rows have it, `price_kind` (mark, index or last) are filled where
        `price` is NULL; `settlement_price` is the price of a quanto's settlement coin.
        """
        kinds = [kind for kind, _ in _KINDS]
        in_time = rows.sort(time, maintain_order=True)
        found = _nearest(in_time, time, "symbol", self.own).with_columns(
            pl.col("_order").replace_strict(
                dict(enumerate(kinds)), default=None, return_dtype=pl.String
            )
        )
        lacking = pl.col("price").is_null()
        filled = found.with_columns(pl.coalesce("price", "_price").alias("price"))
        if "price_kind" in rows.columns:
            filled = found.with_columns(
                pl.coalesce("price", "_price").alias("price"),
                pl.when(lacking).then("_order").otherwise("price_kind").alias("price_kind"),
            )
        filled = filled.drop("_price", "_order")
        quanto = pl.col("margin_type") == Margin.QUANTO.value
        coin = pl.when(quanto).then(pl.col("settle_asset").cast(pl.String).replace(_COINS))
        return (
            _nearest(filled.with_columns(coin.alias("_coin")), time, "_coin", self.of_coins)
            .rename({"_price": "settlement_price"})
            .drop("_order", "_coin")
        )


def _credible(reading: Reading, dataset: str) -> pl.DataFrame:
    rows = placed(reading.rows[dataset], TIME_COLUMN[dataset], reading.files)
    return rows.filter(~pl.col("stray"), pl.col("symbol").is_not_null())


def _of_bars(bars: pl.DataFrame) -> pl.DataFrame:
    length = pl.duration(minutes=pl.col("interval_minutes"))
    ended = bars.with_columns((pl.col("opened_at") + length).alias("ended_at")).filter(
        pl.col("opened_at").dt.date()
        == (pl.col("ended_at") - pl.duration(microseconds=1)).dt.date()
    )
    found = [pl.DataFrame(schema=_KNOWN | {"raw_key": bars.schema["raw_key"]})]
    for (kind, exact), number in _ORDER.items():
        moment, price = ("opened_at", "price_open") if exact else ("ended_at", "price_close")
        found.append(
            ended.filter(
                pl.col("price_source") == kind, pl.col(price) > 0, pl.col(price).is_finite()
            ).select(
                "symbol",
                pl.col(moment).alias("known_at"),
                pl.col(price).alias("price"),
                pl.lit(number, pl.Int64).alias("order"),
                "interval_minutes",
                *ORIGIN,
            )
        )
    return pl.concat(found)


def _of_coins(known: pl.DataFrame, book: InstrumentBook) -> pl.DataFrame:
    """Prices of perpetuals in dollars, per coin; those of inverse ones come first."""
    margins = {Margin.INVERSE.value: 0, Margin.LINEAR.value: len(_KINDS)}
    return (
        book.identify(known, "known_at")
        .rows.filter(
            pl.col("margin_type").is_in(list(margins)),
            pl.col("contract_kind") == ContractKind.PERPETUAL.value,
            pl.col("quote_asset").is_in(_DOLLARS),
        )
        .select(
            pl.col("base_asset").cast(pl.String).alias("symbol"),
            "known_at",
            pl.col("price") / pl.col("base_multiplier"),
            pl.col("order")
            + pl.col("margin_type").cast(pl.String).replace_strict(margins, return_dtype=pl.Int64),
            "interval_minutes",
            *ORIGIN,
        )
    )


def _once(known: pl.DataFrame) -> pl.DataFrame:
    """One price per symbol, moment and kind: of the shortest bar, of the feed that comes first."""
    return (
        known.sort("known_at", "symbol", "order", "interval_minutes", *ORIGIN, nulls_last=True)
        .unique(["symbol", "known_at", "order"], keep="first", maintain_order=True)
        .select("symbol", "known_at", "price", "order")
    )


def _nearest(rows: pl.DataFrame, time: str, by: str, known: pl.DataFrame) -> pl.DataFrame:
    """Adds `_price` and its `_order`, NULL where nothing was known within `REACH`."""
    found = rows.with_columns(
        pl.lit(None, pl.Float64()).alias("_price"), pl.lit(None, pl.Int64()).alias("_order")
    )
    for order in _orders(known):
        some = known.filter(pl.col("order") == order).select(
            pl.col("symbol").cast(rows.schema[by], strict=False).alias(by),
            pl.col("known_at").alias("_at"),
            pl.col("price").alias("_found"),
        )
        if _KINDS[order % len(_KINDS)][1]:
            found = found.join(
                some, left_on=[by, time], right_on=[by, "_at"], how="left", maintain_order="left"
            )
        else:
            found = found.join_asof(
                some,
                left_on=time,
                right_on="_at",
                by=by,
                tolerance=REACH,
                check_sortedness=False,  # `_once` sorts by time, and so do those who ask
            ).drop("_at", strict=False)
        news = pl.col("_price").is_null() & pl.col("_found").is_not_null()
        found = found.with_columns(
            pl.when(news).then(order).otherwise("_order").alias("_order"),
            pl.coalesce("_price", "_found").alias("_price"),
        ).drop("_found")
    return found


def _orders(known: pl.DataFrame) -> Sequence[int]:
    return known["order"].unique().sort().to_list()

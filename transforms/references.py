"""What the files of all aggregators share: their names of exchanges, buckets, percent.

An answer's last bucket was still forming when the answer was given; it stays among the rows as
such and is left out of the daily tables. How long buckets are is seen from the smallest step
between them, since no answer says it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import polars as pl

from transforms.native import EXACT_RATE
from transforms.records import EARLIEST, LATEST, Fault, Reading, Records, Sifted, number, sift, text
from transforms.schemas.column import ReferenceMetric, ReferenceUnit

_ALL = ("all", "all_exchange")
_OUR_NAMES = {
    "gate.io": "gate",
    "gate_io": "gate",
    "gateio": "gate",
    "huobi": "htx",
    "huobi_global": "htx",
    "okex": "okx",
}
_HOURLY = ("hyperliquid", "dydx")
"""Exchanges whose every funding rate is for an hour; elsewhere it depends on the contract."""

_RATE = ReferenceMetric.FUNDING_RATE.value
_UNITS = {
    metric.value: ReferenceUnit.COIN
    if metric is ReferenceMetric.OPEN_INTEREST_COIN
    else ReferenceUnit.FRACTION
    if metric is ReferenceMetric.FUNDING_RATE
    else ReferenceUnit.USD
    for metric in ReferenceMetric
}
_SECONDS_BELOW = 100_000_000_000
_ABOUT = ("quote_asset", "margin_type", "contract_kind")


def our_venue(column: str) -> pl.Expr:
    """A provider's name of an exchange as we name it; NULL for all of them together. An exchange
    we do not have keeps its name, in lower case."""
    name = pl.col(column).str.to_lowercase()
    return pl.when(~name.is_in(_ALL)).then(name.replace(_OUR_NAMES))


@dataclass(frozen=True, slots=True)
class Grid:
    """The buckets of one answer. last: seconds; minutes: 0 where nobody knows."""

    last: int | None
    minutes: int

    @classmethod
    def of(cls, stamps: Sequence[object]) -> Grid:
        """From the stamps as they stand in the answer, seconds or milliseconds."""
        known = sorted({second for stamp in stamps if (second := seconds(stamp)) is not None})
        steps = [after - before for before, after in pairwise(known)]
        return cls(known[-1] if known else None, min(steps, default=0) // 60)

    def cells(self, stamp: object) -> dict[str, str]:
        """What is known of the bucket at a stamp, as cells of its record."""
        forming = self.last is not None and seconds(stamp) == self.last
        return {"forming": "1" if forming else "0", "minutes": str(self.minutes)}


def seconds(stamp: object) -> int | None:
    """A believable stamp of seconds or milliseconds, as seconds."""
    if not isinstance(stamp, str) or not re.fullmatch(r"[0-9]{1,16}", stamp):
        return None
    given = int(stamp)
    second = given if given < _SECONDS_BELOW else given // 1000
    return second if EARLIEST.timestamp() <= second <= LATEST.timestamp() else None


def _value() -> Reading:
    """A rate's percent as the nearest double of the exact fraction; an amount is not below 0."""
    is_rate = pl.col("metric") == _RATE
    percent = pl.col("value").cast(EXACT_RATE, strict=False)
    amount = number("value", minimum=0)
    value = pl.when(is_rate).then((percent / 100).cast(pl.Float64)).otherwise(amount.value)
    empty = Fault(pl.col("value").is_null(), pl.lit("value is empty"))
    unread = Fault(
        pl.col("value").is_not_null() & value.is_null(),
        pl.format("value {} is not a finite number", pl.col("value").str.slice(0, 60)),
    )
    below = Fault(
        ~is_rate & (amount.value < 0),
        pl.format("value {} is out of range", pl.col("value").str.slice(0, 60)),
    )
    return Reading(value, (empty, unread, below))


def plain(column: str) -> Reading:
    """A column that is there already, or rightly NULL."""
    return Reading(pl.col(column), ())


def _with_columns(records: Records, columns: Sequence[str]) -> Records:
    absent = [name for name in columns if name not in records.frame.columns]
    return replace(
        records,
        frame=records.frame.with_columns(pl.lit(None, pl.String).alias(name) for name in absent),
    )


def _bucket(at: Reading, column: str) -> dict[str, Reading]:
    return {
        "symbol": text("symbol"),
        column: at,
        "base_asset": text("base_asset"),
        "reference_venue": plain("reference_venue"),
        "still_forming": Reading(pl.col("forming") == "1", ()),
        "bucket_minutes": Reading(pl.col("minutes").cast(pl.Int64), ()),
    }


def sift_references(records: Records, at: Reading, *checks: Fault) -> Sifted:
    """Records with the text columns `symbol`, `metric`, `value`, `base_asset`,
    `reference_venue`, `forming`, `minutes` and what they are limited to, as rows of `references`.
    """
    sifted = sift(
        _with_columns(records, _ABOUT),
        "references",
        {
            **_bucket(at, "bucket_at"),
            "metric": text("metric"),
            "value": _value(),
            **{name: plain(name) for name in _ABOUT},
        },
        at="bucket_at",
        checks=checks,
    )
    hourly = (pl.col("metric") == _RATE) & pl.col("reference_venue").is_in(_HOURLY)
    return sifted.derive(
        unit=pl.col("metric").replace_strict(_UNITS, return_dtype=pl.String),
        interval_hours=pl.when(hourly).then(1.0),
        rank=pl.col("still_forming").cast(pl.Int64),
    )


def sift_reserves(records: Records, at: Reading) -> Sifted:
    """Records with the text columns `symbol`, `value`, `base_asset`, `reference_venue`,
    `forming` and `minutes` as rows of `reserves`."""
    sifted = sift(
        records,
        "reserves",
        {**_bucket(at, "sampled_at"), "reserve_coin": number("value", minimum=0)},
        at="sampled_at",
    )
    return sifted.derive(rank=pl.col("still_forming").cast(pl.Int64))


def metric_named(column: str, meanings: Mapping[str, ReferenceMetric]) -> pl.Expr:
    """The metric a word of the path or the record stands for; NULL for another word."""
    words = {word: metric.value for word, metric in meanings.items()}
    return pl.col(column).replace_strict(words, default=None, return_dtype=pl.String)

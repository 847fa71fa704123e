"""The vocabulary schemas are written in: a column is a type, a unit and a meaning.

A column that may be NULL says what NULL means; one that does not say so must not be NULL.
Times are UTC throughout, rates are fractions (0.0001 = 1 bp), `_usd` is US dollars with
stablecoins at par, `_coin` is units of the canonical base asset.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import dataframely as dy

RATE_PRECISION = 38
RATE_SCALE = 20


class Margin(StrEnum):
    LINEAR = "linear"
    INVERSE = "inverse"
    QUANTO = "quanto"


class ContractKind(StrEnum):
    PERPETUAL = "perpetual"
    DATED = "dated"


class Side(StrEnum):
    """The *position* that was liquidated, never the order that closed it."""

    LONG = "long"
    SHORT = "short"


class PriceSource(StrEnum):
    MARK = "mark"
    INDEX = "index"
    LAST = "last"
    PREMIUM = "premium"


class Completeness(StrEnum):
    """How much of a venue's liquidations its feed shows; from best to weakest."""

    COMPLETE = "complete"
    THROTTLED = "throttled"
    PARTIAL = "partial"
    UNKNOWN = "unknown"


class ReferenceMetric(StrEnum):
    """What an aggregator's number is about."""

    OPEN_INTEREST_USD = "open_interest_usd"
    OPEN_INTEREST_COIN = "open_interest_coin"
    FUNDING_RATE = "funding_rate"
    LIQUIDATIONS_LONG_USD = "liquidations_long_usd"
    LIQUIDATIONS_SHORT_USD = "liquidations_short_usd"
    PRICE_USD = "price_usd"


class ReferenceUnit(StrEnum):
    """What an aggregator's number counts, once percent are fractions."""

    USD = "USD"
    COIN = "coin"
    FRACTION = "fraction"


class SourceKind(StrEnum):
    """Where a raw export came from."""

    ARCHIVE = "archive"
    API = "api"
    DUMP = "dump"


def _metadata(unit: str, formula: str | None, null: str | None, volatile: bool) -> dict[str, Any]:
    return {"unit": unit, "formula": formula, "null_meaning": null, "volatile": volatile}


def text(
    meaning: str,
    *,
    key: bool = False,
    null: str | None = None,
    formula: str | None = None,
    volatile: bool = False,
) -> dy.String:
    """A text column; `volatile` columns differ between runs over the same raw files."""
    return dy.String(
        primary_key=key,
        nullable=null is not None,
        description=meaning,
        metadata=_metadata("text", formula, null, volatile),
    )


def choice(
    values: type[StrEnum], meaning: str, *, key: bool = False, null: str | None = None
) -> dy.String:
    """One of a closed list of words."""
    allowed = [v.value for v in values]
    return dy.String(
        primary_key=key,
        nullable=null is not None,
        check=lambda column: column.is_in(allowed),
        description=f"{meaning}: {', '.join(allowed)}",
        metadata=_metadata("text", None, null, False) | {"values": allowed},
    )


def flag(meaning: str, *, null: str | None = None) -> dy.Bool:
    return dy.Bool(
        nullable=null is not None,
        description=meaning,
        metadata=_metadata("boolean", None, null, False),
    )


def day(meaning: str, *, key: bool = False, null: str | None = None) -> dy.Date:
    """A UTC day."""
    return dy.Date(
        primary_key=key,
        nullable=null is not None,
        description=meaning,
        metadata=_metadata("UTC day", None, null, False),
    )


def moment(
    meaning: str,
    *,
    key: bool = False,
    null: str | None = None,
    formula: str | None = None,
    volatile: bool = False,
) -> dy.Datetime:
    """A UTC instant, in microseconds."""
    return dy.Datetime(
        time_zone="UTC",
        time_unit="us",
        primary_key=key,
        nullable=null is not None,
        description=meaning,
        metadata=_metadata("UTC", formula, null, volatile),
    )


def count(
    meaning: str,
    *,
    key: bool = False,
    null: str | None = None,
    unit: str = "count",
    formula: str | None = None,
    min: int | None = 0,
) -> dy.Int64:
    return dy.Int64(
        primary_key=key,
        nullable=null is not None,
        min=min,
        description=meaning,
        metadata=_metadata(unit, formula, null, False),
    )


def number(
    meaning: str,
    unit: str,
    *,
    null: str | None = None,
    formula: str | None = None,
    min: float | None = None,
    min_exclusive: float | None = None,
) -> dy.Float64:
    """A finite double in `unit`."""
    return dy.Float64(
        nullable=null is not None,
        min=min,
        min_exclusive=min_exclusive,
        description=meaning,
        metadata=_metadata(unit, formula, null, False),
    )


def exact_rate(meaning: str, *, null: str | None = None) -> dy.Decimal:
    """A rate with every digit the raw file carries, so that sums over settlements are exact."""
    return dy.Decimal(
        RATE_PRECISION,
        RATE_SCALE,
        nullable=null is not None,
        description=meaning,
        metadata=_metadata("fraction", None, null, False),
    )

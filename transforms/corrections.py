"""Known errors of raw exports put right: after they were read, before anything is made of them.

A correction says which rows of one venue and dataset are wrong (by symbol, by their own time, by
raw file, by value) and what to do with them: leave them out, put another value in place, or take a
value times a factor. Native rows are corrected (`transforms.native`), so that coins and dollars
follow, and so do the prices that other amounts are valued at. Raw bytes stay as they are.

A column bears the name of the normalised column that holds the same number; one without bears its
native name. Values are decimal text, so that a rate keeps its digits; `null` is not known.

Corrections apply one after the other as given: each sees what the ones before it left. Rows whose
time is not credible (`transforms.reading`) are set aside anyway, and left alone here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase

import polars as pl

from transforms.fold import SAME_ORDER_WITHIN
from transforms.native import NATIVE_SCHEMAS
from transforms.pricing import PRICING
from transforms.reading import Reading, placed
from transforms.schemas.column import RATE_PRECISION, RATE_SCALE
from transforms.schemas.normalised import TIME_COLUMN, CorrectedRows
from transforms.venue import Venue

# Native columns that go into the normalised rows as they are, under another name.
_NATIVE: dict[str, dict[str, str]] = {
    "open_interest": {"open_interest_native": "amount"},
    "liquidations": {"amount_native": "amount"},
}

VALUES: dict[str, tuple[str, ...]] = {
    "funding_rates": ("funding_rate", "interval_hours_declared", "mark_price"),
    "open_interest": ("open_interest_native", "price", "value_coin", "value_usd"),
    "liquidations": ("amount_native", "price"),
    "positioning": (
        "long_short_account_ratio",
        "top_trader_account_ratio",
        "top_trader_position_ratio",
        "taker_buy_sell_ratio",
    ),
    "prices": (
        "price_open",
        "price_high",
        "price_low",
        "price_close",
        "volume",
        "volume_value_coin",
        "volume_value_usd",
        "taker_buy_volume",
    ),
    "references": ("value",),
    "reserves": ("reserve_coin",),
}
"""Per dataset the columns a correction may change: numbers a venue reports, no keys, no origin."""

_ORIGIN = ("symbol", "raw_key", "raw_row", "rank")

NULL = "null"


def _native(dataset: str, column: str) -> str:
    return _NATIVE.get(dataset, {}).get(column, column)


def _named(dataset: str) -> tuple[str, ...]:
    """The columns `where` may name: all but the time, which `since` and `until` are for, and what
    says where the row comes from."""
    called = {native: name for name, native in _NATIVE.get(dataset, {}).items()}
    return tuple(
        called.get(name, name)
        for name, dtype in NATIVE_SCHEMAS[dataset].items()
        if name not in _ORIGIN and not isinstance(dtype, pl.Datetime)
    )


@dataclass(frozen=True, slots=True)
class Drop:
    """The row is an error as a whole."""

    def __str__(self) -> str:
        return "drop"


@dataclass(frozen=True, slots=True)
class Put:
    """Another value in place of what the venue says, per column."""

    values: Mapping[str, str]

    def __str__(self) -> str:
        return "set " + ", ".join(f"{column} = {value}" for column, value in self.values.items())


@dataclass(frozen=True, slots=True)
class Multiply:
    """A factor per column: the venue counted in another unit than it says. NULL stays NULL."""

    factors: Mapping[str, str]

    def __str__(self) -> str:
        return "multiply " + ", ".join(f"{column} × {by}" for column, by in self.factors.items())


Action = Drop | Put | Multiply


@dataclass(frozen=True, slots=True)
class Correction:
    """One known error and what is done about it.

    symbol, raw_key: shell patterns, upper and lower case told apart.
    since, until: UTC instants of the row's own time (rounded, as in the key of the normalised
        rows); since is the first that is meant, until the first that is not. None: no bound.
    where: values the row has, exactly, as text.

    Raises ValueError naming what in it is wrong.
    """

    id: str
    venue: str
    dataset: str
    symbol: str
    action: Action
    reason: str
    since: datetime | None = None
    until: datetime | None = None
    raw_key: str | None = None
    where: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.dataset not in VALUES:
            raise ValueError(f"dataset: {self.dataset!r} is none of {', '.join(VALUES)}")
        if self.since is not None and self.until is not None and self.until <= self.since:
            raise ValueError("match.until: must be after match.from, or no row is meant")
        for column, value in self.where.items():
            key = f"match.where.{column}"
            _refuse_unknown(key, column, _named(self.dataset))
            _typed(key, self._dtype(column), value)
        match self.action:
            case Put(values):
                self._check("action.set", values)
            case Multiply(factors):
                self._check("action.multiply", factors)
                for column, by in factors.items():
                    if by == NULL or Decimal(by) == 0:
                        raise ValueError(f"action.multiply.{column}: {by} would lose the value")
            case Drop():
                pass

    def _check(self, key: str, given: Mapping[str, str]) -> None:
        if not given:
            raise ValueError(f"{key}: names no column")
        for column, value in given.items():
            _refuse_unknown(f"{key}.{column}", column, VALUES[self.dataset])
            _typed(f"{key}.{column}", self._dtype(column), value)

    def _dtype(self, column: str) -> pl.DataType:
        return NATIVE_SCHEMAS[self.dataset][_native(self.dataset, column)]

    @property
    def essence(self) -> str:
        """All of it that rows depend on, as text: two with the same do the same."""
        said = [
            self.id,
            self.venue,
            self.dataset,
            self.symbol,
            None if self.since is None else self.since.astimezone(UTC).isoformat(),
            None if self.until is None else self.until.astimezone(UTC).isoformat(),
            self.raw_key,
            sorted(self.where.items()),
            str(self.action),
            # Only rows that are set aside say why.
            self.reason if isinstance(self.action, Drop) else None,
        ]
        return json.dumps(said)

    def concerns(self, venue: Venue, dataset: str, day: date) -> bool:
        """Whether rows of this partition (UTC day) may come out otherwise because of it."""
        if self.venue != venue.name:
            return False
        if dataset == self.dataset:
            # A message decides about others of its order, which may lie beyond midnight.
            reach = SAME_ORDER_WITHIN if dataset == "liquidations" else timedelta(0)
            return self._meets(day, reach, reach)
        # Prices of the hour before may be the day before's (`transforms.pricing`).
        pricing = dataset in venue.priced_by_prices and self.dataset in PRICING
        return pricing and self._meets(day, timedelta(days=1), timedelta(0))

    def _meets(self, day: date, before: timedelta, after: timedelta) -> bool:
        begin = datetime.combine(day, time(), UTC)
        end = begin + timedelta(days=1)
        return (self.since is None or self.since < end + after) and (
            self.until is None or self.until > begin - before
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """A reading with its rows as corrected, and per dataset what was done.

    dropped: rows taken out: `date` (UTC day they are accounted on), `raw_key`, `raw_row`, `reason`.
    counts: `date` and the columns of `CorrectedRows`. A row that already said what a correction
        puts there was not changed, and is not counted.
    """

    reading: Reading
    dropped: Mapping[str, pl.DataFrame]
    counts: Mapping[str, pl.DataFrame]


_DROPPED: dict[str, pl.DataType] = {
    "date": pl.Date(),
    "raw_key": pl.String(),
    "raw_row": pl.Int64(),
    "reason": pl.String(),
}
_COUNTS: dict[str, pl.DataType] = {"date": pl.Date()} | dict(CorrectedRows.create_empty().schema)
_GROUP = ("date", "dataset", "venue", "correction", "action", "symbol", "raw_key")


def correct(reading: Reading, corrections: Sequence[Correction]) -> Outcome:
    """Apply corrections of one venue, in their order, to what was read of it."""
    rows = dict(reading.rows)
    dropped: dict[str, pl.DataFrame] = {}
    counts: dict[str, pl.DataFrame] = {}
    for dataset in VALUES:
        some = [each for each in corrections if each.dataset == dataset]
        nothing = pl.DataFrame(schema=_DROPPED | {"raw_key": rows[dataset].schema["raw_key"]})
        result = _Corrected(rows[dataset], nothing, [])
        if some:
            found = placed(rows[dataset], TIME_COLUMN[dataset], reading.files)
            result = _Corrected(found.filter(~pl.col("stray")), result.dropped, [])
            for correction in some:
                result = _applied(correction, result)
            stray = found.filter("stray")
            rows[dataset] = pl.concat([result.rows, stray]).select(rows[dataset].columns)
        dropped[dataset] = result.dropped
        counts[dataset] = pl.concat([pl.DataFrame(schema=_COUNTS), *result.counts]).sort(_GROUP)
    return Outcome(replace(reading, rows=rows), dropped, counts)


@dataclass(frozen=True, slots=True)
class _Corrected:
    rows: pl.DataFrame
    dropped: pl.DataFrame
    counts: list[pl.DataFrame]


def _applied(correction: Correction, so_far: _Corrected) -> _Corrected:
    meant = _meant(correction, so_far.rows)
    hit = so_far.rows.filter(meant)
    if hit.is_empty():
        return so_far
    rest = so_far.rows.filter(~meant)
    match correction.action:
        case Drop():
            reason = pl.lit(f"correction {correction.id}: {correction.reason}").alias("reason")
            gone = hit.select("date", "raw_key", "raw_row", reason)
            return _Corrected(
                rest,
                pl.concat([so_far.dropped, gone]),
                [*so_far.counts, _counted(correction, hit)],
            )
        case Put(values):
            put = [
                pl.lit(_typed(name, hit.schema[name], value), hit.schema[name]).alias(name)
                for name, value in _by_native_name(correction.dataset, values)
            ]
        case Multiply(factors):
            put = [
                pl.col(name) * pl.lit(_typed(name, hit.schema[name], by)).cast(hit.schema[name])
                for name, by in _by_native_name(correction.dataset, factors)
            ]
    after = hit.with_columns(put)
    names = [expression.meta.output_name() for expression in put]
    differs = pl.any_horizontal(after[name].ne_missing(hit[name]) for name in names)
    return _Corrected(
        pl.concat([rest, after]),
        so_far.dropped,
        [*so_far.counts, _counted(correction, after.filter(differs))],
    )


def _meant(correction: Correction, rows: pl.DataFrame) -> pl.Expr:
    at = pl.col(TIME_COLUMN[correction.dataset])
    tests = [_like("symbol", correction.symbol, rows)]
    if correction.since is not None:
        tests.append(at >= correction.since)
    if correction.until is not None:
        tests.append(at < correction.until)
    if correction.raw_key is not None:
        tests.append(_like("raw_key", correction.raw_key, rows))
    for name, value in _by_native_name(correction.dataset, correction.where):
        dtype = rows.schema[name]
        tests.append(pl.col(name).eq_missing(pl.lit(_typed(name, dtype, value), dtype)))
    return pl.all_horizontal(tests).fill_null(value=False)


def _like(column: str, pattern: str, rows: pl.DataFrame) -> pl.Expr:
    values = rows[column].drop_nulls().unique().to_list()
    return pl.col(column).is_in([value for value in values if fnmatchcase(value, pattern)])


def _by_native_name(dataset: str, given: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(_native(dataset, column), value) for column, value in given.items()]


def _counted(correction: Correction, rows: pl.DataFrame) -> pl.DataFrame:
    dropped = isinstance(correction.action, Drop)
    none = pl.lit(0, pl.Int64)
    number = pl.len().cast(pl.Int64)
    return (
        rows.with_columns(
            pl.col("raw_key").cast(pl.String),
            pl.lit(correction.dataset).alias("dataset"),
            pl.lit(correction.venue).alias("venue"),
            pl.lit(correction.id).alias("correction"),
            pl.lit(str(correction.action)).alias("action"),
        )
        .group_by(_GROUP)
        .agg(
            (none if dropped else number).alias("rows_changed"),
            (number if dropped else none).alias("rows_dropped"),
        )
        .select(_COUNTS.keys())
    )


def _refuse_unknown(key: str, column: str, known: Sequence[str]) -> None:
    if column not in known:
        raise ValueError(f"{key}: no such column here; there are {', '.join(known)}")


def _typed(key: str, dtype: pl.DataType, text: str) -> object:
    """A value as its column holds it, None for `null`. Raises ValueError naming `key`."""
    if text == NULL:
        return None
    if isinstance(dtype, pl.String):
        return text
    if isinstance(dtype, pl.Boolean):
        if text not in {"true", "false"}:
            raise ValueError(f"{key}: {text!r} is neither true nor false")
        return text == "true"
    try:
        return _number(dtype, text)
    except InvalidOperation:
        raise ValueError(f"{key}: {text!r} is not a number") from None
    except ValueError as error:
        raise ValueError(f"{key}: {text!r} {error}") from None


def _number(dtype: pl.DataType, text: str) -> float | int | Decimal:
    exact = Decimal(text)
    if not exact.is_finite() or not math.isfinite(float(exact)):
        raise ValueError("is not a finite number")
    if isinstance(dtype, pl.Float64):
        return float(exact)
    if isinstance(dtype, pl.Decimal):
        if abs(exact) >= 10 ** (RATE_PRECISION - RATE_SCALE):
            raise ValueError("is too large")
        if int(exact.as_tuple().exponent) < -RATE_SCALE:
            raise ValueError(f"has more than {RATE_SCALE} decimals")
        return exact
    if exact != int(exact):
        raise ValueError("is not a whole number")
    return int(exact)

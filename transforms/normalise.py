"""Raw exports of one venue to normalised partitions: read, correct, identify, convert, fold,
account.

Which UTC day a record belongs to is decided in `transforms.reading`. A window's result depends on
no other days, with two exceptions: messages about one liquidation order may straddle midnight
(`transforms.fold`), and prices of the hour before may be the day before's. Give the files of the
neighbouring days as well; what they hold for days outside the window is read, and left to its own
window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import dataframely as dy
import polars as pl

from transforms import amounts
from transforms.carried import one_provider_a_day
from transforms.coded import coded, in_words, words
from transforms.contract_sizes import contradicted
from transforms.contracts import sealed, uphold
from transforms.corrections import Correction, Outcome, correct
from transforms.fold import ORIGIN, SAME_ORDER_WITHIN, Folded, fold
from transforms.in_order import in_order
from transforms.instruments import Identified, InstrumentBook, canonical, rules
from transforms.payload import Payload
from transforms.pricing import KnownPrices
from transforms.reading import INSTRUMENTS, LostRows, Reading, placed, read
from transforms.schemas.normalised import (
    DATASETS,
    TIME_COLUMN,
    UNLISTED,
    Accounting,
    Conflicts,
    CorrectedRows,
    Quarantine,
)
from transforms.schemas.published import primary_key
from transforms.selecting import where
from transforms.venue import Venue

_PARTITIONED = tuple(name for name in DATASETS if name != INSTRUMENTS)

_VALUES: dict[str, tuple[str, ...]] = {
    "funding_rates": ("funding_rate", "interval_hours_declared", "mark_price"),
    "open_interest": ("open_interest_native", "open_interest_coin", "open_interest_usd"),
    "positioning": (
        "long_short_account_ratio",
        "top_trader_account_ratio",
        "top_trader_position_ratio",
        "taker_buy_sell_ratio",
    ),
    "prices": (*amounts.PRICE_COLUMNS, "volume_coin", "volume_usd", "taker_buy_volume_coin"),
    "instruments": (
        "base_asset",
        "quote_asset",
        "settle_asset",
        "margin_type",
        "contract_kind",
        "contract_size",
        "base_multiplier",
        "valid_from",
        "valid_to",
    ),
    "references": ("value",),
    "reserves": ("reserve_coin",),
}


@dataclass(frozen=True, slots=True)
class Partition:
    """One dataset, venue and UTC day: what came of it, and what became of every record.

    rows: in the dataset's schema, sorted by its key, so by symbol and time. Text that recurs may
        be an Enum (`in_words` undoes that).
    """

    dataset: str
    venue: str
    date: date
    rows: pl.DataFrame
    quarantined: pl.DataFrame
    conflicts: pl.DataFrame
    accounting: pl.DataFrame
    corrected: pl.DataFrame


@dataclass(frozen=True)
class Normalised:
    """Partitions by dataset and day, and what the parsers noted about files as a whole."""

    partitions: list[Partition]
    notes: pl.DataFrame


@dataclass(frozen=True)
class InstrumentReading:
    """A venue's instrument answers, and the records that could not be used."""

    answers: pl.DataFrame
    quarantined: pl.DataFrame


def _converted(dataset: str, rows: pl.DataFrame, *, priced: bool) -> pl.DataFrame:
    if dataset == "open_interest":
        return amounts.open_interest(rows, priced=priced)
    if dataset == "liquidations":
        ordinal = pl.lit(1, pl.Int64).alias("event_ordinal")
        return amounts.liquidations(rows, priced=priced).with_columns(ordinal)
    return amounts.prices(rows) if dataset == "prices" else rows


def _folded(dataset: str, rows: pl.DataFrame, *, priced: bool) -> Folded:
    if dataset == "liquidations":
        return one_provider_a_day(rows)
    # All of one venue; day by day, so that the days are slices of the result.
    key = ("date", *primary_key(DATASETS[dataset])[1:])
    if dataset in UNLISTED:
        # What a bucket showed while it was forming contradicts nothing.
        forming = pl.when("still_forming").then(pl.format("{}:{}", "raw_key", "raw_row"))
        basis = {_VALUES[dataset][0]: forming.otherwise(pl.lit("final"))}
        return fold(rows, key, _VALUES[dataset], basis=basis)
    if dataset != "open_interest":
        return fold(rows, key, _VALUES[dataset])
    # Series of several intervals share stamps; the finer one says more about what is due.
    order = (*ORIGIN[:2], "sample_interval_minutes", *ORIGIN[2:])
    # Amounts as reported can be compared where they count the same thing the same way.
    counted = pl.concat_str("unit", pl.col("sides").fill_null(1), separator="×")
    folded = fold(rows, key, _VALUES[dataset], order, {"open_interest_native": counted})
    if folded.duplicates.is_empty():
        return folded
    reason = amounts.open_interest_null_reason(priced=priced)  # of what filled a gap
    return Folded(folded.rows.with_columns(reason), folded.duplicates, folded.conflicts)


def _early_in_order(dataset: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows in the order they will be stored in, where their keys are all there already: later on
    there are twice as many columns to put in order."""
    if dataset in UNLISTED or dataset == "liquidations" or rows["symbol"].null_count():
        return rows
    return in_order(rows, ("date", *primary_key(DATASETS[dataset])[1:]))


class _Books:
    """A venue's instruments, looked up once for the same symbols."""

    def __init__(self, venue: Venue, answers: pl.DataFrame | None) -> None:
        self._venue = venue
        self._answers = answers
        self._held: dict[tuple[str, ...], InstrumentBook] = {}

    def of(self, symbols: pl.Series) -> InstrumentBook:
        """symbols: an Enum; of all of its values."""
        names = tuple(words(symbols))
        if names not in self._held:
            self._held[names] = InstrumentBook.of(self._venue, self._answers, names)
        return self._held[names]


def _set_aside(
    rows: pl.DataFrame, reason: pl.Expr, raw_text: pl.Expr | None = None
) -> pl.DataFrame:
    return rows.select(
        "date",
        "raw_key",
        "raw_row",
        reason.alias("reason"),
        (pl.lit(None, pl.String()) if raw_text is None else raw_text).alias("raw_text"),
    )


def _by_day(frame: pl.DataFrame, schema: type[dy.Schema]) -> Callable[[date], pl.DataFrame]:
    """Slices a frame whose days stand together; the result gives each day's rows in the schema's
    columns, or none."""
    columns = schema.column_names()
    stretches = frame["date"].rle().struct.unnest()
    ends = stretches["len"].cum_sum()
    places = {
        day: (end - length, length)
        for day, length, end in zip(stretches["value"], stretches["len"], ends, strict=True)
    }
    assert len(places) == stretches.height, f"{schema.__name__}: days are mixed"  # noqa: S101
    rows = frame.select(columns)
    return lambda day: rows.slice(*places.get(day, (0, 0)))


def _counts(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    return rows.group_by("date", "raw_key").agg(pl.len().cast(pl.Int64).alias(name))


def _claimed(files: pl.DataFrame, dataset: str, first: date, last: date) -> pl.DataFrame:
    """Days of the window that files claim: they are covered even if nothing happened."""
    return (
        files.filter(
            pl.col("datasets").list.contains(dataset),
            pl.col("first_date").is_not_null() & pl.col("last_date").is_not_null(),
        )
        .with_columns(pl.date_ranges("first_date", "last_date").alias("date"))
        .select("date", "raw_key")
        .explode("date", empty_as_null=False)
        .filter(pl.col("date").is_between(first, last))
    )


def _account(
    claimed: pl.DataFrame, outcomes: Mapping[str, pl.DataFrame], place: str
) -> pl.DataFrame:
    """Counts of records per day and raw file. Raises LostRows if they do not add up."""
    by = ["date", "raw_key"]
    counts = claimed.unique()
    for name, rows in outcomes.items():
        counts = counts.join(_counts(rows, name), on=by, how="full", coalesce=True)
    counts = counts.with_columns(pl.col(*outcomes).fill_null(0)).sort(by)
    lost = counts.filter(
        pl.col("rows_read")
        != pl.col("rows_kept") + pl.col("rows_duplicate") + pl.col("rows_quarantined")
    )
    if lost.height:
        raise LostRows(f"{place}: {lost.row(0, named=True)} ({lost.height} such)")
    return counts


def _near(
    rows: pl.DataFrame,
    time: str,
    files: pl.DataFrame,
    window: tuple[date, date],
    at_the_time: pl.Expr,
) -> pl.DataFrame:
    """Rows that are accounted on a day of the window, or stand so near it that they matter."""
    # Of files of the days beside the window most rows are of no concern, which is seen at a glance.
    anchored = files.filter(pl.col("anchor").is_between(*window))["raw_key"]
    at_hand = where(rows, at_the_time | pl.col("raw_key").is_in(anchored.implode()))
    return where(
        placed(at_hand, time, files),
        pl.col("date").is_between(*window) | (~pl.col("stray") & at_the_time),
    )


@dataclass(frozen=True, slots=True)
class _Told:
    """What rows say, once each, and which of them could not be used.

    faulty: with a `reason`. contradicted: frames of conflicts with what the venue itself says.
    """

    folded: Folded
    unknown: pl.DataFrame
    faulty: pl.DataFrame
    contradicted: list[pl.DataFrame]


def _told(
    venue: Venue,
    dataset: str,
    own: pl.DataFrame,
    book: InstrumentBook,
    known: KnownPrices | None,
) -> _Told:
    priced = known is not None
    time = TIME_COLUMN[dataset]
    ordered = _early_in_order(dataset, own)
    unlisted = Identified(ordered, ordered.clear())
    identified = unlisted if dataset in UNLISTED else book.identify(ordered, time)
    rows = identified.rows if known is None else known.beside(identified.rows, time)
    exchange = pl.lit(venue.name, pl.Enum([venue.name])).alias("venue")
    sound, faulty = uphold(dataset, _converted(dataset, rows, priced=priced).with_columns(exchange))
    return _Told(
        _folded(dataset, sound, priced=priced),
        identified.unknown,
        faulty,
        [contradicted(rows)] if dataset == "open_interest" else [],
    )


def _partitions(
    venue: Venue,
    dataset: str,
    corrected: Outcome,
    window: tuple[date, date],
    books: _Books,
    known: KnownPrices | None,
) -> list[Partition]:
    reading = corrected.reading
    time = TIME_COLUMN[dataset]
    within = pl.col("date").is_between(*window)
    reach = SAME_ORDER_WITHIN if dataset == "liquidations" else timedelta(0)
    opens = datetime.combine(window[0], datetime.min.time(), UTC) - reach
    closes = datetime.combine(window[1] + timedelta(days=1), datetime.min.time(), UTC) + reach

    rejected = where(reading.rejected, pl.col("dataset") == dataset)
    rejected = where(placed(rejected, "at", reading.files), within)
    dropped = corrected.dropped[dataset].filter(within)
    claimed = _claimed(reading.files, dataset, *window)
    # Nobody asks for them again, and there is no room for all that is of no use any more.
    rows = reading.rows.pop(dataset)
    near = _near(rows, time, reading.files, window, pl.col(time).is_between(opens, closes))
    del rows
    if all(found.is_empty() for found in (near, rejected, dropped, claimed)):
        return []
    stray = where(near, pl.col("stray"))
    records = pl.concat([frame.select("date", "raw_key") for frame in (near, rejected, dropped)])
    own = where(near, ~pl.col("stray"))
    own = own.with_columns(coded(own["symbol"]))
    del near  # each of these frames is as large as all the others together
    told = _told(venue, dataset, own, books.of(own["symbol"]), known)
    del own
    folded = told.folded

    quarantined = pl.concat(
        [
            _set_aside(rejected, pl.col("reason"), pl.col("raw_text")),
            _set_aside(dropped, pl.col("reason")),
            _set_aside(
                stray,
                pl.when(pl.col(time).is_null())
                .then(pl.lit("time is not known"))
                .otherwise(
                    pl.format("outside the days of the file: {}", pl.col(time).cast(pl.String))
                ),
            ),
            _set_aside(
                told.unknown,
                pl.format("unknown symbol {}", pl.col("symbol").cast(pl.String).fill_null("NULL")),
            ),
            _set_aside(told.faulty, pl.col("reason")),
        ]
    ).filter(within)
    kept, duplicates = where(folded.rows, within), where(folded.duplicates, within)
    accounting = _account(
        claimed,
        {
            "rows_read": records.filter(within),
            "rows_kept": kept,
            "rows_duplicate": duplicates,
            "rows_quarantined": quarantined,
        },
        f"{venue.name} {dataset}",
    )
    accounting = accounting.join(
        reading.files.select("raw_key", "symbol", "hour"), on="raw_key", maintain_order="left"
    )

    schema = DATASETS[dataset]
    result = sealed(dataset, kept)
    found = [in_words(folded.conflicts.drop("date", strict=False)), *told.contradicted]
    conflicts = (
        pl.concat(found).rename({time: "at"}).with_columns(pl.col("at").dt.date().alias("date"))
    )
    common = [pl.lit(dataset).alias("dataset"), pl.lit(venue.name).alias("venue")]
    split = [
        _by_day(result, schema),
        _by_day(
            in_words(quarantined.sort("date", "raw_key", "raw_row", "reason")).with_columns(common),
            Quarantine,
        ),
        _by_day(
            conflicts.filter(within).sort("date", maintain_order=True).with_columns(common),
            Conflicts,
        ),
        _by_day(in_words(accounting).with_columns(common), Accounting),
        _by_day(corrected.counts[dataset].sort("date", maintain_order=True), CorrectedRows),
    ]
    return [
        Partition(dataset, venue.name, day, *(found(day) for found in split))
        for day in accounting["date"].unique().sort()
    ]


def looks_back(venue: Venue) -> timedelta:
    """How far before its first day a window looks: for prices a day, for a liquidation order whose
    messages straddle midnight a minute."""
    return timedelta(days=1) if venue.priced_by_prices else SAME_ORDER_WITHIN


def survey(venue: Venue, payload: Payload) -> tuple[date, date] | None:
    """First and last UTC day on which `normalise` accounts for this file; None if there is none.

    Those are the days its path claims and the days of its records, instruments left out. A
    caller that gives the file to the windows of all these days has each record counted once.
    """
    reading = read(venue, [payload])
    claims = reading.files.select("first_date", "last_date").row(0)
    days = [day for day in claims if day is not None]
    rejected = reading.rejected.filter(pl.col("dataset") != INSTRUMENTS)
    days += placed(rejected, "at", reading.files)["date"].unique().to_list()
    for name in _PARTITIONED:
        days += (
            placed(reading.rows[name], TIME_COLUMN[name], reading.files)["date"].unique().to_list()
        )
    return (min(days), max(days)) if days else None


def normalise(
    venue: Venue,
    payloads: Sequence[Payload],
    first: date,
    last: date,
    book_answers: pl.DataFrame | None,
    corrections: Sequence[Correction] = (),
) -> Normalised:
    """The partitions of the UTC days `first` to `last` (inclusive) that these files cover, all in
    words.

    Raises BadPayload for a file no feed reads or whose parser cannot read it at all; LostRows
    where records in and rows out do not add up. For the rest see `normalised_datasets`.
    """
    reading = read(venue, payloads)
    made = normalised_datasets(venue, reading, first, last, book_answers, corrections)
    partitions = [
        replace(partition, rows=in_words(partition.rows)) for each in made for partition in each
    ]
    return Normalised(partitions, reading.notes)


def normalised_datasets(
    venue: Venue,
    reading: Reading,
    first: date,
    last: date,
    book_answers: pl.DataFrame | None,
    corrections: Sequence[Correction] = (),
) -> Iterator[list[Partition]]:
    """The partitions of the UTC days `first` to `last` (inclusive) that the files read cover, one
    dataset after the other.

    A day is covered by a record that is accounted on it, or by a path that claims it: a file
    without records makes an empty partition, which is a quiet day, not a missing one. Files may
    come in any order, and facts stated more than once come out once.

    book_answers: `InstrumentAnswers` rows, None where the venue gave none.
    corrections: known errors of this venue's files, applied in this order before rows are judged.

    The datasets of `Venue.priced_by_prices` also need the files that say prices of these days and
    of the day before the first (`transforms.pricing`); what they hold of other days is left alone.

    Raises LostRows where records in and rows out do not add up.
    """
    corrected = correct(reading, corrections)
    known = (
        KnownPrices.of(venue, corrected.reading, book_answers) if venue.priced_by_prices else None
    )
    del reading
    books = _Books(venue, book_answers)
    named = set(corrected.reading.files["datasets"].explode(empty_as_null=False))
    for dataset in _PARTITIONED:
        if dataset in named:
            prices = known if dataset in venue.priced_by_prices else None
            yield _partitions(venue, dataset, corrected, (first, last), books, prices)


def instrument_reading(venue: Venue, payloads: Sequence[Payload]) -> InstrumentReading:
    """The instruments these files list, with canonical coins, sorted by symbol and moment.

    Other datasets in the files are left to `normalise`. Raises as `normalise` does.
    """
    reading = read(venue, payloads)
    rows = in_words(reading.rows[INSTRUMENTS])
    rejected = in_words(reading.rejected.filter(pl.col("dataset") == INSTRUMENTS))
    rule = rules(venue, rows["symbol"].drop_nulls().unique())
    named = canonical(rows, rule).with_columns(pl.lit(venue.name).alias("venue"))
    sound, faulty = uphold(INSTRUMENTS, named)
    schema = DATASETS[INSTRUMENTS]
    folded = fold(sound, primary_key(schema), _VALUES[INSTRUMENTS])
    quarantined = pl.concat(
        [
            rejected.select("raw_key", "raw_row", "reason", "raw_text"),
            faulty.select(
                "raw_key", "raw_row", "reason", pl.lit(None, pl.String()).alias("raw_text")
            ),
        ]
    ).with_columns(pl.lit(INSTRUMENTS).alias("dataset"), pl.lit(venue.name).alias("venue"))
    return InstrumentReading(
        schema.validate(folded.rows.select(schema.column_names()).sort(primary_key(schema))),
        Quarantine.validate(
            quarantined.select(Quarantine.column_names()).sort("raw_key", "raw_row", "reason")
        ),
    )


def read_instruments(venue: Venue, payloads: Sequence[Payload]) -> pl.DataFrame:
    """`instrument_reading` without the records that could not be used: `InstrumentAnswers`."""
    return instrument_reading(venue, payloads).answers

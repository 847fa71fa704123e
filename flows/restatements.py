"""Why a published value changed: which raw files are new behind it, or what else is.

A value hangs on the input days its table's windows look at. Of these, the ones that differ from
what the last build was made of (`made_of`) point to the raw files that build did not know, and to
corrections that touch these days now or did so then. So do the venue-days which the gate took out
since, or no longer does. Where none of these explains a change the code does, or what is known of
the instrument.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
import polars as pl

from flows import judged
from flows.exclusions import excluded
from flows.run import Run, code_version
from flows.storage import raw_shelf
from flows.storage.partitions import Layer
from transforms.daily.catalogue import DAILY, REFERENCES
from transforms.daily.coverage import COVERAGE_LOOKBACK_DAYS
from transforms.pricing import PRICED, PRICING
from transforms.schemas.evidence import Restatements
from transforms.schemas.normalised import CorrectedRows

SHOWN_KEYS = 3
MARKET_REACH = timedelta(days=366)
"""A market value hangs on a year of days before it, at most (signals)."""

OTHER = "no new raw file and the same code: the sources configured, or days built around it"

MADE_OF_SCHEMA: dict[str, type[pl.DataType] | pl.DataType] = {
    "layer": pl.String,
    "name": pl.String,
    "venue": pl.String,
    "date": pl.Date,
    "sha256": pl.String,
}
"""The input partitions a build was made of, and by which rules it is judged (`judged.RULES`)."""

_FILE: dict[str, type[pl.DataType] | pl.DataType] = {
    "dataset": pl.String,
    "venue": pl.String,
    "date": pl.Date,
    "symbol": pl.String,
    "key": pl.String,
}

_CORRECTIONS: dict[str, type[pl.DataType] | pl.DataType] = {
    "dataset": pl.String,
    "venue": pl.String,
    "correction": pl.String,
    "first_date": pl.Date,
    "last_date": pl.Date,
}

_ROW = ["table_name", "venue", "date", "symbol"]

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What differs between the last build's inputs and this one's.

    read: raw files (dataset, venue, date, symbol, key) behind an input day that changed, which
        the last build did not know, or not for this day; and, named in `key`, what corrections do
        otherwise on such a day, and that the gate took a day out or no longer does. symbol: what
        the file is about; NULL: many instruments.
    claimed: likewise files that are new and about such a day, though no row of it came from them.
    symbols: instruments by name (venue, symbol); a file about anything else is about many.
    facts: instruments (venue, symbol) of which something else is known now.
    codes: code version by run. last: the run of the last build. code: this build's version.
    """

    read: pl.DataFrame
    claimed: pl.DataFrame
    symbols: pl.DataFrame
    facts: pl.DataFrame
    codes: dict[str, str]
    last: str
    code: str


def made_of(run: Run) -> pl.DataFrame:
    """The normalised rows, files and corrections of every day, as the lake has them now, and the
    rules of today."""
    layers = [
        Layer(run.store, run.ledger, name)
        .current()
        .select(pl.lit(name).alias("layer"), "name", "venue", "date", "sha256")
        for name in ("normalised", "accounting", "corrections")
    ]
    rules = pl.DataFrame([judged.by_rules()], schema=MADE_OF_SCHEMA, orient="row")
    return pl.concat([*layers, rules]).sort("layer", "name", "venue", "date")


def gather(
    run: Run, last: str, build: Path, before: pl.DataFrame | None, instruments: pl.DataFrame
) -> Evidence:
    """What is new since `build`, the published one, of run `last`.

    before: its `made_of`; None where that was not kept: then any day may differ, and only files
    it did not know count. instruments: the table of this build.
    """
    partition = ["name", "venue", "date"]
    now = made_of(run)
    differing = now if before is None else now.join(before, on=list(MADE_OF_SCHEMA), how="anti")
    changed = differing.select(partition).unique()
    # NULL where the last build's inputs are not known: then only new files count.
    is_new_day = pl.lit(False)
    if before is not None:
        seen = before.select(*partition, pl.lit(True).alias("was_there")).unique()
        changed = changed.join(seen, on=partition, how="left")
        is_new_day = pl.col("was_there").is_null()
    changed = changed.rename({"name": "dataset"})
    read, claiming = _accounted(run, changed), _claiming(run, changed["date"])
    with duckdb.connect(str(build), read_only=True) as connection:
        known = _known(connection, pl.concat([read["key"], claiming["key"]]))
        codes = connection.sql("SELECT run_id, code_version FROM runs").fetchall()
        instruments_before = connection.sql("SELECT * FROM instruments").pl()
        corrections_before = _corrections_of(connection)
        out_before = judged.out_of(connection)
    read = (
        read.join(changed, on=["dataset", "venue", "date"])
        .join(known.with_columns(is_known=True), on=["dataset", "key"], how="left")
        .filter(pl.col("is_known").is_null() | is_new_day)
    )
    both = [name for name in instruments.columns if name in instruments_before.columns]
    held = instruments.select(both).with_columns(pl.col(pl.Datetime).dt.replace_time_zone(None))
    was = instruments_before.select(both)
    return Evidence(
        read=pl.concat(
            [
                read.select(_FILE.keys()),
                _corrected(run, differing, corrections_before),
                judged.otherwise(excluded(run), out_before, changed, before).select(_FILE.keys()),
            ]
        ),
        claimed=_claimed(claiming.join(known, on=["dataset", "key"], how="anti")).join(
            changed, on=["dataset", "venue", "date"], how="semi"
        ),
        symbols=instruments.select("venue", "symbol").unique(),
        facts=pl.concat(
            [
                a.join(b, on=both, how="anti", nulls_equal=True).select("venue", "symbol")
                for a, b in ((held, was), (was, held))
            ]
        ).unique(),
        codes=dict(codes),
        last=last,
        code=code_version(),
    )


def _accounted(run: Run, changed: pl.DataFrame) -> pl.DataFrame:
    layer = Layer(run.store, run.ledger, "accounting").current().rename({"name": "dataset"})
    due = layer.filter(pl.col("rows") > 0).join(
        changed, on=["dataset", "venue", "date"], how="semi"
    )
    frames = [
        pl.read_parquet(
            io.BytesIO(run.store.get(key)),
            columns=["dataset", "venue", "date", "symbol", "raw_key"],
        ).rename({"raw_key": "key"})
        for key in due["key"]
    ]
    return pl.concat([pl.DataFrame(schema=_FILE), *frames])


def _corrections_of(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Which corrections show in a build, on days between which."""
    known = connection.sql(
        "SELECT 1 FROM duckdb_tables() WHERE schema_name = 'main' AND table_name = 'corrections'"
    )
    if known.fetchone() is None:  # a build from before there were any
        return pl.DataFrame(schema=_CORRECTIONS)
    return connection.sql(
        "SELECT dataset, venue, id AS correction, first_date, last_date FROM corrections "
        "WHERE first_date IS NOT NULL"
    ).pl()


def _corrected(run: Run, differing: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """Corrections that do something else than before on a day, as if they were files (`_FILE`)."""
    partition = ["dataset", "venue", "date"]
    days = differing.filter(pl.col("layer") == "corrections").select(
        pl.col("name").alias("dataset"), "venue", "date"
    )
    layer = Layer(run.store, run.ledger, "corrections").current().rename({"name": "dataset"})
    due = layer.filter(pl.col("rows") > 0).join(days, on=partition, how="semi")
    empty = CorrectedRows.create_empty().with_columns(pl.lit(None, pl.Date).alias("date"))
    now = pl.concat(
        [empty, *(pl.read_parquet(io.BytesIO(run.store.get(key))) for key in due["key"])]
    )
    gone = (
        days.join(before, on=["dataset", "venue"])
        .filter(pl.col("date").is_between("first_date", "last_date"))
        .join(now, on=[*partition, "correction"], how="anti")
    )
    many = pl.lit(None, pl.String).alias("symbol")
    found = pl.concat(
        [
            now.select(*partition, "symbol", pl.format("correction {}", "correction").alias("key")),
            gone.select(
                *partition, many, pl.format("correction {} no more", "correction").alias("key")
            ),
        ]
    )
    # What is valued at prices follows from them, on the day after too (`transforms.pricing`).
    prices = found.filter(pl.col("dataset").is_in(PRICING)).with_columns(many)
    valued = [
        prices.filter(pl.col("venue") == venue.name).with_columns(
            pl.lit(name).alias("dataset"), pl.col("date") + after
        )
        for venue in run.venues.values()
        for name in sorted(venue.priced_by_prices)
        for after in (0 * DAY, DAY)
    ]
    return pl.concat([found, *valued]).unique()


def _known(connection: duckdb.DuckDBPyConnection, keys: pl.Series) -> pl.DataFrame:
    """Which of these raw files a build knew, and of which dataset it read them."""
    connection.register("asked_for", keys.unique().to_frame())
    return connection.sql(
        "SELECT dataset, key FROM raw_files SEMI JOIN asked_for USING (key) "
        "WHERE rows_read IS NOT NULL"
    ).pl()


def _claiming(run: Run, days: pl.Series) -> pl.DataFrame:
    """Current raw files that may be about one of `days`, for each dataset they hold."""
    asked: list[date] = days.drop_nulls().to_list()
    # A file touches the days beside its own too (`_claimed`).
    near = (
        (pl.col("first_date") <= max(asked) + DAY) & (pl.col("last_date") >= min(asked) - 2 * DAY)
        if asked
        else pl.lit(False)
    )
    feeds = pl.DataFrame(
        [(v.name, f.name, dataset) for v in run.venues.values() for f in v.feeds
         for dataset in f.datasets],
        schema={"venue": pl.String, "feed": pl.String, "dataset": pl.String},
        orient="row",
    )  # fmt: skip
    files = [raw_shelf.current(run.ledger, venue, near) for venue in run.venues]
    return pl.concat(files).join(feeds, on=["venue", "feed"])


def _claimed(files: pl.DataFrame) -> pl.DataFrame:
    """Days files say they are about, and those beside them (`flows.stages.normalise`): `_FILE`."""
    days = pl.date_ranges(pl.col("first_date") - DAY, pl.col("last_date") + DAY)
    files = (
        files.with_columns(days.alias("date"))
        .explode("date")
        .select(pl.col(name).cast(data_type) for name, data_type in _FILE.items())
    )
    prices = files.filter(pl.col("dataset").is_in(PRICING)).with_columns(
        pl.lit(None, pl.String).alias("symbol")
    )
    priced = [prices.with_columns(pl.lit(name).alias("dataset")) for name in sorted(PRICED)]
    after = [frame.with_columns(pl.col("date") + DAY) for frame in priced]
    return pl.concat([files, *priced, *after]).unique()


def restatements(
    changes: pl.DataFrame, touched: pl.DataFrame, evidence: Evidence, run_id: str
) -> pl.DataFrame:
    """`Restatements` of a run from what changed (`versions.changes`) and the rows it `touched`."""
    venue_rows = pl.concat(
        [changes.filter(pl.col("venue").is_not_null()).select(_ROW), touched.select(_ROW)]
    ).unique()
    files = venue_rows
    for name, new in (("read", evidence.read), ("claimed", evidence.claimed)):
        files = files.join(
            _behind(venue_rows, new, evidence.symbols).rename({"keys": name}),
            on=_ROW,
            how="left",
            nulls_equal=True,
        )
    found = pl.concat(
        [
            changes.filter(pl.col("venue").is_not_null()).join(
                files, on=_ROW, how="left", nulls_equal=True
            ),
            _with_files_of_venues(
                changes.filter(pl.col("venue").is_null()),
                files.join(touched, on=_ROW, nulls_equal=True),
            ),
        ],
        how="diagonal",
    ).sort("table_name", "date", "venue", "symbol", "key_detail", "column_name")
    facts = set(evidence.facts.iter_rows())
    causes = [
        _cause(*row, facts=facts, evidence=evidence)
        for row in found.select("venue", "symbol", "read", "claimed", "old_published_by").rows()
    ]
    schema = dict(Restatements.create_empty().schema)
    return found.with_columns(
        pl.lit(run_id).alias("run_id"),
        pl.int_range(1, pl.len() + 1).alias("item"),
        pl.Series("cause", causes, pl.String),
    ).select(pl.col(name).cast(data_type) for name, data_type in schema.items())


def _behind(rows: pl.DataFrame, files: pl.DataFrame, symbols: pl.DataFrame) -> pl.DataFrame:
    """The files whose days lie in the window of a row: columns of `rows` and `keys`."""
    one = pl.col("about").is_not_null()
    about_one = files.join(
        symbols.with_columns(about=pl.col("symbol")), on=["venue", "symbol"], how="left"
    ).with_columns(symbol=pl.when(one).then(pl.col("symbol")))
    reached = [
        about_one.filter(pl.col("dataset") == dataset)
        .with_columns(
            pl.lit(table).alias("table_name"),
            pl.date_ranges(pl.col("date") - lookahead * DAY, pl.col("date") + lookback * DAY).alias(
                "date"
            ),
        )
        .explode("date")
        .select(*_ROW, "key")
        for table, dataset, lookback, lookahead in _WINDOWS
    ]
    # A row of coverage is about a dataset, and any file of it.
    cover = (
        files.with_columns(
            pl.lit("coverage_daily").alias("table_name"),
            pl.col("dataset").alias("symbol"),
            pl.date_ranges(pl.col("date"), pl.col("date") + COVERAGE_LOOKBACK_DAYS * DAY).alias(
                "date"
            ),
        )
        .explode("date")
        .select(*_ROW, "key")
    )
    every = pl.concat([*reached, cover])
    named = every.filter(pl.col("symbol").is_not_null())
    of_many = every.filter(pl.col("symbol").is_null()).drop("symbol")
    hits = [
        rows.join(named, on=_ROW),
        rows.join(of_many, on=["table_name", "venue", "date"]),
    ]
    return pl.concat(hits).group_by(_ROW).agg(pl.col("key").unique().sort().alias("keys"))


_WINDOWS: Sequence[tuple[str, str, int, int]] = [
    (table.name, table.dataset, table.lookback_days, table.lookahead_days)
    for table in (*DAILY, *REFERENCES)
]


def _with_files_of_venues(changes: pl.DataFrame, files: pl.DataFrame) -> pl.DataFrame:
    """Market rows with the files behind the venues' rows of their asset: of their own day, else of
    the last day before it that was touched."""

    def of_days(*by: str) -> pl.DataFrame:
        flat = pl.col("read", "claimed").explode(empty_as_null=False, keep_nulls=False)
        return files.group_by("date", *by).agg(flat.unique().sort()).sort("date")

    about_one = changes.filter(pl.col("symbol").is_not_null()).sort("date")
    of_assets = of_days("base_asset").rename({"base_asset": "symbol"})
    total = changes.filter(pl.col("symbol").is_null()).sort("date")
    return pl.concat(
        [
            about_one.join_asof(
                of_assets,
                on="date",
                by="symbol",
                tolerance=MARKET_REACH,
                check_sortedness=False,  # it is, and cannot be checked by group
            ),
            total.join_asof(of_days(), on="date", tolerance=MARKET_REACH),
        ]
    )


def _cause(
    venue: str | None,
    symbol: str | None,
    read: Sequence[str] | None,
    claimed: Sequence[str] | None,
    old_run: str | None,
    *,
    facts: set[tuple[str, str]],
    evidence: Evidence,
) -> str:
    parts = []
    since = evidence.last
    if read:
        parts.append(_listed(read))
    else:
        if claimed:
            parts.append(_listed(claimed))
        if (venue, symbol) in facts:
            parts.append(f"instrument facts of {symbol}")
        # The row may be older than the last build: new code reaches it when its day is made anew.
        since = old_run or evidence.last
    code = evidence.codes.get(since, evidence.code)
    if code != evidence.code:
        parts.append(f"code {code} → {evidence.code}")
    return "; ".join(parts) or OTHER


def _listed(keys: Sequence[str]) -> str:
    more = len(keys) - SHOWN_KEYS
    return ", ".join(keys[:SHOWN_KEYS]) + (f" and {more} more" if more > 0 else "")

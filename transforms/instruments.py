"""What a symbol stands for at a moment: from the venue's dated answers, else from its rule.

An answer holds from the moment it was given until the next one; the earliest holds before that
too. Which coin a name means (1000PEPE is a thousand PEPE) is the venue file's rule and never the
venue's answer, because venues answer with the name of the thousand.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from transforms.coded import beside, coded
from transforms.native import UTC_MICROS
from transforms.schemas.evidence import Instruments
from transforms.selecting import where
from transforms.venue import Instrument, Venue

_FACTS: dict[str, pl.DataType] = {
    "base_asset": pl.String(),
    "quote_asset": pl.String(),
    "settle_asset": pl.String(),
    "margin_type": pl.String(),
    "contract_kind": pl.String(),
    "contract_size": pl.Float64(),
    "base_multiplier": pl.Float64(),
}
_VALIDITY: dict[str, pl.DataType] = {"valid_from": UTC_MICROS, "valid_to": UTC_MICROS}
_IDENTITY = [*_FACTS, "listing"]
_EVER = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Identified:
    """Rows with what their symbol stands for, and those whose symbol nobody knows."""

    rows: pl.DataFrame
    unknown: pl.DataFrame


def rules(venue: Venue, symbols: Iterable[str]) -> pl.DataFrame:
    """What the venue's rule says, one row per symbol it knows: symbol, facts, validity."""
    known = [i for i in map(venue.instrument, sorted(set(symbols))) if i is not None]
    return pl.DataFrame(
        [_facts_of(instrument) for instrument in known],
        schema={"symbol": pl.String()} | _FACTS | _VALIDITY,
        orient="row",
    )


def _facts_of(instrument: Instrument) -> tuple[object, ...]:
    return (
        instrument.symbol,
        instrument.base_asset,
        instrument.quote_asset,
        instrument.settle_asset,
        instrument.margin_type.value,
        instrument.contract_kind.value,
        instrument.contract_size,
        instrument.base_multiplier,
        instrument.valid_from,
        instrument.valid_to,
    )


def canonical(rows: pl.DataFrame, rule: pl.DataFrame) -> pl.DataFrame:
    """Instrument rows with the rule's coin and multiplier; what an answer lacks is the rule's.

    A symbol the rule does not know keeps the venue's name of the coin, with a multiplier of 1.
    """
    joined = rows.join(rule, on="symbol", how="left", suffix="_rule", maintain_order="left")
    multiplier = "base_multiplier_rule" if "base_multiplier" in rows.columns else "base_multiplier"
    return joined.with_columns(
        pl.coalesce("base_asset_rule", "base_asset").alias("base_asset"),
        pl.col(multiplier).fill_null(1.0).alias("base_multiplier"),
        *(
            pl.coalesce(name, f"{name}_rule").alias(name)
            for name in (*_FACTS, *_VALIDITY)
            if name not in ("base_asset", "base_multiplier")
        ),
    ).drop(pl.selectors.ends_with("_rule"))


def _listings(venue: Venue, symbols: Iterable[str]) -> pl.DataFrame:
    """One row per listing of a ticker: `starts` (NULL: the first) to `ends` (NULL: the last)."""
    rows: list[tuple[str, int, datetime | None, datetime | None]] = []
    for symbol in symbols:
        cuts = sorted(venue.relisted.get(symbol, ()))
        edges: list[datetime | None] = [None, *cuts, None]
        rows += [
            (symbol, number + 1, edges[number], edges[number + 1])
            for number in range(len(cuts) + 1)
        ]
    return pl.DataFrame(
        rows,
        schema={
            "symbol": pl.String(),
            "listing": pl.Int64(),
            "starts": UTC_MICROS,
            "ends": UTC_MICROS,
        },
        orient="row",
    )


@dataclass(frozen=True, slots=True)
class InstrumentBook:
    """All that is known of a venue's instruments.

    spans: one row per venue, symbol, listing and observation: the facts that hold from
        `holds_from` (UTC, inclusive) until the symbol's next row.
    """

    venue: str
    spans: pl.DataFrame

    @classmethod
    def of(
        cls, venue: Venue, answers: pl.DataFrame | None, symbols: Iterable[str]
    ) -> InstrumentBook:
        """The book of `symbols` and of all symbols in `answers`.

        answers: rows of `InstrumentAnswers`, any number of observations, any order; those of
            other venues are left out. None where there are none.
        """
        columns = {"symbol": pl.String(), "observed_at": UTC_MICROS} | _FACTS | _VALIDITY
        told = pl.DataFrame(schema=columns)
        if answers is not None:
            told = answers.filter(pl.col("venue") == venue.name).select(*columns)
        names = sorted({*symbols, *told["symbol"].to_list()})
        rule = rules(venue, names)
        # Equal moments cannot be told apart by time: the order of facts decides, so that the
        # order of the answers does not.
        told = canonical(told, rule).unique().sort(*columns, nulls_last=True)
        told = told.unique(["symbol", "observed_at"], keep="first", maintain_order=True)

        listings = _listings(venue, names)
        observed = listings.join(told, on="symbol").filter(
            pl.col("starts").is_null() | (pl.col("observed_at") >= pl.col("starts")),
            pl.col("ends").is_null() | (pl.col("observed_at") < pl.col("ends")),
        )
        silent = listings.join(observed, on=["symbol", "listing"], how="anti")
        ruled = silent.join(rule, on="symbol")
        # A listing that neither an answer nor the rule describes is taken to be like the symbol's
        # latest one: the alternative would be to drop its rows.
        likened = silent.join(rule, on="symbol", how="anti").join(
            told.unique("symbol", keep="last", maintain_order=True).drop(*_VALIDITY), on="symbol"
        )
        spans = pl.concat([observed, ruled, likened], how="diagonal").sort(
            "symbol", "listing", "observed_at"
        )
        first = pl.col("listing").cum_count().over("symbol", "listing") == 1
        return cls(
            venue.name,
            spans.select(
                pl.lit(venue.name).alias("venue"),
                "symbol",
                "listing",
                pl.when(first)
                .then(pl.col("starts").fill_null(pl.lit(_EVER, UTC_MICROS)))
                .otherwise("observed_at")
                .alias("holds_from"),
                *_FACTS,
                pl.coalesce("starts", "valid_from").alias("valid_from"),
                pl.coalesce("ends", "valid_to").alias("valid_to"),
            ),
        )

    def identify(self, rows: pl.DataFrame, time_column: str) -> Identified:
        """Adds what each row's symbol stood for at its time: facts, multiplier and listing.

        `rows` comes back in no order of its own; rows of unknown symbols come back apart, without
        these. Symbols and facts come back as Enums.
        """
        rows = rows.with_columns(coded(rows["symbol"]))
        spans = self._changes().with_columns(
            pl.col("symbol").cast(rows.schema["symbol"], strict=False)
        )
        spans = spans.filter(pl.col("symbol").is_not_null())  # no row has the others
        steady = pl.col("symbol").is_unique() & (pl.col("holds_from") == _EVER)
        always = spans.filter(steady).drop("holds_from")
        known = where(beside(rows, "symbol", always), pl.col("listing").is_not_null())
        if known.height == rows.height:
            return Identified(known, rows.clear())
        changing = spans.filter(~steady)
        changed = (
            rows.join(changing, on="symbol", how="semi")
            .sort(time_column, maintain_order=True)
            .join_asof(
                changing.sort("holds_from"),
                left_on=time_column,
                right_on="holds_from",
                by="symbol",
                check_sortedness=False,  # both were sorted just above
            )
            .drop("holds_from")
        )
        return Identified(
            pl.concat([known, changed.select(known.columns)]),
            rows.join(spans, on="symbol", how="anti"),
        )

    def _changes(self) -> pl.DataFrame:
        """The spans that say another thing than the one before: each night's answer is a span."""
        spans = self.spans.select("symbol", "holds_from", *_IDENTITY).sort(
            "symbol", "holds_from", maintain_order=True
        )
        same = pl.all_horizontal(
            pl.col(name).eq_missing(pl.col(name).shift()) for name in ("symbol", *_IDENTITY)
        )
        changes = spans.filter(~same)
        texts = [name for name, dtype in _FACTS.items() if dtype == pl.String]
        return changes.with_columns(coded(changes[name]) for name in texts)

    def table(self) -> pl.DataFrame:
        """The published `Instruments`: each listing as last seen, sorted by its key."""
        latest = self.spans.sort("symbol", "listing", "holds_from").unique(
            ["symbol", "listing"], keep="last", maintain_order=True
        )
        return Instruments.validate(latest.select(Instruments.column_names()))

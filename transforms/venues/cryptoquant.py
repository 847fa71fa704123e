"""CryptoQuant: daily numbers of an aggregator and exchange reserves, as references.

docs        https://cryptoquant.com/docs (api.cryptoquant.com/v1, bearer token; `exchange` must be
            given, `all_exchange` is all of them)
time        UTC days, 00:00:00 to 23:59:59; the last day of a file is still forming
rate        percent, 0.027355453 is 0.00027355453; what interval it is for is not said
units       open interest, liquidations (`*_usd`) and price in USD; reserves in coins
side        long_liquidations are longs that were liquidated
csv         what the site's charts export: `Date,Data`, UTF-8 with BOM, days without zeros in
            front (`2021.1.10`), exponents (`-6.92E-05`), no word about coin or exchange: BTC and
            all exchanges unless the file's name says otherwise. An empty cell is set aside
gaps        hourly and block windows are not read, nor taker statistics

Paths: `[{COIN}_]{open_interest,funding_fee,funding_rates,price,exchange_reserve}[_{exchange}].csv`
and `{coin}-{market-data,exchange-flows}-{what}/{exchange}.json` as the API is asked, with or
without `v1-`. A csv and an answer about the same are one series; the answer wins.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date

import polars as pl

from transforms.answer_paths import SUFFIX, answer_facts
from transforms.answers import RefusedError, Where, read_json
from transforms.payload import Facts, Parsed, Payload
from transforms.records import Records, assemble, utc_text
from transforms.references import metric_named, our_venue, sift_references, sift_reserves
from transforms.schemas.column import ReferenceMetric, SourceKind
from transforms.tabular import Layout, read_csv
from transforms.venue import Feed, Venue

NAME = "cryptoquant"

CSV = Layout.of("Date Data", required="Date Data", words="Date")
CSV_NAMES = {
    "open_interest": "open-interest",
    "funding_fee": "funding-rates",
    "funding_rates": "funding-rates",
    "price": "price-ohlcv",
    "exchange_reserve": "reserve",
}
VALUES = {
    "open_interest": ReferenceMetric.OPEN_INTEREST_USD,
    "funding_rates": ReferenceMetric.FUNDING_RATE,
    "long_liquidations_usd": ReferenceMetric.LIQUIDATIONS_LONG_USD,
    "short_liquidations_usd": ReferenceMetric.LIQUIDATIONS_SHORT_USD,
    "close": ReferenceMetric.PRICE_USD,
}
ENDPOINTS = {
    "open-interest": ("open_interest",),
    "funding-rates": ("funding_rates",),
    "liquidations": ("long_liquidations_usd", "short_liquidations_usd"),
    "price-ohlcv": ("close",),
}
CSV_METRICS = {
    endpoint: VALUES[names[0]] for endpoint, names in ENDPOINTS.items() if len(names) == 1
}
MINUTES = 24 * 60


def _csv(names: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?:(?P<coin>[A-Z0-9]+)_)?(?P<data>{names})(?:_(?P<exchange>[a-z0-9_]+))?"
        r"\.csv(?:\.gz|\.zst)?"
    )


def _answers(names: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?:v1-)?(?P<coin>[a-z0-9]+)-(?:market-data|exchange-flows)-(?P<what>{names})"
        rf"/(?P<exchange>[a-z0-9_]+){SUFFIX}"
    )


_CSV = _csv("|".join(name for name, what in CSV_NAMES.items() if what in CSV_METRICS))
_CSV_RESERVES = _csv("exchange_reserve")
_ANSWERS = _answers("|".join(ENDPOINTS))
_ANSWERS_RESERVES = _answers("reserve")


def _facts_of(pattern: re.Pattern[str]) -> Callable[[str], Facts | None]:
    return lambda path: answer_facts(pattern, lambda _: None, path)


def _series(records: Records) -> Records:
    """Named as the API would be asked for it: `btc/open-interest/all_exchange`."""
    coin = pl.col("path_coin").fill_null("BTC").str.to_uppercase()
    exchange = pl.col("path_exchange").fill_null("all_exchange")
    frame = records.frame.with_columns(
        base_asset=coin, exchange=exchange, minutes=pl.lit(str(MINUTES))
    ).with_columns(
        symbol=pl.concat_str(coin.str.to_lowercase(), "path_what", exchange, separator="/"),
        reference_venue=our_venue("exchange"),
    )
    return replace(records, frame=frame)


def _read_csv(payloads: Sequence[Payload]) -> Records:
    records = read_csv(NAME, payloads, CSV).with_facts(payloads, "data", "coin", "exchange")
    day = utc_text("Date", "%Y.%m.%d").value
    frame = records.frame.with_columns(
        path_what=pl.col("path_data").replace_strict(CSV_NAMES, return_dtype=pl.String),
        value=pl.col("Data"),
        forming=pl.when(day == day.max().over("raw_key")).then(pl.lit("1")).otherwise(pl.lit("0")),
    ).with_columns(metric=metric_named("path_what", CSV_METRICS))
    return _series(replace(records, frame=frame))


def parse_csv(payloads: Sequence[Payload]) -> Parsed:
    records = _read_csv(payloads)
    return assemble(records, [sift_references(records, utc_text("Date", "%Y.%m.%d"))])


def parse_csv_reserves(payloads: Sequence[Payload]) -> Parsed:
    records = _read_csv(payloads)
    return assemble(records, [sift_reserves(records, utc_text("Date", "%Y.%m.%d"))])


def _day(stamp: object) -> date | None:
    with suppress(ValueError):
        return date.fromisoformat(stamp) if isinstance(stamp, str) else None
    return None


def _rows(document: object) -> list[object] | None:
    """Days of an answer, each with whether it was still forming."""
    if not isinstance(document, dict) or not isinstance(document.get("status"), dict):
        return None
    status, result = document["status"], document.get("result")
    if status.get("code") not in (None, "200"):
        raise RefusedError(f"{status['code']}: {status.get('message')}")
    if not isinstance(result, dict) or not isinstance(result.get("data"), list):
        return None
    if result.get("window") != "day":
        raise RefusedError(f"window {result.get('window')} instead of day")
    days = [_day(row.get("date")) for row in result["data"] if isinstance(row, dict)]
    last = max((day for day in days if day is not None), default=None)
    return [
        {"row": row, "forming": "1" if _day(row.get("date")) == last else "0"}
        if isinstance(row, dict)
        else row
        for row in result["data"]
    ]


def _values(document: object) -> Sequence[object] | None:
    """One record per value: a day of liquidations has two."""
    rows = _rows(document)
    if rows is None:
        return None
    values: list[object] = []
    for told in rows:
        if not isinstance(told, dict):
            values.append(told)
            continue
        there = [name for name in VALUES if name in told["row"]]
        values += [{**told, "is": name} for name in there] or [told]
    return values


def _read_answers(
    payloads: Sequence[Payload],
    fields: Sequence[str],
    rows_of: Callable[[object], Sequence[object] | None],
) -> Records:
    columns: dict[str, Where] = {name: ("row", name) for name in ("date", *fields)}
    columns |= {"forming": ("forming",), "is": ("is",)}
    records = read_json(NAME, payloads, columns, rows_of)
    return _series(records.with_facts(payloads, "what", "coin", "exchange"))


def parse_answers(payloads: Sequence[Payload]) -> Parsed:
    records = _read_answers(payloads, [*VALUES], _values)
    value = pl.lit(None, pl.String)
    for endpoint, names in ENDPOINTS.items():
        for name in names:
            own = (pl.col("path_what") == endpoint) & (pl.col("is") == name)
            value = pl.when(own).then(name).otherwise(value)
    frame = records.frame.with_columns(metric=metric_named("is", VALUES), value=value)
    records = replace(records, frame=frame)
    return assemble(records, [sift_references(records, utc_text("date", "%Y-%m-%d"))])


def parse_answers_reserves(payloads: Sequence[Payload]) -> Parsed:
    records = _read_answers(payloads, ["reserve"], _rows)
    records = replace(records, frame=records.frame.with_columns(value=pl.col("reserve")))
    return assemble(records, [sift_reserves(records, utc_text("date", "%Y-%m-%d"))])


def _feed(
    name: str,
    dataset: str,
    pattern: re.Pattern[str],
    parse: Callable[[Sequence[Payload]], Parsed],
    precedence: int,
) -> Feed:
    return Feed(
        name=name,
        datasets=(dataset,),
        source=SourceKind.DUMP,
        precedence=precedence,
        facts=_facts_of(pattern),
        parse=parse,
        expects_every_day=False,
    )


VENUE = Venue(
    name=NAME,
    feeds=(
        _feed("answers", "references", _ANSWERS, parse_answers, 1),
        _feed("answers-reserves", "reserves", _ANSWERS_RESERVES, parse_answers_reserves, 1),
        _feed("csv", "references", _CSV, parse_csv, 2),
        _feed("csv-reserves", "reserves", _CSV_RESERVES, parse_csv_reserves, 2),
    ),
    instrument=lambda _: None,  # a series is no instrument
)

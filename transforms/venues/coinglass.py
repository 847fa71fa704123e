"""CoinGlass v4: numbers of an aggregator, as references beside our own.

docs        https://docs.coinglass.com (open-api-v4.coinglass.com, header CG-API-KEY; HTTP 200 even
            for errors: `code` is not "0")
time        milliseconds, UTC; start of a bucket; the last bucket of an answer is still forming
rate        percent of the running rate, per interval of the exchange: "0.01" is 0.0001
units       aggregated-history and coin-margin-history of open interest in USD, *stablecoin-history
            in coins*; liquidations in USD
side        long_* is longs that were liquidated
numbers     text or numbers, depending on the endpoint (the docs say text)
totals      the row `All` of the exchange list is the total of the others, CME among them
gaps        the exchange list says no time: only a file whose path ends in a day is used;
            histories of single pairs, long/short ratios and single orders are not read

Paths: `{endpoint}_{COIN}[_{EXCHANGE}].json` or `{endpoint}/[{EXCHANGE}/]{COIN}.json`, the endpoint
as in the API with dashes for slashes, with or without `futures-` in front.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from transforms.answer_paths import SUFFIX, answer_facts, file_time
from transforms.answers import RefusedError, Where, read_json
from transforms.native import UTC_MICROS
from transforms.payload import Facts, Parsed, Payload
from transforms.records import Fault, Reading, Records, assemble, epoch
from transforms.references import Grid, metric_named, our_venue, sift_references
from transforms.schemas.column import Margin, ReferenceMetric, SourceKind
from transforms.venue import Feed, Venue

NAME = "coinglass"

CLOSES = {
    "open-interest-aggregated-history": ReferenceMetric.OPEN_INTEREST_USD,
    "open-interest-aggregated-stablecoin-history": ReferenceMetric.OPEN_INTEREST_COIN,
    "open-interest-aggregated-coin-margin-history": ReferenceMetric.OPEN_INTEREST_USD,
    "funding-rate-history": ReferenceMetric.FUNDING_RATE,
    "funding-rate-oi-weight-history": ReferenceMetric.FUNDING_RATE,
    "funding-rate-vol-weight-history": ReferenceMetric.FUNDING_RATE,
}
OF_ONE_EXCHANGE = ("funding-rate-history",)
LIQUIDATIONS = "liquidation-aggregated-history"
FLOWS = {
    "aggregated_long_liquidation_usd": ReferenceMetric.LIQUIDATIONS_LONG_USD,
    "aggregated_short_liquidation_usd": ReferenceMetric.LIQUIDATIONS_SHORT_USD,
}
LISTED = {
    "open_interest_usd": ReferenceMetric.OPEN_INTEREST_USD,
    "open_interest_quantity": ReferenceMetric.OPEN_INTEREST_COIN,
}
MARGINS = {
    "open-interest-aggregated-stablecoin-history": Margin.LINEAR,
    "open-interest-aggregated-coin-margin-history": Margin.INVERSE,
}

_PREFIX = r"(?:api-)?(?:futures-)?"
_COIN = r"(?P<coin>[A-Z0-9]+)"
_ENDPOINTS = "|".join(sorted([*CLOSES, LIQUIDATIONS], key=len, reverse=True))
_HISTORY = re.compile(
    rf"{_PREFIX}(?P<endpoint>{_ENDPOINTS})"
    rf"(?:_{_COIN}(?:_(?P<exchange>[A-Za-z0-9.]+))?|/(?:(?P<of>[A-Za-z0-9.]+)/)?(?P<base>[A-Z0-9]+))"
    rf"{SUFFIX}"
)
_LIST = re.compile(
    rf"{_PREFIX}(?P<endpoint>open-interest-exchange-list)[_/]{_COIN}"
    rf"(?:[-/](?P<dated>20\d\d-\d\d-\d\d))?{SUFFIX}"
)


def _history_facts(path: str) -> Facts | None:
    facts = answer_facts(_HISTORY, lambda _: None, path)
    if facts is None or facts.labels["endpoint"] not in OF_ONE_EXCHANGE:
        return facts
    return facts if facts.labels.keys() & {"exchange", "of"} else None


def _list_facts(path: str) -> Facts | None:
    return answer_facts(_LIST, lambda _: None, path)


def _data(document: object) -> list[object] | None:
    if not isinstance(document, dict) or "code" not in document:
        return None
    if document["code"] != "0":
        raise RefusedError(f"{document['code']}: {document.get('msg')}")
    rows = document.get("data")
    return rows if isinstance(rows, list) else None


def _bucket_values(document: object) -> Sequence[object] | None:
    """One record per value: a bucket of liquidations has two."""
    rows = _data(document)
    if rows is None:
        return None
    grid = Grid.of([row.get("time") for row in rows if isinstance(row, dict)])
    values: list[object] = []
    for row in rows:
        if not isinstance(row, dict):
            values.append(row)
            continue
        told = {"row": row, **grid.cells(row.get("time"))}
        flows = FLOWS if FLOWS.keys() & row.keys() else ()
        values += [{**told, "flow": flow} for flow in flows] or [told]
    return values


def _listed_values(document: object) -> Sequence[object] | None:
    """One record per value: an exchange has its open interest in USD and in coins."""
    rows = _data(document)
    if rows is None:
        return None
    return [
        {"row": row, "is": name} if isinstance(row, dict) else row
        for row in rows
        for name in LISTED
    ]  # fmt: skip


def parse_histories(payloads: Sequence[Payload]) -> Parsed:
    columns: dict[str, Where] = {name: ("row", name) for name in ("time", "close", *FLOWS)}
    columns |= {name: (name,) for name in ("forming", "minutes", "flow")}
    labels = ("endpoint", "coin", "exchange", "of", "base")
    records = read_json(NAME, payloads, columns, _bucket_values)
    records = _about(records.with_facts(payloads, *labels))
    endpoint, flow = pl.col("path_endpoint"), pl.col("flow")
    value = pl.col("close")
    for name in FLOWS:
        value = pl.when(flow == name).then(name).otherwise(value)
    frame = records.frame.with_columns(
        value=value,
        metric=pl.when(flow.is_null())
        .then(metric_named("path_endpoint", CLOSES))
        .otherwise(metric_named("flow", FLOWS)),
        margin_type=endpoint.replace_strict(
            {name: margin.value for name, margin in MARGINS.items()},
            default=None,
            return_dtype=pl.String,
        ),
    )
    foreign = Fault(
        (pl.col("path_endpoint") == LIQUIDATIONS) != pl.col("metric").str.starts_with("liq"),
        pl.lit("liquidations in a file of another endpoint"),
    )
    return assemble(
        records, [sift_references(replace(records, frame=frame), epoch("time"), foreign)]
    )


def _about(records: Records) -> Records:
    """Coin, exchange and the series' name, from the path."""
    coin = pl.coalesce("path_coin", "path_base")
    exchange = pl.coalesce("path_exchange", "path_of")
    named = pl.concat_str(["path_endpoint", coin, exchange], separator="_", ignore_nulls=True)
    frame = records.frame.with_columns(base_asset=coin, symbol=named, exchange=exchange)
    return replace(records, frame=frame.with_columns(reference_venue=our_venue("exchange")))


def parse_exchange_lists(payloads: Sequence[Payload]) -> Parsed:
    """A snapshot of all exchanges and of each. The answer names no time; the day in the path is
    what its midnight stamp says, and without one the numbers are of no known day."""
    columns: dict[str, Where] = {name: ("row", name) for name in ("exchange", "symbol", *LISTED)}
    columns |= {"is": ("is",)}
    records = read_json(NAME, payloads, columns, _listed_values)
    records = records.with_facts(payloads, "endpoint", "coin", "dated")
    dated = {p.raw_key: file_time(p) for p in payloads if "dated" in p.facts.labels}
    taken_at = Reading(
        pl.col("raw_key").replace_strict(dated, default=None, return_dtype=UTC_MICROS),
        (
            Fault(pl.col("path_dated").is_null(), pl.lit("neither answer nor path says the day")),
            Fault(
                pl.col("own_coin") != pl.col("path_coin"),
                pl.format("{} in a file of {}", "own_coin", "path_coin"),
            ),
        ),
    )
    value = pl.lit(None, pl.String)
    for name in LISTED:
        value = pl.when(pl.col("is") == name).then(name).otherwise(value)
    frame = records.frame.with_columns(
        own_coin=pl.col("symbol"),
        symbol=pl.concat_str("path_endpoint", "path_coin", "exchange", separator="_"),
        base_asset=pl.col("path_coin"),
        reference_venue=our_venue("exchange"),
        metric=metric_named("is", LISTED),
        value=value,
        forming=pl.lit("0"),
        minutes=pl.lit("0"),
    )
    return assemble(records, [sift_references(replace(records, frame=frame), taken_at)])


VENUE = Venue(
    name=NAME,
    feeds=(
        Feed(
            name="histories",
            datasets=("references",),
            source=SourceKind.DUMP,
            precedence=1,
            facts=_history_facts,
            parse=parse_histories,
            expects_every_day=False,
        ),
        Feed(
            name="exchange-lists",
            datasets=("references",),
            source=SourceKind.DUMP,
            precedence=1,
            facts=_list_facts,
            parse=parse_exchange_lists,
            expects_every_day=False,
        ),
    ),
    instrument=lambda _: None,  # a series is no instrument
)

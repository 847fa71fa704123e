"""Coinalyze v1: numbers of an aggregator, as references beside our own.

docs        https://api.coinalyze.net/v1/doc (header api_key; 40 calls a minute, 20 symbols a call)
time        seconds, UTC; start of a bucket; the last bucket of an answer is still forming
rate        percent of the running rate, per interval of the exchange: 0.01 is 0.0001
units       in USD: the answer does not say, so the question must have had convert_to_usd=true
side        liquidations `l` are longs that were liquidated, `s` shorts
symbols     the exchange's symbol, `_PERP` where the exchange has none or its own, a dot and a code
            of the exchange; XBT is BTC, 1000BONK and SHIB1000 are BONK and SHIB (amounts are
            dollars, so the multiplier changes nothing)
gaps        long/short ratios, prices and predicted rates are not read; nor are dated contracts,
            whose symbols are not documented; empty buckets are left out by the provider

Paths: `{open-interest,funding-rate,liquidation}-history/{anything}.json`; the answer names its
symbols, so that one file may hold many.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from transforms.answer_paths import NAMED, answer_facts
from transforms.answers import RefusedError, Where, read_json
from transforms.payload import Facts, Parsed, Payload
from transforms.records import Fault, assemble, epoch
from transforms.references import Grid, metric_named, sift_references
from transforms.schemas.column import ContractKind, ReferenceMetric, SourceKind
from transforms.venue import Feed, Venue

NAME = "coinalyze"

CLOSES = {
    "open-interest-history": ReferenceMetric.OPEN_INTEREST_USD,
    "funding-rate-history": ReferenceMetric.FUNDING_RATE,
}
LIQUIDATIONS = "liquidation-history"
FLOWS = {
    "l": ReferenceMetric.LIQUIDATIONS_LONG_USD,
    "s": ReferenceMetric.LIQUIDATIONS_SHORT_USD,
}
_CANDLE = {"o", "h", "c"}
EXCHANGES = {
    "0": "bitmex",
    "2": "deribit",
    "3": "okx",
    "4": "htx",
    "6": "bybit",
    "7": "phemex",
    "8": "dydx",
    "A": "binance",
    "F": "bitfinex",
    "H": "hyperliquid",
    "K": "kraken",
    "W": "woo",
    "Y": "gate",
}

_PATH = re.compile(rf"(?P<endpoint>{'|'.join([*CLOSES, LIQUIDATIONS])})/{NAMED}")
# The shortest base before a quote: USDCUSDT is USDC in USDT. Hyperliquid names the coin alone.
_SYMBOL = (
    r"^(?P<base>k?[A-Z0-9]+?)(?:-?(?P<quote>USDT|USDC|USD|BUSD|FDUSD)(?:_PERP)?)?"
    r"\.(?P<code>[0-9A-Z])$"
)
_MULTIPLIERS = (r"^k([A-Z])", r"^10{3,7}([A-Z])", r"([A-Z])10{3,7}$")


def _facts(path: str) -> Facts | None:
    return answer_facts(_PATH, lambda _: None, path)


def _values(document: object) -> Sequence[object] | None:
    """One record per value: a bucket of liquidations has two."""
    if isinstance(document, dict) and "message" in document and "arrival_ns" not in document:
        raise RefusedError(f"{document['message']}")
    if not isinstance(document, list) or not all(
        isinstance(part, dict) and isinstance(part.get("history"), list) for part in document
    ):
        return None
    # All markets of an answer have its interval, and one that ended days ago is not forming.
    grid = Grid.of(
        [row.get("t") for part in document for row in part["history"] if isinstance(row, dict)]
    )
    values: list[object] = []
    for part in document:
        for row in part["history"]:
            if not isinstance(row, dict):
                values.append(row)
                continue
            told = {"symbol": part.get("symbol"), "row": row, **grid.cells(row.get("t"))}
            # In a row of open, high, low and close `l` is the low.
            flows = FLOWS if FLOWS.keys() & row.keys() and not row.keys() & _CANDLE else ()
            values += [{**told, "flow": flow} for flow in flows] or [told]
    return values


def parse(payloads: Sequence[Payload]) -> Parsed:
    columns: dict[str, Where] = {name: ("row", name) for name in ("t", "c", *FLOWS)}
    columns |= {name: (name,) for name in ("symbol", "forming", "minutes", "flow")}
    records = read_json(NAME, payloads, columns, _values).with_facts(payloads, "endpoint")
    flow = pl.col("flow")
    value = pl.col("c")
    for name in FLOWS:
        value = pl.when(flow == name).then(name).otherwise(value)
    parts = pl.col("symbol").str.extract_groups(_SYMBOL)
    base = parts.struct.field("base")
    for multiplier in _MULTIPLIERS:
        base = base.str.replace(multiplier, "$1")
    frame = records.frame.with_columns(
        value=value,
        metric=pl.when(flow.is_null())
        .then(metric_named("path_endpoint", CLOSES))
        .otherwise(metric_named("flow", FLOWS)),
        base_asset=base.replace({"XBT": "BTC"}),
        quote_asset=parts.struct.field("quote"),
        contract_kind=pl.lit(ContractKind.PERPETUAL.value),
        reference_venue=parts.struct.field("code").replace_strict(
            EXCHANGES, default=None, return_dtype=pl.String
        ),
    )
    unknown = Fault(
        pl.col("reference_venue").is_null(), pl.format("unknown exchange of {}", "symbol")
    )
    foreign = Fault(
        (pl.col("path_endpoint") == LIQUIDATIONS) != pl.col("metric").str.starts_with("liq"),
        pl.lit("not a record of the path's endpoint"),
    )
    return assemble(
        records, [sift_references(replace(records, frame=frame), epoch("t"), unknown, foreign)]
    )


VENUE = Venue(
    name=NAME,
    feeds=(
        Feed(
            name="histories",
            datasets=("references",),
            source=SourceKind.DUMP,
            precedence=1,
            facts=_facts,
            parse=parse,
            expects_every_day=False,
        ),
    ),
    instrument=lambda _: None,  # a series is no instrument
)

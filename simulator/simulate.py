"""Writes what a plan asks for: archive, recordings, instrument answers, and the truth behind them.

Layout below `out`:
    archive/binance/data/futures/{um|cm}/…      the bucket
    dumps/binance/ws-forceOrder/{date}.jsonl    recordings
    dumps/binance/instruments-um.json           exchangeInfo of USDⓈ-M; instruments.json of COIN-M
    truth/samples-{date}.parquet                prices, open interest and ratios every 5 minutes
    truth/liquidations-{date}.parquet           every liquidation (`simulator.liquidations.EVENTS`)
    truth/settlements.parquet                   every settlement (`simulator.funding.SETTLEMENTS`)
    truth/plan.json                             the days simulated

A month's fundingRate file is there once the plan covers its last day; until then its settlements
are only in the truth, from which the REST API serves them. Settlements are known from the first
day of the first month on. Files carry the time they would have been published at.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from simulator.archive import Writer
from simulator.exports import (
    SLOTS,
    alive,
    by_symbol,
    funding,
    klines,
    metrics,
    next_day,
    open_interest_value,
    sampled,
    snapshot,
)
from simulator.funding import Month, settle
from simulator.liquidations import liquidate
from simulator.listings import Listing, exchange_info, listings
from simulator.market import DayPath, Market, midnight
from simulator.plan import Plan, Product, Quirk, Summary
from simulator.quirks import klines_have_header
from simulator.recordings import record

BUCKET = "archive/binance"
FUTURES = f"{BUCKET}/data/futures"


def simulate(plan: Plan, out: Path) -> Summary:
    """Write everything the plan asks for below `out`; existing files are replaced.

    The same plan gives the same bytes; plans that share seed, symbols, quirks and (in a scenario)
    break day give the same bytes for the days they share. Returns what was written.
    """
    writer, quirks = Writer(out), list[Quirk]()
    market, found = Market(plan), listings(plan)
    for number in range((plan.last - plan.first).days + 1):
        day = plan.first + timedelta(days=number)
        path = market.day([x for x in found if x.trades_on(day)], day)
        quirks += _write_metrics(plan, writer, path)
        quirks += _write_klines(plan, writer, market, path)
        quirks += _write_liquidations(plan, writer, market, path)
        _write_truth(writer, f"samples-{day}", _samples(path), _published(day))
    quirks += _write_funding(plan, writer, market, found)
    _write_answers(plan, writer, found)
    return Summary(
        files=writer.files.total(),
        bytes=writer.bytes,
        files_by_kind=dict(sorted(writer.files.items())),
        quirks=tuple(quirks),
    )


def _published(day: date) -> datetime:
    """When a day's files appear: the next day at six."""
    return midnight(next_day(day)) + timedelta(hours=6)


def _write_metrics(plan: Plan, writer: Writer, path: DayPath) -> Iterator[Quirk]:
    for product in plan.products:
        for listing, content, quirks in metrics(path, product, quirks=plan.quirks, seed=plan.seed):
            name = f"{listing.symbol}-metrics-{path.day}.zip"
            where = f"{FUTURES}/{product}/daily/metrics/{listing.symbol}/{name}"
            if content is not None:
                writer.archive("metrics", where, content, _published(path.day))
            yield from (replace(quirk, path=where) for quirk in quirks)


def _write_klines(plan: Plan, writer: Writer, market: Market, path: DayPath) -> Iterator[Quirk]:
    # Bars shorter than the market's grid, or not made of whole steps of it, need a finer one.
    fine = plan.interval in {"1m", "3m"} and plan.kline_kinds
    grid = market.day(path.listings, path.day, 1) if fine else path
    header = not plan.quirks or klines_have_header(path.day)
    for product in plan.products:
        for kind in plan.kline_kinds:
            for name, content in klines(
                grid, kind, product, plan.interval, header=header, seed=plan.seed
            ):
                where = (
                    f"{FUTURES}/{product}/daily/{kind}/{name}/{plan.interval}/"
                    f"{name}-{plan.interval}-{path.day}.zip"
                )
                writer.archive(kind, where, content, _published(path.day))
                if not header:
                    yield Quirk("kline-headerless", where)


def _write_liquidations(
    plan: Plan, writer: Writer, market: Market, path: DayPath
) -> Iterator[Quirk]:
    events, day = liquidate(market, path), path.day
    _write_truth(writer, f"liquidations-{day}", events, _published(day))
    by_name = {listing.symbol: listing for listing in path.listings}
    published = events.filter("published")
    for symbol, rows in by_symbol(published.filter(product="cm"), list(by_name)).items():
        where = (
            f"{FUTURES}/cm/daily/liquidationSnapshot/{symbol}/"
            f"{symbol}-liquidationSnapshot-{day}.zip"
        )
        writer.archive(
            "liquidationSnapshot", where, snapshot(rows, by_name[symbol]), _published(day)
        )
    if "um" in plan.products:
        content, quirks = record(
            published.filter(product="um"), by_name, day, quirks=plan.quirks, seed=plan.seed
        )
        where = f"dumps/binance/ws-forceOrder/{day}.jsonl"
        writer.write("ws-forceOrder", where, content, midnight(next_day(day)))
        yield from (replace(quirk, path=where) for quirk in quirks)


def _write_funding(
    plan: Plan, writer: Writer, market: Market, found: list[Listing]
) -> Iterator[Quirk]:
    month = Month.of(plan.first).minus(plan.funding_months_before)
    end = midnight(next_day(plan.last))
    truth = []
    while month.first <= plan.last:
        settlements = settle(market, found, month).filter(pl.col("settled_at") < end)
        truth.append(settlements)
        finished = month.last <= plan.last
        parts = by_symbol(settlements, [listing.symbol for listing in found])
        for symbol, rows in parts.items():
            name = f"{symbol}-fundingRate-{month}.zip"
            product: Product = rows.item(0, "product")
            where = f"{FUTURES}/{product}/monthly/fundingRate/{symbol}/{name}"
            if finished:
                writer.archive("fundingRate", where, funding(rows), _published(month.last))
            # Of an unfinished month the faults are in the API's answers.
            place = where if finished else f"fundingRate?symbol={symbol}"
            yield from (replace(quirk, path=place) for quirk in _funding_quirks(plan, rows))
        month = month.next
    _write_truth(writer, "settlements", pl.concat(truth), _published(plan.last))


def _funding_quirks(plan: Plan, rows: pl.DataFrame) -> list[Quirk]:
    if not plan.quirks:
        return []
    late = rows.filter(pl.col("stamp_ms") != pl.col("settled_at").dt.epoch("ms")).height
    zero = rows.filter(pl.col("funding_rate") == 0).height
    changes = rows["interval_hours"].n_unique() > 1
    quirks = [Quirk("funding-jitter", "", f"{late} stamps")] if late else []
    quirks += [Quirk("funding-zero", "", f"{zero} rates")] if zero else []
    return quirks + ([Quirk("funding-interval-change", "")] if changes else [])


def _samples(path: DayPath) -> pl.DataFrame:
    """What is so at the moments the metrics of a day show, by symbol and time."""
    value = open_interest_value(path)
    frames = []
    for i, listing in enumerate(path.listings):
        span, kept = sampled(path, listing.product), alive(listing, path.day, SLOTS)
        at = path.minutes[span][:kept] * 60_000_000
        um = listing.product == "um"
        native, worth = path.open_interest[i, span][:kept], value[i, span][:kept]
        frames.append(
            {
                "product": np.repeat(listing.product, kept),
                "symbol": np.repeat(listing.symbol, kept),
                "sampled_at": at,
                "index_price": path.index[i, span][:kept],
                "mark_price": path.mark[i, span][:kept],
                "last_price": path.last[i, span][:kept],
                "open_interest_native": native,
                "open_interest_value": worth,
                "open_interest_coin": native * listing.multiplier if um else worth,
                "open_interest_usd": worth if um else native * listing.contract_size,
                "accounts_ratio": path.accounts[i, span][:kept],
                "top_accounts_ratio": path.top_accounts[i, span][:kept],
                "top_positions_ratio": path.top_positions[i, span][:kept],
                "taker_ratio": path.taker[i, span][:kept],
                "volume_coin": path.volume[i, span][:kept],
            }
        )
    columns = {name: np.concatenate([frame[name] for frame in frames]) for name in frames[0]}
    columns["product"] = columns["product"].tolist()
    columns["symbol"] = columns["symbol"].tolist()
    return pl.DataFrame(columns).with_columns(pl.col("sampled_at").cast(pl.Datetime("us", "UTC")))


def _write_truth(writer: Writer, name: str, frame: pl.DataFrame, published: datetime) -> None:
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", compression_level=1)
    writer.write("truth", f"truth/{name}.parquet", buffer.getvalue(), published)


def _write_answers(plan: Plan, writer: Writer, found: list[Listing]) -> None:
    now = midnight(next_day(plan.last))
    names: dict[Product, str] = {"um": "instruments-um.json", "cm": "instruments.json"}
    for product in plan.products:
        answer = json.dumps(exchange_info(found, product, now), separators=(",", ":")).encode()
        writer.write("instruments", f"dumps/binance/{names[product]}", answer, now)
    days = {"first": plan.first.isoformat(), "last": plan.last.isoformat()}
    facts = days | {"seed": plan.seed, "scenario": plan.scenario, "products": plan.products}
    writer.write("truth", "truth/plan.json", json.dumps(facts).encode(), now)

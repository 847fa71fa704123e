"""Where Binance's exports lie, and writing them there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace

import polars as pl

from simulator.archive import Writer
from simulator.exchanges.binance.exports import funding, klines, metrics, snapshot
from simulator.exchanges.binance.listings import exchange_info
from simulator.exchanges.binance.quirks import klines_have_header
from simulator.exchanges.binance.recordings import record
from simulator.market import midnight
from simulator.plan import Plan, Product, Quirk
from simulator.tape import Day, Tape, by_symbol, next_day, published

FUTURES = "archive/binance/data/futures"


def write(tape: Tape, days: Iterable[Day], writer: Writer) -> Iterator[Quirk]:
    """Archive, recordings and instrument answers."""
    plan = tape.plan
    for day in days:
        yield from _write_metrics(plan, writer, day)
        yield from _write_klines(plan, writer, day)
        yield from _write_liquidations(plan, writer, day)
    yield from _write_funding(tape, writer)
    names: dict[Product, str] = {"um": "instruments-um.json", "cm": "instruments.json"}
    for product in plan.products:
        info = exchange_info(list(tape.listings), product, tape.end)
        answer = json.dumps(info, separators=(",", ":")).encode()
        writer.write("instruments", f"dumps/binance/{names[product]}", answer, tape.end)


def _write_metrics(plan: Plan, writer: Writer, day: Day) -> Iterator[Quirk]:
    path = day.path
    for product in plan.products:
        for listing, content, quirks in metrics(path, product, quirks=plan.quirks, seed=plan.seed):
            name = f"{listing.symbol}-metrics-{path.day}.zip"
            where = f"{FUTURES}/{product}/daily/metrics/{listing.symbol}/{name}"
            if content is not None:
                writer.archive("metrics", where, content, published(path.day))
            yield from (replace(quirk, path=where) for quirk in quirks)


def _write_klines(plan: Plan, writer: Writer, day: Day) -> Iterator[Quirk]:
    # Bars shorter than the market's grid, or not made of whole steps of it, need a finer one.
    path = day.path
    fine = plan.interval in {"1m", "3m"} and plan.kline_kinds
    grid = day.market.day(path.listings, path.day, 1) if fine else path
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
                writer.archive(kind, where, content, published(path.day))
                if not header:
                    yield Quirk("kline-headerless", where)


def _write_liquidations(plan: Plan, writer: Writer, day: Day) -> Iterator[Quirk]:
    by_name = {listing.symbol: listing for listing in day.path.listings}
    events = day.events.filter("published")
    for symbol, rows in by_symbol(events.filter(product="cm"), list(by_name)).items():
        where = (
            f"{FUTURES}/cm/daily/liquidationSnapshot/{symbol}/"
            f"{symbol}-liquidationSnapshot-{day.date}.zip"
        )
        content = snapshot(rows, by_name[symbol])
        writer.archive("liquidationSnapshot", where, content, published(day.date))
    if "um" in plan.products:
        content, quirks = record(
            events.filter(product="um"), by_name, day.date, quirks=plan.quirks, seed=plan.seed
        )
        where = f"dumps/binance/ws-forceOrder/{day.date}.jsonl"
        writer.write("ws-forceOrder", where, content, midnight(next_day(day.date)))
        yield from (replace(quirk, path=where) for quirk in quirks)


def _write_funding(tape: Tape, writer: Writer) -> Iterator[Quirk]:
    for month in tape.months():
        finished = month.last <= tape.plan.last
        parts = by_symbol(tape.settlements(month), [listing.symbol for listing in tape.listings])
        for symbol, rows in parts.items():
            name = f"{symbol}-fundingRate-{month}.zip"
            where = f"{FUTURES}/{rows.item(0, 'product')}/monthly/fundingRate/{symbol}/{name}"
            if finished:
                writer.archive("fundingRate", where, funding(rows), published(month.last))
            # Of an unfinished month the faults are in the API's answers.
            place = where if finished else f"fundingRate?symbol={symbol}"
            yield from (replace(quirk, path=place) for quirk in _funding_quirks(tape.plan, rows))


def _funding_quirks(plan: Plan, rows: pl.DataFrame) -> list[Quirk]:
    if not plan.quirks:
        return []
    late = rows.filter(pl.col("stamp_ms") != pl.col("settled_at").dt.epoch("ms")).height
    zero = rows.filter(pl.col("funding_rate") == 0).height
    changes = rows["interval_hours"].n_unique() > 1
    quirks = [Quirk("funding-jitter", "", f"{late} stamps")] if late else []
    quirks += [Quirk("funding-zero", "", f"{zero} rates")] if zero else []
    return quirks + ([Quirk("funding-interval-change", "")] if changes else [])

"""Writes what a plan asks for: each exchange's exports, and the truth behind them.

Layout below `out`:
    archive/{exchange}/…                              bulk files, in the exchange's own layout
    dumps/{exchange}/…                                API answers and recordings
    truth/{exchange}/samples-{date}.parquet           every 5 minutes (`simulator.tape.SAMPLES`)
    truth/{exchange}/liquidations-{date}.parquet      every one (`simulator.liquidations.EVENTS`)
    truth/{exchange}/settlements.parquet              every one (`simulator.funding.SETTLEMENTS`)
    truth/plan.json                                   the days simulated

Settlements are known from the first day of the first month on. Files carry the time they would
have been published at. A carrier such as Tardis brings the truth of the exchanges it carries; an
aggregator such as CryptoQuant tells of the plan's exchanges and has a truth of its own.
"""

from __future__ import annotations

import io
import json
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from simulator.archive import Writer
from simulator.exchange import Exchange, discover
from simulator.market import Market
from simulator.plan import Plan, Quirk, Summary
from simulator.tape import Day, Tape, published


def simulate(plan: Plan, out: Path) -> Summary:
    """Write everything the plan asks for below `out`; existing files are replaced.

    The same plan gives the same bytes; plans that share seed, symbols, venues, quirks and (in a
    scenario) break day give the same bytes for the days they share. Returns what was written.
    Raises ValueError for a venue the simulator does not know, and where there is no exchange that
    could be told of.
    """
    known = discover()
    if unknown := set(plan.venues) - known.keys():
        raise ValueError(f"venues must be some of {', '.join(known)}, not {sorted(unknown)}")
    writer, quirks, tapes = Writer(out), list[Quirk](), tapes_of(plan, known)
    if not tapes:
        told = " and ".join(plan.venues)
        raise ValueError(f"{told} tells of exchanges: venues must name one beside it")
    for name, tape in tapes.items():
        write, days = known[name].write, _told(tape, writer)
        if name in plan.venues and write is not None:
            quirks += write(tape, days, writer)
        # The truth of an exchange that only a carrier writes about.
        deque(days, maxlen=0)
        _write_truth(writer, f"{name}/settlements", tape.all_settlements, tape)
    for name in plan.venues:
        carry = known[name].carry
        if carry is not None:
            quirks += carry(plan, tapes, writer)
    facts = {
        "first": plan.first.isoformat(),
        "last": plan.last.isoformat(),
        "seed": plan.seed,
        "scenario": plan.scenario,
        "products": plan.products,
        "venues": plan.venues,
    }
    text = json.dumps(facts)
    end = next(iter(tapes.values())).end
    writer.write("truth", "truth/plan.json", text.encode(), end)
    return Summary(
        files=writer.files.total(),
        bytes=writer.bytes,
        files_by_kind=dict(sorted(writer.files.items())),
        quirks=tuple(quirks),
    )


def tapes_of(plan: Plan, known: dict[str, Exchange]) -> dict[str, Tape]:
    """What happens at each exchange of a plan, and at those its carriers tell of."""
    carried = {name for venue in plan.venues for name in known[venue].carries}
    trading = [
        x for x in known.values() if x.share and (x.name in plan.venues or x.name in carried)
    ]
    whole = sum(exchange.share for exchange in trading)
    return {
        x.name: Tape(
            plan=plan,
            venue=x.name,
            market=Market(plan, x.share / whole),
            listings=tuple(x.listings(plan)),
            throttled=x.throttled,
            eventful=x.eventful,
        )
        for x in trading
    }


def _told(tape: Tape, writer: Writer) -> Iterator[Day]:
    """The days of a tape, each with its truth on disk."""
    for day in tape.days():
        _write_truth(writer, f"{tape.venue}/samples-{day.date}", day.samples, tape, day)
        _write_truth(writer, f"{tape.venue}/liquidations-{day.date}", day.events, tape, day)
        yield day


def _write_truth(
    writer: Writer, name: str, frame: pl.DataFrame, tape: Tape, day: Day | None = None
) -> None:
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", compression_level=1)
    when = published(tape.plan.last if day is None else day.date)
    writer.write("truth", f"truth/{name}.parquet", buffer.getvalue(), when)

"""OKX's bulk funding files: the new tree and the old one, cut into days of UTC+8."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

import polars as pl

from simulator.archive import Writer, zipped
from simulator.exchanges.okx.rows import with_forecast
from simulator.faulty import dice
from simulator.funding import Month
from simulator.market import midnight
from simulator.numerals import plain, trimmed
from simulator.plan import Quirk
from simulator.tape import Tape, by_symbol

TREE = "archive/okx/cdn/okex/traderecords"
NEW_DAILY_FROM = date(2022, 1, 17)
NEW_MONTHLY_FROM = date(2022, 3, 1)
OLD_FROM, OLD_UNTIL = date(2021, 10, 1), date(2025, 9, 30)
GAPS = frozenset(date(2025, 4, day) for day in (1, 8, 10, 15, 18, 20, 22, 23, 24, 25, 28, 30))
_AHEAD = timedelta(hours=8)
_NEW_HEADER = "instrument_name,funding_rate,funding_time"
_OLD_HEADER = (
    "instrument_name/交易币对名,contract_type/合约类型,funding_rate/预测下一周期费率,"
    "real_funding_rate/本周期真实费率,funding_time/下一周期时间戳"
)


def write_archive(tape: Tape, writer: Writer) -> Iterator[Quirk]:
    """The files of all UTC+8 days, and new months, that are over by the end of the plan."""
    symbols = [listing.symbol for listing in tape.listings]
    parts = by_symbol(tape.all_settlements, symbols)
    if not parts:
        return
    told = pl.concat(
        with_forecast(rows).with_columns(
            pl.col("forecast").shift(-1).fill_null(pl.col("forecast")).alias("next_forecast"),
            pl.col("settled_at").shift(-1).alias("next_at"),
        )
        for rows in parts.values()
    )
    for number in range((tape.plan.last - tape.plan.first).days + 1):
        day = tape.plan.first + timedelta(days=number)
        start = midnight(day) - _AHEAD
        until = start + timedelta(days=1)
        rows = told.filter(pl.col("settled_at").is_between(start, until, "left"))
        yield from _write_day(tape, writer, day, rows)
    for month in tape.months():
        start, end = midnight(month.first) - _AHEAD, midnight(month.next.first) - _AHEAD
        # Its first eight hours are those of a month of which the tape may know nothing.
        known = month.first > tape.months()[0].first
        if month.first >= NEW_MONTHLY_FROM and end <= tape.end and known:
            rows = told.filter(pl.col("settled_at").is_between(start, end, "left"))
            for symbol, own in by_symbol(rows, symbols).items():
                where = (
                    f"{TREE}/swaprates/monthly/{month.first:%Y%m}/{symbol}-fundingrates-{month}.zip"
                )
                _write_csv(writer, where, _new_csv(own), _published(month))


def _published(when: date | Month) -> datetime:
    """Two days after the end."""
    last = when.last if isinstance(when, Month) else when
    return midnight(last) + timedelta(days=3)


def _write_csv(writer: Writer, where: str, content: bytes, when: datetime) -> None:
    member = where.rpartition("/")[2].removesuffix(".zip") + ".csv"
    writer.write("funding-archive", where, zipped(member, content), when)


def _new_csv(rows: pl.DataFrame) -> bytes:
    lines = [
        f"{symbol},{plain(rate)},{stamp}"
        for symbol, rate, stamp in rows.sort("symbol", "stamp_ms")
        .select("symbol", "funding_rate", "stamp_ms")
        .iter_rows()
    ]
    return "".join(f"{line}\r\n" for line in [_NEW_HEADER, *lines]).encode()


def _old_csv(rows: pl.DataFrame, *, header: bool) -> bytes:
    lines = [_OLD_HEADER] if header else []
    for symbol, forecast, rate, settled, hours, following in (
        rows.sort("symbol", "stamp_ms")
        .select(
            "symbol",
            "next_forecast",
            "funding_rate",
            "settled_at",
            "interval_hours",
            "next_at",
        )
        .iter_rows()
    ):
        # The stamp of the settlement after the one whose rate was realised.
        due = following or settled + timedelta(hours=hours)
        stamp = int(due.timestamp()) * 1000
        lines.append(f"{symbol},swap,{trimmed(forecast, 10)},{plain(rate)},{stamp}")
    return "".join(f"{line}\n" for line in lines).encode("gbk")


def _write_day(tape: Tape, writer: Writer, day: date, rows: pl.DataFrame) -> Iterator[Quirk]:
    seed, quirks = tape.plan.seed, tape.plan.quirks
    luck = dice(seed, "okx-archive", str(day), 2)
    if day >= NEW_DAILY_FROM:
        where = f"{TREE}/swaprates/daily/{day:%Y%m%d}/allswap-fundingrates-{day}.zip"
        if quirks and day in GAPS:
            yield Quirk("archive-gap", where, "no file")
        else:
            mark = quirks and luck[0] < 0.5
            content = (b"\xef\xbb\xbf" if mark else b"") + _new_csv(rows)
            _write_csv(writer, where, content, _published(day))
            if mark:
                yield Quirk("archive-bom", where)
    if OLD_FROM <= day <= OLD_UNTIL:
        where = f"{TREE}/swaprate/monthly/{day:%Y%m}/allswaprate-swaprate-{day}.zip"
        bare = quirks and day.year == 2021 and luck[1] < 0.5
        _write_csv(writer, where, _old_csv(rows, header=not bare), _published(day))
        if bare:
            yield Quirk("archive-headerless", where)

"""The csv bytes of the archive's daily and monthly files, as Binance writes them.

Rows of all symbols of a day are formatted at once and then cut apart, which is what makes tens of
thousands of files a matter of seconds. On its delivery day a dated contract's files end at 08:00.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import pairwise

import numpy as np
import polars as pl

from simulator.exchanges.binance.quirks import doubled_metrics, metrics_faults, metrics_lines
from simulator.listing import Listing
from simulator.market import DAY, DayPath, day_minutes, digits
from simulator.noise import Floats, keys, normals
from simulator.plan import INTERVAL_MINUTES, KlineKind, Product, Quirk
from simulator.tape import SLOTS, alive, open_interest_value

METRICS_HEADER = (
    b"create_time,symbol,sum_open_interest,sum_open_interest_value,"
    b"count_toptrader_long_short_ratio,sum_toptrader_long_short_ratio,"
    b"count_long_short_ratio,sum_taker_long_short_vol_ratio\n"
)
KLINES_HEADER = (
    b"open_time,open,high,low,close,volume,close_time,quote_volume,"
    b"count,taker_buy_volume,taker_buy_quote_volume,ignore\n"
)
FUNDING_HEADER = b"calc_time,funding_interval_hours,last_funding_rate\n"
SNAPSHOT_HEADER = (
    b"time,side,order_type,time_in_force,original_quantity,price,average_price,"
    b"order_status,last_fill_quantity,accumulated_fill_quantity\n"
)

START_LABELS_FROM = date(2026, 6, 25)
"""From this day on USDⓈ-M metrics are labelled with the start of their five minutes."""


def decimals(values: Floats, places: int, name: str) -> pl.Series:
    """Numbers as fixed-point text of a csv, with so many places."""
    return pl.Series(name, np.ascontiguousarray(values).ravel()).cast(pl.Decimal(38, places))


def chunks(csv: bytes, rows: int, count: int) -> list[bytes]:
    """Cut a csv without header into `count` pieces of `rows` lines."""
    ends = np.flatnonzero(np.frombuffer(csv, dtype=np.uint8) == ord("\n")) + 1
    if len(ends) != rows * count:
        raise AssertionError(f"{len(ends)} lines instead of {rows} × {count}")
    cuts = [0, *ends[rows - 1 :: rows].tolist()]
    return [csv[a:b] for a, b in pairwise(cuts)]


def sampled(path: DayPath, product: Product) -> slice:
    """The grid points a metrics file holds: USDⓈ-M 00:05…24:00, COIN-M 00:00…23:55."""
    first = path.start + (1 if product == "um" else 0)
    return slice(first, first + SLOTS)


def _labels(day: date, product: Product) -> list[str]:
    ends = product == "um" and day < START_LABELS_FROM
    start = np.datetime64(day, "s") + np.timedelta64(300 if ends else 0, "s")
    stamps = start + np.arange(SLOTS + 1) * np.timedelta64(300, "s")
    return [str(stamp).replace("T", " ") for stamp in stamps]


def metrics(
    path: DayPath, product: Product, *, quirks: bool, seed: int
) -> Iterator[tuple[Listing, bytes | None, list[Quirk]]]:
    """Metrics files of a day; None instead of bytes where the file is missing on purpose.

    `Quirk.path` is left empty for the caller to fill in.
    """
    rows = [i for i, listing in enumerate(path.listings) if listing.product == product]
    if not rows:
        return
    listings = [path.listings[i] for i in rows]
    day, span = path.day, sampled(path, product)
    labels = _labels(day, product)
    text, eras = _metrics_csv(path, rows, labels, product, quirks=quirks)
    faults = metrics_faults(seed, [x.symbol for x in listings], day) if quirks else {}
    value = open_interest_value(path)[rows, span]
    for n, (listing, chunk) in enumerate(
        zip(listings, chunks(text, SLOTS, len(rows)), strict=True)
    ):
        wanted = faults.get(listing.symbol, frozenset())
        notes = [Quirk(era, "") for era in eras]
        if "missing-file" in wanted:
            yield listing, None, [Quirk("missing-file", "", "no file")]
            continue
        kept = alive(listing, day, SLOTS)
        if kept == SLOTS and not wanted and not (quirks and doubled_metrics(listing.symbol, day)):
            yield listing, METRICS_HEADER + chunk, notes
            continue
        lines = chunk.splitlines()[:kept]
        if kept == SLOTS:
            own = path.open_interest[rows[n], span][-1]
            last = lines[-1].split(b",")
            # Like the real one: the next stamp, a little off what the next day's file will say.
            more, worth = (3, 2) if product == "um" else (8, 8)
            other = f"{own * 1.00006:.{more}f},{value[n, -1] * 1.00006:.{worth}f}".encode()
            stray = b",".join([labels[SLOTS].encode(), last[1], other, *last[4:]])
            lines, done = metrics_lines(lines, stray, wanted, seed, f"{listing.symbol}/{day}")
            notes += [Quirk(name, "", detail) for name, detail in done.items()]
        if quirks and doubled_metrics(listing.symbol, day):
            lines = [line for line in lines for _ in range(2)]
            notes.append(Quirk("metrics-doubled", ""))
        yield listing, METRICS_HEADER + b"\n".join(lines) + b"\n", notes


def _metrics_csv(
    path: DayPath, rows: list[int], labels: list[str], product: Product, *, quirks: bool
) -> tuple[bytes, list[str]]:
    """All rows of one product on a day without header, and the quirks of their number format."""
    day, span, eras = path.day, sampled(path, product), []
    native = path.open_interest[rows, span]
    value = open_interest_value(path)[rows, span]
    places = (3, 2) if product == "um" else (8, 8)
    amounts = [decimals(native, places[0], "oi"), decimals(value, places[1], "value")]
    if quirks and product == "um" and day.year == 2025:
        amounts = [column.cast(pl.Decimal(38, 16)) for column in amounts]
        eras.append("metrics-long-decimals")
    ratios = [
        getattr(path, name)[rows, span]
        for name in ("top_accounts", "top_positions", "accounts", "taker")
    ]
    columns = [decimals(values, 8, str(i)) for i, values in enumerate(ratios)]
    if quirks and product == "um" and date(2021, 12, 1) <= day < date(2023, 8, 1):
        columns = [
            pl.Series(str(i), np.ascontiguousarray(values).ravel()) + 3e-15
            for i, values in enumerate(ratios)
        ]
        eras.append("metrics-float-repr")
    frame = pl.DataFrame(
        {
            "create_time": labels[:SLOTS] * len(rows),
            "symbol": np.repeat([path.listings[i].symbol for i in rows], SLOTS).tolist(),
        }
    )
    if product == "um":
        return frame.hstack(amounts + columns).write_csv(include_header=False).encode(), eras
    empty = [pl.Series(str(i), [None] * frame.height, dtype=pl.String) for i in range(3)]
    csv = frame.hstack([*amounts, *empty, columns[3]]).write_csv(include_header=False).encode()
    # Until 2023 the empty cells of COIN-M were quoted.
    return (csv.replace(b",,,,", b',"","","",') if day.year <= 2023 else csv), eras


def klines(
    path: DayPath, kind: KlineKind, product: Product, interval: str, *, header: bool, seed: int
) -> Iterator[tuple[str, bytes]]:
    """Kline files of a day by folder name: the symbol, for the index the pair."""
    chosen: dict[str, int] = {}
    for i, listing in enumerate(path.listings):
        if listing.product == product:
            chosen.setdefault(listing.pair if kind == "indexPriceKlines" else listing.symbol, i)
    if kind != "klines":
        yield from _klines(path, kind, chosen, (8, 8), interval, header=header, seed=seed)
        return
    formats: dict[tuple[int, int], dict[str, int]] = {}
    for name, i in chosen.items():
        listing = path.listings[i]
        key = (listing.price_digits, listing.quantity_digits)
        formats.setdefault(key, {})[name] = i
    for places, group in formats.items():
        yield from _klines(path, kind, group, places, interval, header=header, seed=seed)


def _klines(
    path: DayPath,
    kind: KlineKind,
    chosen: dict[str, int],
    places: tuple[int, int],
    interval: str,
    *,
    header: bool,
    seed: int,
) -> Iterator[tuple[str, bytes]]:
    rows = list(chosen.values())
    if not rows:
        return
    listings = [path.listings[i] for i in rows]
    length = INTERVAL_MINUTES[interval]
    bars, points = DAY // length, length // path.step
    source = {
        "klines": path.last,
        "markPriceKlines": path.mark,
        "indexPriceKlines": path.index,
        "premiumIndexKlines": path.premium,
    }[kind][rows, path.start :]
    inside = source[:, :-1].reshape(len(rows), bars, points)
    end = source[:, points::points]
    opened = inside[:, :, 0]
    wick = np.abs(
        normals(keys(seed, f"wick-{kind}", chosen)[:, None], np.arange(bars * 2)[None, :])
    )
    wick *= 2e-5 if kind == "premiumIndexKlines" else 3e-4 * np.repeat(np.abs(opened), 2, axis=1)
    high = np.maximum(inside.max(axis=2), end) + wick[:, ::2]
    low = np.minimum(inside.min(axis=2), end) - wick[:, 1::2]
    start_ms = (day_minutes(path.day) + length * np.arange(bars, dtype=np.int64)) * 60_000
    prices = [
        decimals(values, places[0], name)
        for name, values in (("open", opened), ("high", high), ("low", low), ("close", end))
    ]
    volume = _volumes(path, rows, listings, (bars, points), places[1])
    if kind != "klines":
        nothing = pl.Series("volume", [0] * (bars * len(rows)))
        volume = [nothing.alias(name) for name in ("volume", "quote", "count", "taker", "taker_q")]
    frame = pl.DataFrame({"open_time": np.tile(start_ms, len(rows))}).hstack(
        [
            *prices,
            volume[0],
            pl.Series("close_time", np.tile(start_ms + length * 60_000 - 1, len(rows))),
            *volume[1:],
            pl.Series("ignore", [0] * (bars * len(rows))),
        ]
    )
    csv = frame.write_csv(include_header=False).encode()
    for name, listing, chunk in zip(chosen, listings, chunks(csv, bars, len(rows)), strict=True):
        kept = chunk
        if alive(listing, path.day, bars) < bars and kind != "indexPriceKlines":
            kept = b"".join(chunk.splitlines(keepends=True)[: alive(listing, path.day, bars)])
        yield name, (KLINES_HEADER if header else b"") + kept


def _volumes(
    path: DayPath, rows: list[int], listings: list[Listing], shape: tuple[int, int], places: int
) -> list[pl.Series]:
    """volume, quote_volume, count, taker_buy_volume, taker_buy_quote_volume.

    For COIN-M volume counts contracts, and the column headed quote_volume counts *coins*.
    """
    grid = (len(rows), *shape)
    at = slice(path.start, -1)
    coins = path.volume[rows, at]
    price = path.last[rows, at]
    face = np.array([[float(x.contract_size)] for x in listings])
    inverse = np.array([[x.inverse] for x in listings])
    scale = digits(listings, price=False)
    volume = np.where(inverse, np.round(coins * price / face), coins)
    quote = np.where(inverse, volume * face / price, volume * price)
    share = path.taker[rows, at] / (1.0 + path.taker[rows, at])
    taker = np.floor(volume * share * scale) / scale
    taker_quote = quote * np.divide(taker, volume, out=np.zeros_like(taker), where=volume > 0)
    trades = np.ceil(np.sqrt(quote * np.where(inverse, price, 1.0)) / 4.0)

    def per_bar(values: Floats) -> Floats:
        out: Floats = values.reshape(grid).sum(axis=2)
        return out

    return [
        decimals(per_bar(volume), places, "volume"),
        decimals(per_bar(quote), 8, "quote"),
        pl.Series("count", per_bar(trades).ravel().astype(np.int64)),
        decimals(per_bar(taker), places, "taker"),
        decimals(per_bar(taker_quote), 8, "taker_q"),
    ]


def funding(settlements: pl.DataFrame) -> bytes:
    """A monthly fundingRate file from one symbol's settlements.

    A Decimal prints zero as `0E-8` and small numbers with an exponent, as Binance does.
    """
    lines = [
        f"{stamp},{hours},{rate}\n"
        for stamp, hours, rate in settlements.select(
            "stamp_ms", "interval_hours", "funding_rate"
        ).iter_rows()
    ]
    return FUNDING_HEADER + "".join(lines).encode()


def snapshot(events: pl.DataFrame, listing: Listing) -> bytes:
    """A COIN-M liquidationSnapshot file from one symbol's published events; each row twice."""
    lines = []
    for at, position, average, limit, quantity, last in events.select(
        pl.col("at").dt.epoch("ms"),
        "position",
        "average_price",
        "limit_price",
        "quantity",
        "last_quantity",
    ).iter_rows():
        # The order that closes a long sells.
        side = "SELL" if position == "long" else "BUY"
        line = (
            f"{at},{side},LIMIT,IOC,{quantity:.0f},{limit:.{listing.price_digits}f},"
            f"{average:.{listing.price_digits}f},FILLED,{last:.0f},{quantity:.0f}\n"
        )
        lines += [line, line]
    return SNAPSHOT_HEADER + "".join(lines).encode()

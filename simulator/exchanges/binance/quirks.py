"""The faults real Binance exports have, written on purpose and by name.

Which symbol-day has which is decided by seed, symbol and day alone. `Summary.quirks` says where
they are. Those marked * are how the venue publishes and are written even with `quirks=False`.

| name | what | seen in |
|---|---|---|
| kline-headerless | no header before 2022-08-11, with islands that have one | #246, #278 |
| metrics-doubled | each BTCUSDT row twice, 2020-09-01..2021-05-21 | audits |
| metrics-stray-row | a row of the next day after the last, with other values | BNBUSDT 2024-04-03 |
| metrics-unsorted | a block of rows out of place | audits |
| metrics-late-stamp | `02:00:01` for `02:00:00`, up to 3 s | audits |
| metrics-zero-oi | open interest and its value 0: not reported | BTCUSDT 2021-07..2023 |
| metrics-empty-ratio | ratios 0 or empty: not reported | 2022 |
| metrics-float-repr | ratios with as many digits as a float has, 2021-12..2023-07 | audits |
| metrics-long-decimals | open interest with 16 decimals, 2025 | golden lines |
| missing-file | no metrics file for a symbol-day | #287 |
| funding-jitter | settlement stamps up to 47 ms late | BTCUSDT 2021-01 |
| funding-zero | a rate of zero, written `0E-8`; tiny ones with an exponent | XRPUSDT 2020-12 |
| funding-interval-change | 8 h, then 1 h, then 4 h within a day | AXSUSDT 2026-01 |
| recording-duplicate | a message twice | 2025-01-26 recording |
| recording-reordered | neighbouring messages swapped | 2025-01-26 recording |
| recording-rewritten-number | a message twice, `q` as `13888` and `13888.0` | 2024-08-18 |
| recording-partial-fills | an order in several messages, accumulating | stream |
| metrics-end-labels * | USDⓈ-M rows labelled with the period's end until 2026-06-24 | #491 |
| snapshot-doubled * | each liquidationSnapshot row exactly twice | #259 |
| liquidations-throttled * | from 2021-04-27 on one order per symbol and second | docs |

Numbers with # are issues of binance/binance-public-data. BTCUSDT and ETHUSDT never miss a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from simulator.noise import Floats, keys, uniforms

_HEADERS_FROM = date(2022, 8, 11)
_HEADER_ISLANDS = (
    (date(2020, 12, 28), date(2021, 1, 1)),
    (date(2021, 7, 9), date(2021, 7, 13)),
    (date(2021, 12, 28), date(2022, 1, 1)),
    (date(2022, 3, 28), date(2022, 4, 3)),
)

KNOWN: tuple[str, ...] = (
    "kline-headerless",
    "metrics-doubled",
    "metrics-stray-row",
    "metrics-unsorted",
    "metrics-late-stamp",
    "metrics-zero-oi",
    "metrics-empty-ratio",
    "metrics-float-repr",
    "metrics-long-decimals",
    "missing-file",
    "funding-jitter",
    "funding-zero",
    "funding-interval-change",
    "recording-duplicate",
    "recording-reordered",
    "recording-rewritten-number",
    "recording-partial-fills",
)
"""Names of the quirks that `Plan.quirks` switches."""

MAJORS = frozenset({"BTCUSDT", "ETHUSDT", "BTCUSD_PERP", "ETHUSD_PERP"})

_CHANCE = {
    "metrics-stray-row": 0.06,
    "metrics-unsorted": 0.06,
    "metrics-late-stamp": 0.06,
    "metrics-zero-oi": 0.06,
    "metrics-empty-ratio": 0.08,
    "missing-file": 0.02,
}


def klines_have_header(day: date) -> bool:
    """Whether Binance wrote a header into the kline files of a day."""
    return day >= _HEADERS_FROM or any(a <= day <= b for a, b in _HEADER_ISLANDS)


def doubled_metrics(symbol: str, day: date) -> bool:
    """Whether each row of a metrics file stands twice."""
    return symbol == "BTCUSDT" and date(2020, 9, 1) <= day <= date(2021, 5, 21)


def metrics_faults(seed: int, symbols: Sequence[str], day: date) -> dict[str, frozenset[str]]:
    """Per symbol, the quirks its metrics file of a day has by chance."""
    found: dict[str, set[str]] = {symbol: set() for symbol in symbols}
    place = np.array([day.toordinal()], dtype=np.int64)
    for name, chance in _CHANCE.items():
        hit: Floats = uniforms(keys(seed, name, symbols), place)
        for symbol, u in zip(symbols, hit, strict=True):
            if u < chance and not (name == "missing-file" and symbol in MAJORS):
                found[symbol].add(name)
    return {symbol: frozenset(names) for symbol, names in found.items()}


def chances(seed: int, name: str, what: str, count: int) -> list[float]:
    """`count` numbers in [0, 1) that decide about the parts of one file."""
    key = keys(seed, name, [what])
    out: list[float] = uniforms(key, np.arange(count, dtype=np.int64)).tolist()
    return out


def metrics_lines(
    lines: list[bytes], stray: bytes, faults: frozenset[str], seed: int, what: str
) -> tuple[list[bytes], dict[str, str]]:
    """The rows of a metrics file with its faults, and for each fault how often it occurs.

    lines: rows without line ends, each `create_time,symbol,` and six values. stray: the row to add
    for `metrics-stray-row`.
    """
    done: dict[str, str] = {}
    u = chances(seed, "metrics-place", what, 16)
    size = len(lines)
    # None of the last rows: the day's closing value stays what it is.
    place = [int(x * (size - 12)) for x in u]
    if "metrics-zero-oi" in faults:
        for i in range(place[0], place[0] + 1 + int(3 * u[1])):
            cells = lines[i].split(b",")
            lines[i] = b",".join([*cells[:2], b"0", b"0", *cells[4:]])
        done["metrics-zero-oi"] = f"{1 + int(3 * u[1])} rows"
    if "metrics-empty-ratio" in faults:
        for i in range(place[2], place[2] + 2 + int(6 * u[3])):
            cells = lines[i].split(b",")
            blank = b"0.00000000" if u[4] < 0.5 else b""
            lines[i] = b",".join(
                [*cells[:4], *cells[4:7], blank] if u[5] < 0.6 else [*cells[:4], *[blank] * 4]
            )
        done["metrics-empty-ratio"] = f"{2 + int(6 * u[3])} rows"
    if "metrics-late-stamp" in faults:
        for n in (6, 7, 8):
            line = lines[place[n]]
            # The seconds are the characters 17 and 18 of `2021-01-08 00:05:00`.
            lines[place[n]] = line[:17] + b"%02d" % (1 + int(3 * u[n])) + line[19:]
        done["metrics-late-stamp"] = f"{len({place[6], place[7], place[8]})} rows"
    if "metrics-stray-row" in faults:
        lines = [*lines, stray]
        done["metrics-stray-row"] = stray[:19].decode()
    if "metrics-unsorted" in faults:
        a, b = 1 + place[9] // 2, 1 + place[9] // 2 + 6
        lines = [*lines[:a], *lines[b : b + 6], *lines[a:b], *lines[b + 6 :]]
        done["metrics-unsorted"] = "6 rows ahead of the 6 before them"
    return lines, done

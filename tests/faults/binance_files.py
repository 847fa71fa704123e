"""Binance's simulated exports, and the changes its faults are made of."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from tests.faults.fault import Outcome
from tests.faults.folder import Folder, Row, zipped
from tests.faults.moments import NIGHT_MS, of_night, shifted

UM = "archive/binance/data/futures/um"
CM = "archive/binance/data/futures/cm"
FUNDING = f"{UM}/monthly/fundingRate/BTCUSDT/*-2021-01.zip"
ALL_FUNDING = f"{UM}/monthly/fundingRate/*/*-2021-01.zip"
METRICS = f"{UM}/daily/metrics/BTCUSDT/*-2021-01-31.zip"
ALL_METRICS = f"{UM}/daily/metrics/*/*-2021-01-31.zip"
CM_METRICS = f"{CM}/daily/metrics/BTCUSD_PERP/*-2021-01-31.zip"
MARK = f"{UM}/daily/markPriceKlines/BTCUSDT/1h/*-2021-01-31.zip"
KLINES = f"{UM}/daily/klines/BTCUSDT/1h/*-2021-01-31.zip"
SNAPSHOT = f"{CM}/daily/liquidationSnapshot/BTCUSD_PERP/*-2021-01-31.zip"
FEED = "dumps/binance/ws-forceOrder/2021-01-31.jsonl"
LISTS = "dumps/binance/instruments*.json"

OI, POS = "open_interest_daily/binance/*", "positioning_daily/binance/*"
BTC_OI, BTC_POS = "open_interest_daily/binance/BTCUSDT", "positioning_daily/binance/BTCUSDT"
BTC_FUNDING, BTC_PRICES = "funding_daily/binance/BTCUSDT", "prices_daily/binance/BTCUSDT"
BTC_LIQ = "liquidations_*/binance/BTCUSDT*"
R, B, T, Q = Outcome.REFUSED, Outcome.BLOCKED, Outcome.TAKEN_OUT, Outcome.QUARANTINED
W, D, H, G = Outcome.WARNED, Outcome.DEDUPLICATED, Outcome.HARMLESS, Outcome.KNOWN_GAP

Change = Callable[[Folder], None]


def rows(pattern: str, change: Callable[[Row], Row | list[Row] | None]) -> Change:
    return lambda folder: folder.rows(pattern, change)


def cell(
    pattern: str, column: str, change: Callable[[str], str], *, hour: int | range | None = None
) -> Change:
    """Another value in a column on the day of the night (in one hour of it)."""

    def make(row: Row) -> Row:
        if of_night(row, hour):
            return row | {column: change(row[column])}
        return row

    return rows(pattern, make)


def times(factor: float) -> Callable[[str], str]:
    return lambda text: repr(float(text) * factor)


def put(text: str) -> Callable[[str], str]:
    return lambda _: text


def only_night(change: Callable[[Row], Row | list[Row] | None]) -> Callable[[Row], object]:
    return lambda row: change(row) if of_night(row) else row


def drop(pattern: str, *, hour: int) -> Change:
    return rows(pattern, lambda row: None if of_night(row, hour) else row)


def text(pattern: str, change: Callable[[str], str]) -> Change:
    return lambda folder: folder.text(pattern, change)


def raw(pattern: str, change: Callable[[bytes], bytes]) -> Change:
    return lambda folder: folder.raw(pattern, change)


def without(pattern: str) -> Change:
    def make(folder: Folder) -> None:
        for path in folder.find(pattern):
            folder.remove(path)

    return make


def checksum(pattern: str, content: str | None) -> Change:
    """Another text in the checksum file, or none at all."""

    def make(folder: Folder) -> None:
        for path in folder.find(pattern):
            beside = path.with_name(f"{path.name}.CHECKSUM")
            if content is None:
                folder.remove(beside)
            else:
                folder.write_only(beside, content.format(name=path.name).encode())

    return make


def rezipped(pattern: str, members: Callable[[Path, bytes], dict[str, bytes]]) -> Change:
    def make(folder: Folder) -> None:
        for path in folder.find(pattern):
            with zipfile.ZipFile(path) as archive:
                content = archive.read(archive.namelist()[0])
            folder.write(path, zipped(members(path, content)))

    return make


def flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return (
        content[:middle]
        + bytes(b ^ 0xFF for b in content[middle : middle + 8])
        + content[middle + 8 :]
    )


def swapped(first: str, second: str) -> Callable[[Row], Row]:
    return lambda row: row | {first: row[second], second: row[first]}


def columns_turned(text: str) -> str:
    return "".join(",".join(reversed(line.split(","))) + "\n" for line in text.splitlines())


def column_added(text: str) -> str:
    head, *lines = text.splitlines()
    return "".join(f"{line}\n" for line in (f"{head},cmc_supply", *(f"{line},7" for line in lines)))


def column_dropped(name: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        at = text.split("\n", 1)[0].split(",").index(name)
        return "".join(
            ",".join(c for i, c in enumerate(line.split(",")) if i != at) + "\n"
            for line in text.splitlines()
        )

    return change


def body_reversed(text: str) -> str:
    head, *lines = text.splitlines()
    return "\n".join([head, *reversed(lines), ""])


def label_earlier(row: Row) -> Row:
    return row | {"create_time": shifted(row["create_time"], timedelta(minutes=-5))}


def in_china(row: Row) -> Row:
    return row | {"create_time": shifted(row["create_time"], timedelta(hours=8))}


def in_milliseconds(row: Row) -> Row:
    stamp = datetime.fromisoformat(f"{row['create_time']}+00:00").timestamp()
    return row | {"create_time": f"{stamp:.0f}000"}


def side_turned(message: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    order = message["o"]
    return message | {"o": order | {"S": "BUY" if order["S"] == "SELL" else "SELL"}}


def until_noon(message: dict[str, dict[str, int]]) -> dict[str, dict[str, int]] | None:
    return message if message["o"]["T"] < NIGHT_MS + 43_200_000 else None


def order(
    change: Callable[[dict[str, object]], object], *, every: int = 1, start: int = 0
) -> Change:
    """Orders of BTCUSDT in the recording: each n-th, changed."""

    def make(folder: Folder) -> None:
        seen = 0

        def line(message: dict[str, dict[str, object]]) -> object:
            nonlocal seen
            if message["o"]["s"] != "BTCUSDT":
                return message
            seen += 1
            if (seen - 1 - start) % every or seen - 1 < start:
                return message
            return change(message)

        folder.lines(FEED, line)

    return make


def with_order(**values: object) -> Callable[[dict[str, object]], object]:
    return lambda message: message | {"o": message["o"] | values}  # type: ignore[operator]  # JSON


def growing(message: dict[str, object]) -> object:
    """The order's first fill as a message of its own before the last one."""
    whole = message["o"]
    assert isinstance(whole, dict)
    part = f"{float(whole['z']) / 2:.3f}"
    return [message | {"o": whole | {"z": part, "l": part, "X": "PARTIALLY_FILLED"}}, message]


def listed(change: Callable[[dict[str, object]], dict[str, object] | None], symbol: str) -> Change:
    """The instrument's entry in exchangeInfo, changed or gone."""

    def make(folder: Folder) -> None:
        def answer(held: dict[str, object]) -> dict[str, object]:
            assert isinstance(held["symbols"], list)
            kept = []
            for entry in held["symbols"]:
                made = change(entry) if entry["symbol"] == symbol else entry
                if made is not None:
                    kept.append(made)
            return held | {"symbols": kept}

        folder.json(LISTS, answer)

    return make


def file_of_another_symbol(folder: Folder) -> None:
    """The metrics of ETHUSDT in the file of BTCUSDT."""
    (mine,), (other,) = folder.find(METRICS), folder.find(METRICS.replace("BTCUSDT", "ETHUSDT"))
    with zipfile.ZipFile(other) as archive:
        content = archive.read(archive.namelist()[0])
    folder.write(mine, zipped({f"{mine.stem}.csv": content}))


def file_of_another_day(folder: Folder) -> None:
    (mine,), (other,) = folder.find(METRICS), folder.find(METRICS.replace("01-31", "01-30"))
    with zipfile.ZipFile(other) as archive:
        content = archive.read(archive.namelist()[0])
    folder.write(mine, zipped({f"{mine.stem}.csv": content}))


def unknown_symbol(folder: Folder) -> None:
    """Metrics of a symbol that is in no list of instruments."""
    (known,) = folder.find(METRICS)
    with zipfile.ZipFile(known) as archive:
        content = archive.read(archive.namelist()[0]).replace(b"BTCUSDT", b"NEWCOINUSDT")
    path = Path(str(known).replace("BTCUSDT", "NEWCOINUSDT"))
    folder.write(path, zipped({f"{path.stem}.csv": content}))


def late(change: Callable[[Row], Row | None]) -> Change:
    """The file of the day before replaced by one with other numbers."""
    return rows(METRICS.replace("01-31", "01-30"), change)

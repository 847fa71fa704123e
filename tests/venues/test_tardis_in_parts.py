"""Tickers read in parts are what the whole file is, and need no more memory than a part."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from transforms import around_moves
from transforms.around_moves import AroundMoves
from transforms.payload import Facts, Parsed, Payload
from transforms.schemas.column import SourceKind
from transforms.venues.tardis import JITTER, LATE, STALE, parse_tickers

DAY = date(2025, 3, 1)
MIDNIGHT = datetime(2025, 3, 1, tzinfo=UTC)
MICROS = 1740787200_000000  # of it
MINUTE = 60_000_000
HEADER = (
    "exchange,symbol,timestamp,local_timestamp,funding_timestamp,funding_rate,"
    "predicted_funding_rate,open_interest,last_price,index_price,mark_price\n"
)
BOTH = ("open_interest", "funding_rates")
WHOLE = 1 << 30


def group(content: bytes, exchange: str = "bybit") -> Payload:
    path = f"v1/{exchange}/derivative_ticker/2025/03/01/PERPETUALS.csv.gz"
    facts = Facts(None, DAY, DAY, {"exchange": exchange})
    packed = gzip.compress(content, 1, mtime=0)
    return Payload(f"raw/{path}", path, packed, SourceKind.ARCHIVE, facts, MIDNIGHT)


def tick(symbol: str, told: int, due: int | str = "", rate: str = "", amount: str = "") -> bytes:
    """told, due: µs after midnight."""
    stamp = due if due == "" else MICROS + int(due)
    at = MICROS + told
    return f"bybit,{symbol},{at},{at},{stamp},{rate},,{amount},1,1,1\n".encode()


def parsed(lines: Sequence[bytes], size: int) -> Parsed:
    return parse_tickers("bybit", BOTH, [group(HEADER.encode() + b"".join(lines))], size=size)


def assert_same(one: Parsed, other: Parsed) -> None:
    assert one.rows.keys() == other.rows.keys()
    for dataset, rows in one.rows.items():
        assert_frame_equal(rows, other.rows[dataset])
    assert_frame_equal(one.rejected, other.rejected)
    assert_frame_equal(one.read, other.read)
    assert_frame_equal(one.notes, other.notes)


# ---- The same as whole --------------------------------------------------------------------------

# Half an hour in which rates are settled after 5, 15, 25 and 29 minutes.
SYMBOLS = st.sampled_from(["BTCUSDT", "ETHUSDT", "1000000VERYLONGUSDT"])
STEPS = st.integers(0, 30 * 6).map(lambda n: n * MINUTE // 6)
DUES = st.sampled_from([5, 15, 25, 29]).map(lambda n: n * MINUTE)
RATES = st.sampled_from(["0.0001", "0.0002", ""])
AMOUNTS = st.sampled_from(["1", "2.5", "", "0"])
TICKS = st.builds(tick, SYMBOLS, STEPS, st.one_of(DUES, st.just("")), RATES, AMOUNTS)


def scheduled(symbol: str, told: int, late: int, rate: str, amount: str) -> bytes:
    """As exchanges do: due next, told up to a minute after the one that has passed."""
    due = next((d for d in (5, 15, 25, 29) if d * MINUTE > told - late), 40)
    return tick(symbol, told, due * MINUTE, rate, amount)


SCHEDULED = st.builds(scheduled, SYMBOLS, STEPS, st.integers(0, MINUTE), RATES, AMOUNTS)
BAD = st.sampled_from(
    [
        b"bybit,BTCUSDT\n",
        b'bybit,"BTCUSDT,1\n',
        b"bybit,\xff,1,,,,,,,,\n",
        b"okex-swap,BTCUSDT,1740787200000001,1,,,,1,1,1,1\n",
        tick("BTCUSDT", -(48 * 60) * MINUTE),
        tick("BTCUSDT", 7, amount="much"),
        tick("", 7),
        b"\n",
        HEADER.encode(),
    ]
)


@st.composite
def in_order_but_for_some(draw: st.DrawFn) -> list[bytes]:
    """Lines in the order of their time, among which some others come, late ones and bad ones."""
    steps = range(0, 30 * MINUTE, draw(st.integers(MINUTE // 3, MINUTE)))
    late, symbols = draw(st.integers(0, MINUTE)), draw(st.lists(SYMBOLS, min_size=1, max_size=2))
    lines = [
        scheduled(symbol, told + n, late, f"0.{told}", f"{n + 1}")
        for told in steps
        for n, symbol in enumerate(symbols)
    ]
    due = DUES if draw(st.booleans()) else st.integers(0, 40 * MINUTE)
    contradicting = st.builds(tick, st.sampled_from(symbols), STEPS, due, st.just("0.7"), AMOUNTS)
    others = draw(st.lists(contradicting, min_size=1, max_size=4))
    for other in others + draw(st.lists(BAD, max_size=2)):
        lines.insert(draw(st.integers(0, len(lines))), other)
    return lines


DISORDERED = st.lists(st.one_of(SCHEDULED, TICKS, BAD), max_size=60)


@given(st.one_of(in_order_but_for_some(), DISORDERED), st.integers(300, 3000))
@settings(max_examples=50, deadline=None)
def test_parts_come_to_what_the_whole_file_does(lines: list[bytes], size: int) -> None:
    whole = parsed(lines, WHOLE)
    assert_same(parsed(lines, size), whole)
    # And what the whole comes to is what the definition says, line by line.
    rows = told(lines)
    assert settled(whole) == moved_on(rows)
    assert sampled(whole) == last_of_five_minutes(rows)


Told = tuple[str, int, int, int | None, Decimal | None, float | None]
"""symbol, told, raw_row, due, rate, amount"""


def told(lines: Sequence[bytes]) -> list[Told]:
    """The lines without fault, as the exchange's documentation says they read."""
    found: list[Told] = []
    for number, line in enumerate((line for line in lines if line.strip()), start=1):
        try:
            cells = line.decode().strip().split(",")
            exchange, symbol, at, _, due, rate, _, amount, *_ = cells
            assert (exchange, len(cells)) == ("bybit", 11)
            assert symbol
            assert abs(int(at) - MICROS) < 24 * 60 * MINUTE
            held = float(amount) if amount else None
        except (AssertionError, ValueError):
            continue
        stamp = int(due) - MICROS if due else None
        exact = Decimal(rate) if rate else None
        found.append((symbol, int(at) - MICROS, number, stamp, exact, held))
    return sorted(found)


def moved_on(rows: list[Told]) -> dict[tuple[str, int], tuple[int, Decimal | None, bool]]:
    """Per symbol and settlement the line that tells its rate, the rate, and whether in time."""
    rated = [row for row in rows if row[3] is not None and row[4] is not None]
    found: dict[tuple[str, int], tuple[int, Decimal | None, bool]] = {}
    for (symbol, at, number, due, rate, _), (other, after, _, later, *_) in pairwise(rated):
        assert due is not None
        assert later is not None
        if symbol == other and later > due and after >= due - JITTER // timedelta(microseconds=1):
            in_time = due - at <= STALE // timedelta(microseconds=1)
            found[symbol, due] = (number, rate if in_time else None, in_time)
    return found


def settled(result: Parsed) -> dict[tuple[str, int], tuple[int, Decimal | None, bool]]:
    def key(symbol: str, at: datetime) -> tuple[str, int]:
        return symbol, (at - MIDNIGHT) // timedelta(microseconds=1)

    rows = result.rows["funding_rates"].select(
        "symbol", "settled_at_original", "raw_row", "funding_rate"
    )
    found = {key(s, at): (number, rate, True) for s, at, number, rate in rows.iter_rows()}
    late = result.rejected.filter(
        pl.col("dataset") == "funding_rates", pl.col("reason").str.contains("last told")
    )
    for at, number, line in late.select("at", "raw_row", "raw_text").iter_rows():
        found[key(line.split(",")[1], at)] = (number, None, False)
    return found


def last_of_five_minutes(rows: list[Told]) -> dict[tuple[str, int], tuple[int, float | None]]:
    found: dict[tuple[str, int], tuple[bool, int, int, float | None]] = {}
    for symbol, at, number, _, _, amount in rows:
        # At 5:00 the five minutes that end then are still on; each is stamped with its end.
        end = -(-at // (5 * MINUTE)) * 5 * MINUTE
        if 0 < end <= 24 * 60 * MINUTE:
            line = (amount is not None, at, number, amount)
            found[symbol, end] = max(found.get((symbol, end), line), line, key=lambda n: n[:3])
    return {key: (number, amount) for key, (_, _, number, amount) in found.items()}


def sampled(result: Parsed) -> dict[tuple[str, int], tuple[int, float | None]]:
    rows = result.rows["open_interest"].select("symbol", "sampled_at", "raw_row", "amount")
    return {
        (symbol, (at - MIDNIGHT) // timedelta(microseconds=1)): (number, amount)
        for symbol, at, number, amount in rows.iter_rows()
    }


def test_bad_lines_and_moves_at_each_border_there_may_be() -> None:
    lines = [tick("BTCUSDT", n * MINUTE, 5 * MINUTE, f"0.000{n}", str(n)) for n in range(5)]
    lines += [b"bybit,BTCUSDT\n"]
    lines += [tick("BTCUSDT", n * MINUTE, 15 * MINUTE, f"0.000{n}", str(n)) for n in range(5, 9)]
    whole = parsed(lines, WHOLE)
    assert whole.rows["funding_rates"]["raw_row"].to_list() == [5]
    assert whole.rejected["raw_row"].to_list() == [6, 6]  # once for each dataset
    for size in range(64, len(b"".join(lines)) + 200, 29):
        assert_same(parsed(lines, size), whole)


def test_other_exchanges_in_parts() -> None:
    """Without settlements, with sizes of contracts that no rule knows, spelled in capitals."""
    for exchange, venue, names in (
        ("deribit", "deribit", ("BTC-PERPETUAL", "ETH-PERPETUAL")),
        ("bitmex", "bitmex", ("XBTUSD", "NOBODYUSDT")),
        ("hyperliquid", "hyperliquid", ("KPEPE", "XYZ:TSLA")),
    ):
        lines = [
            f"{exchange},{names[n % 2]},{MICROS + n * MINUTE},,{MICROS + 5 * MINUTE},1,,{n},1,1,1"
            for n in range(1, 200)
        ]
        payload = group((HEADER + "\n".join(lines)).encode(), exchange)
        parse = partial(parse_tickers, venue, BOTH, [payload])
        whole = parse(size=WHOLE)
        assert whole.rows["open_interest"].height > 30
        assert_same(parse(size=1000), whole)


# ---- Lines around moves -------------------------------------------------------------------------


def around(*parts: Sequence[tuple[int, int]]) -> AroundMoves:
    """Parts of lines of one symbol: minutes at which they were told, and are due."""
    moves, number = AroundMoves(LATE), 0
    for part in parts:
        rows = []
        for at, due in part:
            number += 1
            rows.append(("A", MIDNIGHT + timedelta(minutes=at), number, due))
        moves.add(pl.DataFrame(rows, schema=["symbol", "told_at", "raw_row", "due"], orient="row"))
    return moves


def test_of_a_stretch_both_ends_are_kept_and_what_is_recent() -> None:
    moves = around([(n, 1) for n in range(10)], [(n, 2) for n in range(10, 20)])
    # 18 stays since what follows it is less than a minute before the latest, which is that itself.
    assert moves.lines["told_at"].dt.minute().to_list() == [0, 9, 10, 18, 19]
    assert not moves.torn


def test_of_very_many_recent_lines_only_the_ends_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [(0, 1)] * 9
    assert around(lines).lines["raw_row"].to_list() == list(range(1, 10))
    monkeypatch.setattr(around_moves, "RECENT", 8)
    moves = around(lines, [(0, 1)] * 3, [(0, 2), (1, 2)])
    assert moves.lines["raw_row"].to_list() == [1, 12, 13, 14]
    assert not moves.torn


def test_a_late_line_tears_only_where_it_contradicts_its_neighbours() -> None:
    stretch = [(n, 2) for n in range(10)]
    assert not around(stretch, [(5, 2)]).torn
    assert around(stretch, [(5, 2)]).lines["told_at"].dt.minute().to_list() == [0, 8, 9]
    assert around(stretch, [(5, 1)]).torn == {"A"}
    assert around(stretch, [(5, 1)], [(20, 3)]).lines.is_empty()


def test_a_torn_symbol_is_read_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """The schedule of both symbols is contradicted by a line that is half an hour late."""
    torn: list[set[str]] = []
    add = AroundMoves.add

    def watched(moves: AroundMoves, lines: pl.DataFrame) -> None:
        add(moves, lines)
        torn.append(set(moves.torn))

    monkeypatch.setattr(AroundMoves, "add", watched)
    lines = [
        tick(symbol, n * MINUTE, 60 * MINUTE, f"0.00{n}")
        for n in range(40)
        for symbol in ("BTCUSDT", "ETHUSDT")
    ]
    # Told at 9:30, due at 10:00: settled at the rate it has, for 10:00 tells the next.
    lines.append(tick("BTCUSDT", 9 * MINUTE + MINUTE // 2, 10 * MINUTE, "0.7"))
    streamed, whole = parsed(lines, 200), parsed(lines, WHOLE)
    assert {"BTCUSDT"} in torn
    assert_same(streamed, whole)
    assert streamed.rows["funding_rates"]["funding_rate"].to_list() == [Decimal("0.7")]


def test_there_is_nothing_before_the_first_part() -> None:
    with pytest.raises(ValueError, match="no part"):
        _ = AroundMoves(LATE).lines


# ---- Texts, and memory --------------------------------------------------------------------------


def test_records_that_were_let_go_have_their_text() -> None:
    lines = [tick("BTCUSDT", n, amount=str(n)) for n in range(1, 500)]
    result = parsed(lines, 1000)
    assert result.rows["open_interest"]["raw_row"].to_list() == [499]
    assert result.text_of is not None
    [key] = result.rows["open_interest"]["raw_key"]
    for number in (3, 499, 1):
        assert result.text_of(key, number) == lines[number - 1].decode().strip()


MEASURED = """
import pathlib, re, resource, sys
from tests.venues.test_tardis_in_parts import largest
payload = largest(int(sys.argv[1]))
from transforms.venues.tardis import parse_tickers
result = parse_tickers("bybit", ("open_interest", "funding_rates"), [payload])
notes = dict(result.notes.select("name", "value").iter_rows())
rows = [result.rows[name].height for name in ("open_interest", "funding_rates")]
# Linux counts in ru_maxrss what the process had that this one was forked from.
status = pathlib.Path("/proc/self/status")
own = re.search("VmHWM:[^0-9]*([0-9]+)", status.read_text()) if status.exists() else None
peak = int(own[1]) if own else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(notes["lines"], *rows, peak // 1024)
"""


def largest(mebibytes: int) -> Payload:
    """A day of a group, inflated `mebibytes` long; many members, each as the one before it, so
    that it is written at once. 400 symbols, a rate due in the middle of it."""
    out = [gzip.compress(HEADER.encode())]
    for due in (480, 960):
        at = 480 * MINUTE + (-30_000_000 if due == 480 else 30_000_000)
        lines = [
            tick(f"SYMBOL{n % 400}USDT", at + n, due * MINUTE, "0.0001", f"{n}.5")
            for n in range(40_000)
        ]
        text = b"".join(lines)
        out += [gzip.compress(text, 1)] * (mebibytes * (1 << 19) // len(text) + 1)
    path = "v1/bybit/derivative_ticker/2025/03/01/PERPETUALS.csv.gz"
    facts = Facts(None, DAY, DAY, {"exchange": "bybit"})
    return Payload(f"raw/{path}", path, b"".join(out), SourceKind.ARCHIVE, facts, MIDNIGHT)


def measured(mebibytes: int) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(mebibytes)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    return [int(word) for word in done.stdout.split()]


def test_a_group_of_more_than_can_be_held_is_read() -> None:
    """More than the 512 MiB to which a file may be inflated whole."""
    small, large = measured(40), measured(560)
    # Two stretches of five minutes, and one settlement of each symbol.
    assert small[1:3] == large[1:3] == [800, 400]
    assert large[0] > 12 * small[0]
    # 520 MiB more of text come to nothing more than what parts of it need.
    assert large[3] < small[3] + 250
    assert large[3] < 1000

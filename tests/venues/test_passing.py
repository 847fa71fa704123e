"""Parts of files put together, and feeds that read in parts what they read whole before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from transforms.answers import json_texts, read_json, read_json_in_parts
from transforms.native import NATIVE_SCHEMAS
from transforms.passing import Texts, TextsInPassing, detached, together
from transforms.payload import (
    NOTES_SCHEMA,
    READ_SCHEMA,
    REJECTED_SCHEMA,
    BadPayload,
    Facts,
    Parsed,
    Payload,
)
from transforms.schemas.column import SourceKind
from transforms.venues.binance import parse_force_orders
from transforms.venues.hyperliquid import parse_contexts

DAY = date(2025, 11, 13)
NOW = datetime(2026, 9, 1, tzinfo=UTC)


def assert_same(one: Parsed, other: Parsed) -> None:
    assert one.rows.keys() == other.rows.keys()
    for dataset, rows in one.rows.items():
        assert rows.height > 0
        assert_frame_equal(rows, other.rows[dataset])
    assert_frame_equal(one.rejected, other.rejected)
    assert_frame_equal(one.read, other.read)
    assert_frame_equal(one.notes, other.notes)


# ---- Feeds --------------------------------------------------------------------------------------


def contexts(name: str, minutes: range) -> Payload:
    header = "time,coin,funding,open_interest,mark_px\n"
    lines = [
        f"2025-11-13T{n // 60:02d}:{n % 60:02d}:0{n % 3}Z,{coin},0.1,{n}.5,{price}"
        for n in minutes
        for coin, price in (("BTC", "90000"), ("kPEPE", "null"), ("ETH", ""), ("SOL", "x"))
    ]
    lines.insert(7, "2025-11-13T00:00:00Z,BTC")
    facts = Facts(None, DAY, DAY)
    content = (header + "\n".join(lines)).encode()
    return Payload(f"raw/{name}", f"asset_ctxs/{name}.csv", content, SourceKind.DUMP, facts, NOW)


def test_contexts_in_parts_are_those_of_the_whole() -> None:
    files = [contexts("b", range(100)), contexts("a", range(100, 150))]
    parse = partial(parse_contexts, files)
    whole = parse(size=1 << 30)
    # 150 minutes of four coins and a line cut off in either file; of SOL nothing can be read, and
    # without a mark there is no price.
    assert whole.read["rows_read"].to_list() == [201, 401, 201, 401]
    assert whole.rows["open_interest"].height == 450
    assert whole.rows["prices"].height == 150
    for size in (700, 7000):
        assert_same(parse(size=size), whole)
        assert_same(parse_contexts(files[::-1], size=size), whole)


def recording(name: str, orders: int) -> Payload:
    """One message a line, as bare and with its arrival, and now and then one that is none."""
    said: list[str] = []
    for n in range(orders):
        order = {"s": "BTCUSDT", "S": "SELL", "q": "2", "p": "9", "ap": "8", "X": "FILLED"}
        event = {
            "e": "forceOrder",
            "o": order | {"l": "1", "z": f"{n + 1}", "T": 1763000000000 + n},
        }
        message = {"arrival_ns": str(n), "message": event} if n % 2 else event
        said.append(json.dumps(message))
        said += ["", '{"e": "forceOrder", "o": {"s"', "<html>"] if n % 10 == 3 else []
    path = f"ws-forceOrder/{name}.jsonl"
    content = ("\ufeff" + "\n".join(said)).encode()
    return Payload(f"raw/{name}", path, content, SourceKind.DUMP, Facts(), NOW)


def document(name: str) -> Payload:
    [message, *_] = recording(name, 1).content.decode("utf-8-sig").splitlines()
    content = f"[{message}, {message}, 7]".encode()
    return replace(recording(name, 0), path=f"ws-forceOrder/{name}.json", content=content)


def test_recorded_orders_in_parts_are_those_of_the_whole() -> None:
    files = [document("c"), recording("b", 200), recording("a", 37), recording("d", 0)]
    parse = partial(parse_force_orders, files)
    whole = parse(size=1 << 30)
    # In 200 orders there are 20 twos of lines that are none, in 37 there are 4.
    assert whole.read["rows_read"].to_list() == [37 + 8, 200 + 40, 2 + 1, 0]
    assert whole.rows["liquidations"].height == 37 + 200 + 2
    assert whole.text_of is not None
    for size in (1000, 30_000):
        parts = parse(size=size)
        assert_same(parts, whole)
        assert_same(parse_force_orders(files[::-1], size=size), whole)
    assert json.loads(whole.text_of("raw/b", 1))["o"]["z"] == "1"
    assert whole.text_of("raw/b", 5) == '{"e": "forceOrder", "o": {"s"'


def test_parts_of_answers_have_the_texts_of_the_whole() -> None:
    columns = {"z": ("o", "z")}
    files = [recording("a", 40), document("b"), recording("c", 3)]

    def rows_of(message: object) -> list[object] | None:
        return [message] if isinstance(message, dict) else None

    whole = read_json("examplex", files, columns, rows_of)
    texts = json_texts("examplex", files, columns, rows_of)
    for size in (64, 1000, 1 << 20):
        parts = list(read_json_in_parts("examplex", files, columns, rows_of, size=size))
        assert len(parts) > 1 or size == 1 << 20
        seen = 0
        for part in parts:
            places = part.frame.select("raw_key", "raw_row").rows()
            places += [(bad.raw_key, bad.raw_row) for bad in part.unreadable]
            assert len(places) == sum(part.read.values())
            for place in places:
                assert part.text_of(*place) == whole.text_of(*place) == texts(*place)
            seen += len(places)
        assert seen == sum(whole.read.values()) == 40 + 8 + 3 + 3
        frame = pl.concat([part.frame for part in parts])
        assert_frame_equal(frame, whole.frame)
    with pytest.raises(BadPayload, match="empty file"):
        list(read_json_in_parts("x", [replace(files[1], content=b"")], columns, rows_of))


# ---- Together -----------------------------------------------------------------------------------


def part(raw_key: str, *numbers: int) -> Parsed:
    schema = NATIVE_SCHEMAS["reserves"]
    rows = pl.DataFrame({"raw_key": [raw_key] * len(numbers), "raw_row": list(numbers)})
    missing = [pl.lit(None, dtype).alias(n) for n, dtype in schema.items() if n not in rows.columns]
    counted = [("reserves", raw_key, len(numbers) + 1)]
    bad = [("reserves", raw_key, 99, None, "why", "text")]
    notes = [(raw_key, "convention", "x")]
    return Parsed(
        {"reserves": rows.with_columns(missing).select(*schema)},
        pl.DataFrame(counted, schema=READ_SCHEMA, orient="row"),
        pl.DataFrame(bad, schema=REJECTED_SCHEMA, orient="row"),
        pl.DataFrame(notes, schema=NOTES_SCHEMA, orient="row"),
        lambda _key, _row: "a part's",
    )


def test_parts_come_in_the_order_of_files_and_records() -> None:
    whole = together(
        [part("b", 3, 1), part("a", 7), part("a", 2)], ["reserves"], lambda key, _: key
    )
    found = whole.rows["reserves"].select("raw_key", "raw_row").rows()
    assert found == [("a", 2), ("a", 7), ("b", 1), ("b", 3)]
    # Two parts of a with a row and a rejected record each; one of b with two rows.
    assert whole.read.rows() == [("reserves", "a", 4), ("reserves", "b", 3)]
    assert whole.rejected["raw_key"].to_list() == ["a", "a", "b"]
    assert whole.notes["raw_key"].to_list() == ["a", "a", "b"]
    assert whole.text_of is not None
    assert whole.text_of("b", 1) == "b"


def test_no_parts_are_empty_frames() -> None:
    none = together([], ["reserves"], lambda key, _: key)
    assert dict(none.rows["reserves"].schema) == NATIVE_SCHEMAS["reserves"]
    assert (none.read.height, none.rejected.height, none.notes.height) == (0, 0, 0)


# ---- Texts --------------------------------------------------------------------------------------


def test_texts_are_read_once_in_order_and_again_where_they_are_not() -> None:
    opened: list[str] = []

    def parts_of(raw_key: str) -> Iterator[Texts]:
        opened.append(raw_key)
        if raw_key not in "ab":
            raise KeyError(raw_key)
        return (Texts(n, lambda k, row: f"{k}{row}") for n in (2, 0, 3))  # records 1-2 and 3-5

    texts = TextsInPassing(parts_of).text
    assert [texts("a", n) for n in (1, 2, 3, 5, 4)] == ["a1", "a2", "a3", "a5", "a4"]
    assert opened == ["a"]
    assert [texts("b", 2), texts("a", 5), texts("a", 1)] == ["b2", "a5", "a1"]
    assert opened == ["a", "b", "a", "a"]
    for place in (("c", 1), ("a", 6)):
        with pytest.raises(KeyError):
            texts(*place)
    assert texts("a", 2) == "a2"


def test_detached_rows_are_the_same_rows() -> None:
    rows = pl.DataFrame({"a": ["a text of more than twelve letters", None, ""], "b": [1, 2, 3]})
    assert_frame_equal(detached(rows), rows)

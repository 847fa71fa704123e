"""JSON answers, arrays of them, and recordings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from transforms.answers import RefusedError, read_json, rows_in
from transforms.payload import BadPayload, Facts, Payload
from transforms.records import Records
from transforms.schemas.column import SourceKind

COLUMNS = {"at": ("t",), "rate": ("detail", "rate"), "first": ("list", 0)}


def rows_of(answer: object) -> Sequence[object] | None:
    if not isinstance(answer, dict):
        return None
    if "error" in answer:
        raise RefusedError(f"the venue says {answer['error']}")
    return answer.get("rows")


def read(content: bytes, path: str = "a.json") -> Records:
    now = datetime(2026, 9, 1, tzinfo=UTC)
    payload = Payload("key", path, content, SourceKind.DUMP, Facts(), now)
    return read_json("examplex", [payload], COLUMNS, rows_of)


def cells(records: Records) -> list[tuple[object, ...]]:
    return list(records.frame.drop("raw_key").iter_rows())


def test_numbers_keep_their_digits() -> None:
    records = read(b'{"rows":[{"t":1771099200000,"detail":{"rate":0.10000000000000000000500}}]}')
    assert cells(records) == [(1, None, "1771099200000", "0.10000000000000000000500", None)]


def test_cells_from_arrays_nothing_and_other_types() -> None:
    records = read(b'{"rows":[{"t":"","detail":[],"list":[true]},{"t":null,"list":[NaN]},[1]]}')
    assert cells(records) == [
        (1, None, None, None, "true"),
        (2, None, None, None, "NaN"),
        (3, None, None, None, None),
    ]


def test_array_of_answers_with_one_error_among_them() -> None:
    records = read(b'[{"rows":[{"t":1}]},{"error":"busy"},{"rows":[{"t":2},{"t":2}]},5]')
    assert [row[:3] for row in cells(records)] == [(1, None, "1"), (3, None, "2"), (4, None, "2")]
    assert [(u.raw_row, u.reason) for u in records.unreadable] == [
        (2, "the venue says busy"),
        (5, "not a message of this kind"),
    ]
    assert records.read == {"key": 5}


def test_recording_with_and_without_arrival() -> None:
    records = read(
        b'{"arrival_ns":1771099200000000001,"message":{"rows":[{"t":1}]}}\n\n{"rows":[{"t":2}]}\n'
        b'{"rows":[]}\n{"rows":[{"t"',
        "a.jsonl",
    )
    assert [row[:3] for row in cells(records)] == [(1, "1771099200000000001", "1"), (2, None, "2")]
    [cut] = records.unreadable
    assert cut.raw_row == 3
    assert "not JSON" in cut.reason
    assert records.text_of("key", 3) == '{"rows":[{"t"'
    assert records.text_of("key", 1) == '{"t":"1"}'


def test_half_a_surrogate_is_no_text() -> None:
    records = read(b'{"rows":[{"t":"\\ud800x"}]}')
    assert cells(records)[0][2] == "?x"
    assert records.text_of("key", 1) == '{"t":"?x"}'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"{", "not JSON"),
        (b"\xff", "not UTF-8"),
        (b"<html>", "HTML"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"error":"no such symbol"}', "the venue says no such symbol"),
        (b'{"other":1}', "not an answer"),
        (b"7", "not an answer"),
    ],
)
def test_unusable_answers(content: bytes, reason: str) -> None:
    with pytest.raises(BadPayload, match=reason):
        read(content)
    if reason != "HTML":  # which the container looks for
        with pytest.raises(BadPayload, match=reason):
            rows_in("examplex", "a.json", content, rows_of)


def test_a_recording_without_messages_is_valid() -> None:
    assert read(b"", "a.jsonl").read == {"key": 0}

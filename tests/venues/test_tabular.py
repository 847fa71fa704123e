"""Many csv files in one parse, and the careful path beside it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from transforms import tabular
from transforms.payload import BadPayload, Facts, Payload
from transforms.schemas.column import SourceKind
from transforms.tabular import Layout, read_csv

LAYOUT = Layout.of("time name amount", words="name", required="time amount", extra="note")


def file(name: str, content: bytes) -> Payload:
    now = datetime(2026, 9, 1, tzinfo=UTC)
    return Payload(name, f"{name}.csv", content, SourceKind.DUMP, Facts(), now)


def cells(*payloads: Payload) -> list[tuple[object, ...]]:
    return sorted(read_csv("examplex", payloads, LAYOUT).frame.iter_rows())


def test_by_name_with_a_header_else_in_documented_order() -> None:
    assert cells(
        file("a", b"time,name,amount\n1,x,2\n"),
        file("b", b"note,amount,time\nn,2,1\n"),
        file("c", b"1,x,2\n3,y,4"),
    ) == [
        ("a", 1, "1", "x", "2", None),
        ("b", 1, "1", None, "2", "n"),
        ("c", 1, "1", "x", "2", None),
        ("c", 2, "3", "y", "4", None),
    ]


def test_alike_files_are_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    original = pl.read_csv
    monkeypatch.setattr(
        tabular.pl, "read_csv", lambda *a, **k: (calls.append(a), original(*a, **k))[1]
    )
    files = [file(f"{n:04d}", b"time,name,amount\n1,x,2\n") for n in range(50)]
    files += [file(f"{n:04d}", b"1,x,2\n") for n in range(50, 80)]
    assert read_csv("examplex", files, LAYOUT).frame.height == 80
    assert len(calls) == 1  # a header in documented order is no other shape than none


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbftime,name,amount\r\n1,,2\r\n",
        b'time,name,amount\n"1","","2"\n',
        b"time,name,amount\n\n1,,2\n\n\n",
        b"time,name,amount\n1,,2",
        b'"time","name","amount"\n1,"",2\n',
        b" time , name , amount \n1,,2\n",
    ],
)
def test_spellings_of_one_record(content: bytes) -> None:
    assert cells(file("a", content)) == [("a", 1, "1", None, "2", None)]


def test_separators_and_quotes_inside_quotes() -> None:
    assert cells(file("a", b'1,"x, ""y""",2\n3,z,4\n')) == [
        ("a", 1, "1", 'x, "y"', "2", None),
        ("a", 2, "3", "z", "4", None),
    ]


def test_files_without_records_are_counted() -> None:
    records = read_csv("examplex", [file("a", b""), file("b", b"time,name,amount\n")], LAYOUT)
    assert records.read == {"a": 0, "b": 0}
    assert records.frame.height == 0


def test_bad_lines_are_set_aside_with_their_text() -> None:
    content = b'time,name,amount\n1,x\n2,x,3,4\n3,\xff,4\n4,"x,5\n5,x,6\n'
    good = file("b", b"time,name,amount\n1,x,2\n")
    records = read_csv("examplex", [file("a", content), good], LAYOUT)
    assert records.read == {"a": 5, "b": 1}
    assert sorted(records.frame.iter_rows()) == [
        ("a", 5, "5", "x", "6", None),
        ("b", 1, "1", "x", "2", None),
    ]
    assert [(u.raw_row, u.reason) for u in records.unreadable] == [
        (1, "2 fields, expected 3"),
        (2, "4 fields, expected 3"),
        (3, "not readable as csv text"),
        (4, "not readable as csv text"),
    ]
    assert records.text_of("a", 4) == '4,"x,5'
    assert records.text_of("b", 1) == "1,x,2"


def test_too_few_and_too_many_that_add_up() -> None:
    """The count of separators is right for the file, and wrong for both records."""
    records = read_csv("examplex", [file("a", b"1,x\n1,x,2,3\n4,y,5\n")], LAYOUT)
    assert [u.raw_row for u in records.unreadable] == [1, 2]
    assert list(records.frame.iter_rows()) == [("a", 3, "4", "y", "5", None)]


def test_a_bad_first_record_is_no_header() -> None:
    assert cells(file("a", b"1,x,bad\n2,y,3\n")) == [
        ("a", 1, "1", "x", "bad", None),
        ("a", 2, "2", "y", "3", None),
    ]


def test_bilingual_header_in_gbk() -> None:
    content = "time,name,amount,备注\n".encode("gbk") + b"1,x,2,z\n"
    assert cells(file("a", content)) == [("a", 1, "1", "x", "2", None)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_columns_named_in_two_languages(encoding: str) -> None:
    content = "amount/数量,time/时间\r\n2,1\r\n".encode(encoding)
    assert cells(file("a", content)) == [("a", 1, "1", None, "2", None)]


def test_records_in_the_encoding_a_venue_falls_back_to() -> None:
    content = "1,永续,2\n".encode("gbk")
    [bad] = read_csv("examplex", [file("a", content)], LAYOUT).unreadable
    assert bad.reason == "not readable as csv text"
    falling_back = replace(LAYOUT, fallback="gbk")
    records = read_csv("examplex", [file("a", content), file("b", b"1,\xff,2\n")], falling_back)
    assert records.frame.rows() == [("a", 1, "1", "永续", "2", None)]
    assert [bad.raw_key for bad in records.unreadable] == ["b"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"time,name\n1,x\n", "header lacks amount"),
        (b"when,who,what\n1,x,2\n", "header lacks time, amount"),
        (b"time,amount,amount\n1,2,3\n", "a column twice"),
        (b"<html>", "HTML"),
        (b'{"code":-1,"msg":"no"}\n', "JSON instead of csv: .*no"),
    ],
)
def test_unusable_files(content: bytes, reason: str) -> None:
    with pytest.raises(BadPayload, match=reason):
        read_csv("examplex", [file("a", content)], LAYOUT)


CELL = st.text(st.sampled_from('0123456789.,-"\r\nxé\x00 '), max_size=6)


@given(st.lists(st.lists(st.lists(CELL, min_size=1, max_size=4), max_size=5), max_size=4))
def test_joined_and_line_by_line_agree(files: list[list[list[str]]]) -> None:
    payloads = [
        file(f"{number}", b"1,x,2\n" + "\n".join(",".join(row) for row in rows).encode())
        for number, rows in enumerate(files)
    ]
    joined = read_csv("examplex", payloads, LAYOUT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tabular, "_plain", lambda _file: None)
        careful = read_csv("examplex", payloads, LAYOUT)
    by = ["raw_key", "raw_row"]
    assert_frame_equal(joined.frame.sort(by), careful.frame.sort(by))
    assert joined.read == careful.read
    assert sorted(map(str, joined.unreadable)) == sorted(map(str, careful.unreadable))

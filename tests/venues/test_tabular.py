"""Many csv files in one parse, and the careful path beside it."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from transforms import tabular
from transforms.payload import BadPayload, Facts, Payload
from transforms.records import Records
from transforms.schemas.column import SourceKind
from transforms.tabular import Layout, csv_texts, read_csv, read_csv_in_parts

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
        patch.setattr(tabular, "_joined", lambda _files: ([], b""))
        careful = read_csv("examplex", payloads, LAYOUT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tabular, "_TOGETHER_BYTES", 8)
        some_at_a_time = read_csv("examplex", payloads, LAYOUT)
    by = ["raw_key", "raw_row"]
    for other in (careful, some_at_a_time):
        assert_frame_equal(joined.frame.sort(by), other.frame.sort(by))
        assert joined.read == other.read
        assert sorted(map(str, joined.unreadable)) == sorted(map(str, other.unreadable))


# ---- In parts -----------------------------------------------------------------------------------


def together(payload: Payload, parts: Sequence[Records]) -> Records:
    """Parts as one, the texts of all their records looked up while there is a part to ask."""
    texts: dict[int, str] = {}
    for part in parts:
        numbers = part.frame["raw_row"].to_list() + [bad.raw_row for bad in part.unreadable]
        assert len(numbers) == part.read[payload.raw_key]
        texts |= {number: part.text_of(payload.raw_key, number) for number in numbers}
    return Records(
        frame=pl.concat([part.frame for part in parts]),
        read={payload.raw_key: sum(part.read[payload.raw_key] for part in parts)},
        unreadable=[bad for part in parts for bad in part.unreadable],
        text_of=lambda _, number: texts[number],
    )


def same(content: bytes, size: int) -> int:
    """How many parts a file has, which are together what the whole file is."""
    payload = file("a", content)
    whole = read_csv("examplex", [payload], LAYOUT)
    parts = list(read_csv_in_parts("examplex", payload, LAYOUT, size=size))
    streamed = together(payload, parts)
    assert_frame_equal(streamed.frame, whole.frame)
    assert streamed.read == whole.read
    assert list(streamed.unreadable) == list(whole.unreadable)
    texts = csv_texts("examplex", [payload], LAYOUT)
    for number in range(1, whole.read["a"] + 1):
        assert streamed.text_of("a", number) == whole.text_of("a", number) == texts("a", number)
    return len(parts)


@given(
    st.lists(st.lists(CELL, min_size=1, max_size=4), max_size=60),
    st.sampled_from([b"", b"time,name,amount\n", b"\xef\xbb\xbf\r\n\namount,time,note,name\r\n"]),
    st.integers(64, 400),
)
def test_parts_are_together_the_whole(rows: list[list[str]], header: bytes, size: int) -> None:
    same(header + b"1,x,2\n" + "\n".join(",".join(row) for row in rows).encode(), size)


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n\n\n", b'\n9,"x', b"\n9,x,\xff"])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\n\n"])
def test_parts_of_files_of_any_spelling(newline: bytes, end: bytes) -> None:
    good = newline.join(b"%d,x,2" % n for n in range(100))
    for header in (b"", b"time,name,amount", b"\xef\xbb\xbftime,note,amount", b"\n" * 99):
        content = header + newline + good + end
        assert [same(content, size) for size in (64, 1000, 1 << 20)] > [9, 1, 0]
    # Bad lines at the ends of parts, and a quote that is left open over one.
    assert same(good + newline + b'7,"x' + newline + b'8,y",3' + newline + good + end, 64) > 20


def test_a_later_part_has_no_header_of_its_own() -> None:
    """A record that repeats the header, as where files were put one behind the other."""
    content = b"time,name,amount\n" + b"time,name,amount\n1,x,2\n" * 40
    assert same(content, 64) > 10
    assert same(b"1,x,2\n" * 40 + b"note,name,x\n<x>,y,2\n{,y,2\n" * 30, 64) > 10


def test_parts_of_files_without_records() -> None:
    for content in (b"", b"\n" * 300, b"time,name,amount\n"):
        assert same(content, 64) == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\n" * 99 + b"time,name\n1,x\n", "header lacks amount"),
        (b"time,amount,amount\n1,2,3\n" * 9, "a column twice"),
        (b"<html>", "HTML"),
        (b'{"code":-1,"msg":"no"}\n', "JSON instead of csv: .*no"),
    ],
)
def test_unusable_files_in_parts(content: bytes, reason: str) -> None:
    with pytest.raises(BadPayload, match=reason):
        list(read_csv_in_parts("examplex", file("a", content), LAYOUT, size=64))


def test_what_cannot_be_read_in_parts() -> None:
    packed = replace(file("a", gzip.compress(b"1,x,2\n" * 99)), path="a.csv.gz")
    with pytest.raises(BadPayload, match="more than 500 bytes"):
        list(read_csv_in_parts("examplex", packed, LAYOUT, size=64, limit=500))
    payload = file("a", b"1,x,2\n" * 99)
    with pytest.raises(ValueError, match="only the whole file"):
        list(read_csv_in_parts("examplex", payload, replace(LAYOUT, fallback="gbk")))


def test_texts_in_passing_in_any_order() -> None:
    files = [file(name, b"".join(b"%d,x,2\n" % n for n in range(9))) for name in "ab"]
    texts = csv_texts("examplex", files, LAYOUT)
    places = [("a", 2), ("a", 9), ("b", 1), ("a", 1), ("b", 9)]
    assert [texts(*place) for place in places] == ["1,x,2", "8,x,2", "0,x,2", "0,x,2", "8,x,2"]
    for place in (("c", 1), ("a", 10)):
        with pytest.raises(KeyError):
            texts(*place)

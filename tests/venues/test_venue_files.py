"""The shared suite: whatever venue file and fixture folder is there has to pass it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.venues.cases import KINDS, Case, all_cases, fixtures, pack, plain, read_by
from transforms.coded import in_words
from transforms.native import NATIVE_SCHEMAS
from transforms.payload import (
    NOTES_SCHEMA,
    READ_SCHEMA,
    REJECTED_SCHEMA,
    BadPayload,
    Parsed,
    Payload,
)
from transforms.venue import Feed, Venue, discover

VENUES = discover()
CASES = all_cases()
READABLE = [case for case in CASES if "bad" not in case.expected]
WITH_RECORDS = [case for case in READABLE if case.kind == "normal"]

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
readable_cases = pytest.mark.parametrize("case", READABLE, ids=lambda case: case.name)
venues = pytest.mark.parametrize("venue", VENUES.values(), ids=VENUES)


def parsed_by(feed: Feed, payloads: Sequence[Payload]) -> Parsed:
    """With the keys of raw files in words: parsers may hand them back as an Enum."""
    parsed = feed.parse(payloads)
    return replace(parsed, rows={name: in_words(rows) for name, rows in parsed.rows.items()})


def assert_same(one: Parsed, other: Parsed) -> None:
    assert one.rows.keys() == other.rows.keys()
    for dataset, frame in one.rows.items():
        assert_frame_equal(frame, other.rows[dataset])
    for name in ("read", "rejected", "notes"):
        assert_frame_equal(getattr(one, name), getattr(other, name))


def assert_honours_contract(parsed: Parsed, feed: Feed, payloads: tuple[Payload, ...]) -> None:
    """Types are the contract's, and each record that was read is a row or rejected."""
    assert set(parsed.rows) == set(feed.datasets)
    for dataset, frame in parsed.rows.items():
        assert dict(frame.schema) == NATIVE_SCHEMAS[dataset]
    assert dict(parsed.read.schema) == READ_SCHEMA
    assert dict(parsed.rejected.schema) == REJECTED_SCHEMA
    assert dict(parsed.notes.schema) == NOTES_SCHEMA
    assert parsed.rejected["reason"].null_count() == 0
    read = {(d, k): n for d, k, n in parsed.read.select(*READ_SCHEMA).iter_rows()}
    assert set(read) == {(d, p.raw_key) for d in feed.datasets for p in payloads}
    lines = parsed.notes.filter(pl.col("name") == "lines").select("raw_key", "value")
    of_lines = {raw_key: int(value) for raw_key, value in lines.iter_rows()}
    for (dataset, raw_key), count in read.items():
        rows = parsed.rows[dataset].filter(pl.col("raw_key") == raw_key)["raw_row"].to_list()
        rejected = parsed.rejected.filter(
            (pl.col("raw_key") == raw_key) & (pl.col("dataset") == dataset)
        )["raw_row"].to_list()
        records = sorted(rows + rejected)
        if raw_key not in of_lines:
            assert records == list(range(1, count + 1)), (dataset, raw_key)
            continue
        # Several lines come to one record, which is found at the last of them.
        assert len(records) == len(set(records)) == count, (dataset, raw_key)
        assert not records or 1 <= records[0] <= records[-1] <= of_lines[raw_key]


def test_something_is_tested() -> None:
    assert VENUES
    assert fixtures()
    assert {case.kind for case in CASES} <= set(KINDS)
    assert WITH_RECORDS


OWNERS = [
    *(name for name, venue in VENUES.items() if venue.brought_by(None).feeds),
    *sorted({f.carrier for venue in VENUES.values() for f in venue.feeds if f.carrier}),
]


@pytest.mark.parametrize("owner", OWNERS)
def test_each_feed_has_normal_empty_and_malformed_fixtures(owner: str) -> None:
    kinds: dict[str, set[str]] = defaultdict(set)
    for case in CASES:
        if case.whose == owner:
            kinds[case.feed.name].add(case.kind)
    lacking = {
        feed.name: missing
        for feed in read_by(owner)
        if (missing := {"normal", "empty", "malformed"} - kinds[feed.name])
    }
    assert not lacking


def test_the_contract_check_sees_a_lost_row_and_a_wrong_type() -> None:
    case = next(case for case in WITH_RECORDS if len(case.feed.datasets) == 1)
    parsed = parsed_by(case.feed, case.payloads)
    [(dataset, rows)] = parsed.rows.items()
    for broken in (rows.tail(-1), rows.with_columns(pl.col("raw_row").cast(pl.Int32))):
        with pytest.raises(AssertionError):
            assert_honours_contract(
                replace(parsed, rows={dataset: broken}), case.feed, case.payloads
            )


@venues
def test_feed_names_are_unique(venue: Venue) -> None:
    names = [feed.name for feed in venue.feeds]
    assert len(set(names)) == len(names)


@cases
def test_payloads_give_the_expected_rows(case: Case) -> None:
    if "bad" in case.expected:
        with pytest.raises(BadPayload, match=case.expected["bad"]) as raised:
            parsed_by(case.feed, case.payloads)
        assert raised.value.venue
        assert raised.value.path in {payload.path for payload in case.payloads}
        return
    parsed = parsed_by(case.feed, case.payloads)
    assert_honours_contract(parsed, case.feed, case.payloads)
    for dataset, frame in parsed.rows.items():
        expected = case.expected.get("rows", {}).get(dataset, [])
        # Files come in the order of their keys; cases list rows in the order of payloads.
        order = {payload.raw_key: number for number, payload in enumerate(case.payloads)}
        rows = sorted(frame.to_dicts(), key=lambda row: (order[row["raw_key"]], row["raw_row"]))
        assert len(rows) == len(expected), (dataset, parsed.rejected.to_dicts())
        for row, wanted in zip(rows, expected, strict=True):
            assert {name: plain(row[name]) for name in wanted} == wanted
    rejected = parsed.rejected.to_dicts()
    expected_rejected = case.expected.get("rejected", [])
    assert len(rejected) == len(expected_rejected), rejected
    for dataset, payload, raw_row, words in expected_rejected:
        raw_key = case.payloads[payload].raw_key
        [reason] = [
            r["reason"]
            for r in rejected
            if (r["dataset"], r["raw_key"], r["raw_row"]) == (dataset, raw_key, raw_row)
        ]
        assert words in reason
    if "notes" in case.expected:
        found = dict(parsed.notes.select("name", "value").iter_rows())
        assert found == case.expected["notes"]


@readable_cases
def test_parsing_twice_is_identical(case: Case) -> None:
    assert_same(parsed_by(case.feed, case.payloads), parsed_by(case.feed, case.payloads))


@readable_cases
def test_order_and_batches_do_not_matter(case: Case) -> None:
    # A second copy of each file under another key makes every case a batch.
    more = [
        Payload(f"{p.raw_key}~", p.path, p.content, p.source, p.facts, p.fetched_at)
        for p in case.payloads
    ]
    batch = [*case.payloads, *more]
    together = parsed_by(case.feed, batch)
    assert_same(together, parsed_by(case.feed, batch[::-1]))
    one_by_one = [parsed_by(case.feed, [payload]) for payload in batch]
    for dataset, frame in together.rows.items():
        apart = pl.concat([p.rows[dataset] for p in one_by_one]).sort("raw_key", "raw_row")
        assert_frame_equal(frame, apart)
    by = ["dataset", "raw_key"]
    assert_frame_equal(together.read.sort(by), pl.concat([p.read for p in one_by_one]).sort(by))
    by = ["dataset", "raw_key", "raw_row"]
    assert_frame_equal(
        together.rejected.sort(by), pl.concat([p.rejected for p in one_by_one]).sort(by)
    )


@venues
def test_no_files_give_typed_empty_frames(venue: Venue) -> None:
    for feed in venue.feeds:
        assert_honours_contract(parsed_by(feed, []), feed, ())


def mangled(content: bytes, draw: st.DataObject) -> bytes:
    """Cut, flipped, cut out, doubled: what disks and networks do to files."""
    how = draw.draw(st.sampled_from(["cut", "flip", "remove", "repeat", "insert"]))
    at = draw.draw(st.integers(0, max(len(content) - 1, 0)))
    upto = draw.draw(st.integers(at, len(content)))
    if how == "cut":
        return content[:at]
    if how == "flip" and content:
        flipped = bytearray(content)
        flipped[at] ^= 1 << draw.draw(st.integers(0, 7))
        return bytes(flipped)
    if how == "remove":
        return content[:at] + content[upto:]
    if how == "repeat":
        return content[:upto] + content[at:]
    awkward = [
        b"\n",
        b",",
        b'"',
        b"\x00",
        b"\xff",
        b"NaN",
        b"-1e999",
        b"{",
        b"]",
        b"\\ud800",
        b"null",
    ]
    return content[:at] + draw.draw(st.sampled_from(awkward)) + content[at:]


@pytest.mark.parametrize("inside", [True, False], ids=["text", "container"])
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(draw=st.data())
def test_damaged_bytes_are_rows_rejections_or_bad_payloads(
    inside: bool, draw: st.DataObject
) -> None:
    case = draw.draw(st.sampled_from(WITH_RECORDS))
    payload, text = case.payloads[0], case.texts[0]
    content = pack(payload.path, mangled(text, draw)) if inside else mangled(payload.content, draw)
    damaged = Payload(
        payload.raw_key, payload.path, content, payload.source, payload.facts, payload.fetched_at
    )
    intact = case.payloads[1:]
    try:
        parsed = parsed_by(case.feed, [damaged, *intact])
    except BadPayload:
        return
    assert_honours_contract(parsed, case.feed, (damaged, *intact))
    if intact:
        alone = parsed_by(case.feed, intact)
        for dataset, frame in alone.rows.items():
            others = parsed.rows[dataset].filter(pl.col("raw_key") != damaged.raw_key)
            assert_frame_equal(others, frame)

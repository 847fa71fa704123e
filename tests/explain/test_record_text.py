"""Every record of every venue's fixtures is found again in the text it came from."""

from __future__ import annotations

import json

import pytest

from flows.explain.record_text import _of_file, _Places
from tests.venues.cases import Case, all_cases

CASES = [case for case in all_cases() if "bad" not in case.expected]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.whose}/{case.name}")
def test_records_stand_where_they_are_said_to(case: Case) -> None:
    for payload, text in zip(case.payloads, case.texts, strict=True):
        parsed = case.feed.parse([payload])
        for dataset, rows in parsed.rows.items():
            numbers = sorted(set(rows["raw_row"].to_list()))
            for record in _of_file(payload, parsed, case.whose, dataset, numbers):
                assert record.reread
                if record.text is None:  # only where a parser puts its file together itself
                    assert parsed.text_of is None
                    assert record.why
                    continue
                if record.line is None:
                    assert record.why
                    continue
                spoken = text.decode("utf-8", "replace")
                assert record.text in spoken
                begins = spoken.split("\n")[record.line - 1]
                assert record.text.split("\n")[0].rstrip("\r") in begins


def test_most_records_are_found_by_their_place() -> None:
    """The test above would pass over nothing."""
    placed = total = 0
    for case in CASES:
        for payload in case.payloads:
            parsed = case.feed.parse([payload])
            for dataset, rows in parsed.rows.items():
                numbers = sorted(set(rows["raw_row"].to_list()))
                found = _of_file(payload, parsed, case.whose, dataset, numbers)
                total += len(found)
                placed += sum(record.line is not None for record in found)
    assert total > 500
    assert placed / total > 0.8


def test_numbers_of_json_keep_their_spelling() -> None:
    text = b'{"list": [\n{"t": 1, "rate": 0.00010000},\n{"t": 2, "rate": "1e-5"}]}'
    places = _Places.of(text)
    found = places.find(json.dumps({"t": "1", "rate": "0.00010000"}))
    assert found == (2, '{"t": 1, "rate": 0.00010000}', None)


def test_what_a_parser_adds_is_told_apart_from_what_stands_there() -> None:
    places = _Places.of(b'{"time": 9, "list": [\n{"t": 1, "s": "A"},\n[7, 8]]}')
    for added in ({"row": {"t": "1", "s": "A"}, "time": "9"}, {"t": "1", "s": "A", "time": "9"}):
        line, text, why = places.find(json.dumps(added))
        assert (line, text) == (2, '{"t": 1, "s": "A"}')
        assert why is not None
        assert "together with what stands around it" in why
    assert places.find(json.dumps({"at": "9", "ohlc": ["7", "8"]}))[:2] == (3, "[7, 8]")


def test_what_is_not_there_or_not_the_only_one_has_no_line() -> None:
    places = _Places.of(b'[{"t": 1, "s": "A"},\n{"t": 1, "s": "A"}]')
    line, text, why = places.find(json.dumps({"t": "1", "s": "A"}))
    assert (line, text, why) == (None, '{"t": 1, "s": "A"}', "the file says so in 2 places")
    line, text, why = places.find(json.dumps({"t": "3"}))
    assert (line, text) == (None, '{"t": "3"}')
    assert why is not None

"""What holds of every venue there is: structure, questions, instruments, and sides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import transforms.venues
from tests.venues import structure
from tests.venues import test_venue_files as shared
from tests.venues.cases import Case, all_cases
from transforms import answers, tabular
from transforms.container import unpack
from transforms.payload import BadPayload, Parsed, Payload
from transforms.schemas.column import Side, SourceKind
from transforms.schemas.normalised import DATASETS, UNLISTED
from transforms.venue import (
    Feed,
    Venue,
    discover,
    documentation,
)

VENUES = discover()
OWN = {name: venue for name, venue in VENUES.items() if venue.brought_by(None).feeds}
CARRIERS = sorted({f.carrier for v in VENUES.values() for f in v.feeds if f.carrier})
CASES = [case for case in all_cases() if "bad" not in case.expected]
SIDED = [
    case
    for case in CASES
    if any("side" in row for row in case.expected.get("rows", {}).get("liquidations", []))
]
ASKING = [
    pytest.param(venue, feed, id=f"{venue.name}-{feed.name}")
    for venue in VENUES.values()
    for feed in venue.feeds
    if feed.requests is not None
]
every_venue = pytest.mark.parametrize("name", VENUES)
every_own = pytest.mark.parametrize("name", OWN)


@cache
def symbols_of(whose: str) -> list[str]:
    """Every symbol that the fixtures of a venue or carrier expect rows of."""
    found = {
        row["symbol"]
        for case in CASES
        if case.whose == whose
        for dataset, rows in case.expected.get("rows", {}).items()
        if dataset not in UNLISTED
        for row in rows
        if "symbol" in row
    }
    return sorted(found)


def test_every_file_is_a_venue_or_a_carrier() -> None:
    files = list(Path(transforms.venues.__path__[0]).glob("*.py"))
    declared = set(OWN) | set(CARRIERS)
    assert len(declared) >= len(files) - 1  # without __init__.py
    assert len(files) - 1 == len(documentation())
    assert set(documentation()) == declared


def test_there_is_something_to_ask_flip_and_know() -> None:
    assert len(ASKING) >= len({param.values[0].name for param in ASKING}) >= 1
    with_liquidations = {
        name for name, v in OWN.items() if any("liquidations" in f.datasets for f in v.feeds)
    }
    assert {case.whose for case in SIDED} >= with_liquidations
    assert sum(len(symbols_of(name)) for name in OWN) >= 3 * len(OWN)


@every_own
def test_the_docstring_says_what_has_to_be_known(name: str) -> None:
    own = OWN[name].brought_by(None)
    assert list(structure.in_docstring(own, documentation()[name])) == []


@every_venue
def test_feeds_and_regimes_are_in_order(name: str) -> None:
    assert list(structure.in_declaration(VENUES[name])) == []


@every_own
def test_every_dataset_has_rows_in_some_fixture(name: str) -> None:
    seen = {
        dataset
        for case in CASES
        if case.whose == name
        for dataset, rows in case.expected.get("rows", {}).items()
        if rows
    }
    assert seen == {dataset for f in OWN[name].brought_by(None).feeds for dataset in f.datasets}


@every_own
def test_fixture_symbols_stand_for_something_consistent(name: str) -> None:
    assert list(structure.in_instruments(OWN[name], symbols_of(name))) == []


@every_own
def test_instrument_answers_agree_with_the_rule(name: str) -> None:
    for case in CASES:
        if case.whose != name or "instruments" not in case.feed.datasets:
            continue
        for row in case.feed.parse(case.payloads).rows["instruments"].to_dicts():
            known = OWN[name].instrument(row["symbol"])
            if known is None:
                continue
            for column in ("margin_type", "contract_kind"):
                if row[column] is not None:
                    assert row[column] == getattr(known, column), (case.name, row["symbol"])


@pytest.mark.parametrize(("venue", "feed"), ASKING)
def test_questions_are_read_back_and_keep_to_limits(venue: Venue, feed: Feed) -> None:
    whose = feed.carrier or venue.name
    symbols = [s for s in symbols_of(whose) if venue.instrument(s) is not None]
    wrong = list(structure.in_requests(venue, feed, symbols))
    assert wrong == []


@pytest.mark.parametrize(("venue", "feed"), [p for p in ASKING if p.values[1].next_page])
def test_a_pager_reads_every_fixture_or_says_it_cannot(venue: Venue, feed: Feed) -> None:
    """What comes back for the first question may be anything the feed can parse."""
    assert feed.requests is not None
    assert feed.next_page is not None
    symbols = [s for s in symbols_of(venue.name) if venue.instrument(s) is not None]
    window = structure.Window(*structure.DAYS, tuple(symbols), structure.NOW)
    first = next(iter(feed.requests(window)))
    contents = [p.content for c in all_cases() if c.feed.name == feed.name for p in c.payloads]
    assert contents
    for content in contents:
        try:
            following = feed.next_page(first, content)
        except BadPayload:
            continue
        if following is not None:
            assert following.path != first.path
            assert list(structure.in_request(venue, feed, following, symbols)) == []


# --- sides ---------------------------------------------------------------------------------------


def with_sides_flipped(parse: Callable[[Sequence[Payload]], Parsed]) -> Any:
    """The parser as it would be if it took an order's side for the position's, or the reverse."""
    other = {Side.LONG.value: Side.SHORT.value, Side.SHORT.value: Side.LONG.value}

    def flipped(payloads: Sequence[Payload]) -> Parsed:
        parsed = parse(payloads)
        orders = parsed.rows["liquidations"].with_columns(pl.col("side").replace(other))
        return replace(parsed, rows={**parsed.rows, "liquidations": orders})

    return flipped


@pytest.mark.parametrize("case", SIDED, ids=lambda case: f"{case.whose}/{case.name}")
def test_a_wrong_side_would_be_seen(case: Case) -> None:
    shared.test_payloads_give_the_expected_rows(case)
    wrong = replace(case, feed=replace(case.feed, parse=with_sides_flipped(case.feed.parse)))
    with pytest.raises(AssertionError):
        shared.test_payloads_give_the_expected_rows(wrong)


@pytest.mark.parametrize("owner", [*OWN, *CARRIERS])
def test_each_feed_of_liquidations_shows_a_long_and_a_short(owner: str) -> None:
    """A fixture of one side alone would pass a parser that always says that side."""
    shown: dict[str, set[str]] = defaultdict(set)
    for case in SIDED:
        if case.whose == owner:
            rows = case.expected["rows"]["liquidations"]
            shown[case.feed.name] |= {row["side"] for row in rows if "side" in row}
    wanted = {
        feed.name
        for venue in VENUES.values()
        for feed in venue.feeds
        if (feed.carrier or venue.name) == owner and "liquidations" in feed.datasets
    }
    assert {name: shown[name] for name in wanted} == {
        name: {Side.LONG.value, Side.SHORT.value} for name in wanted
    }


def test_all_datasets_are_covered_by_some_venue() -> None:
    brought = {dataset for v in VENUES.values() for f in v.feeds for dataset in f.datasets}
    assert brought == set(DATASETS)


ARCHIVED = [case for case in CASES if case.feed.source is SourceKind.ARCHIVE]


def test_some_feeds_are_read_in_passing_and_some_are_not() -> None:
    assert {case.feed.in_passing for case in ARCHIVED} == {True, False}


@pytest.mark.parametrize("case", ARCHIVED, ids=lambda case: f"{case.whose}-{case.name}")
def test_what_is_said_to_be_read_in_passing_is(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of any size are let in for such feeds only; of others one would end each night."""
    held: list[str] = []

    def holding(payload: Payload, **given: Any) -> bytes:
        held.append(payload.path)
        return unpack(payload, **given)

    for reader in (tabular, answers):
        monkeypatch.setattr(reader, "unpack", holding)
    case.feed.parse(case.payloads)
    assert (not held) == case.feed.in_passing

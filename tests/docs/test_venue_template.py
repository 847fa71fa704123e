"""The template of a venue file is one: it passes what every venue has to pass."""

from __future__ import annotations

import importlib.util
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.venues import structure
from tests.venues import test_venue_files as shared
from tests.venues.cases import Case, pack
from tests.venues.test_every_venue import with_sides_flipped
from transforms.normalise import normalise
from transforms.payload import Payload
from transforms.schemas.column import SourceKind
from transforms.venue import Venue, discover

DOCS = Path(__file__).parents[2] / "docs"
SYMBOLS = ["BTC-USDT-PERP", "1000PEPE-USDC-PERP"]


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("venue_template", DOCS / "venue_template.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TEMPLATE = load()
VENUE: Venue = TEMPLATE.VENUE


def test_it_is_no_venue_itself() -> None:
    assert VENUE.name not in discover()


def test_it_passes_the_structural_checks() -> None:
    assert list(structure.in_docstring(VENUE, TEMPLATE.__doc__ or "")) == []
    assert list(structure.in_declaration(VENUE)) == []
    assert list(structure.in_instruments(VENUE, SYMBOLS)) == []
    asking = [feed for feed in VENUE.feeds if feed.requests is not None]
    assert len(asking) == 2
    for feed in asking:
        assert list(structure.in_requests(VENUE, feed, SYMBOLS)) == []


def test_no_files_give_typed_empty_frames() -> None:
    shared.test_no_files_give_typed_empty_frames(VENUE)


def answer(path: str, rows: list[dict[str, Any]], source: SourceKind = SourceKind.API) -> Payload:
    found = VENUE.feed_for(source, path)
    assert found is not None
    content = json.dumps({"code": 0, "data": rows}).encode()
    return Payload(f"raw/{path}", path, content, source, found[1], datetime.now(UTC))


def test_its_answers_become_rows() -> None:
    day = structure.DAYS[0]
    start = 1748736000000  # 2025-06-01T00:00Z
    rates = answer(
        f"funding-history/BTC-USDT-PERP/{start}-{start + 86_399_999}.json",
        [{"symbol": "BTC-USDT-PERP", "rate": "0.0001", "time": start + 3}],
    )
    interest = answer(
        f"open-interest/1000PEPE-USDC-PERP/{start}-{start + 43_199_999}.json",
        [{"symbol": "1000PEPE-USDC-PERP", "size": "4000", "mark": "10", "time": start}],
    )
    found = {p.dataset: p for p in normalise(VENUE, [rates, interest], day, day, None).partitions}
    assert found["funding_rates"].rows["settled_at"].to_list() == [datetime(2025, 6, 1, tzinfo=UTC)]
    (row,) = found["open_interest"].rows.to_dicts()
    # 4000 contracts × 0.001 × 1000 coins; 4 units at 10 dollars.
    assert (row["open_interest_coin"], row["open_interest_usd"]) == (4000.0, 40.0)


def test_it_asks_for_the_page_after_a_full_one() -> None:
    feed = next(feed for feed in VENUE.feeds if feed.name == "api-funding-history")
    assert feed.requests is not None
    assert feed.next_page is not None
    first = next(iter(feed.requests(structure.Window(*structure.DAYS, SYMBOLS, structure.NOW))))
    start = int(first.params["start"])
    rows = [{"time": start + 1000 * n} for n in range(TEMPLATE.PAGE)]
    following = feed.next_page(first, json.dumps({"data": rows}).encode())
    assert following is not None
    assert following.params["start"] == start + 1000 * (TEMPLATE.PAGE - 1) + 1
    assert list(structure.in_request(VENUE, feed, following, SYMBOLS)) == []
    assert feed.next_page(first, json.dumps({"data": rows[1:]}).encode()) is None


def documented_case() -> dict[str, Any]:
    page = (DOCS / "adding-a-venue.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```json\n(.*?)```", page, flags=re.DOTALL)
    found: dict[str, Any] = json.loads(block)
    return found


@pytest.mark.parametrize("spelling", [0, 1])
def test_the_documented_fixture_is_right_and_sees_a_wrong_side(spelling: int) -> None:
    expected = documented_case()
    (given,) = expected["payloads"]
    path = given["paths"][spelling]
    found = VENUE.feed_for(SourceKind.DUMP, path)
    assert found is not None
    feed, facts = found
    text = "".join(f"{line}\n" for line in given["lines"]).encode()
    payload = Payload(
        f"raw/{path}", path, pack(path, text), SourceKind.DUMP, facts, datetime.now(UTC)
    )
    case = Case("documented", VENUE.name, "normal", feed, (payload,), (text,), expected)
    shared.test_payloads_give_the_expected_rows(case)
    wrong = replace(case, feed=replace(feed, parse=with_sides_flipped(feed.parse)))
    with pytest.raises(AssertionError):
        shared.test_payloads_give_the_expected_rows(wrong)


def test_the_page_speaks_of_files_that_are_there() -> None:
    page = (DOCS / "adding-a-venue.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:tests|transforms|docs)/[\w/.]+\.py)`", page)
    assert len(named) >= 4
    for name in named:
        assert (DOCS.parent / name).exists(), name

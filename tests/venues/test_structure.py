"""The checks of `tests.venues.structure` see what they are for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from tests.normalise.examplex import VENUE, feed_of
from tests.venues import structure
from transforms.schemas.column import Completeness, ContractKind, Margin, SourceKind
from transforms.venue import Feed, Instrument, RateLimit, Regime, Request, Venue

GOOD = """An exchange.

Docs     docs.examplex.test/api
Time     UTC, milliseconds.
Rates    fraction per interval.
OI       contracts,
         single-sided.
Sides    `side` is the order: sell closed a long.
Gaps     none.
"""
FEEDS = (feed_of("open_interest", "interest"), feed_of("liquidations", "orders"))
FINDABLE = replace(VENUE, feeds=tuple(replace(f, prefixes=lambda *_: [""]) for f in FEEDS))


def test_paragraphs_of_a_docstring_are_found() -> None:
    assert structure.sections(GOOD)["oi"] == "contracts, single-sided."
    assert list(structure.in_docstring(FINDABLE, GOOD)) == []
    assert list(structure.in_declaration(FINDABLE)) == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("An exchange.", "An exchange", "begin with a sentence"),
        ("docs.examplex.test/api", "the website", "address of the documentation"),
        ("UTC, ", "", "zone of its times"),
        ("milliseconds", "numbers", "unit of its times"),
        ("contracts", "what the venue says", "unit of open interest"),
        ("single-sided", "as counted", "one side or both"),
        ("is the order: sell closed a long", "is told", "order's or the position's"),
        ("Sides ", "Slides", "order's or the position's"),
        ("Gaps     none.", "", "known to be missing"),
    ],
)
def test_a_docstring_that_leaves_something_out_is_seen(old: str, new: str, words: str) -> None:
    assert old in GOOD
    (found,) = structure.in_docstring(FINDABLE, GOOD.replace(old, new))
    assert words in found


def _feeds(*feeds: Feed) -> Venue:
    return replace(FINDABLE, feeds=(*FINDABLE.feeds, *feeds))


LONG_AGO = Regime(date(2020, 1, 1), date(2021, 1, 1), Completeness.COMPLETE, "change log")
SINCE = Regime(date(2021, 1, 1), None, Completeness.THROTTLED, "change log")
API = replace(FEEDS[0], name="api", source=SourceKind.API)


@pytest.mark.parametrize(
    ("venue", "words"),
    [
        (replace(FINDABLE, feeds=()), "no feeds"),
        (_feeds(FINDABLE.feeds[0]), "two feeds are called interest"),
        (_feeds(replace(API, datasets=("odds",))), "datasets"),
        (_feeds(replace(API, folders=("data/",))), "keys of an archive"),
        (_feeds(replace(FEEDS[0], name="lost")), "nobody could find"),
        (_feeds(replace(API, next_page=lambda *_: None)), "pages of no question"),
        (
            _feeds(replace(FINDABLE.feeds[0], name="asks", requests=lambda _: [])),
            "questions to an API",
        ),
        (replace(FINDABLE, priced_by_prices=frozenset({"prices"})), "priced by prices"),
        (replace(FINDABLE, regimes=(SINCE, LONG_AGO)), "overlap or are unsorted"),
        (
            replace(FINDABLE, regimes=(replace(LONG_AGO, valid_to=date(2021, 6, 1)), SINCE)),
            "overlap or are unsorted",
        ),
        (
            replace(FINDABLE, regimes=(replace(LONG_AGO, valid_to=date(2019, 1, 1)),)),
            "ends before it begins",
        ),
        (replace(FINDABLE, regimes=(replace(SINCE, source=" "),)), "has no source"),
        (
            replace(FINDABLE, feeds=FINDABLE.feeds[:1], regimes=(SINCE,)),
            "liquidations it does not have",
        ),
    ],
)
def test_a_declaration_that_cannot_work_is_seen(venue: Venue, words: str) -> None:
    found = list(structure.in_declaration(venue))
    assert len(found) == 1
    assert words in found[0]


ASKED = Request("h", "/x", {}, "api/a.BTC-USD.jsonl", "p")
ASKS = replace(
    VENUE,
    feeds=(
        replace(feed_of("prices", "api"), source=SourceKind.API, requests=lambda _: [ASKED]),
        replace(feed_of("prices", "other"), source=SourceKind.API),
    ),
    api_hosts={"h": "https://h.test"},
    rate_limits={"p": RateLimit(5, 1.0)},
)


@pytest.mark.parametrize(
    ("requests", "words"),
    [
        ([], "asks nothing"),
        ([ASKED, ASKED], "the same path"),
        ([replace(ASKED, path="api/odd.csv")], "no feed reads"),
        ([replace(ASKED, path="other/a.jsonl")], "is read by other"),
        ([replace(ASKED, path="api/a.ETH-USD.jsonl")], "is read as of ETH-USD"),
        ([replace(ASKED, host="elsewhere")], "unknown host"),
        ([replace(ASKED, pool="none")], "unknown rate limit"),
        ([replace(ASKED, weight=6)], "weight 6 of at most 5"),
    ],
)
def test_a_question_that_cannot_work_is_seen(requests: list[Request], words: str) -> None:
    good, _ = ASKS.feeds
    assert list(structure.in_requests(ASKS, good, ["BTC-USD"])) == []
    asking = replace(good, requests=lambda _: requests)
    found = list(
        structure.in_requests(replace(ASKS, feeds=(asking, ASKS.feeds[1])), asking, ["BTC-USD"])
    )
    assert len(found) == 1
    assert words in found[0]


FINE = Instrument("S", "BTC", "USD", "BTC", Margin.INVERSE, ContractKind.PERPETUAL)


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        (replace(FINE, symbol="T"), "is called T"),
        (replace(FINE, quote_asset=""), "has no base, quote"),
        (replace(FINE, base_asset="XBT", settle_asset="XBT"), "no canonical name"),
        (replace(FINE, base_multiplier=0.0), "multiplier 0"),
        (replace(FINE, contract_size=-1.0), "contract size -1"),
        (replace(FINE, settle_asset="ETH"), "settled in ETH"),
        (replace(FINE, margin_type=Margin.QUANTO), "quanto, but settled in its own BTC"),
        (replace(FINE, valid_to=structure.NOW.replace(tzinfo=None)), "without a zone"),
    ],
)
def test_an_instrument_that_cannot_be_is_seen(odd: Instrument, words: str) -> None:
    def knows(instrument: Instrument) -> Venue:
        return replace(VENUE, instrument=lambda symbol: instrument if symbol == "S" else None)

    assert list(structure.in_instruments(knows(FINE), ["S", "unknown"])) == []
    (found,) = structure.in_instruments(knows(odd), ["S"])
    assert words in found
    assert found.startswith("S: ")


def test_a_rule_that_knows_everything_is_seen() -> None:
    knows_all = replace(VENUE, instrument=lambda symbol: replace(FINE, symbol=symbol))
    assert len(list(structure.in_instruments(knows_all, []))) == 5

"""Bitfinex: names, cells of the status, sides and kinds of liquidations, questions to the API."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from itertools import pairwise

import pytest

from tests.venues.recorded import answer, feed_of, payload
from transforms.normalise import normalise, read_instruments
from transforms.payload import BadPayload
from transforms.schemas.column import Margin, SourceKind
from transforms.venue import Request, Window
from transforms.venues.bitfinex import LIQUIDATIONS_PAGE, STATUS_PAGE, VENUE, instrument

FEEDS = {feed.name: feed for feed in VENUE.feeds}
DAY = date(2023, 11, 14)
DAY_START = 1_699_920_000_000  # 2023-11-14T00:00Z
DAY_END = DAY_START + 86_400_000 - 1
MTS = 1_700_000_000_000  # 2023-11-14T22:13:20Z
NOW = datetime(2023, 11, 15, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("symbol", "base", "quote"),
    [
        ("tBTCF0:USTF0", "BTC", "USDT"),
        ("tSHIBF0:USTF0", "SHIB", "USDT"),
        ("tIOTF0:USTF0", "IOTA", "USDT"),
        ("tALGF0:USTF0", "ALGO", "USDT"),
        ("tGERMANY40IXF0:USTF0", "GERMANY40IX", "USDT"),
        ("tETHF0:BTCF0", "ETH", "BTC"),
        ("tBTCF0:EUTF0", "BTC", "EURT"),
    ],
)
def test_symbols(symbol: str, base: str, quote: str) -> None:
    found = instrument(symbol)
    assert found is not None
    assert (found.base_asset, found.quote_asset, found.settle_asset) == (base, quote, quote)
    assert (found.margin_type, found.contract_size, found.base_multiplier) == (Margin.LINEAR, 1, 1)


@pytest.mark.parametrize(
    "symbol",
    [
        "",
        "tBTCUSD",
        "BTCF0:USTF0",
        "tBTC:UST",
        "tTESTBTCF0:TESTUSDTF0",
        "tTESTBTCF0:USTF0",
        "tbtcF0:USTF0",
    ],
)
def test_what_is_no_symbol(symbol: str) -> None:
    assert instrument(symbol) is None


@pytest.mark.parametrize("name", ["tBTCF0:USTF0", "tBTCF0_USTF0", "BTCF0-USTF0", "BTCF0:USTF0"])
def test_names_of_files(name: str) -> None:
    found = VENUE.feed_for(SourceKind.DUMP, f"v2-status-deriv-hist/{name}.json")
    assert found is not None
    assert found[1].symbol == "tBTCF0:USTF0"


# ---- Status -------------------------------------------------------------------------------------

# The documented example of a status, as the history tells it: 0.7664 is the mark price.
DOCUMENTED: list[object] = [
    MTS, None, 0.896, 0.771995, None, 1396531.67460709, None, 1596153600000, 0.0001056, 6, None,
    -0.01381344, None, None, 0.7664, None, None, 246.94398841, None, None, None, 0.0005, 0.0025,
]  # fmt: skip


def test_history_and_live_status_differ_by_one_cell() -> None:
    told = answer(VENUE, "v2-status-deriv-hist/tBTCF0:USTF0.json", [DOCUMENTED])
    live = answer(VENUE, "v2-status-deriv/ALL.json", [["tBTCF0:USTF0", *DOCUMENTED]])
    for given in (told, live):
        [row] = feed_of(VENUE, given).parse([given]).rows["open_interest"].to_dicts()
        assert (row["symbol"], row["amount"], row["price"]) == (
            "tBTCF0:USTF0",
            246.94398841,
            0.7664,
        )
        assert row["sampled_at"] == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def test_funding_is_not_read() -> None:
    """No series of settled rates is published; the rate of the period under way is none."""
    assert not any("funding_rates" in feed.datasets for feed in VENUE.feeds)


def test_the_live_status_lists_instruments() -> None:
    given = answer(
        VENUE, "v2-status-deriv/ALL.json", [[f"t{b}F0:USTF0", *DOCUMENTED] for b in ("BTC", "IOT")]
    )
    rows = read_instruments(VENUE, [given])
    assert rows["base_asset"].to_list() == ["BTC", "IOTA"]
    assert set(rows["quote_asset"]) == {"USDT"}


# ---- Liquidations -------------------------------------------------------------------------------


def position(
    amount: float,
    price: float | None,
    *,
    match: int = 1,
    symbol: str = "tBTCF0:USTF0",
    at: int = MTS,
) -> list[object]:
    return [["pos", 171085137, at, None, symbol, amount, 40_000, None, match, 1, None, price]]


def test_a_liquidation_is_counted_once_however_often_it_is_told() -> None:
    """Triggered at 22:13:19, executed a second later, in overlapping pages."""
    trigger = position(2, None, match=0, at=MTS - 1000)
    pages = [
        answer(VENUE, f"liquidations-hist/page-{n}.json", [trigger, position(2, 50_000)])
        for n in (1, 2)
    ]
    [partition] = normalise(VENUE, pages, DAY, DAY, None).partitions
    [row] = partition.rows.to_dicts()
    # 2 BTC, at the price they were acquired for and not at the 40 000 they were entered for.
    assert (row["side"], row["amount_coin"], row["amount_usd"]) == ("long", 2.0, 100_000.0)
    assert partition.accounting["rows_duplicate"].sum() == 1
    assert partition.quarantined.height == 0


def test_what_is_passed_over_is_noted() -> None:
    rows = [
        position(1, 50_000),
        position(1, None, match=0),
        position(1, None, match=0, symbol="tETHF0:USTF0"),
        position(1, 50_000, symbol="tBTCUSD"),
    ]
    given = answer(VENUE, "liquidations-hist/all.json", rows)
    parsed = feed_of(VENUE, given).parse([given])
    assert parsed.rows["liquidations"].height == 1
    assert parsed.rejected.height == 0
    assert dict(parsed.notes.select("name", "value").iter_rows()) == {
        "triggers": "2",
        "margin_positions": "1",
    }


@pytest.mark.parametrize(("amount", "side"), [(2, "long"), (-2, "short")])
def test_a_position_of_known_size(amount: float, side: str) -> None:
    """2 BTC at 50 000 USDT: 2 coins, 100 000 USD, as open interest and as a liquidation."""
    status = [*DOCUMENTED]
    status[14], status[17] = 50_000, 2
    given = [
        answer(VENUE, "status-deriv-hist/tBTCF0_USTF0.json", [status]),
        answer(VENUE, "liquidations-hist/all.json", [position(amount, 50_000)]),
    ]
    parts = {p.dataset: p.rows for p in normalise(VENUE, given, DAY, DAY, None).partitions}
    [interest] = parts["open_interest"].to_dicts()
    assert (interest["open_interest_coin"], interest["open_interest_usd"]) == (2.0, 100_000.0)
    [liquidation] = parts["liquidations"].to_dicts()
    assert (liquidation["amount_coin"], liquidation["amount_usd"]) == (2.0, 100_000.0)
    assert liquidation["side"] == side


def test_a_price_in_another_coin_makes_no_dollars() -> None:
    given = answer(VENUE, "status-deriv-hist/tETHF0_BTCF0.json", [DOCUMENTED])
    [partition] = normalise(VENUE, [given], DAY, DAY, None).partitions
    [row] = partition.rows.to_dicts()
    assert row["open_interest_coin"] == 246.94398841
    assert row["open_interest_usd"] is None
    assert row["amount_null_reason"]


# ---- Questions to the API -----------------------------------------------------------------------


def asked(feed: str, *symbols: str, last: date = DAY) -> list[Request]:
    requests = FEEDS[feed].requests
    assert requests is not None
    return list(requests(Window(DAY, last, symbols, NOW)))


def next_page(feed: str, request: Request, content: object) -> Request | None:
    pager = FEEDS[feed].next_page
    assert pager is not None
    return pager(request, json.dumps(content).encode())


def test_history_is_asked_by_pair_and_day() -> None:
    [request] = asked("api-status-deriv-hist", "tBTCF0:USTF0", "tBTCUSD")
    assert request.endpoint == "/v2/status/deriv/tBTCF0:USTF0/hist"
    assert request.params == {"start": DAY_START, "end": DAY_END, "limit": STATUS_PAGE, "sort": 1}
    facts = FEEDS["api-status-deriv-hist"].facts(request.path)
    assert facts is not None
    assert (facts.symbol, facts.first_date, facts.last_date) == ("tBTCF0:USTF0", DAY, DAY)


def test_history_goes_on_behind_a_full_page() -> None:
    [request] = asked("api-status-deriv-hist", "tBTCF0:USTF0")
    full = [[DAY_START + n, *DOCUMENTED[1:]] for n in range(STATUS_PAGE)]
    assert next_page("api-status-deriv-hist", request, full[1:]) is None
    following = next_page("api-status-deriv-hist", request, full)
    assert following is not None
    assert following.params["start"] == DAY_START + STATUS_PAGE
    assert following.path != request.path
    full[-1][0] = DAY_END
    assert next_page("api-status-deriv-hist", request, full) is None


def test_liquidations_are_asked_by_day_of_all_pairs_at_once() -> None:
    requests = asked(
        "api-liquidations-hist", "tBTCF0:USTF0", "tETHF0:USTF0", last=date(2023, 11, 16)
    )
    # Two days: the third has not begun.
    assert [r.params["start"] for r in requests] == [DAY_START, DAY_END + 1]
    assert all(a.path != b.path for a, b in pairwise(requests))


def test_a_full_page_of_liquidations_is_followed_from_its_last_millisecond() -> None:
    [request] = asked("api-liquidations-hist")
    full = [position(1, 2, at=DAY_START + n) for n in range(LIQUIDATIONS_PAGE)]
    assert next_page("api-liquidations-hist", request, full[1:]) is None
    assert next_page("api-liquidations-hist", request, []) is None
    following = next_page("api-liquidations-hist", request, full)
    assert following is not None
    assert following.params["start"] == DAY_START + LIQUIDATIONS_PAGE - 1
    stuck = [position(1, 2, at=DAY_START)] * LIQUIDATIONS_PAGE
    with pytest.raises(BadPayload, match="full of one millisecond"):
        next_page("api-liquidations-hist", request, stuck)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([[None] * 18], "without its time"),
        ([["soon"] * 18], "without its time"),
        ([[DAY_START - 1] * 18], "outside the time asked for"),
        ([[DAY_END + 1] * 18], "outside the time asked for"),
        (["error", 10020, "key: invalid"], "10020: key: invalid"),
        ({"message": "Internal server error"}, "not an answer"),
    ],
)
def test_pages_that_cannot_be_followed(content: object, reason: str) -> None:
    [request] = asked("api-status-deriv-hist", "tBTCF0:USTF0")
    with pytest.raises(BadPayload, match=reason):
        next_page("api-status-deriv-hist", request, content)


def test_the_live_status_is_dated_by_the_millisecond_it_was_asked_for() -> None:
    [request] = asked("api-status-deriv")
    assert request.params == {"keys": "ALL"}
    facts = FEEDS["api-status-deriv"].facts(request.path)
    assert facts is not None
    assert (facts.first_date, facts.last_date) == (NOW.date(), NOW.date())


def test_every_request_fits_its_pool_and_has_a_host() -> None:
    requests = [
        *asked("api-status-deriv-hist", "tBTCF0:USTF0"),
        *asked("api-liquidations-hist"),
        *asked("api-status-deriv"),
    ]
    assert len(requests) == 3
    for request in requests:
        assert request.host in VENUE.api_hosts
        assert request.weight <= VENUE.rate_limits[request.pool].weight
        found = VENUE.feed_for(SourceKind.API, request.path)
        assert found is not None
        payload(VENUE, request.path, b"[]", SourceKind.API)


def test_completeness_is_documented_nowhere() -> None:
    assert VENUE.regimes == ()

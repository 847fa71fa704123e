"""What a venue exports itself stands before what a carrier brings of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from tests.normalise.examplex import (
    FEED,
    VENUE,
    feed_of,
    funding,
    instant,
    liquidation,
    payload,
    rule,
)
from transforms.normalise import Partition, normalise
from transforms.venue import Carrier, Venue, with_carriers

D1, D2 = date(2025, 1, 1), date(2025, 1, 2)
CARRIER = Carrier(
    name="mule",
    brings={"examplex-futures": "examplex", "examplex-swap": "examplex", "quietx": "quietx"},
    # Cheaper than any own feed by its own word, which does not help it.
    feeds_for=lambda _: (
        replace(feed_of("liquidations", "mule"), carrier="mule", precedence=-5),
        replace(feed_of("funding_rates", "mulerates"), carrier="mule", precedence=-5),
    ),
    instrument=lambda _, symbol: rule(symbol),
)
BOTH = with_carriers({"examplex": VENUE}, [CARRIER])["examplex"]
OWN, BROUGHT = "raw/examplex/lines/o.jsonl", "raw/examplex/mule/c.jsonl"


def order(at: str, amount: float, **more: Any) -> dict[str, Any]:
    """Nothing but what every recorder tells."""
    return liquidation(at, amount, order_price=None, order_quantity=None, **more)


def partitions(
    own: list[dict[str, Any]], brought: list[dict[str, Any]], first: date = D1, last: date = D2
) -> list[Partition]:
    files = [payload("lines/o.jsonl", own), payload("mule/c.jsonl", brought)]
    found = normalise(BOTH, files, first, last, None).partitions
    return [p for p in found if p.dataset == "liquidations"]


def counts(partition: Partition) -> dict[str, tuple[int, ...]]:
    columns = ("rows_read", "rows_kept", "rows_duplicate", "rows_quarantined")
    return {row[0]: row[1:] for row in partition.accounting.select("raw_key", *columns).rows()}


def test_of_a_symbol_day_in_both_the_venues_own_orders_are_kept() -> None:
    # The carrier tells the order's price, not the average: the same orders, other rows.
    (day,) = partitions(
        [order("2025-01-01T08", 2.0), order("2025-01-01T09", 3.0)],
        [
            order("2025-01-01T08", 2.0, price=99.0),
            order("2025-01-01T09:00:01", 1.0),
            order("2025-01-01T09:00:01", 2.0),
        ],
    )
    assert day.rows["amount_coin"].to_list() == [2.0, 3.0]
    assert counts(day) == {OWN: (2, 2, 0, 0), BROUGHT: (3, 0, 3, 0)}
    assert day.conflicts.is_empty()


def test_totals_that_differ_are_reported_once_per_side_and_day() -> None:
    (day,) = partitions(
        [order("2025-01-01T08", 2.0), order("2025-01-01T09", 3.0)],
        [order("2025-01-01T08", 2.0), order("2025-01-01T09", 3.5)],
    )
    assert day.rows["amount_coin"].to_list() == [2.0, 3.0]
    assert day.conflicts.drop("dataset", "venue").rows() == [
        (
            "BTC-USD",
            instant("2025-01-01"),
            "amount_native, longs of the day",
            "5.0",
            "5.5",
            OWN,
            BROUGHT,
        )
    ]


def test_a_side_the_wrong_way_round_is_seen() -> None:
    (day,) = partitions([order("2025-01-01T08", 2.0)], [order("2025-01-01T08", 2.0, side="short")])
    assert day.rows["side"].to_list() == ["long"]
    assert day.conflicts.select("column_name", "kept_value", "other_value").rows() == [
        ("amount_native, longs of the day", "2.0", "0.0"),
        ("amount_native, shorts of the day", "0.0", "2.0"),
    ]


@pytest.mark.parametrize(("brought", "conflicts"), [(0.1 + 0.2, 0), (0.3 * (1 + 1e-8), 1)])
def test_noise_of_sums_is_no_difference(brought: float, conflicts: int) -> None:
    (day,) = partitions([order("2025-01-01T08", 0.3)], [order("2025-01-01T08", brought)])
    assert day.conflicts.height == conflicts


def test_amounts_in_different_units_are_compared_in_coin() -> None:
    inverse = {"symbol": "BTC-USD-INV", "price": 50.0}
    # 3 contracts × 100 dollars ÷ 50 = 6 coins.
    contracts = order("2025-01-01T08", 3.0, unit="contracts", **inverse)
    (same,) = partitions([contracts], [order("2025-01-01T08", 300.0, unit="usd", **inverse)])
    assert same.conflicts.is_empty()
    (other,) = partitions([contracts], [order("2025-01-01T08", 350.0, unit="usd", **inverse)])
    assert other.conflicts.select("column_name", "kept_value", "other_value").rows() == [
        ("amount_coin, longs of the day", "6.0", "7.0")
    ]


def test_other_symbols_and_days_are_the_carriers() -> None:
    own = [order("2025-01-01T08", 2.0), order("2025-01-02T08", 9.0, symbol="ETH-USD")]
    brought = [
        order("2025-01-01T08", 2.0),
        order("2025-01-01T08", 5.0, symbol="ETH-USD"),
        order("2025-01-02T08", 7.0),
    ]
    days = partitions(own, brought)
    found = [
        [(r["symbol"], r["amount_coin"], r["raw_key"]) for r in day.rows.to_dicts()] for day in days
    ]
    assert found == [
        [("BTC-USD", 2.0, OWN), ("ETH-USD", 5.0, BROUGHT)],
        [("BTC-USD", 7.0, BROUGHT), ("ETH-USD", 9.0, OWN)],
    ]
    # How the range is cut does not show.
    alone = partitions(own, brought, D1, D1) + partitions(own, brought, D2, D2)
    for day, again in zip(days, alone, strict=True):
        assert day.rows.equals(again.rows)
        assert day.accounting.equals(again.accounting)


def test_repeats_within_one_provider_are_folded_before_totals_are_compared() -> None:
    (day,) = partitions(
        [order("2025-01-01T08", 2.0)] * 2, [order("2025-01-01T08", 2.0, price=99.0)] * 3
    )
    assert counts(day) == {OWN: (2, 1, 1, 0), BROUGHT: (3, 0, 3, 0)}
    assert day.conflicts.is_empty()


def test_of_keyed_facts_the_venues_own_wins_whatever_the_precedences_say() -> None:
    files = [
        payload("lines/o.jsonl", [funding("2025-01-01", "0.1")]),
        payload("mulerates/c.jsonl", [funding("2025-01-01", "0.2")]),
    ]
    (day,) = normalise(BOTH, files, D1, D1, None).partitions
    assert day.rows["raw_key"].to_list() == [OWN]
    assert day.conflicts.select("kept_value", "other_value").rows() == [("0.1", "0.2")]


# --- which venues and feeds there are ------------------------------------------------------------


def test_a_carrier_adds_its_feeds_and_venues_without_a_file() -> None:
    venues = with_carriers({"examplex": VENUE}, [CARRIER])
    assert list(venues) == ["examplex", "quietx"]
    own = [feed.name for feed in VENUE.feeds]
    assert [feed.name for feed in BOTH.feeds] == [*own, "mule", "mulerates"]
    quiet = venues["quietx"]
    assert (quiet.name, quiet.regimes) == ("quietx", ())
    known = quiet.instrument("BTC-USD")
    assert known is not None
    assert known.base_asset == "BTC"
    assert quiet.instrument("?") is None


def test_a_venue_is_seen_by_one_carrier_at_a_time() -> None:
    assert BOTH.brought_by(None).feeds == VENUE.feeds
    assert [feed.name for feed in BOTH.brought_by("mule").feeds] == ["mule", "mulerates"]
    assert BOTH.brought_by("donkey").feeds == ()


@pytest.mark.parametrize(
    "feed",
    [FEED, replace(FEED, carrier="donkey"), replace(FEED, carrier="mule")],
    ids=["unmarked", "another's", "name taken"],
)
def test_a_carrier_cannot_pass_off_its_feeds_as_others(feed: Any) -> None:
    carrier = replace(CARRIER, feeds_for=lambda _: (feed,))
    venues: dict[str, Venue] = {"examplex": VENUE}
    with pytest.raises(ValueError, match="carrier 'mule': feed 'lines' of examplex"):
        with_carriers(venues, [carrier])

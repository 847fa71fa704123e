"""What corrections do, to which rows and before what; and every record is accounted for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.normalise.examplex import (
    PRICED,
    VENUE,
    bar,
    funding,
    instant,
    liquidation,
    open_interest,
    payload,
)
from transforms.corrections import VALUES, Action, Correction, Drop, Multiply, Put
from transforms.normalise import Partition, normalise
from transforms.payload import Payload

D1, D2, D3 = date(2025, 1, 1), date(2025, 1, 2), date(2025, 1, 3)
DAY = "lines/f.BTC-USD@2025-01-01..2025-01-01.jsonl"
RATES = payload(DAY, [funding("2025-01-01T08:00", "5"), funding("2025-01-01T16:00", "0.0002")])


def correction(dataset: str, action: Action, **more: Any) -> Correction:
    values = {"id": "known", "venue": "examplex", "symbol": "*", "reason": "a slip"} | more
    return Correction(dataset=dataset, action=action, **values)


DROP_RATES = correction("funding_rates", Drop())


def run(
    files: Payload | Sequence[Payload], *corrections: Correction, dataset: str, **venue: Any
) -> Partition:
    """The one partition of the dataset that comes of them."""
    given = [files] if isinstance(files, Payload) else files
    result = normalise(replace(VENUE, **venue), given, D1, D3, None, corrections)
    (partition,) = (p for p in result.partitions if p.dataset == dataset)
    return partition


def rates(partition: Partition) -> list[Decimal]:
    return partition.rows["funding_rate"].to_list()


def counts(partition: Partition) -> list[tuple[Any, ...]]:
    columns = ("rows_read", "rows_kept", "rows_duplicate", "rows_quarantined")
    return partition.accounting.select(columns).rows()


def test_a_dropped_row_is_set_aside_with_the_correction_and_its_reason() -> None:
    wrong = correction("funding_rates", Drop(), where={"funding_rate": "5"})
    day = run(RATES, wrong, dataset="funding_rates")
    assert rates(day) == [Decimal("0.0002")]
    assert counts(day) == [(2, 1, 0, 1)]
    (aside,) = day.quarantined.to_dicts()
    assert aside["reason"] == "correction known: a slip"
    assert (aside["raw_key"], aside["raw_row"]) == (RATES.raw_key, 1)
    (done,) = day.corrected.to_dicts()
    assert done == {
        "dataset": "funding_rates",
        "venue": "examplex",
        "correction": "known",
        "action": "drop",
        "symbol": "BTC-USD",
        "raw_key": RATES.raw_key,
        "rows_changed": 0,
        "rows_dropped": 1,
    }


def test_a_day_on_which_all_is_dropped_is_a_day_without_rows() -> None:
    day = run(payload("lines/f.jsonl", [funding("2025-01-01")]), DROP_RATES,
              dataset="funding_rates")  # fmt: skip
    assert (day.date, day.rows.height, counts(day)) == (D1, 0, [(1, 0, 0, 1)])


def test_a_value_is_set_with_all_its_digits() -> None:
    exact = "0.00010000000000000005"
    right = correction("funding_rates", Put({"funding_rate": exact}), where={"funding_rate": "5.0"})
    day = run(RATES, right, dataset="funding_rates")
    assert rates(day) == [Decimal(exact), Decimal("0.0002")]
    assert counts(day) == [(2, 2, 0, 0)]
    assert day.corrected.select("action", "rows_changed", "rows_dropped").rows() == [
        ("set funding_rate = 0.00010000000000000005", 1, 0)
    ]


def test_a_value_can_be_said_not_to_be_known() -> None:
    file = payload(DAY, [funding("2025-01-01T08:00", mark_price=1e9)])
    unknown = correction("funding_rates", Put({"mark_price": "null"}))
    assert run(file, unknown, dataset="funding_rates").rows["mark_price"].to_list() == [None]


def test_a_rate_times_a_factor_is_exact() -> None:
    percent = correction("funding_rates", Multiply({"funding_rate": "0.01"}))
    day = run(RATES, percent, dataset="funding_rates")
    assert rates(day) == [Decimal("0.05"), Decimal("0.000002")]


def test_a_liquidated_amount_is_corrected_before_coins_and_dollars_are_made_of_it() -> None:
    thousands = correction("liquidations", Multiply({"amount_native": "0.001"}))
    file = payload(
        DAY, [liquidation("2025-01-01T01:00", 2000.0), liquidation("2025-01-01T02:00", None)]
    )
    day = run(file, thousands, dataset="liquidations")
    # 2000 × 0.001 = 2 coins, at 100 dollars 200; what is NULL has no thousandth.
    known = day.rows.row(0, named=True)
    assert (known["amount_native"], known["amount_coin"], known["amount_usd"]) == (2.0, 2.0, 200.0)
    assert day.corrected["rows_changed"].to_list() == [1]
    inverse = payload(DAY, [liquidation("2025-01-01T01:00", 3.0, symbol="BTC-USD-INV",
                                        unit="contracts")])  # fmt: skip
    put = correction("liquidations", Put({"amount_native": "5"}))
    # 5 contracts of 100 dollars are 500 dollars, at 100 a coin 5 coins.
    (row,) = run(inverse, put, dataset="liquidations").rows.to_dicts()
    assert (row["amount_native"], row["amount_coin"], row["amount_usd"]) == (5.0, 5.0, 500.0)


def test_open_interest_follows_its_corrected_native_value() -> None:
    file = payload(DAY, [open_interest("2025-01-01T01:00", 4000.0, sides=2, price=50.0)])
    thousands = correction("open_interest", Multiply({"open_interest_native": "0.001"}))
    (row,) = run(file, thousands, dataset="open_interest").rows.to_dicts()
    # Both sides of 4 coins: 2 one-sided, at 50 dollars 100.
    assert row["open_interest_native"] == 4.0
    assert (row["open_interest_coin"], row["open_interest_usd"]) == (2.0, 100.0)


def test_amounts_are_valued_at_corrected_prices() -> None:
    """Of the day before, in a file of another dataset."""
    files = [
        payload("lines/p.jsonl", [bar("2025-01-01T23:00", 1.0, 70_000.0)]),
        payload("late/i.jsonl", [open_interest("2025-01-02T00:30", 2.0)]),
    ]
    cents = correction("prices", Multiply({"price_close": "0.01"}), until=instant("2025-01-02"))
    result = normalise(PRICED, files, D2, D2, None, [cents])
    (day,) = (p for p in result.partitions if p.dataset == "open_interest")
    assert day.rows["open_interest_usd"].to_list() == [1400.0]  # 2 × 70,000 × 0.01
    # The bar's own day is another window's, and so is what was done to it.
    assert [p.corrected.height for p in result.partitions] == [0] * len(result.partitions)


def test_a_corrected_row_is_judged_and_folded_as_if_the_venue_had_said_so() -> None:
    negative = payload(
        DAY, [open_interest("2025-01-01T01:00", -3.0), open_interest("2025-01-01T02:00", 4.0)]
    )
    again = payload("late/a.jsonl", [open_interest("2025-01-01T01:00", 3.0)])
    bare = run([negative, again], dataset="open_interest")
    assert "-3.0" in bare.quarantined["reason"][0]
    sign = correction("open_interest", Multiply({"open_interest_native": "-1"}),
                      where={"open_interest_native": "-3"})  # fmt: skip
    day = run([negative, again], sign, dataset="open_interest")
    assert day.rows["open_interest_native"].to_list() == [3.0, 4.0]
    assert (day.quarantined.height, day.conflicts.height) == (0, 0)
    assert counts(day) == [(1, 0, 1, 0), (2, 2, 0, 0)]
    # And one that is made worse breaks its contract like any other.
    worse = correction("open_interest", Put({"open_interest_native": "-1"}))
    assert run(negative, worse, dataset="open_interest").quarantined.height == 2


@pytest.mark.parametrize(
    ("match", "hit"),
    [
        ({"symbol": "BTC-*"}, [1, 2, 4]),
        ({"symbol": "btc-*"}, []),
        ({"symbol": "?BTC-USD"}, [3]),
        ({"since": instant("2025-01-01T16:00")}, [2, 3]),
        ({"until": instant("2025-01-01T16:00")}, [1, 4]),
        ({"since": instant("2025-01-01T08:00"), "until": instant("2025-01-01T08:01")}, [1, 4]),
        ({"raw_key": "raw/examplex/late/*"}, [4]),
        ({"raw_key": "late/*"}, []),
        ({"where": {"funding_rate": "0.0001"}}, [1, 3]),
        ({"where": {"funding_rate": "0.00010"}}, [1, 3]),
        ({"where": {"mark_price": "null"}}, [1, 2, 3]),
        ({"where": {"mark_price": "90.5"}, "symbol": "BTC-*"}, [4]),
        ({"where": {"mark_price": "90.5"}, "symbol": "kBTC-*"}, []),
    ],
)
def test_which_rows_are_meant(match: dict[str, Any], hit: list[int]) -> None:
    files = [
        payload(
            "lines/f@2025-01-01..2025-01-01.jsonl",
            [
                funding("2025-01-01T08:00"),  # 1
                funding("2025-01-01T16:00", "0.0002"),  # 2
                funding("2025-01-01T16:00", symbol="kBTC-USD"),  # 3
            ],
        ),
        payload("late/f.jsonl", [funding("2025-01-01T08:00", "0.0003", mark_price=90.5)]),  # 4
    ]
    day = run(files, correction("funding_rates", Drop(), **match), dataset="funding_rates")
    dropped = [
        row + (3 if "late" in key else 0)
        for key, row in day.quarantined.select("raw_key", "raw_row").rows()
    ]
    assert sorted(dropped) == hit
    assert day.corrected["rows_dropped"].sum() == len(hit)


def test_words_and_whole_numbers_are_compared_too() -> None:
    short = liquidation("2025-01-01T02:00", 1.0, side="short")
    file = payload(DAY, [liquidation("2025-01-01T01:00", 1.0), short])
    day = run(file, correction("liquidations", Drop(), where={"side": "short"}),
              dataset="liquidations")  # fmt: skip
    assert day.rows["side"].to_list() == ["long"]
    bars = payload(DAY, [bar("2025-01-01T01:00", 1, 2), bar("2025-01-01T01:00", 1, 2,
                                                           interval_minutes=1)])  # fmt: skip
    day = run(bars, correction("prices", Drop(), where={"interval_minutes": "1"}), dataset="prices")
    assert day.rows["interval_minutes"].to_list() == [60]


def test_each_correction_sees_what_the_ones_before_it_left() -> None:
    to_one = correction("funding_rates", Put({"funding_rate": "1"}), id="a",
                        where={"funding_rate": "5"})  # fmt: skip
    halved = correction("funding_rates", Multiply({"funding_rate": "0.5"}), id="b",
                        where={"funding_rate": "1"})  # fmt: skip
    assert rates(run(RATES, to_one, halved, dataset="funding_rates"))[0] == Decimal("0.5")
    assert rates(run(RATES, halved, to_one, dataset="funding_rates"))[0] == Decimal(1)


def test_a_file_that_says_so_already_is_not_counted_as_corrected() -> None:
    same = correction("funding_rates", Put({"funding_rate": "0.0002"}),
                      since=instant("2025-01-01T16:00"))  # fmt: skip
    assert run(RATES, same, dataset="funding_rates").corrected.is_empty()


def test_rows_come_out_the_same_in_whatever_portions_days_are_made() -> None:
    files = [
        payload("lines/f.jsonl", [liquidation(f"2025-01-0{d}T23:59:59", 1.0 + d) for d in (1, 2)]),
        payload("late/f.jsonl", [liquidation("2025-01-02T00:00:20", 7.0)]),
    ]
    some = [
        correction("liquidations", Multiply({"amount_native": "10"}), until=instant("2025-01-02")),
        correction("liquidations", Drop(), id="last", since=instant("2025-01-02T12:00")),
    ]
    whole = normalise(VENUE, files, D1, D3, None, some).partitions
    single = [p for d in (D1, D2, D3) for p in normalise(VENUE, files[::-1], d, d, None,
                                                         some).partitions]  # fmt: skip
    assert [p.date for p in whole] == [p.date for p in single] == [D1, D2]
    for one, other in zip(whole, single, strict=True):
        for name in ("rows", "quarantined", "conflicts", "accounting", "corrected"):
            assert getattr(one, name).equals(getattr(other, name)), name
    # 20 of the first day: had it still been 2, it would be a part of the 7 that follow.
    assert whole[0].rows["amount_native"].to_list() == [20.0]


def test_a_row_whose_time_nobody_believes_is_left_to_its_own_fate() -> None:
    file = payload(DAY, [funding("2025-02-01")])
    day = run(file, DROP_RATES, dataset="funding_rates")
    assert day.corrected.is_empty()
    assert day.quarantined["reason"][0].startswith("outside the days of the file")


def test_corrections_of_other_datasets_change_nothing() -> None:
    others = [correction(name, Drop(), id=name) for name in VALUES if name != "funding_rates"]
    assert rates(run(RATES, *others, dataset="funding_rates")) == [Decimal(5), Decimal("0.0002")]


@pytest.mark.parametrize(
    ("dataset", "since", "until", "partition", "days"),
    [
        ("funding_rates", "2025-01-02", "2025-01-02T08:00", "funding_rates", [D2]),
        ("funding_rates", "2025-01-02", "2025-01-03", "funding_rates", [D2]),
        ("funding_rates", None, "2025-01-02", "funding_rates", [D1]),
        ("funding_rates", "2025-01-03", None, "funding_rates", [D3]),
        ("funding_rates", None, None, "open_interest", []),
        # Messages of an order may lie a minute apart, beyond midnight.
        ("liquidations", "2025-01-02T00:00:59", "2025-01-02T01:00", "liquidations", [D1, D2]),
        ("liquidations", "2025-01-02T00:01", "2025-01-02T01:00", "liquidations", [D2]),
        ("liquidations", "2025-01-02T01:00", "2025-01-02T23:59", "liquidations", [D2]),
        # The price of the hour before may be the day before's.
        ("prices", "2025-01-01", "2025-01-02", "prices", [D1]),
        ("prices", "2025-01-01", "2025-01-02", "liquidations", [D1, D2]),
        ("prices", "2025-01-01", "2025-01-02", "funding_rates", []),
        ("open_interest", "2025-01-01", "2025-01-02", "liquidations", [D1, D2]),
        ("liquidations", "2025-01-01", "2025-01-02", "open_interest", []),
    ],
)
def test_which_partitions_a_correction_concerns(
    dataset: str, since: str | None, until: str | None, partition: str, days: list[date]
) -> None:
    def moment(text: str | None) -> datetime | None:
        return None if text is None else instant(text)

    said = correction(dataset, Drop(), since=moment(since), until=moment(until))
    assert [day for day in (D1, D2, D3) if said.concerns(PRICED, partition, day)] == days
    assert not any(
        said.concerns(replace(PRICED, name="other"), partition, day) for day in (D1, D2, D3)
    )
    if dataset != partition:
        assert not any(said.concerns(VENUE, partition, day) for day in (D1, D2, D3))


def test_the_essence_is_all_that_rows_depend_on() -> None:
    first = correction("funding_rates", Put({"funding_rate": "1"}))
    assert first.essence == replace(first, reason="another").essence  # no row says it
    dropped = replace(first, action=Drop())
    assert dropped.essence != replace(dropped, reason="another").essence  # the quarantine does
    for change in (
        {"id": "b"},
        {"symbol": "BTC*"},
        {"since": instant("2025-01-01")},
        {"until": instant("2025-01-01")},
        {"raw_key": "*"},
        {"where": {"funding_rate": "5"}},
        {"action": Put({"funding_rate": "2"})},
        {"action": Multiply({"funding_rate": "1"})},
    ):
        assert replace(first, **change).essence != first.essence

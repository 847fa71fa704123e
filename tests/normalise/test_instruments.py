"""Instruments: dated answers, the venue's rule, reused tickers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from tests.normalise.examplex import VENUE, instant
from transforms.instruments import InstrumentBook
from transforms.native import UTC_MICROS
from transforms.schemas.evidence import Instruments
from transforms.schemas.normalised import InstrumentAnswers


def answers(*rows: dict[str, Any]) -> pl.DataFrame:
    base = {
        "venue": "examplex",
        "base_asset": "kPEPE",
        "quote_asset": "USD",
        "settle_asset": "USD",
        "margin_type": "linear",
        "contract_kind": "perpetual",
        "contract_size": 1.0,
        "base_multiplier": 1.0,
        "valid_from": None,
        "valid_to": None,
        "source": "dump",
        "raw_key": "instruments.json",
        "raw_row": 1,
    }
    return pl.DataFrame([base | row for row in rows], schema=pl.Schema(InstrumentAnswers))


def at(symbol: str, *times: str) -> pl.DataFrame:
    return pl.DataFrame(
        {"symbol": [symbol] * len(times), "at": [instant(t) for t in times]},
        schema={"symbol": pl.String, "at": UTC_MICROS},
    )


def test_the_rule_speaks_where_no_answer_does() -> None:
    found = InstrumentBook.of(VENUE, None, ["kPEPE-USD"]).identify(
        at("kPEPE-USD", "2025-01-01"), "at"
    )
    row = found.rows.row(0, named=True)
    assert (row["base_asset"], row["base_multiplier"], row["listing"]) == ("PEPE", 1000.0, 1)
    assert found.unknown.is_empty()


def test_a_symbol_nobody_knows_comes_back_apart() -> None:
    rows = pl.concat([at("BTC-USD", "2025-01-01"), at("??", "2025-01-01")])
    found = InstrumentBook.of(VENUE, None, rows["symbol"]).identify(rows, "at")
    assert found.rows["symbol"].to_list() == ["BTC-USD"]
    assert found.unknown.equals(at("??", "2025-01-01"))


def test_answers_hold_from_their_moment_and_the_first_before_it() -> None:
    book = InstrumentBook.of(
        VENUE,
        answers(
            {"symbol": "ETH-USD", "observed_at": instant("2025-06-01"), "contract_size": 0.1},
            {"symbol": "ETH-USD", "observed_at": instant("2025-01-01"), "contract_size": 0.01},
        ),
        [],
    )
    rows = at("ETH-USD", "2024-01-01", "2025-01-01", "2025-05-31T23:59:59.999999", "2025-06-01")
    sizes = book.identify(rows, "at").rows["contract_size"].to_list()
    assert sizes == [0.01, 0.01, 0.01, 0.1]


def test_coin_and_multiplier_are_the_rules_even_where_the_venue_answers() -> None:
    book = InstrumentBook.of(
        VENUE, answers({"symbol": "kPEPE-USD", "observed_at": instant("2025-01-01")}), []
    )
    assert book.table().select("base_asset", "base_multiplier").row(0) == ("PEPE", 1000.0)


def test_an_answer_about_a_symbol_the_rule_does_not_know_is_taken_as_it_is() -> None:
    book = InstrumentBook.of(
        VENUE, answers({"symbol": "odd_one", "observed_at": instant("2025-01-01")}), []
    )
    found = book.identify(at("odd_one", "2025-01-01"), "at")
    assert found.rows.select("base_asset", "base_multiplier").row(0) == ("kPEPE", 1.0)


def test_answers_of_other_venues_are_not_ours() -> None:
    other = answers({"venue": "other", "symbol": "odd_one", "observed_at": instant("2025-01-01")})
    assert InstrumentBook.of(VENUE, other, []).table().is_empty()


def test_a_reused_ticker_is_a_new_listing_from_its_instant_on() -> None:
    venue = replace(VENUE, relisted={"BNX-USD": (instant("2023-02-22"),)})
    book = InstrumentBook.of(venue, None, ["BNX-USD"])
    rows = at("BNX-USD", "2023-02-21T23:59:59.999999", "2023-02-22")
    assert book.identify(rows, "at").rows["listing"].to_list() == [1, 2]
    assert book.table().select("listing", "valid_from", "valid_to").rows() == [
        (1, None, instant("2023-02-22")),
        (2, instant("2023-02-22"), None),
    ]


def test_an_answer_speaks_of_the_listing_it_was_given_in() -> None:
    venue = replace(VENUE, relisted={"BNX-USD": (instant("2023-02-22"),)})
    book = InstrumentBook.of(
        venue,
        answers(
            {"symbol": "BNX-USD", "observed_at": instant("2022-01-01"), "contract_size": 100.0}
        ),
        [],
    )
    rows = at("BNX-USD", "2023-02-21", "2023-02-23")
    # Listing 2 has no answer of its own: its size is the rule's, 1.
    assert book.identify(rows, "at").rows["contract_size"].to_list() == [100.0, 1.0]


def test_a_listing_that_neither_answer_nor_rule_describes_is_like_the_others() -> None:
    venue = replace(VENUE, relisted={"odd_one": (instant("2023-02-22"),)})
    book = InstrumentBook.of(
        venue,
        answers({"symbol": "odd_one", "observed_at": instant("2022-01-01"), "contract_size": 7.0}),
        [],
    )
    found = book.identify(at("odd_one", "2023-02-21", "2023-02-23"), "at").rows
    assert found.select("listing", "contract_size").rows() == [(1, 7.0), (2, 7.0)]


def test_the_table_shows_each_listing_as_last_seen() -> None:
    book = InstrumentBook.of(
        VENUE,
        answers(
            {
                "symbol": "ETH-USD",
                "observed_at": instant("2025-06-01"),
                "contract_size": 0.1,
                "valid_from": instant("2020-01-01"),
            },
            {"symbol": "ETH-USD", "observed_at": instant("2025-01-01"), "contract_size": 0.01},
        ),
        ["BTC-USD"],
    )
    table = book.table()
    Instruments.validate(table)
    assert table.select("venue", "symbol", "contract_size", "valid_from").rows() == [
        ("examplex", "BTC-USD", 1.0, None),
        ("examplex", "ETH-USD", 0.1, instant("2020-01-01")),
    ]


@pytest.mark.parametrize("reverse", [False, True])
def test_two_answers_of_one_moment_do_not_depend_on_their_order(reverse: bool) -> None:
    moment = instant("2025-01-01")
    rows = answers(
        {"symbol": "ETH-USD", "observed_at": moment, "contract_size": 2.0},
        {"symbol": "ETH-USD", "observed_at": moment, "contract_size": 3.0},
    )
    book = InstrumentBook.of(VENUE, rows.reverse() if reverse else rows, [])
    assert book.table()["contract_size"].to_list() == [2.0]

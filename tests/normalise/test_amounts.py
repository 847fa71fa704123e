"""Contract maths: one position, whatever unit it is reported in."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from transforms import amounts
from transforms.native import OPEN_INTEREST, PRICES

_IDENTITY = {
    "quote_asset": pl.String(),
    "margin_type": pl.String(),
    "contract_size": pl.Float64,
    "base_multiplier": pl.Float64,
}
_BESIDE = {"settlement_price": pl.Float64()}


def interest(**fields: Any) -> dict[str, Any]:
    base = {
        "symbol": "X",
        "quote_asset": "USDT",
        "sides": 1,
        "contract_size": 1.0,
        "base_multiplier": 1.0,
    }
    rows = pl.DataFrame([base | fields], schema=OPEN_INTEREST | _IDENTITY | _BESIDE)
    return amounts.open_interest(rows).row(0, named=True)


# One position: 2 million PEPE at 0.01 USD = 20,000 USD. A symbol unit is 1000 PEPE, so 2000 units
# at 10 USD; a linear contract is 50 units (40 contracts), an inverse one 100 USD (200 contracts).
POSITION = {"price": 10.0, "base_multiplier": 1000.0}
WAYS = {
    "coin, linear": {"unit": "coin", "margin_type": "linear", "amount": 2000.0},
    "coin, inverse": {"unit": "coin", "margin_type": "inverse", "amount": 2000.0},
    "contracts, linear": {
        "unit": "contracts",
        "margin_type": "linear",
        "amount": 40.0,
        "contract_size": 50.0,
    },
    "contracts, inverse": {
        "unit": "contracts",
        "margin_type": "inverse",
        "amount": 200.0,
        "contract_size": 100.0,
    },
    "usd, inverse": {"unit": "usd", "margin_type": "inverse", "amount": 20_000.0},
    "usd, linear": {"unit": "usd", "margin_type": "linear", "amount": 20_000.0},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("sides", [1, 2])
def test_one_position_is_the_same_through_every_unit_and_margin(way: str, sides: int) -> None:
    fields = WAYS[way] | {"sides": sides}
    fields["amount"] = float(str(fields["amount"])) * sides  # a venue that counts both sides
    row = interest(**POSITION, **fields)
    assert row["open_interest_coin"] == 2_000_000.0
    assert row["open_interest_usd"] == 20_000.0
    assert row["open_interest_native"] == fields["amount"]  # as reported: not halved
    assert row["amount_null_reason"] is None


def test_the_venues_own_values_stand_before_the_price() -> None:
    linear = interest(unit="coin", margin_type="linear", amount=2.0, price=10.0, value_usd=20.5)
    assert (linear["open_interest_coin"], linear["open_interest_usd"]) == (2.0, 20.5)
    # Binance COIN-M metrics: 200 contracts × 100 USD, and the coin beside them; no price needed.
    inverse = interest(
        unit="contracts", margin_type="inverse", amount=200.0, contract_size=100.0, value_coin=1.5
    )
    assert (inverse["open_interest_coin"], inverse["open_interest_usd"]) == (1.5, 20_000.0)


@pytest.mark.parametrize("way", [w for w in WAYS if w != "usd, linear"])
def test_a_quote_that_is_no_dollar_leaves_the_dollars_unknown(way: str) -> None:
    """ETHBTC is quoted in BTC: 0.05 a coin is not five cents."""
    row = interest(**POSITION, **WAYS[way], quote_asset="BTC")
    assert row["open_interest_coin"] == 2_000_000.0
    assert row["open_interest_usd"] is None
    assert row["amount_null_reason"] == amounts.NOT_DOLLARS


@pytest.mark.parametrize("quote", ["USD", "USDC", "FDUSD"])
def test_stablecoins_are_dollars_at_par(quote: str) -> None:
    row = interest(unit="coin", margin_type="linear", amount=2.0, price=10.0, quote_asset=quote)
    assert row["open_interest_usd"] == 20.0


def test_values_of_both_sides_are_halved_like_the_amount() -> None:
    row = interest(unit="coin", margin_type="linear", amount=4.0, sides=2, value_usd=40.0)
    assert (row["open_interest_coin"], row["open_interest_usd"]) == (2.0, 20.0)


@pytest.mark.parametrize("price", [None, 0.0])
def test_without_a_price_one_amount_is_null_with_its_reason(price: float | None) -> None:
    linear = interest(unit="coin", margin_type="linear", amount=2.0, price=price)
    assert (linear["open_interest_coin"], linear["open_interest_usd"]) == (2.0, None)
    inverse = interest(unit="usd", margin_type="inverse", amount=2.0, price=price)
    assert (inverse["open_interest_coin"], inverse["open_interest_usd"]) == (None, 2.0)
    assert (
        linear["amount_null_reason"] == inverse["amount_null_reason"] == amounts.NO_SNAPSHOT_PRICE
    )


def test_contracts_of_unknown_size_are_worth_what_the_venue_says_or_unknown() -> None:
    contracts = {"unit": "contracts", "amount": 2.0, "price": 10.0, "contract_size": None}
    bare = interest(margin_type="linear", **contracts)
    assert (bare["open_interest_coin"], bare["open_interest_usd"]) == (None, None)
    assert bare["amount_null_reason"] == amounts.NO_SIZE
    told = interest(margin_type="linear", value_coin=3.0, **contracts)
    assert (told["open_interest_coin"], told["open_interest_usd"]) == (3.0, 30.0)  # 3 at 10
    assert told["amount_null_reason"] is None


def test_what_is_not_reported_is_null_and_a_zero_is_zero() -> None:
    absent = interest(unit="coin", margin_type="linear", amount=None, price=10.0, value_usd=0.0)
    assert (absent["open_interest_coin"], absent["open_interest_usd"]) == (None, None)
    assert absent["amount_null_reason"] == amounts.NOT_REPORTED
    zero = interest(unit="coin", margin_type="linear", amount=0.0, price=10.0)
    assert (zero["open_interest_coin"], zero["open_interest_usd"]) == (0.0, 0.0)
    assert zero["amount_null_reason"] is None


def test_quanto_needs_the_price_of_its_settlement_coin() -> None:
    bare = interest(unit="contracts", margin_type="quanto", amount=2.0, price=10.0)
    assert (bare["open_interest_coin"], bare["open_interest_usd"]) == (None, None)
    valued = interest(unit="contracts", margin_type="quanto", amount=2.0, price=10.0, value_usd=5.0)
    assert (valued["open_interest_coin"], valued["open_interest_usd"]) == (None, 5.0)
    assert bare["amount_null_reason"] == valued["amount_null_reason"] == amounts.QUANTO


# BitMEX ETHUSD on 2021-07-22: 100 satoshi per contract and point. 1,403,475 contracts × 0.000001
# × 2003.93 = 2812.46565675 XBT, as the venue's own openValue says; at 32,184.89 dollars an XBT
# 90,518,898.02. Exposure: 1,403,475 × 0.000001 × 32,184.89 = 45,170.69 ETH.
def test_quanto_is_worth_contracts_times_points_times_the_settlement_coin() -> None:
    ethusd: dict[str, Any] = {
        "unit": "contracts",
        "margin_type": "quanto",
        "amount": 1_403_475.0,
        "contract_size": 1e-6,
        "settlement_price": 32_184.89,
    }
    row = interest(**ethusd, price=2003.93)
    assert row["open_interest_usd"] == pytest.approx(2812.46565675 * 32_184.89, rel=1e-12)
    assert row["open_interest_coin"] == pytest.approx(45_170.69, abs=0.01)
    assert row["amount_null_reason"] is None
    unpriced = interest(**ethusd)
    assert unpriced["open_interest_coin"] == row["open_interest_coin"]
    assert (unpriced["open_interest_usd"], unpriced["amount_null_reason"]) == (
        None,
        amounts.NO_SNAPSHOT_PRICE,
    )


def test_an_unknown_unit_is_an_error_of_the_venue_file() -> None:
    with pytest.raises(ValueError, match="'lots'"):
        interest(unit="lots", margin_type="linear", amount=1.0)
    with pytest.raises(ValueError, match="None"):
        interest(unit=None, margin_type="linear", amount=1.0)


def bar(**fields: Any) -> dict[str, Any]:
    base = {
        "symbol": "X",
        "quote_asset": "USDT",
        "contract_size": 1.0,
        "base_multiplier": 1000.0,
        "price_source": "last",
        "price_open": 10.0,
        "price_high": 12.0,
        "price_low": 9.0,
        "price_close": 9.0,
    }
    rows = pl.DataFrame([base | fields], schema=PRICES | _IDENTITY)
    return amounts.prices(rows).row(0, named=True)


def test_bars_are_per_coin_and_volumes_in_coin() -> None:
    row = bar(
        margin_type="linear",
        volume=4.0,
        volume_unit="coin",
        volume_value_usd=41.0,
        taker_buy_volume=1.0,
    )
    # 1000 coins at 10, 12, 9, 9; 4 units of 1000 coins, 1 of them bought.
    assert [row[c] for c in amounts.PRICE_COLUMNS] == [0.01, 0.012, 0.009, 0.009]
    assert (row["volume_coin"], row["volume_usd"], row["taker_buy_volume_coin"]) == (4e3, 41.0, 1e3)


def test_inverse_bars_share_their_coin_with_takers_as_contracts_are_shared() -> None:
    row = bar(
        margin_type="inverse",
        contract_size=100.0,
        volume=8.0,
        volume_unit="contracts",
        volume_value_coin=80.0,
        taker_buy_volume=2.0,
    )
    # 8 × 100 USD; 80 units of 1000 coins; takers bought 2 of the 8 contracts: 80,000 × 2 ÷ 8.
    assert (row["volume_usd"], row["volume_coin"]) == (800.0, 80_000.0)
    assert row["taker_buy_volume_coin"] == 20_000.0
    still = bar(margin_type="inverse", volume=0.0, volume_unit="contracts", taker_buy_volume=0.0)
    assert (still["volume_coin"], still["taker_buy_volume_coin"]) == (0.0, 0.0)


def test_a_volume_without_its_value_is_valued_at_the_typical_price() -> None:
    row = bar(margin_type="linear", volume=4.0, volume_unit="coin")
    assert row["volume_usd"] == 40.0  # 4 × (12 + 9 + 9) ÷ 3


def test_mark_bars_have_no_volume_and_premiums_are_no_prices() -> None:
    mark = bar(margin_type="linear", price_source="mark")
    assert (mark["volume_coin"], mark["volume_usd"], mark["taker_buy_volume_coin"]) == (None,) * 3
    premium = bar(margin_type="linear", price_source="premium", price_close=-0.0003)
    assert premium["price_close"] == -0.0003

"""Contract maths, once for all venues: native amounts to canonical coins and US dollars.

With q the native amount, m the contract size, k the base multiplier (canonical coins in one base
unit of the symbol) and P the price of one base unit:

    unit       margin    base units       US dollars
    coin       any       q                q·P
    contracts  linear    q·m              q·m·P
    contracts  inverse   q·m ÷ P          q·m
    usd        any       q ÷ P            q
    contracts  quanto    q·m·S            q·m·P·S
    coins are base units × k

A quanto contract pays m settlement coins per point of P (BitMEX ETHUSD: 0.000001 XBT), and S is
the dollar price of that coin at or before the moment, at most an hour old (`transforms.pricing`).
Its coins are the exposure: as many as would gain as much from the next point of P. They move with
S, and are not what the contract counts. Quanto open interest is neither linear nor inverse.

A value the venue gives itself stands in place of a product or quotient with a price: it was made
with the venue's own price of that moment. The face value q·m of inverse contracts is exact and
needs no such help. Prices per base unit are in the quote asset. The dollar and its stablecoins
(`AT_PAR`) count as US dollars at par; of contracts quoted in anything else (ETHBTC, BTCEUR) the
dollars are not known.
"""

from __future__ import annotations

import polars as pl

from transforms.native import Unit
from transforms.schemas.column import Margin, PriceSource

NOT_REPORTED = "not reported by the venue"
QUANTO = "quanto: no price of the settlement coin within the hour before"
NO_SNAPSHOT_PRICE = "no price beside the snapshot"
NO_EVENT_PRICE = "no price in the message"
NO_SIZE = "contract size is not known"
NO_PRICE_BEFORE = "no price of the instrument within the hour before"

NOT_DOLLARS = "quoted in something else than dollars"

AT_PAR = (
    *("USD", "USDT", "USDC", "BUSD", "FDUSD", "TUSD", "USDP", "DAI", "USDE", "USD1", "USDS"),
    *("USDD", "USDG", "USDH", "PYUSD", "RLUSD", "BFUSD", "USDB", "USDX"),
)
"""Quote assets that count as one US dollar."""

PRICE_COLUMNS = ("price_open", "price_high", "price_low", "price_close")


def _reject_unknown_units(rows: pl.DataFrame, amount: str, unit: str) -> None:
    """An amount in no known unit is a mistake in a venue file, not in its data."""
    odd = rows.filter(
        pl.col(amount).is_not_null()
        & ~pl.col(unit).is_in([u.value for u in Unit]).fill_null(value=False)
    )
    if odd.height:
        name, symbol = odd.row(0, named=True)[unit], odd.row(0, named=True)["symbol"]
        raise ValueError(f"{odd.height} rows count {amount} in {name!r}, such as those of {symbol}")


def _coin_first(unit: str) -> pl.Expr:
    """Whether the native amount counts coins, so that US dollars follow from the price."""
    linear = pl.col("margin_type") == Margin.LINEAR.value
    return (pl.col(unit) == Unit.COIN.value) | ((pl.col(unit) == Unit.CONTRACTS.value) & linear)


def _per_unit(unit: str) -> pl.Expr:
    """What one native unit holds: base units of the symbol, or US dollars of face value."""
    return pl.when(pl.col(unit) == Unit.CONTRACTS.value).then("contract_size").otherwise(1.0)


def _coin_and_usd(
    amount: pl.Expr,
    unit: str,
    price: pl.Expr,
    value_coin: pl.Expr,
    value_usd: pl.Expr,
    settlement_price: pl.Expr,
) -> tuple[pl.Expr, pl.Expr]:
    """Canonical coins and US dollars of a one-sided native amount; NULL where one is unknown.

    price, value_coin: per, and in, base units of the symbol.
    settlement_price: dollars for one settlement coin of a quanto.
    """
    usable_price = pl.when(price > 0).then(price)
    native = amount * _per_unit(unit)
    # The venue's own coin figure also survives a contract size that changed unseen.
    base_units = (
        pl.when(pl.col(unit) == Unit.CONTRACTS.value)
        .then(pl.coalesce(value_coin, native))
        .otherwise(native)
    )
    coin_first = _coin_first(unit)
    coin = (
        pl.when(coin_first)
        .then(base_units)
        .otherwise(pl.coalesce(value_coin, native / usable_price))
    )
    usd = (
        pl.when(coin_first)
        .then(pl.coalesce(value_usd, base_units * usable_price))
        .otherwise(native)
    )
    quanto = _quanto_contracts(unit)
    exposure = native * settlement_price
    coin = pl.when(quanto).then(exposure).otherwise(coin)
    usd = pl.when(quanto).then(pl.coalesce(value_usd, exposure * usable_price)).otherwise(usd)
    reported = amount.is_not_null()
    return (
        pl.when(reported).then(coin * pl.col("base_multiplier")),
        pl.when(reported & _in_dollars()).then(usd),
    )


def _in_dollars() -> pl.Expr:
    return pl.col("quote_asset").is_in(AT_PAR)


def _quanto_contracts(unit: str) -> pl.Expr:
    return (pl.col("margin_type") == Margin.QUANTO.value) & (pl.col(unit) == Unit.CONTRACTS.value)


def _settlement_price(rows: pl.DataFrame) -> pl.Expr:
    """As `transforms.pricing` found it; not asked for where no quanto can be."""
    unknown = pl.lit(None, pl.Float64())
    return pl.col("settlement_price") if "settlement_price" in rows.columns else unknown


def _null_reason(native: str, coin: str, usd: str, without_price: str) -> pl.Expr:
    """Why an amount is NULL, from the amounts themselves; NULL where both are known."""
    return (
        pl.when(pl.col(coin).is_not_null() & pl.col(usd).is_not_null())
        .then(pl.lit(None, pl.String()))
        .when(pl.col(native).is_null())
        .then(pl.lit(NOT_REPORTED))
        .when((pl.col("unit") == Unit.CONTRACTS.value) & pl.col("contract_size").is_null())
        .then(pl.lit(NO_SIZE))
        .when(~_in_dollars() & pl.col(coin).is_not_null())
        .then(pl.lit(NOT_DOLLARS))
        .when(_quanto_contracts("unit") & pl.col(coin).is_null())
        .then(pl.lit(QUANTO))
        .otherwise(pl.lit(without_price))
        .alias("amount_null_reason")
    )


def open_interest_null_reason(*, priced: bool) -> pl.Expr:
    """`amount_null_reason` of open interest whose amounts stand.

    priced: prices of the hour before were looked for.
    """
    without_price = NO_PRICE_BEFORE if priced else NO_SNAPSHOT_PRICE
    return _null_reason(
        "open_interest_native", "open_interest_coin", "open_interest_usd", without_price
    )


def open_interest(rows: pl.DataFrame, *, priced: bool = False) -> pl.DataFrame:
    """Adds one-sided coin and US-dollar open interest to identified native rows.

    priced: prices that were lacking were looked for, which the reasons then say.

    Where the venue counts both sides of a contract (`sides` 2), its amount and the values beside
    it are halved; `open_interest_native` stays as reported.
    """
    _reject_unknown_units(rows, "amount", "unit")
    sides = pl.col("sides").fill_null(1)
    coin, usd = _coin_and_usd(
        pl.col("amount") / sides,
        "unit",
        pl.col("price"),
        pl.col("value_coin") / sides,
        pl.col("value_usd") / sides,
        _settlement_price(rows),
    )
    return rows.with_columns(
        pl.col("amount").alias("open_interest_native"),
        coin.alias("open_interest_coin"),
        usd.alias("open_interest_usd"),
    ).with_columns(open_interest_null_reason(priced=priced))


def liquidations(rows: pl.DataFrame, *, priced: bool = False) -> pl.DataFrame:
    """Adds coin and US-dollar amounts, at the row's price, to identified native rows.

    priced: prices that were lacking were looked for, which the reasons then say.
    """
    _reject_unknown_units(rows, "amount", "unit")
    unknown = pl.lit(None, pl.Float64())
    coin, usd = _coin_and_usd(
        pl.col("amount"), "unit", pl.col("price"), unknown, unknown, _settlement_price(rows)
    )
    without_price = NO_PRICE_BEFORE if priced else NO_EVENT_PRICE
    return rows.with_columns(
        pl.col("amount").alias("amount_native"),
        coin.alias("amount_coin"),
        usd.alias("amount_usd"),
    ).with_columns(_null_reason("amount_native", "amount_coin", "amount_usd", without_price))


def prices(rows: pl.DataFrame) -> pl.DataFrame:
    """Bars per canonical coin, with volumes in coin and US dollars, from identified native rows.

    Where the venue gives a volume in one of the two only, and no value for the other, it is
    valued at the bar's typical price (high + low + close) ÷ 3. What takers bought is converted
    like the whole volume of its bar.
    """
    _reject_unknown_units(rows, "volume", "volume_unit")
    typical = (pl.col("price_high") + pl.col("price_low") + pl.col("price_close")) / 3
    coin, usd = _coin_and_usd(
        pl.col("volume"),
        "volume_unit",
        typical,
        pl.col("volume_value_coin"),
        pl.col("volume_value_usd"),
        # Volumes of quanto contracts are known where the venue values them itself.
        pl.lit(None, pl.Float64()),
    )
    # A premium is a fraction of the price, the same for one coin as for a thousand.
    premium = pl.col("price_source") == PriceSource.PREMIUM.value
    volume, taker = pl.col("volume"), pl.col("taker_buy_volume")
    direct = taker * _per_unit("volume_unit") * pl.col("base_multiplier")
    return (
        rows.with_columns(coin.alias("volume_coin"), usd.alias("volume_usd"))
        .with_columns(
            pl.when(pl.col("volume_coin").is_null())
            .then(pl.lit(None, pl.Float64()))
            .when(_coin_first("volume_unit"))
            .then(direct)
            .when(volume > 0)
            .then(pl.col("volume_coin") * (taker / volume))
            .otherwise(taker)
            .alias("taker_buy_volume_coin")
        )
        .with_columns(
            pl.col(PRICE_COLUMNS) / pl.when(premium).then(1.0).otherwise("base_multiplier")
        )
    )

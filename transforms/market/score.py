"""How far positions are stretched: five parts between 0 and 1, each a rank times a size.

A rank alone calls the calmest market overheated on its liveliest day; a size alone knows nothing of
what an asset is used to. So each part is max(0, 2 · rank − 1) · min(1, excess ÷ scale): nothing in
the lower half of its own past, and whole only if it is as large as its scale says as well. Which
scale and why: docs/metrics/overheated-score.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from math import log
from operator import add

import polars as pl

from transforms.market.history import median, rank
from transforms.schemas.market import Crowd, SqueezeRisk

CROWDED_BY = 0.0001
"""Funding per 8 h beyond the typical one from which a side is crowded: one basis point."""

CROWDED_RANKS = (0.2, 0.8)
"""Up to the first shorts may be crowded, from the second on longs."""

HIGH, BUILDING = 60, 35
TOP_DECILE = 0.9

NORMAL_MOVE = 2
"""Times the median of the absolute daily changes: half of all days exceed the median itself."""

LEAST_WEIGHT = 75
"""What the known parts are measured against at least, so that funding beside nothing but open
interest cannot make the score high by itself."""


@dataclass(frozen=True, slots=True)
class Part:
    """weight: of the score. scale: excess at which the part is whole. ends_by_deleveraging: what
    it measures is gone once positions were closed."""

    name: str
    weight: int
    scale: float
    ends_by_deleveraging: bool = False


FUNDING = Part("score_funding", 40, 0.0003)
OPEN_INTEREST = Part("score_open_interest", 20, 0.10, ends_by_deleveraging=True)
LEVERAGE = Part("score_leverage", 15, 0.10, ends_by_deleveraging=True)
LIQUIDATIONS = Part("score_liquidations", 15, 0.02, ends_by_deleveraging=True)
LONG_SHORT = Part("score_long_short", 10, log(1.5))
PARTS = (FUNDING, OPEN_INTEREST, LEVERAGE, LIQUIDATIONS, LONG_SHORT)

_RATE = pl.col("funding_rate_8h_oi_weighted")
# To a billionth of a basis point: no side must hang on the rounding of a weighted mean.
_BEYOND = (_RATE - pl.col("funding_typical_8h")).round(15)
_SHORTS_PAY = _BEYOND < 0


def crowded_side() -> pl.Expr:
    """Needs `funding_typical_8h` and `funding_percentile_90d`."""
    place = pl.col("funding_percentile_90d")
    return (
        pl.when(_BEYOND.is_null() | place.is_null())
        .then(None)
        .when((_BEYOND >= CROWDED_BY) & (place >= CROWDED_RANKS[1]))
        .then(pl.lit(Crowd.LONG.value))
        .when((_BEYOND <= -CROWDED_BY) & (place <= CROWDED_RANKS[0]))
        .then(pl.lit(Crowd.SHORT.value))
        .otherwise(pl.lit(Crowd.NONE.value))
    )


def deleveraged() -> pl.Expr:
    """Needs `liquidations_percentile_90d` and the lists of `history.known_values`."""
    fell = pl.col("open_interest_change_pct") < -NORMAL_MOVE * median("moves")
    in_top_decile = pl.col("liquidations_percentile_90d") >= TOP_DECILE
    # Not `fell & in_top_decile`: false beside unknown would be false.
    return pl.when(fell.is_not_null() & in_top_decile.is_not_null()).then(fell & in_top_decile)


def _sided(place: pl.Expr) -> pl.Expr:
    """A rank as seen from the side that pays more than is usual."""
    return pl.when(_SHORTS_PAY).then(1 - place).otherwise(place)


def parts() -> list[pl.Expr]:
    """The parts; needs the columns of `crowded_side` and `deleveraged`."""
    accounts = pl.col("long_short_account_ratio")
    usual = median("accounts")
    lean = pl.when(accounts == usual).then(0.0).otherwise((accounts / usual).log())
    index = pl.col("interest").list.last()
    share = pl.col("liquidations_to_open_interest")
    measured = {
        FUNDING: (_sided(pl.col("funding_percentile_90d")), _BEYOND.abs()),
        OPEN_INTEREST: (pl.col("open_interest_percentile_90d"), _above(index, "interest")),
        LEVERAGE: (
            rank("leverage", "leverage_ratio"),
            _above(pl.col("leverage_ratio"), "leverage"),
        ),
        LIQUIDATIONS: (
            rank("liquidated_share", "liquidations_to_open_interest"),
            share - median("liquidated_share"),
        ),
        LONG_SHORT: (
            pl.when(_BEYOND.is_not_null()).then(
                _sided(rank("accounts", "long_short_account_ratio"))
            ),
            pl.when(_SHORTS_PAY).then(-lean).otherwise(lean),
        ),
    }
    return [_part(part, place, excess) for part, (place, excess) in measured.items()]


def _above(today: pl.Expr, values: str) -> pl.Expr:
    """By which share today is above the median; where all is 0, it is not."""
    middle = median(values)
    return pl.when(today == middle).then(0.0).otherwise(today / middle - 1)


def _part(part: Part, place: pl.Expr, excess: pl.Expr) -> pl.Expr:
    unusual = (2 * place - 1).clip(lower_bound=0.0)
    size = (excess / part.scale).clip(0.0, 1.0)
    value = unusual * size
    if part.ends_by_deleveraging:
        over = pl.col("deleveraged").fill_null(value=False) & value.is_not_null()
        value = pl.when(over).then(0.0).otherwise(value)
    return value.alias(part.name)


def overheated_score() -> pl.Expr:
    """The weighted mean of the parts that are known, from 0 to 100, counting what is missing of
    `LEAST_WEIGHT` as calm; NULL without funding or open interest, which no other part can stand
    for."""
    known = [
        (pl.col(part.name).fill_null(0.0) * part.weight, pl.col(part.name).is_not_null(), part)
        for part in PARTS
    ]
    # One after the other: `sum_horizontal` adds in an order that hangs on the number of threads.
    total = reduce(add, (value for value, _, _ in known))
    weights = pl.sum_horizontal(there.cast(pl.Int64) * part.weight for _, there, part in known)
    basis = pl.col(FUNDING.name).is_not_null() & pl.col(OPEN_INTEREST.name).is_not_null()
    return pl.when(basis).then(100 * total / pl.max_horizontal(weights, pl.lit(LEAST_WEIGHT)))


def squeeze_risk() -> pl.Expr:
    """Needs `overheated_score`, `crowded_side` and `deleveraged`."""
    score = pl.col("overheated_score")
    nobody = pl.col("crowded_side") == Crowd.NONE.value
    over = pl.col("deleveraged").fill_null(value=False)
    return (
        pl.when(score.is_null())
        .then(None)
        .when(nobody | over)
        .then(pl.lit(SqueezeRisk.NONE.value))
        .when(score >= HIGH)
        .then(pl.lit(SqueezeRisk.HIGH.value))
        .when(score >= BUILDING)
        .then(pl.lit(SqueezeRisk.BUILDING.value))
        .otherwise(pl.lit(SqueezeRisk.NONE.value))
    )

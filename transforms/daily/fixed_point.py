"""Amounts in fixed point: a trillionth of a dollar or coin.

Sums are exact and do not depend on order, and a rolling window is the difference of two running
sums without rounding; a published double is the one nearest to the exact sum.
"""

from __future__ import annotations

import polars as pl

FIXED_POINT = pl.Decimal(38, 12)


def nearest_double(amount: pl.Expr) -> pl.Expr:
    """The double nearest to a fixed-point number; a direct cast rounds twice."""
    return amount.cast(pl.String).cast(pl.Float64)

"""What a published daily aggregate is: its inputs, its reach over days, and its computation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import dataframely as dy
import polars as pl


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a daily table of one venue is computed from.

    rows: normalised rows of the table's dataset, from first − lookback to last + lookahead. Rows
        of other days may be among them; they are not looked at.
    accounting: `schemas.normalised.Accounting` with a column `date`, over the same days: which
        files covered a day, also those that had nothing to say.
    instruments: `schemas.evidence.Instruments` of the venue.
    regimes: `schemas.evidence.LiquidationRegimes` of the venue.
    """

    rows: pl.LazyFrame
    accounting: pl.DataFrame
    instruments: pl.DataFrame
    regimes: pl.DataFrame
    venue: str


@dataclass(frozen=True, slots=True)
class DailyTable:
    """A published table whose rows follow from the normalised days around them.

    lookback_days, lookahead_days: input needed before the first and after the last output day.
    reach_days: a changed input day d changes output days d − lookahead_days … d + reach_days.
    compute: rows for first … last inclusive, sorted by date and the rest of the key, validated
        against `schema`. The result for a day is the same whichever range it is computed in.
    """

    name: str
    dataset: str
    schema: type[dy.Schema]
    lookback_days: int
    lookahead_days: int
    reach_days: int
    compute: Callable[[Inputs, date, date], pl.DataFrame]

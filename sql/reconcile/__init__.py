"""The market tables once more: SQL over the normalised rows, against what the transforms wrote.

A second reading of what the tables mean, which shares no code and no intermediate number with the
first. Each file makes one table (or macro) of its own name, in the order of `STEPS`:

    normalised rows ─▶ *_day (a contract's day) ─▶ market_* (all contracts of an asset, and '*': of
    all assets) ─▶ market_daily, market_total_daily
    published market_daily ─▶ signal_* ─▶ signals_daily

The connection they run on has:

- `normalised_funding_rates`, `normalised_open_interest`, `normalised_liquidations`,
  `normalised_positioning`, `normalised_prices`, `normalised_reserves`: rows of all venues, from
  `ROWS_BEFORE` days before the first day to `ROWS_AFTER` after the last, without venue-days that
  the gate took out;
- `milled_days (table_name, venue, date)`: venue-days that have been aggregated. Rows of other days
  lie in the lake because windows look at them; they are no part of a market;
- `dollars_at_par (quote_asset)`: what counts as one US dollar;
- the variables `first_day` and `last_day`;
- the build, attached as `published`. Three things are taken from it rather than computed again:
  which contracts a liquidation feed covered and how completely (`liquidations_daily`), when
  contracts ended (`instruments`), and what signals compare with (`market_daily`, which is
  reconciled on its own days).
"""

from __future__ import annotations

from importlib.resources import files

STEPS = (
    "funding_day",
    "open_interest_day",
    "open_interest_counted",
    "liquidations_day",
    "positioning_day",
    "prices_day",
    "reserves_day",
    "market_presence",
    "market_funding",
    "market_open_interest",
    "market_liquidations",
    "market_rolling",
    "market_ratios",
    "market_price",
    "market_coverage",
    "market_daily",
    "market_total_daily",
    "twelve_digits",
    "score_part",
    "share_above",
    "signal_windows",
    "signal_ranks",
    "signals_daily",
)

ROWS_BEFORE = {
    # 30 days of rates, the first of which may rest on an interval of 33 days.
    "funding_rates": 29 + 33,
    "open_interest": 30,
    "liquidations": 1,
    "positioning": 0,
    "prices": 1,
    "reserves": 0,
}
"""Days of normalised rows needed before the first day, by dataset: all that are needed at all."""

ROWS_AFTER = {"funding_rates": 3}
"""Days needed after the last day, where a table looks ahead."""


def statements() -> dict[str, str]:
    """What each step executes, in order."""
    return {
        step: files(__name__).joinpath(f"{step}.sql").read_text(encoding="utf-8") for step in STEPS
    }

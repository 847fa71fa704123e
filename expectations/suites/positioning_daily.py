"""What must hold for long/short and taker ratios."""

# ruff: noqa: S608 - SQL put together from names of our own schemas; no reader's text gets in
from __future__ import annotations

from expectations.continuity import not_halved
from expectations.daily_rules import fresh, nobody_gone, not_empty
from expectations.rule import Rule, no_rows
from transforms.schemas.daily import PositioningDaily
from transforms.schemas.evidence import Severity

TABLE = "positioning_daily"

_RATIOS = [name for name in PositioningDaily.columns() if "_ratio_" in name]

_ALL_ACCOUNTS, _TOP_ACCOUNTS = "long_short_account_ratio", "top_trader_account_ratio"
_TOP_POSITIONS = "top_trader_position_ratio"
_HOLDERS = (_ALL_ACCOUNTS, _TOP_ACCOUNTS, _TOP_POSITIONS)
"""Ratios of who holds what: they move slowly, where a taker ratio is of a moment."""

_HELD = " UNION ALL ".join(
    f"SELECT date, venue, symbol, base_asset, '{name}' AS ratio, {name}_mean AS mean, "
    f"{name}_close AS close FROM batch WHERE {name}_mean > 0 AND {name}_close > 0"
    for name in _HOLDERS
)
_BESIDE = f"""
WITH held AS ({_HELD}), beside AS (
  SELECT *, lag(mean) OVER own AS mean_before, lag(close) OVER own AS close_before
  FROM held WHERE date BETWEEN {{first}} - {{days_back}} AND {{last}}
  WINDOW own AS (PARTITION BY venue, symbol, base_asset, ratio ORDER BY date)
)
"""


def _ratios(name: str, severity: Severity, wrong: str, reason: str, threshold: str) -> Rule:
    shown = ", ".join(
        f"CASE WHEN {column} {wrong} THEN '{column} = ' || {column} END" for column in _RATIOS
    )
    any_wrong = " OR ".join(f"{column} {wrong}" for column in _RATIOS)
    return no_rows(
        name,
        f"SELECT date, venue, symbol, concat_ws(', ', {shown}) AS finding "
        f"FROM batch WHERE {{in_run}} AND ({any_wrong}) ORDER BY date, venue, symbol",
        severity=severity,
        reason=reason,
        threshold=threshold,
        limits={"max_ratio": 1000},
        days=True,
        excludes=severity is Severity.CRITICAL,
    )


def _holders_bounded(name: str, *, assets: str, max_ratio: float, reason: str, of: str) -> Rule:
    return no_rows(
        name,
        f"""
        WITH held AS ({_HELD})
        SELECT date, venue, symbol, ratio, mean, close FROM held
        WHERE {{in_run}} AND {assets}
        AND (greatest(mean, close) > {{max_ratio}} OR least(mean, close) < 1 / {{max_ratio}})
        ORDER BY greatest(mean, close, 1 / mean, 1 / close) DESC, date, venue, symbol, ratio
        """,
        severity=Severity.WARNING,
        reason=reason,
        threshold=f"account and position ratios{of} between 1 ÷ {{max_ratio}} and {{max_ratio}}",
        limits={"max_ratio": max_ratio},
        days=True,
    )


def _ratios_steady() -> Rule:
    return no_rows(
        "ratios_steady",
        f"""
        {_BESIDE}
        SELECT date, venue, symbol, ratio, close_before, close, mean FROM beside
        WHERE {{in_run}} AND (close / close_before NOT BETWEEN 1 / {{max_factor}} AND {{max_factor}}
          OR mean / mean_before NOT BETWEEN 1 / {{max_factor}} AND {{max_factor}})
        ORDER BY abs(ln(close / close_before)) DESC, date, venue, symbol, ratio
        """,
        severity=Severity.WARNING,
        reason="of accounts and positions only a part changes hands in a day: a percentage or a "
        "share taken for a ratio",
        threshold="mean and close of account and position ratios within a factor of {max_factor} "
        "of the day seen before within {days_back} days",
        limits={"max_factor": 5, "days_back": 7},
        days=True,
    )


def _ratios_not_turned() -> Rule:
    """A ratio that crosses 1 during a day has a mean on the way; one that was turned at midnight
    has both mean and close on the far side, as far as they were on the near one."""
    turned = " AND ".join(
        f"{now} * {before} BETWEEN 1 / {{near}} AND {{near}} "
        f"AND greatest({now}, 1 / {now}) >= {{away}} AND ({now} > 1) <> ({before} > 1)"
        for now in ("mean", "close")
        for before in ("mean_before", "close_before")
    )
    return no_rows(
        "ratios_not_turned",
        f"""
        {_BESIDE}, judged AS (
          SELECT *, {turned} AS turned FROM beside
          WHERE {{in_run}} AND (least(mean_before, close_before) >= {{away}}
            OR greatest(mean_before, close_before) <= 1 / {{away}})
        ), counted AS (
          SELECT *, count(*) FILTER (turned) OVER of_venue AS n_turned,
            count(*) OVER of_venue AS n_judged
          FROM judged WINDOW of_venue AS (PARTITION BY date, venue, ratio)
        )
        SELECT date, venue, symbol, ratio, close_before, mean, close, n_turned, n_judged
        FROM counted WHERE turned AND (base_asset IN ('BTC', 'ETH')
          OR (n_turned >= {{few}} AND n_turned >= n_judged / 2))
        ORDER BY abs(ln(close / close_before)) DESC, date, venue, symbol, ratio
        """,
        severity=Severity.WARNING,
        reason="longs and shorts taken for one another: the ratio is 1 ÷ what it was, all day",
        threshold="account and position ratios of BTC and ETH, and of most of a venue's "
        "instruments, are not 1 ÷ those of the day seen before (within a factor of {near}, mean "
        "and close), both beyond {away} or 1 ÷ {away}",
        limits={"near": 1.2, "away": 1.15, "few": 3, "days_back": 7},
        days=True,
    )


RULES = (
    not_empty(Severity.WARNING, table=TABLE),
    fresh(Severity.WARNING, table=TABLE),
    nobody_gone(table=TABLE),
    not_halved(
        "not_halved",
        Severity.WARNING,
        table=TABLE,
        usual=4,
        reason="half of a venue's instruments stayed away: a file cut short, or a page not fetched",
    ),
    _ratios(
        "ratios_above_zero",
        Severity.CRITICAL,
        "<= 0",
        "0 in a raw file means not reported and must be NULL here",
        "ratio > 0 or NULL",
    ),
    # A warning: a minute in which almost nobody sold makes a taker ratio of thousands.
    _ratios(
        "ratios_believable",
        Severity.WARNING,
        ">= {max_ratio}",
        "a percentage or a volume taken for a ratio, or a market with next to no trade",
        "ratio < {max_ratio}",
    ),
    _holders_bounded(
        "holders_ratios_believable",
        assets="true",
        max_ratio=50,
        reason="98 of a hundred accounts on one side: a percentage taken for a ratio, or a market "
        "with next to nobody in it",
        of="",
    ),
    _holders_bounded(
        "majors_ratios_believable",
        assets="base_asset IN ('BTC', 'ETH')",
        max_ratio=10,
        reason="among the many accounts of the largest two, ten on one side for one on the other "
        "are a percentage or a share taken for a ratio",
        of=" of BTC and ETH",
    ),
    _ratios_steady(),
    _ratios_not_turned(),
)

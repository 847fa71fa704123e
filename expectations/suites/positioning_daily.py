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
)

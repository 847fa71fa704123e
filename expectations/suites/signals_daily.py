"""What must hold for signals. Formulas and thresholds are written down once more, on purpose."""

# ruff: noqa: S608 - SQL put together from names of our own schemas; no reader's text gets in
from __future__ import annotations

from expectations.market_rules import ASSET_DAY, fresh, not_empty, rows_are_those_of
from expectations.rule import no_rows
from transforms.schemas.evidence import Severity

_PERCENTILES = ("funding", "open_interest", "liquidations")
_WEIGHTS = {
    "funding": 40,
    "open_interest": 20,
    "leverage": 15,
    "liquidations": 15,
    "long_short": 10,
}

_SHOWN_PERCENTILES = ", ".join(f"{name}_percentile_90d" for name in _PERCENTILES)
_SHOWN_PARTS = ", ".join(f"score_{name}" for name in _WEIGHTS)
_WEIGHTED = " + ".join(f"{w} * coalesce(score_{name}, 0)" for name, w in _WEIGHTS.items())
_WEIGHT = " + ".join(
    f"CASE WHEN score_{name} IS NULL THEN 0 ELSE {w} END" for name, w in _WEIGHTS.items()
)
_BASIS = "score_funding IS NOT NULL AND score_open_interest IS NOT NULL"
_SCORE = f"(CASE WHEN {_BASIS} THEN 100.0 * ({_WEIGHTED}) / greatest(75, {_WEIGHT}) END)"

_TODAY = "SELECT b.*, m.funding_rate_8h_oi_weighted AS rate, m.open_interest_change_pct AS change"

RULES = (
    not_empty(),
    fresh(),
    rows_are_those_of(
        "SELECT date, base_asset FROM market_daily",
        ASSET_DAY,
        reason="signals stand beside the market's rows; an asset left out looks calm",
        threshold="a row per row of market_daily, and no other",
    ),
    no_rows(
        "percentiles_in_range",
        f"""
        SELECT date, base_asset, {_SHOWN_PERCENTILES} FROM batch
        WHERE {{in_run}} AND greatest({_SHOWN_PERCENTILES}) > 1 ORDER BY date, base_asset
        """,
        severity=Severity.CRITICAL,
        reason="a rank is a share of days",
        threshold="percentiles ≤ 1",
        days=True,
    ),
    no_rows(
        "history_within_window",
        """
        SELECT date, base_asset, funding_history_days, open_interest_history_days,
          liquidations_history_days
        FROM batch WHERE {in_run} AND greatest(funding_history_days, open_interest_history_days,
          liquidations_history_days) > {max_days}
        ORDER BY date, base_asset
        """,
        severity=Severity.CRITICAL,
        reason="more days than the window has are a day counted twice, or too long a window",
        threshold="history days ≤ {max_days}",
        limits={"max_days": 90},
        days=True,
    ),
    no_rows(
        "history_long_enough",
        f"""
        SELECT date, base_asset, funding_history_days, open_interest_history_days,
          liquidations_history_days, {_SHOWN_PERCENTILES}, funding_typical_8h
        FROM batch WHERE {{in_run}} AND (
          {
            " OR ".join(
                f"({name}_history_days < {{min_days}} AND {name}_percentile_90d IS NOT NULL)"
                for name in _PERCENTILES
            )
        }
          OR (funding_percentile_90d IS NOT NULL AND funding_typical_8h IS NULL))
        ORDER BY date, base_asset
        """,
        severity=Severity.CRITICAL,
        reason="a rank among a handful of days is chance; 365 days hold what 90 do",
        threshold="a percentile needs {min_days} days, and where there is one for funding its "
        "typical rate is known",
        limits={"min_days": 14},
        days=True,
    ),
    no_rows(
        "parts_in_range",
        f"""
        SELECT date, base_asset, {_SHOWN_PARTS} FROM batch
        WHERE {{in_run}} AND greatest({_SHOWN_PARTS}) > 1 ORDER BY date, base_asset
        """,
        severity=Severity.CRITICAL,
        reason="a part above 1 outweighs the others in the score",
        threshold="parts of the score ≤ 1",
        days=True,
    ),
    no_rows(
        "score_as_defined",
        f"""
        SELECT date, base_asset, overheated_score, {_SCORE} AS from_parts, {_SHOWN_PARTS}
        FROM batch WHERE {{in_run}} AND ((overheated_score IS NULL) <> ({_SCORE} IS NULL)
          OR abs(overheated_score - {_SCORE}) > {{tolerance}} OR overheated_score > 100)
        ORDER BY abs(overheated_score - {_SCORE}) DESC NULLS FIRST, date, base_asset
        """,
        severity=Severity.CRITICAL,
        reason="readers take the score apart, and its parts are published beside it",
        threshold="100 × the known parts, weighted 40, 20, 15, 15, 10, ÷ their weights or 75; NULL "
        "without funding or open interest; ≤ 100",
        limits={"tolerance": 1e-6},
        days=True,
    ),
    no_rows(
        "deleveraged_has_cooled",
        """
        SELECT date, base_asset, score_open_interest, score_leverage, score_liquidations
        FROM batch WHERE {in_run} AND deleveraged
        AND greatest(score_open_interest, score_leverage, score_liquidations) > 0
        ORDER BY date, base_asset
        """,
        severity=Severity.CRITICAL,
        reason="what was stretched is gone",
        threshold="score_open_interest, _leverage and _liquidations are 0 where deleveraged",
        days=True,
    ),
    no_rows(
        "deleveraged_fell",
        f"""
        SELECT date, base_asset, change, liquidations_percentile_90d
        FROM ({_TODAY} FROM batch AS b JOIN market_daily AS m USING (date, base_asset)) AS today
        WHERE {{in_run}} AND ((deleveraged AND NOT (coalesce(change < 0, false)
            AND coalesce(liquidations_percentile_90d >= {{min_rank}}, false)))
          OR (deleveraged IS NOT NULL
            AND (change IS NULL OR liquidations_percentile_90d IS NULL)))
        ORDER BY date, base_asset
        """,
        severity=Severity.CRITICAL,
        reason="positions closed by force: open interest fell while liquidations were in their "
        "top decile",
        threshold="deleveraged only with a fall and a rank ≥ {min_rank}; NULL without either",
        limits={"min_rank": 0.9},
        days=True,
    ),
    # Right at a threshold rounding decides, so there both answers are right.
    no_rows(
        "crowded_side_as_defined",
        f"""
        SELECT date, base_asset, crowded_side, rate, funding_typical_8h, funding_percentile_90d
        FROM (
          {_TODAY}, rate - funding_typical_8h AS beyond, funding_percentile_90d AS place
          FROM batch AS b JOIN market_daily AS m USING (date, base_asset)
        ) AS today WHERE {{in_run}} AND (
          (crowded_side IS NULL) <> (beyond IS NULL OR place IS NULL)
          OR (crowded_side = 'long' AND (beyond < {{by}} - 1e-12 OR place < {{rank}} - 1e-12))
          OR (crowded_side = 'short' AND (beyond > 1e-12 - {{by}} OR place > 1 + 1e-12 - {{rank}}))
          OR (crowded_side = 'none' AND ((beyond > {{by}} + 1e-12 AND place > {{rank}} + 1e-12)
            OR (beyond < -1e-12 - {{by}} AND place < 1 - 1e-12 - {{rank}}))))
        ORDER BY abs(beyond) DESC NULLS FIRST, date, base_asset
        """,
        severity=Severity.CRITICAL,
        reason="the side that pays more than is usual, by more than a basis point",
        threshold="long at ≥ {by} above the typical rate and rank ≥ {rank}, short below likewise",
        limits={"by": 0.0001, "rank": 0.8},
        days=True,
    ),
    no_rows(
        "squeeze_risk_as_defined",
        """
        SELECT date, base_asset, squeeze_risk, overheated_score, crowded_side, deleveraged
        FROM batch WHERE {in_run} AND squeeze_risk IS DISTINCT FROM CASE
          WHEN overheated_score IS NULL THEN NULL
          WHEN coalesce(deleveraged, false) OR crowded_side = 'none' THEN 'none'
          WHEN overheated_score >= {high} THEN 'high'
          WHEN overheated_score >= {building} THEN 'building' ELSE 'none' END
        ORDER BY overheated_score DESC NULLS FIRST, date, base_asset
        """,
        severity=Severity.CRITICAL,
        reason="the words readers act on must be those of the number beside them",
        threshold="high from {high} on, building from {building}; none where nobody is crowded or "
        "positions were closed; NULL without a score",
        limits={"high": 60, "building": 35},
        days=True,
    ),
)

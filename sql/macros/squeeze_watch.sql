-- All assets of a day by how stretched positions are: `squeeze_risk`, `overheated_score` (0 to
-- 100), the crowded side, whether the day deleveraged, and the score's parts (0 to 1) with what
-- they rest on. NULL in a score: fewer than 14 known days of it in 90, or today is not known;
-- assets without a score come last. Completeness of liquidations and coverage of open interest
-- qualify the parts made of them.
CREATE OR REPLACE MACRO squeeze_watch(day) AS TABLE
SELECT s.base_asset, s.squeeze_risk, s.overheated_score, s.crowded_side, s.deleveraged,
  s.score_funding, s.score_open_interest, s.score_leverage, s.score_liquidations,
  s.score_long_short, m.funding_rate_8h_oi_weighted, s.funding_typical_8h,
  m.open_interest_usd, m.open_interest_change_pct AS open_interest_change_fraction,
  m.liquidations_total_usd, m.liquidations_completeness, m.open_interest_coverage
FROM signals_daily AS s JOIN market_daily AS m
  ON m.date = s.date AND m.base_asset = s.base_asset
WHERE s.date = day::DATE
ORDER BY s.overheated_score DESC NULLS LAST, s.base_asset;

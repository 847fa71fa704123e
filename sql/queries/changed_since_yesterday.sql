-- title: What changed against yesterday?
-- answers: Per asset price, open interest, funding, liquidations and positioning beside the day
--   before, and whether squeeze risk or the crowded side changed.
-- units: fractions, US dollars, funding fraction per 8 h, ratios.
-- caveats: Open interest and price changes are of instruments that were there on both days;
--   liquidations compare only where completeness is the same on both (else change is NULL).
-- param day DATE = latest : UTC day
SELECT m.base_asset, m.price_return AS price_return_fraction,
  m.open_interest_change_pct AS open_interest_change_fraction, m.open_interest_usd,
  b.funding_rate_8h_oi_weighted AS before_funding_rate_8h,
  m.funding_rate_8h_oi_weighted AS funding_rate_8h,
  b.liquidations_total_usd AS before_liquidations_usd,
  m.liquidations_total_usd AS liquidations_usd,
  CASE WHEN m.liquidations_completeness = b.liquidations_completeness
    THEN m.liquidations_total_usd - b.liquidations_total_usd END AS liquidations_change_usd,
  m.long_short_account_ratio / nullif(b.long_short_account_ratio, 0) - 1
    AS long_short_change_fraction,
  y.crowded_side AS before_crowded_side, s.crowded_side, y.squeeze_risk AS before_squeeze_risk,
  s.squeeze_risk, m.liquidations_completeness AS completeness, m.open_interest_coverage
FROM market_daily AS m
LEFT JOIN market_daily AS b ON b.date = m.date - 1 AND b.base_asset = m.base_asset
LEFT JOIN signals_daily AS s ON s.date = m.date AND s.base_asset = m.base_asset
LEFT JOIN signals_daily AS y ON y.date = m.date - 1 AND y.base_asset = m.base_asset
WHERE m.date = $day::DATE
ORDER BY m.open_interest_usd DESC NULLS LAST, m.base_asset;

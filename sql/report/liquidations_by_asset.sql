-- title: Which assets were liquidated, and on which side?
-- answers: Longs and shorts per asset over all venues, the share of longs, and what part of the
--   open interest it was.
-- units: US dollars of positions, fractions.
-- caveats: Assets without a feed have NULL and come last. throttled and partial are lower bounds.
-- param day DATE = latest : UTC day
SELECT base_asset, liquidations_long_usd AS long_usd, liquidations_short_usd AS short_usd,
  liquidations_total_usd AS total_usd,
  liquidations_long_usd / nullif(liquidations_total_usd, 0) AS long_share_fraction,
  liquidations_to_open_interest AS to_open_interest_fraction,
  liquidations_completeness AS completeness
FROM market_daily
WHERE date = $day::DATE
ORDER BY total_usd DESC NULLS LAST, base_asset;

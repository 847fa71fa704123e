-- title: How did the whole market do, day by day?
-- answers: All assets and venues together: open interest and its change, funding, liquidations, and
--   how much stands behind them.
-- units: US dollars, funding fraction per 8 h, fractions.
-- caveats: Coverage below 1 and completeness other than complete: lower bounds.
-- param start DATE = latest-29 : first UTC day
-- param stop DATE = latest : last UTC day, inclusive
SELECT date, open_interest_usd, open_interest_change_pct AS open_interest_change_fraction,
  funding_rate_8h_oi_weighted, funding_rate_annualised_oi_weighted, liquidations_total_usd,
  liquidations_long_usd / nullif(liquidations_total_usd, 0) AS long_share_fraction,
  liquidations_max_24h_usd, liquidations_completeness AS completeness, open_interest_coverage,
  assets AS asset_count, venues AS venue_count, instruments AS instrument_count
FROM market_total_daily
WHERE date BETWEEN $start::DATE AND $stop::DATE
ORDER BY date;

-- title: Which assets lost the largest share of their positions to liquidation?
-- answers: Liquidations of a day against the open interest of the day before, over instruments that
--   have both, with their rank in 90 days.
-- units: US dollars; to_open_interest_fraction; liquidations_percentile_90d from 0 to 1 among days
--   of the same completeness.
-- caveats: NULL where no instrument has both a feed and open interest the day before.
-- param day DATE = latest : UTC day
SELECT m.base_asset, m.liquidations_to_open_interest AS to_open_interest_fraction,
  m.liquidations_total_usd, m.liquidations_long_usd / nullif(m.liquidations_total_usd, 0)
    AS long_share_fraction,
  s.liquidations_percentile_90d, s.deleveraged, m.liquidations_completeness AS completeness
FROM market_daily AS m LEFT JOIN signals_daily AS s
  ON s.date = m.date AND s.base_asset = m.base_asset
WHERE m.date = $day::DATE AND m.liquidations_completeness IS NOT NULL
ORDER BY to_open_interest_fraction DESC NULLS LAST, m.base_asset;

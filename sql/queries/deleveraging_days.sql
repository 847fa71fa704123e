-- title: When was the market flushed out?
-- answers: Days on which an asset's open interest in coin fell by more than its usual move while
--   liquidations were in their top decile.
-- units: open_interest_change_fraction on coin, US dollars.
-- caveats: Needs 14 known days of both before; days of which it is not known are not here.
-- param start DATE = latest-89 : first UTC day
-- param stop DATE = latest : last UTC day, inclusive
-- param asset VARCHAR = NULL : only this base asset
SELECT s.date, s.base_asset, m.open_interest_change_pct AS open_interest_change_fraction,
  m.open_interest_change_usd, m.liquidations_total_usd,
  m.liquidations_long_usd / nullif(m.liquidations_total_usd, 0) AS long_share_fraction,
  m.price_return AS price_return_fraction, m.liquidations_completeness AS completeness,
  m.open_interest_coverage
FROM signals_daily AS s JOIN market_daily AS m
  ON m.date = s.date AND m.base_asset = s.base_asset
WHERE s.deleveraged AND s.date BETWEEN $start::DATE AND $stop::DATE
  AND ($asset IS NULL OR s.base_asset = $asset)
ORDER BY s.date, s.base_asset;

-- title: Which side was liquidated, day by day?
-- answers: The series of longs and shorts liquidated of an asset, with the share of longs and the
--   price move of the day.
-- units: US dollars; fractions.
-- caveats: NULL without a feed; throttled and partial amounts are lower bounds, their share of
--   longs is that of what was seen.
-- param asset VARCHAR = BTC : base asset
-- param start DATE = latest-29 : first UTC day
-- param stop DATE = latest : last UTC day, inclusive
SELECT date, liquidations_long_usd, liquidations_short_usd, liquidations_total_usd,
  liquidations_long_usd / nullif(liquidations_total_usd, 0) AS long_share_fraction,
  price_return AS price_return_fraction, liquidations_completeness AS completeness,
  liquidations_venues AS venue_count
FROM market_daily
WHERE base_asset = $asset AND date BETWEEN $start::DATE AND $stop::DATE
ORDER BY date;

-- title: What was the worst 24 hours ending on each day?
-- answers: The largest rolling 24-hour total of liquidations per day beside the day's own, over all
--   venues, of one asset or of all.
-- units: US dollars; max_24h_end UTC, the event at which the window ends.
-- caveats: A window looks into the day before. NULL without a feed; 0 where nothing was liquidated.
-- param asset VARCHAR = NULL : only this base asset; NULL: all assets together
-- param start DATE = latest-29 : first UTC day
-- param stop DATE = latest : last UTC day, inclusive
SELECT date, liquidations_max_24h_usd AS max_24h_usd, liquidations_max_24h_end AS max_24h_end,
  liquidations_total_usd AS day_usd, liquidations_completeness AS completeness
FROM market_total_daily
WHERE $asset IS NULL AND date BETWEEN $start::DATE AND $stop::DATE
UNION ALL
SELECT date, liquidations_max_24h_usd, liquidations_max_24h_end, liquidations_total_usd,
  liquidations_completeness
FROM market_daily
WHERE base_asset = $asset AND date BETWEEN $start::DATE AND $stop::DATE
ORDER BY date;

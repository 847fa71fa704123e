-- title: What were the largest single liquidations?
-- answers: The largest liquidated orders that are known in a span of days.
-- units: largest_usd US dollars; side is the position that was liquidated.
-- caveats: Of each instrument and day only the largest is kept; feeds that are not complete may
--   hide larger ones.
-- param start DATE = latest-29 : first UTC day
-- param stop DATE = latest : last UTC day, inclusive
-- param asset VARCHAR = NULL : only this base asset
-- param n BIGINT = 20 : rows
SELECT largest_at, venue, symbol, base_asset, largest_side AS side, largest_usd, completeness
FROM liquidations_daily
WHERE date BETWEEN $start::DATE AND $stop::DATE AND largest_usd IS NOT NULL
  AND ($asset IS NULL OR base_asset = $asset)
ORDER BY largest_usd DESC, largest_at, venue, symbol
LIMIT $n;

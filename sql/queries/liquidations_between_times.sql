-- title: What was liquidated between two times?
-- answers: Longs and shorts per asset and venue in full hours, from since up to but not including
--   until.
-- units: US dollars of positions, counts of orders.
-- caveats: Both times are cut down to full hours (first_hour, end_hour say to which). 0: the feed
--   was there and nothing was seen; no row: no feed. completeness speaks of whole days.
-- param since TIMESTAMP : UTC, cut down to the hour
-- param until TIMESTAMP : UTC, cut down to the hour
-- param asset VARCHAR = NULL : only this base asset
SELECT base_asset, venue, first_hour, end_hour, long_usd, short_usd, total_usd, long_count,
  short_count, completeness, day_count_with_feed, day_count
FROM liquidations_between($since::TIMESTAMP, $until::TIMESTAMP)
WHERE $asset IS NULL OR base_asset = $asset
ORDER BY base_asset, venue;

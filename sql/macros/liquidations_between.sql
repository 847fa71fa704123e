-- Positions liquidated from `since` up to but not including `until` (UTC), per asset and venue, in
-- US dollars. Both bounds are cut down to full hours, and `first_hour` and `end_hour` say to which:
-- 08:30 to 10:15 is [08:00, 10:00). 0 where the feed covered those days and nothing was seen; no
-- row where there was no feed; NULL where no amount has a price. `completeness` is the weakest of
-- the instruments' days, and at least `partial` where an amount has no price or where the venue
-- has no row on a day that the span touches (`day_count_with_feed` < `day_count`). It speaks of
-- whole days: `partial` hours may lie outside the span.
CREATE OR REPLACE MACRO liquidations_between(since, until) AS TABLE
WITH span AS (
  SELECT date_trunc('hour', since::TIMESTAMP) AS first_hour,
    date_trunc('hour', until::TIMESTAMP) AS end_hour
), feeds AS (
  SELECT d.base_asset, d.venue, s.first_hour, s.end_hour,
    date_diff('day', s.first_hour, s.end_hour - INTERVAL 1 SECOND) + 1 AS day_count,
    count(DISTINCT d.date) AS day_count_with_feed,
    max(list_position(['complete', 'throttled', 'partial', 'unknown'], d.completeness)) AS weakest
  FROM span AS s JOIN liquidations_daily AS d
    ON d.date BETWEEN s.first_hour::DATE AND (s.end_hour - INTERVAL 1 SECOND)::DATE
  WHERE s.first_hour < s.end_hour
  GROUP BY d.base_asset, d.venue, s.first_hour, s.end_hour
), hours AS (
  SELECT h.base_asset, h.venue,
    sum(h.long_usd ORDER BY h.hour, h.symbol) AS long_usd,
    sum(h.short_usd ORDER BY h.hour, h.symbol) AS short_usd,
    sum(h.long_count) AS long_count, sum(h.short_count) AS short_count,
    bool_or(h.long_usd IS NULL OR h.short_usd IS NULL) AS unpriced
  FROM span AS s JOIN liquidations_hourly AS h
    ON h.hour >= s.first_hour AND h.hour < s.end_hour
  GROUP BY h.base_asset, h.venue
), known AS (
  SELECT f.base_asset, f.venue, f.first_hour, f.end_hour, f.day_count, f.day_count_with_feed,
    CASE WHEN h.venue IS NULL THEN 0.0 ELSE h.long_usd END AS long_usd,
    CASE WHEN h.venue IS NULL THEN 0.0 ELSE h.short_usd END AS short_usd,
    coalesce(h.long_count, 0)::BIGINT AS long_count,
    coalesce(h.short_count, 0)::BIGINT AS short_count,
    CASE WHEN coalesce(h.unpriced, false) OR f.day_count_with_feed < f.day_count
      THEN greatest(f.weakest, 3) ELSE f.weakest END AS weakest
  FROM feeds AS f LEFT JOIN hours AS h ON h.base_asset = f.base_asset AND h.venue = f.venue
)
SELECT base_asset, venue, first_hour, end_hour, long_usd, short_usd,
  CASE WHEN long_usd IS NOT NULL OR short_usd IS NOT NULL
    THEN coalesce(long_usd, 0) + coalesce(short_usd, 0) END AS total_usd,
  long_count, short_count,
  ['complete', 'throttled', 'partial', 'unknown'][weakest] AS completeness,
  day_count_with_feed, day_count
FROM known
ORDER BY base_asset, venue;

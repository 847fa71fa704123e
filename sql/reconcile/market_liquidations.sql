-- Positions liquidated on a day over all feeds, how completely they show it, and their share of
-- the open interest the day before.
CREATE TABLE market_liquidations AS
WITH contracts AS (
  SELECT unnest([liquidations.base_asset, '*']) AS scope, liquidations.*,
    long_usd + short_usd AS total_usd,
    interest.usd_close AS interest_before,
    list_position(['complete', 'throttled', 'partial', 'unknown'], completeness) AS weakness
  FROM liquidations_day AS liquidations LEFT JOIN open_interest_counted AS interest
    ON interest.venue = liquidations.venue AND interest.symbol = liquidations.symbol
    AND interest.date = liquidations.date - 1
), days AS (
  SELECT scope, date,
    sum(long_usd) AS liquidations_long_usd,
    sum(short_usd) AS liquidations_short_usd,
    -- A side that is not known makes the sum a lower bound, which is what partial means.
    max(CASE WHEN total_usd IS NULL THEN greatest(weakness, 3) ELSE weakness END) AS weakness,
    sum(total_usd) FILTER (interest_before IS NOT NULL)
      / nullif(sum(interest_before) FILTER (total_usd IS NOT NULL), 0)
      AS liquidations_to_open_interest
  FROM contracts
  GROUP BY scope, date
)
SELECT * EXCLUDE (weakness),
  CASE WHEN liquidations_long_usd IS NOT NULL OR liquidations_short_usd IS NOT NULL
    THEN coalesce(liquidations_long_usd, 0) + coalesce(liquidations_short_usd, 0)
  END AS liquidations_total_usd,
  ['complete', 'throttled', 'partial', 'unknown'][weakness] AS liquidations_completeness
FROM days;

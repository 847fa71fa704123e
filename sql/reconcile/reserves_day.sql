-- Coins that all exchanges together hold at the end of a day: the last finished bucket, of the
-- bucket length that covers most of the day (of equal ones the finest). Where several series tell,
-- the first by provider and name counts.
CREATE TABLE reserves_day AS
WITH buckets AS (
  SELECT DATE '1970-01-01' + (epoch_us(sampled_at) // 86400000000)::INTEGER AS date,
    venue AS provider, symbol AS series, bucket_minutes,
    arg_max({'asset': base_asset, 'exchange': reference_venue, 'coin': reserve_coin}, sampled_at)
      AS at_end,
    count(*) * bucket_minutes AS minutes_covered
  FROM normalised_reserves
  WHERE NOT still_forming AND bucket_minutes <= 1440
  GROUP BY date, venue, symbol, bucket_minutes
), days AS (
  SELECT date, provider, series, at_end.asset AS base_asset, at_end.exchange AS exchange,
    at_end.coin AS reserve_coin
  FROM buckets
  WHERE (provider, date) IN (
    SELECT (venue, date) FROM milled_days WHERE table_name = 'reserves_daily')
  QUALIFY row_number() OVER (
    PARTITION BY date, provider, series ORDER BY minutes_covered DESC, bucket_minutes) = 1
)
SELECT date, base_asset, reserve_coin
FROM days
WHERE exchange IS NULL
QUALIFY row_number() OVER (PARTITION BY date, base_asset ORDER BY provider, series) = 1;

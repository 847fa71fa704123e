-- A contract's open interest over the snapshots of a day: last and mean, and the change since the
-- day before.
--
-- A row that tells neither coin nor USD is no snapshot. Where a ticker changes hands during a day,
-- the listing that ends the day counts. A day of which only its neighbour's file speaks (fewer than
-- one in a hundred of its snapshots: the one of 00:00) is a trace: it has a row, and the market
-- counts it nowhere. A trace has no close to compare with either, unless it was seen after noon.
CREATE TABLE open_interest_day AS
WITH listings AS (
  SELECT epoch_us(sampled_at) // 86400000000 AS day, venue, symbol, listing,
    -- arg_max() passes over rows in which the amount is NULL.
    arg_max(base_asset, sampled_at) AS base_asset,
    arg_max(margin_type, sampled_at) AS margin_type,
    arg_max(contract_kind, sampled_at) AS contract_kind,
    arg_max(open_interest_coin, sampled_at) AS coin_close,
    arg_max(open_interest_usd, sampled_at) AS usd_close,
    avg(open_interest_usd) AS usd_mean,
    count(*) AS samples,
    CASE WHEN count(*) = count(sample_interval_minutes)
      THEN 1440 // min(sample_interval_minutes) END AS samples_due,
    max(epoch_us(sampled_at)) % 86400000000 // 3600000000 AS last_hour
  FROM normalised_open_interest
  WHERE open_interest_coin IS NOT NULL OR open_interest_usd IS NOT NULL
  GROUP BY day, venue, symbol, listing
), days AS (
  SELECT * EXCLUDE (day, samples, samples_due, last_hour),
    DATE '1970-01-01' + day::INTEGER AS date,
    coalesce(samples / samples_due < 0.01, false) AS is_trace,
    CASE WHEN NOT is_trace OR last_hour >= 12 THEN coin_close END AS coin_at_end,
    CASE WHEN NOT is_trace OR last_hour >= 12 THEN usd_close END AS usd_at_end
  FROM listings
  QUALIFY listing = max(listing) OVER (PARTITION BY day, venue, symbol)
)
SELECT today.date, today.venue, today.symbol, today.base_asset, today.margin_type,
  today.contract_kind, today.coin_close, today.usd_close, today.usd_mean, today.is_trace,
  today.coin_at_end - before.coin_at_end AS change_coin,
  today.usd_at_end - before.usd_at_end AS change_usd
FROM days AS today LEFT JOIN days AS before
  ON before.venue = today.venue AND before.symbol = today.symbol
  AND before.listing = today.listing AND before.date = today.date - 1
WHERE (today.venue, today.date) IN (
  SELECT (venue, date) FROM milled_days WHERE table_name = 'open_interest_daily');

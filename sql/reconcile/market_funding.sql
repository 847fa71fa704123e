-- Funding over perpetuals: weighted by the day's mean open interest, by traded volume, and each
-- counted once; and the OI-weighted rate over 7 and 30 days.
CREATE TABLE market_funding AS
WITH rates AS (
  SELECT unnest([funding.base_asset, '*']) AS scope, funding.date, funding.venue,
    funding.funding_rate_8h AS rate,
    CASE WHEN interest.usd_mean > 0 THEN interest.usd_mean END AS interest,
    CASE WHEN prices.volume_usd > 0 THEN prices.volume_usd END AS volume
  FROM funding_day AS funding
    LEFT JOIN open_interest_counted AS interest USING (date, venue, symbol)
    LEFT JOIN prices_day AS prices USING (date, venue, symbol)
  WHERE funding.contract_kind = 'perpetual' AND funding.funding_rate_8h IS NOT NULL
), days AS (
  SELECT scope, date,
    count(DISTINCT venue) AS funding_venues,
    sum(interest * rate) / sum(interest) AS funding_rate_8h_oi_weighted,
    sum(volume * rate) / sum(volume) AS funding_rate_8h_volume_weighted,
    avg(rate) AS funding_rate_8h_mean,
    median(rate) AS funding_rate_8h_median,
    min(rate) AS funding_rate_8h_min,
    max(rate) AS funding_rate_8h_max
  FROM rates
  GROUP BY scope, date
)
SELECT *,
  funding_rate_8h_oi_weighted * 3 * 365 AS funding_rate_annualised_oi_weighted,
  -- A day pays three times the rate of eight hours. Every day inside must be known.
  CASE WHEN count(funding_rate_8h_oi_weighted) OVER week = 7
    THEN sum(3 * funding_rate_8h_oi_weighted) OVER week
  END AS funding_cumulative_7d,
  CASE WHEN count(funding_rate_8h_oi_weighted) OVER month = 30
    THEN sum(3 * funding_rate_8h_oi_weighted) OVER month
  END AS funding_cumulative_30d,
  CASE WHEN count(funding_rate_8h_oi_weighted) OVER month = 30
    THEN product(1 + 3 * funding_rate_8h_oi_weighted) OVER month - 1
  END AS funding_compounded_30d
FROM days
WINDOW
  week AS (PARTITION BY scope ORDER BY date
    RANGE BETWEEN INTERVAL 6 DAYS PRECEDING AND CURRENT ROW),
  month AS (PARTITION BY scope ORDER BY date
    RANGE BETWEEN INTERVAL 29 DAYS PRECEDING AND CURRENT ROW);

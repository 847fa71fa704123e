-- title: What are the day's numbers, and how far can they be trusted?
-- answers: One row per figure of the whole market, then of the asset with the most open interest:
--   its value, the day before, the change where the two can be compared, how complete it is, and
--   which venues lack data of its kind.
-- units: as `unit` says: USD, fraction, fraction per 8 h, ratio, USD per coin. change_kind says what
--   a change is: `relative` (a fraction of the day before) or `difference` (in the figure's unit).
-- caveats: completeness `complete` (all venues, instruments and settlements due), `throttled` and
--   `partial` (lower bounds where a figure is a sum), `unknown`; NULL where there is no value. The
--   change of open interest is over instruments of both days at the price of the day before, that
--   of liquidations only between days of equal completeness and venues.
-- param day DATE = latest : UTC day
WITH lacking AS (
  SELECT dataset, venue, status FROM coverage_daily
  WHERE date = $day::DATE AND status IN ('missing', 'partial')
  UNION
  -- a venue that is there, with settlements that were due and are not
  SELECT 'funding_rates', venue, 'partial' FROM funding_daily
  WHERE date = $day::DATE AND contract_kind = 'perpetual'
    AND settlement_count < expected_settlement_count
), feeds AS (
  SELECT dataset,
    string_agg(venue, ', ' ORDER BY venue) FILTER (status = 'missing') AS missing,
    string_agg(venue, ', ' ORDER BY venue) FILTER (status = 'partial') AS partial
  FROM lacking GROUP BY dataset
), liquidation_feeds AS (
  SELECT date, string_agg(DISTINCT venue, ', ' ORDER BY venue) AS venues
  FROM liquidations_daily WHERE date BETWEEN $day::DATE - 1 AND $day::DATE
  GROUP BY date
), total AS (
  SELECT m.*, f.venues AS feeds,
    m.liquidations_long_usd / nullif(m.liquidations_total_usd, 0) AS long_share,
    CASE WHEN m.open_interest_usd IS NULL THEN NULL
      WHEN m.open_interest_coverage IS NULL THEN 'unknown'
      -- coverage is a sum of floats divided by itself: a venue is never as small as this
      WHEN m.open_interest_coverage < 0.999999 THEN 'partial' ELSE 'complete' END
      AS interest_completeness
  FROM market_total_daily AS m LEFT JOIN liquidation_feeds AS f ON f.date = m.date
), today AS (
  SELECT * FROM total WHERE date = $day::DATE
), before AS (
  SELECT * FROM total WHERE date = $day::DATE - 1
), largest AS (
  SELECT * FROM market_daily WHERE date = $day::DATE
  ORDER BY open_interest_usd DESC NULLS LAST, base_asset LIMIT 1
), largest_before AS (
  SELECT m.* FROM market_daily AS m JOIN largest AS l
    ON m.date = l.date - 1 AND m.base_asset = l.base_asset
), comparable AS (
  -- liquidations of two days say something of each other only if seen through the same feeds
  SELECT t.liquidations_completeness = b.liquidations_completeness AND t.feeds = b.feeds AS both
  FROM today AS t LEFT JOIN before AS b ON true
), figures AS (
  SELECT 1 AS position, 'open_interest_usd' AS figure, NULL AS base_asset, 'USD' AS unit,
    t.open_interest_usd AS value, b.open_interest_usd AS before_value,
    t.open_interest_change_pct AS change, 'relative' AS change_kind, 'open_interest' AS dataset,
    t.interest_completeness AS completeness, t.open_interest_coverage AS coverage
  FROM today AS t LEFT JOIN before AS b ON true
  UNION ALL
  SELECT 2, 'funding_rate_8h_oi_weighted', NULL, 'fraction per 8 h', t.funding_rate_8h_oi_weighted,
    b.funding_rate_8h_oi_weighted, t.funding_rate_8h_oi_weighted - b.funding_rate_8h_oi_weighted,
    'difference', 'funding_rates', NULL, NULL
  FROM today AS t LEFT JOIN before AS b ON true
  UNION ALL
  SELECT 3, 'funding_rate_annualised_oi_weighted', NULL, 'fraction per year',
    t.funding_rate_annualised_oi_weighted, b.funding_rate_annualised_oi_weighted,
    t.funding_rate_annualised_oi_weighted - b.funding_rate_annualised_oi_weighted,
    'difference', 'funding_rates', NULL, NULL
  FROM today AS t LEFT JOIN before AS b ON true
  UNION ALL
  SELECT 4, 'liquidations_total_usd', NULL, 'USD', t.liquidations_total_usd,
    b.liquidations_total_usd,
    CASE WHEN c.both
      THEN t.liquidations_total_usd / nullif(b.liquidations_total_usd, 0) - 1 END,
    'relative', 'liquidations', t.liquidations_completeness, NULL
  FROM today AS t LEFT JOIN before AS b ON true CROSS JOIN comparable AS c
  UNION ALL
  SELECT 5, 'liquidations_long_share', NULL, 'fraction', t.long_share, b.long_share,
    CASE WHEN c.both THEN t.long_share - b.long_share END, 'difference', 'liquidations',
    t.liquidations_completeness, NULL
  FROM today AS t LEFT JOIN before AS b ON true CROSS JOIN comparable AS c
  UNION ALL
  SELECT 6, 'liquidations_max_24h_usd', NULL, 'USD', t.liquidations_max_24h_usd,
    b.liquidations_max_24h_usd,
    CASE WHEN c.both
      THEN t.liquidations_max_24h_usd / nullif(b.liquidations_max_24h_usd, 0) - 1 END,
    'relative', 'liquidations', t.liquidations_completeness, NULL
  FROM today AS t LEFT JOIN before AS b ON true CROSS JOIN comparable AS c
  UNION ALL
  SELECT 7, 'liquidations_to_open_interest', NULL, 'fraction', t.liquidations_to_open_interest,
    b.liquidations_to_open_interest,
    CASE WHEN c.both THEN t.liquidations_to_open_interest - b.liquidations_to_open_interest END,
    'difference', 'liquidations', t.liquidations_completeness, NULL
  FROM today AS t LEFT JOIN before AS b ON true CROSS JOIN comparable AS c
  UNION ALL
  SELECT 8, 'long_short_account_ratio', NULL, 'ratio', t.long_short_account_ratio,
    b.long_short_account_ratio,
    t.long_short_account_ratio / nullif(b.long_short_account_ratio, 0) - 1, 'relative',
    'positioning', NULL, NULL
  FROM today AS t LEFT JOIN before AS b ON true
  UNION ALL
  -- of one instrument: what other venues lack does not touch it, so no dataset
  SELECT 9, 'price_close', l.base_asset, 'USD per coin', l.price_close, b.price_close,
    l.price_return, 'relative', NULL, NULL, NULL
  FROM largest AS l LEFT JOIN largest_before AS b ON true
  UNION ALL
  SELECT 10, 'leverage_ratio', l.base_asset, 'ratio', l.leverage_ratio, b.leverage_ratio,
    l.leverage_ratio / nullif(b.leverage_ratio, 0) - 1, 'relative', 'reserves',
    CASE WHEN l.open_interest_coverage < 0.999999 THEN 'partial' END, l.open_interest_coverage
  FROM largest AS l LEFT JOIN largest_before AS b ON true
)
SELECT g.position, g.figure, g.base_asset, g.unit, g.value, g.before_value, g.change, g.change_kind,
  CASE WHEN g.value IS NULL THEN NULL
    WHEN coalesce(g.completeness, 'complete') = 'complete'
      AND (f.missing IS NOT NULL OR f.partial IS NOT NULL) THEN 'partial'
    ELSE coalesce(g.completeness, 'complete') END AS completeness,
  g.coverage, f.missing AS venues_missing, f.partial AS venues_partial,
  CASE g.figure WHEN 'liquidations_max_24h_usd' THEN (SELECT liquidations_max_24h_end FROM today)
    END AS at,
  CASE g.figure WHEN 'price_close' THEN (SELECT price_venue || ' ' || price_symbol FROM largest)
    END AS source
FROM figures AS g LEFT JOIN feeds AS f ON f.dataset = g.dataset
ORDER BY g.position;

-- Each venue's share of an asset's open interest on a day, of what is known: one-sided, at the
-- day's end, perpetual and dated, in US dollars and coin; `share_fraction` on dollars, and
-- `share_before_fraction` the same of the day before. Days of which only the neighbour file's
-- midnight sample is there are not counted. `open_interest_coverage` below 1: a venue that was
-- seen in the 30 days before is missing, and the shares of the others are too large.
CREATE OR REPLACE MACRO open_interest_share(day) AS TABLE
WITH known AS (
  SELECT date, base_asset, venue, count(*) AS instrument_count,
    sum(open_interest_usd_close ORDER BY symbol) AS open_interest_usd,
    sum(open_interest_coin_close ORDER BY symbol) AS open_interest_coin
  FROM open_interest_daily
  WHERE date BETWEEN day::DATE - 1 AND day::DATE
    AND coalesce(sample_count >= 0.01 * expected_sample_count, true)
  GROUP BY date, base_asset, venue
), shares AS (
  SELECT *,
    open_interest_usd / nullif(sum(open_interest_usd) OVER (PARTITION BY date, base_asset), 0)
      AS share_fraction
  FROM known
)
SELECT t.date, t.base_asset, t.venue, t.instrument_count, t.open_interest_usd,
  t.open_interest_coin, t.share_fraction, b.share_fraction AS share_before_fraction,
  m.open_interest_coverage
FROM shares AS t
LEFT JOIN shares AS b
  ON b.date = t.date - 1 AND b.base_asset = t.base_asset AND b.venue = t.venue
LEFT JOIN market_daily AS m ON m.date = t.date AND m.base_asset = t.base_asset
WHERE t.date = day::DATE
ORDER BY t.base_asset, t.open_interest_usd DESC NULLS LAST, t.venue;

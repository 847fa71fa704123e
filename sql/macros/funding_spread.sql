-- Per asset of a day the perpetual that pays shorts most and the one that pays them least: short
-- the first, long the second, and the difference is earned. `spread_8h` is a fraction per 8 h,
-- `spread_annualised` × 1095. Only venues that differ are paired (two contracts of one venue are
-- no spread between venues), and only whole days (`hours_covered` known). Before fees and margin;
-- `smaller_open_interest_usd` hints at what can be traded, NULL if either is not known.
CREATE OR REPLACE MACRO funding_spread(day) AS TABLE
WITH rates AS (
  SELECT f.base_asset, f.venue, f.symbol, f.funding_rate_8h,
    CASE WHEN coalesce(o.sample_count >= 0.01 * o.expected_sample_count, true)
      THEN o.open_interest_usd_close END AS open_interest_usd
  FROM funding_daily AS f LEFT JOIN open_interest_daily AS o
    ON o.date = f.date AND o.venue = f.venue AND o.symbol = f.symbol
  WHERE f.date = day::DATE AND f.contract_kind = 'perpetual' AND f.funding_rate_8h IS NOT NULL
)
SELECT s.base_asset, s.venue AS short_venue, s.symbol AS short_symbol,
  s.funding_rate_8h AS short_funding_rate_8h, l.venue AS long_venue, l.symbol AS long_symbol,
  l.funding_rate_8h AS long_funding_rate_8h, s.funding_rate_8h - l.funding_rate_8h AS spread_8h,
  (s.funding_rate_8h - l.funding_rate_8h) * 1095 AS spread_annualised,
  CASE WHEN s.open_interest_usd IS NOT NULL AND l.open_interest_usd IS NOT NULL
    THEN least(s.open_interest_usd, l.open_interest_usd) END AS smaller_open_interest_usd
FROM rates AS s JOIN rates AS l ON l.base_asset = s.base_asset AND l.venue <> s.venue
QUALIFY row_number() OVER (PARTITION BY s.base_asset ORDER BY spread_8h DESC, s.venue, s.symbol,
  l.venue, l.symbol) = 1
ORDER BY spread_8h DESC, s.base_asset;

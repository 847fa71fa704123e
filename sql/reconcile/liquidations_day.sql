-- Positions of a contract liquidated on a day, in dollars, beside what the feed could see.
--
-- Whether a feed covered a contract's day, and how completely, is taken from the published rows.
-- Amounts are fixed-point, a trillionth of a dollar, so that sums are exact. A side with an event
-- whose value is not known is not known; a covered day without events is zero.
CREATE TABLE liquidations_day AS
WITH events AS (
  SELECT DATE '1970-01-01' + (epoch_us(liquidated_at) // 86400000000)::INTEGER AS date,
    venue, symbol, base_asset, contract_kind, side, liquidated_at,
    amount_usd::DECIMAL(38, 12) AS amount
  FROM normalised_liquidations
), sums AS (
  SELECT date, venue, symbol,
    arg_max(base_asset, liquidated_at) AS base_asset,
    arg_max(contract_kind, liquidated_at) AS contract_kind,
    CASE WHEN count(*) FILTER (side = 'long' AND amount IS NULL) = 0
      THEN coalesce(sum(amount) FILTER (side = 'long'), 0)
    END AS long_usd,
    CASE WHEN count(*) FILTER (side = 'short' AND amount IS NULL) = 0
      THEN coalesce(sum(amount) FILTER (side = 'short'), 0)
    END AS short_usd
  FROM events
  WHERE (venue, date) IN (
    SELECT (venue, date) FROM milled_days WHERE table_name = 'liquidations_daily')
  GROUP BY date, venue, symbol
), covered AS (
  SELECT date, venue, symbol, base_asset, contract_kind, completeness
  FROM published.liquidations_daily
  WHERE date BETWEEN getvariable('first_day') AND getvariable('last_day')
)
SELECT date, venue, symbol,
  coalesce(sums.base_asset, covered.base_asset) AS base_asset,
  coalesce(sums.contract_kind, covered.contract_kind) AS contract_kind,
  CASE WHEN sums.symbol IS NULL THEN 0 ELSE long_usd END::DOUBLE AS long_usd,
  CASE WHEN sums.symbol IS NULL THEN 0 ELSE short_usd END::DOUBLE AS short_usd,
  -- Events that no published row covers: the comparison will show them.
  coalesce(completeness, 'unknown') AS completeness
FROM covered FULL JOIN sums USING (date, venue, symbol)
WHERE date BETWEEN getvariable('first_day') AND getvariable('last_day');

-- Which days an asset has a market, and who makes it. A scope is a base asset, or '*' for all of
-- them together; every `market_` table here has one row per scope and day.
CREATE TABLE market_presence AS
WITH contracts AS (
  SELECT date, base_asset, venue, symbol, contract_kind, 'funding' AS tells FROM funding_day
  UNION ALL
  SELECT date, base_asset, venue, symbol, contract_kind, 'open interest' FROM open_interest_counted
  UNION ALL
  SELECT date, base_asset, venue, symbol, contract_kind, 'liquidations' FROM liquidations_day
  UNION ALL
  SELECT date, base_asset, venue, symbol, contract_kind, 'positioning' FROM positioning_day
  UNION ALL
  SELECT date, base_asset, venue, symbol, contract_kind, 'price' FROM prices_day
), scoped AS (
  SELECT unnest([base_asset, '*']) AS scope, * FROM contracts
  WHERE date BETWEEN getvariable('first_day') AND getvariable('last_day')
)
SELECT scope, date,
  count(DISTINCT base_asset) AS assets,
  count(DISTINCT venue) AS venues,
  count(DISTINCT (venue, symbol)) FILTER (
    contract_kind = 'perpetual' AND tells IN ('funding', 'open interest')) AS instruments,
  count(DISTINCT venue) FILTER (tells = 'liquidations') AS liquidations_venues
FROM scoped
GROUP BY scope, date;

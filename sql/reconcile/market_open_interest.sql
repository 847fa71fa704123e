-- Open interest at the end of the day, of perpetual and dated contracts, and its change over the
-- contracts that are there on both days: a change counts only with what it changed from.
CREATE TABLE market_open_interest AS
WITH contracts AS (
  SELECT unnest([base_asset, '*']) AS scope, * FROM open_interest_counted
  WHERE date BETWEEN getvariable('first_day') AND getvariable('last_day')
)
SELECT scope, date,
  count(DISTINCT venue) FILTER (usd_close IS NOT NULL OR coin_close IS NOT NULL)
    AS open_interest_venues,
  sum(usd_close) AS open_interest_usd,
  sum(coin_close) AS open_interest_coin,
  sum(usd_close) FILTER (margin_type = 'linear') AS open_interest_usd_linear,
  sum(usd_close) FILTER (margin_type = 'inverse') AS open_interest_usd_inverse,
  sum(usd_close) FILTER (margin_type = 'quanto') AS open_interest_usd_quanto,
  sum(change_usd) FILTER (usd_before IS NOT NULL) AS open_interest_change_usd,
  sum(change_coin) FILTER (coin_before IS NOT NULL) AS open_interest_change_coin,
  -- Of one asset in coin. Coins of different assets add up at the prices of the day before.
  CASE
    WHEN scope <> '*' THEN sum(change_coin) FILTER (coin_before IS NOT NULL)
      / nullif(sum(coin_before) FILTER (change_coin IS NOT NULL), 0)
    ELSE sum(usd_before * change_coin / nullif(coin_before, 0)) FILTER (coin_before > 0)
      / nullif(sum(usd_before) FILTER (change_coin IS NOT NULL AND coin_before > 0), 0)
  END AS open_interest_change_pct
FROM contracts
GROUP BY scope, date;

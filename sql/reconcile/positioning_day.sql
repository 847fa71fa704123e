-- Means of a contract's long/short and taker ratios over the samples of a day that report them. A
-- row that reports no ratio at all is no sample; of two listings, the one that ends the day counts.
CREATE TABLE positioning_day AS
WITH listings AS (
  SELECT DATE '1970-01-01' + (epoch_us(sampled_at) // 86400000000)::INTEGER AS date,
    venue, symbol, listing,
    arg_max(base_asset, sampled_at) AS base_asset,
    arg_max(contract_kind, sampled_at) AS contract_kind,
    avg(long_short_account_ratio) AS long_short_account_ratio,
    avg(taker_buy_sell_ratio) AS taker_buy_sell_ratio
  FROM normalised_positioning
  WHERE coalesce(long_short_account_ratio, top_trader_account_ratio, top_trader_position_ratio,
    taker_buy_sell_ratio) IS NOT NULL
  GROUP BY date, venue, symbol, listing
)
SELECT * EXCLUDE (listing)
FROM listings
WHERE (venue, date) IN (
  SELECT (venue, date) FROM milled_days WHERE table_name = 'positioning_daily')
QUALIFY listing = max(listing) OVER (PARTITION BY date, venue, symbol);

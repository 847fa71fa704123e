-- title: Who was in a hurry, buyers or sellers?
-- answers: Per asset the taker buy/sell ratio weighted by volume and what it means for the share of
--   taker buys, with the price move.
-- units: ratio buys ÷ sells; taker_buy_share_fraction = ratio ÷ (1 + ratio).
-- caveats: A mean of the day's samples, not the ratio of the day's sums. NULL where no venue
--   reports it or volume is not known.
-- param day DATE = latest : UTC day
SELECT base_asset, taker_buy_sell_ratio,
  taker_buy_sell_ratio / (1 + taker_buy_sell_ratio) AS taker_buy_share_fraction,
  price_return AS price_return_fraction, open_interest_change_pct AS open_interest_change_fraction
FROM market_daily
WHERE date = $day::DATE AND taker_buy_sell_ratio IS NOT NULL
ORDER BY abs(ln(nullif(taker_buy_sell_ratio, 0))) DESC NULLS FIRST, base_asset;

-- title: Where did open interest grow or shrink most?
-- answers: The n assets with the largest change of open interest in coin on a day, either way.
-- units: open_interest_change_fraction on coin, open_interest_change_usd US dollars.
-- caveats: Over instruments that were there on both days; min_usd keeps the small ones out.
-- param day DATE = latest : UTC day
-- param min_usd DOUBLE = 1000000 : least open interest, US dollars
-- param n BIGINT = 20 : rows
SELECT base_asset, open_interest_change_pct AS open_interest_change_fraction,
  open_interest_change_usd, open_interest_change_coin, open_interest_usd,
  price_return AS price_return_fraction, open_interest_coverage
FROM market_daily
WHERE date = $day::DATE AND open_interest_change_pct IS NOT NULL AND open_interest_usd >= $min_usd
ORDER BY abs(open_interest_change_pct) DESC, base_asset
LIMIT $n;

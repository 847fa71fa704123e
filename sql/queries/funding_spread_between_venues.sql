-- title: Which assets pay most for being short at one venue and long at another?
-- answers: Per asset the perpetual with the highest rate (short it) and the one with the lowest at
--   another venue (long it), and what the pair earned that day.
-- units: spread_8h fraction per 8 h, spread_annualised × 1095, open interest US dollars.
-- caveats: Before fees, slippage and margin at two venues. One day is no forecast: see
--   funding_carry_by_venue for what lasted.
-- param day DATE = latest : UTC day
-- param n BIGINT = 20 : rows
SELECT base_asset, short_venue, short_symbol, short_funding_rate_8h, long_venue, long_symbol,
  long_funding_rate_8h, spread_8h, spread_annualised, smaller_open_interest_usd
FROM funding_spread($day::DATE)
ORDER BY spread_8h DESC, base_asset
LIMIT $n;

-- title: Are new positions opened, or old ones closed?
-- answers: Per asset the quadrant of price and open interest: up and up is new longs, price up on
--   falling open interest shorts closing, price down on rising new shorts, both down longs closing.
-- units: price_return_fraction of the reference instrument, open_interest_change_fraction on coin.
-- caveats: Changes smaller than threshold (both fractions) are flat. NULL where the price or the
--   open interest of the day before is not known.
-- param day DATE = latest : UTC day
-- param threshold DOUBLE = 0.005 : smaller changes are flat, fraction
SELECT base_asset, price_return AS price_return_fraction,
  open_interest_change_pct AS open_interest_change_fraction,
  CASE
    WHEN price_return IS NULL OR open_interest_change_pct IS NULL THEN NULL
    WHEN abs(price_return) < $threshold OR abs(open_interest_change_pct) < $threshold THEN 'flat'
    WHEN price_return > 0 AND open_interest_change_pct > 0 THEN 'new longs'
    WHEN price_return > 0 THEN 'shorts closing'
    WHEN open_interest_change_pct > 0 THEN 'new shorts'
    ELSE 'longs closing'
  END AS quadrant,
  open_interest_usd, open_interest_change_usd, funding_rate_8h_oi_weighted,
  open_interest_coverage
FROM market_daily
WHERE date = $day::DATE
ORDER BY open_interest_usd DESC NULLS LAST, base_asset;

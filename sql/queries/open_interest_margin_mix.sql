-- title: How much of open interest is margined in coin?
-- answers: Per asset the shares of linear, inverse and quanto contracts: collateral in coin falls
--   with the price, so a long squeeze runs faster where inverse is large.
-- units: US dollars, one-sided; fractions of open_interest_usd.
-- caveats: A kind of which nothing is known is NULL, not 0.
-- param day DATE = latest : UTC day
SELECT base_asset, open_interest_usd, open_interest_usd_linear, open_interest_usd_inverse,
  open_interest_usd_quanto,
  open_interest_usd_linear / nullif(open_interest_usd, 0) AS linear_fraction,
  open_interest_usd_inverse / nullif(open_interest_usd, 0) AS inverse_fraction,
  open_interest_usd_quanto / nullif(open_interest_usd, 0) AS quanto_fraction,
  open_interest_coverage
FROM market_daily
WHERE date = $day::DATE AND open_interest_usd IS NOT NULL
ORDER BY open_interest_usd DESC, base_asset;

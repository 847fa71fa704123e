-- title: Is the market more leveraged than a week ago?
-- answers: The series of open interest in coin against the coins exchanges hold, beside its value 7
--   days before.
-- units: leverage_ratio (coin ÷ coin), coin; week_change_fraction.
-- caveats: Needs reserves of all exchanges for the asset (CryptoQuant); NULL without. Coverage
--   below 1: venues are missing, the ratio is too low.
-- param asset VARCHAR = BTC : base asset
-- param start DATE = latest-29 : first UTC day
-- param stop DATE = latest : last UTC day, inclusive
SELECT m.date, m.leverage_ratio, b.leverage_ratio AS week_before_leverage_ratio,
  m.leverage_ratio / nullif(b.leverage_ratio, 0) - 1 AS week_change_fraction,
  m.open_interest_coin, m.open_interest_coin / nullif(m.leverage_ratio, 0) AS reserve_coin,
  m.open_interest_coverage
FROM market_daily AS m LEFT JOIN market_daily AS b
  ON b.date = m.date - 7 AND b.base_asset = m.base_asset
WHERE m.base_asset = $asset AND m.date BETWEEN $start::DATE AND $stop::DATE
ORDER BY m.date;

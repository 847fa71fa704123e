-- title: Where did funding change its sign?
-- answers: Perpetuals whose rate of a day has the other sign than the day before, largest swing
--   first: from longs paying to shorts paying, or back.
-- units: funding_rate_8h, before_funding_rate_8h, swing_8h fraction per 8 h.
-- caveats: Only where both days are there; exactly 0 has no sign, so a rate that rests at 0 for a
--   day does not flip.
-- param start DATE = latest-6 : first UTC day
-- param stop DATE = latest : last UTC day, inclusive
-- param asset VARCHAR = NULL : only this base asset
SELECT f.date, f.venue, f.symbol, f.base_asset,
  CASE WHEN f.funding_rate_8h > 0 THEN 'longs pay' ELSE 'shorts pay' END AS now,
  b.funding_rate_8h AS before_funding_rate_8h, f.funding_rate_8h,
  f.funding_rate_8h - b.funding_rate_8h AS swing_8h
FROM funding_daily AS f JOIN funding_daily AS b
  ON b.date = f.date - 1 AND b.venue = f.venue AND b.symbol = f.symbol
WHERE f.date BETWEEN $start::DATE AND $stop::DATE AND f.contract_kind = 'perpetual'
  AND f.funding_rate_8h * b.funding_rate_8h < 0
  AND ($asset IS NULL OR f.base_asset = $asset)
ORDER BY f.date, abs(swing_8h) DESC, f.venue, f.symbol;

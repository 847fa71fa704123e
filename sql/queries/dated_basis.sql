-- title: What is the premium of dated futures?
-- answers: Each dated contract of an asset against the reference perpetual, and for a year until
--   its delivery.
-- units: price_close_usd US dollars per coin; basis_fraction; annualised_fraction = basis × 365 ÷
--   days_to_delivery.
-- caveats: days_to_delivery is from the end of the day; NULL where the venue does not say when it
--   delivers, or it has. Two closes a moment apart are compared.
-- param day DATE = latest : UTC day
-- param asset VARCHAR = BTC : base asset
WITH ends AS (
  SELECT venue, symbol, max(valid_to) AS delivery
  FROM instruments
  WHERE valid_to > $day::DATE
  GROUP BY venue, symbol
)
SELECT p.venue, p.symbol, p.price_close AS price_close_usd,
  m.price_close AS reference_close_usd, m.price_venue AS reference_venue,
  m.price_symbol AS reference_symbol, p.price_close / m.price_close - 1 AS basis_fraction,
  date_diff('second', ($day::DATE + 1)::TIMESTAMP, e.delivery) / 86400.0 AS days_to_delivery,
  CASE WHEN days_to_delivery > 0
    THEN (p.price_close / m.price_close - 1) * 365 / days_to_delivery END AS annualised_fraction
FROM prices_daily AS p
JOIN market_daily AS m ON m.date = p.date AND m.base_asset = p.base_asset
LEFT JOIN ends AS e ON e.venue = p.venue AND e.symbol = p.symbol
WHERE p.date = $day::DATE AND p.base_asset = $asset AND p.contract_kind = 'dated'
  AND m.price_close IS NOT NULL
ORDER BY days_to_delivery NULLS LAST, p.venue, p.symbol;

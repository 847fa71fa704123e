-- title: How did open interest and price move together?
-- answers: The series of an asset to a day: open interest of all venues, the closing price, and how
--   much of the usual open interest stands behind it. One row a day, whether or not there is data.
-- units: US dollars, coin, USD per coin, fraction.
-- caveats: NULL where nothing is known. Where open_interest_coverage is below 1 a fall may be a
--   venue that is missing.
-- param asset VARCHAR : base asset
-- param day DATE = latest : last UTC day
-- param days BIGINT = 60 : days shown, this one included
SELECT d.date, m.open_interest_usd, m.open_interest_coin, m.price_close, m.open_interest_coverage
FROM (
  SELECT $day::DATE - n::INTEGER AS date FROM range($days::BIGINT) AS r(n)
) AS d LEFT JOIN market_daily AS m ON m.date = d.date AND m.base_asset = $asset
WHERE d.date >= (SELECT min(date) FROM market_daily)
ORDER BY d.date;

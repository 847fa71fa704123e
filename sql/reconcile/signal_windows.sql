-- What a day is compared with: the known values of its trailing 90 days, itself included, per
-- signal. From the published rows of `market_daily`, which are reconciled on their own days.
CREATE TABLE signal_windows AS
WITH market AS (
  SELECT * FROM published.market_daily
  WHERE date BETWEEN getvariable('first_day') - 89 AND getvariable('last_day')
), observed AS (
  SELECT base_asset, date, 'funding' AS signal, '' AS alike, funding_rate_8h_oi_weighted AS value
  FROM market
  UNION ALL
  SELECT base_asset, date, 'leverage', '', leverage_ratio FROM market
  UNION ALL
  SELECT base_asset, date, 'long/short', '', long_short_account_ratio FROM market
  UNION ALL
  -- Feeds that show all and feeds that show one a second are not compared with each other.
  SELECT base_asset, date, 'liquidations', liquidations_completeness, liquidations_total_usd
  FROM market
  UNION ALL
  SELECT base_asset, date, 'liquidations to open interest', liquidations_completeness,
    liquidations_to_open_interest
  FROM market
), steps AS (
  -- Open interest in coin, chained from daily changes, so that a venue's arrival is no change;
  -- across a gap, or where nothing of yesterday is left, from the amounts themselves.
  SELECT base_asset, date,
    CASE
      WHEN open_interest_change_pct > -1 AND lag(date) OVER in_order = date - 1
        THEN 1 + open_interest_change_pct
      ELSE open_interest_coin / lag(open_interest_coin) OVER in_order
    END AS step
  FROM market
  WHERE open_interest_coin > 0
  WINDOW in_order AS (PARTITION BY base_asset ORDER BY date)
), in_window AS (
  SELECT days.base_asset, days.date, max(steps.date) = days.date AS known_today,
    list(steps.step ORDER BY steps.date) AS steps
  FROM market AS days JOIN steps
    ON steps.base_asset = days.base_asset AND steps.date BETWEEN days.date - 89 AND days.date
  WHERE days.date >= getvariable('first_day')
  GROUP BY days.base_asset, days.date
), chained AS (
  -- The first known day of the window is 1.
  SELECT base_asset, date, known_today,
    list_transform(range(1, len(steps) + 1),
      lambda n: list_reduce([1::DOUBLE] || steps[2:n], lambda level, step: level * step)) AS levels
  FROM in_window
)
SELECT today.base_asset, today.date, today.signal, today.value AS value_today,
  twelve_digits(past.value) AS value
FROM observed AS today JOIN observed AS past
  ON past.base_asset = today.base_asset AND past.signal = today.signal
  AND past.alike = today.alike AND past.date BETWEEN today.date - 89 AND today.date
WHERE today.date >= getvariable('first_day') AND past.value IS NOT NULL
UNION ALL
SELECT base_asset, date, 'open interest',
  CASE WHEN known_today THEN twelve_digits(levels[-1]) END,
  twelve_digits(unnest(levels))
FROM chained;

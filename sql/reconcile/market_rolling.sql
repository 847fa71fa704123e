-- The largest total of a rolling day, (t − 24 h, t] at event times t, which belongs to the day of
-- t; of equal ones the earliest. From the events of all venues, not from the venues' own maxima.
CREATE TABLE market_rolling AS
WITH events AS (
  SELECT unnest([base_asset, '*']) AS scope,
    make_timestamp(epoch_us(liquidated_at)) AS ends_at,
    amount_usd::DECIMAL(38, 12) AS amount
  FROM normalised_liquidations
  WHERE amount_usd IS NOT NULL
), instants AS (
  SELECT scope, ends_at, sum(amount) AS amount FROM events GROUP BY scope, ends_at
), windows AS (
  SELECT scope, ends_at,
    -- The window is open at its start, and instants are whole microseconds.
    sum(amount) OVER (PARTITION BY scope ORDER BY ends_at
      RANGE BETWEEN to_microseconds(86399999999) PRECEDING AND CURRENT ROW) AS total
  FROM instants
)
SELECT scope, ends_at::DATE AS date,
  total::DOUBLE AS liquidations_max_24h_usd,
  ends_at AS liquidations_max_24h_end
FROM windows
WHERE date BETWEEN getvariable('first_day') AND getvariable('last_day')
QUALIFY row_number() OVER (PARTITION BY scope, date ORDER BY total DESC, ends_at) = 1;

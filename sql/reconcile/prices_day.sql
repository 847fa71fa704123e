-- A contract's price and volume of a day, from bars.
--
-- Mark before index before last price; the premium is no price. A bar that reaches over midnight
-- belongs to no day, one with a price that is not positive shows none. Of several bar lengths of
-- one source the one that covers most minutes counts, of equal ones the finest. Volume is that of
-- the bars of the last price, whatever the price is taken from; one unknown leaves it unknown.
CREATE TABLE prices_day AS
WITH bars AS (
  SELECT epoch_us(opened_at) // 86400000000 AS day,
    list_position(['mark', 'index', 'last'], price_source) AS preference,
    *
  FROM normalised_prices
  WHERE price_source IN ('mark', 'index', 'last')
    AND least(price_open, price_high, price_low, price_close) > 0
), series AS (
  SELECT day, venue, symbol, listing, preference, interval_minutes,
    arg_max(base_asset, opened_at) AS base_asset,
    arg_max(quote_asset, opened_at) AS quote_asset,
    arg_max(contract_kind, opened_at) AS contract_kind,
    arg_min(price_open, opened_at) AS price_open,
    max(price_high) AS price_high,
    min(price_low) AS price_low,
    arg_max(price_close, opened_at) AS price_close,
    CASE WHEN count(*) = count(volume_usd) THEN sum(volume_usd) END AS volume_usd,
    count(*) * interval_minutes AS minutes_covered
  FROM bars
  WHERE epoch_us(opened_at) % 86400000000 + interval_minutes * 60000000 <= 86400000000
  GROUP BY day, venue, symbol, listing, preference, interval_minutes
), last_listing AS (
  SELECT * FROM series
  QUALIFY listing = max(listing) OVER (PARTITION BY day, venue, symbol)
), sources AS (
  SELECT * FROM last_listing
  QUALIFY row_number() OVER (
    PARTITION BY day, venue, symbol, preference
    ORDER BY minutes_covered DESC, interval_minutes) = 1
), days AS (
  SELECT priced.* EXCLUDE (day, volume_usd),
    DATE '1970-01-01' + priced.day::INTEGER AS date,
    traded.volume_usd
  FROM sources AS priced LEFT JOIN sources AS traded
    ON traded.day = priced.day AND traded.venue = priced.venue
    AND traded.symbol = priced.symbol AND traded.preference = 3
  QUALIFY priced.preference
    = min(priced.preference) OVER (PARTITION BY priced.day, priced.venue, priced.symbol)
)
SELECT today.date, today.venue, today.symbol, today.base_asset, today.quote_asset,
  today.contract_kind, today.price_open, today.price_high, today.price_low, today.price_close,
  today.volume_usd,
  -- A return compares like with like: the same listing, priced by the same source.
  today.price_close / before.price_close - 1 AS price_return
FROM days AS today LEFT JOIN days AS before
  ON before.venue = today.venue AND before.symbol = today.symbol
  AND before.listing = today.listing AND before.preference = today.preference
  AND before.date = today.date - 1
WHERE (today.venue, today.date) IN (
  SELECT (venue, date) FROM milled_days WHERE table_name = 'prices_daily');

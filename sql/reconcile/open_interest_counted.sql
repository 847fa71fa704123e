-- What the market counts: days that are no trace, each with what the row of the day before closed
-- at (a trace or a day without a row has no close).
CREATE TABLE open_interest_counted AS
SELECT today.*, before.coin_close AS coin_before, before.usd_close AS usd_before
FROM open_interest_day AS today LEFT JOIN open_interest_day AS before
  ON before.venue = today.venue AND before.symbol = today.symbol
  AND before.date = today.date - 1 AND NOT before.is_trace
WHERE NOT today.is_trace;

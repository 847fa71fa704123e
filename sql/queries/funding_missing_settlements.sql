-- title: Which settlements are missing?
-- answers: Days of an instrument with fewer (or more) settlements than its observed intervals lead
--   one to expect, and days of which this cannot be known.
-- units: counts of settlements, hours_covered hours that they pay for.
-- caveats: The first and last day of an instrument, and a change of interval, cannot be judged:
--   expected is NULL, and they are here only with unknown=yes.
-- param start DATE = latest-29 : first UTC day
-- param stop DATE = latest : last UTC day, inclusive
-- param unknown VARCHAR = no : yes: also days that cannot be judged
SELECT date, venue, symbol, base_asset, settlement_count, expected_settlement_count,
  expected_settlement_count - settlement_count AS missing_count, interval_hours, hours_covered
FROM funding_daily
WHERE date BETWEEN $start::DATE AND $stop::DATE
  AND (settlement_count <> expected_settlement_count
    OR ($unknown = 'yes' AND expected_settlement_count IS NULL))
ORDER BY date, missing_count DESC NULLS LAST, venue, symbol;

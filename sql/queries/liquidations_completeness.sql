-- title: How complete are the liquidations of a day?
-- answers: Per venue the documented regime of its feed, what the day's rows say, and the dollars
--   that rest on each.
-- units: US dollars, counts of instruments.
-- caveats: complete · throttled (at most one a second per symbol: a lower bound) · partial (hours
--   are missing) · unknown (not documented). No row: no feed on this day.
-- param day DATE = latest : UTC day
SELECT l.venue, l.completeness, count(*) AS instrument_count,
  sum(l.total_usd ORDER BY l.symbol) AS total_usd,
  count(*) FILTER (l.total_usd IS NULL) AS unpriced_instrument_count,
  any_value(r.completeness) AS regime, any_value(r.valid_from) AS regime_since,
  any_value(r.source) AS regime_source
FROM liquidations_daily AS l LEFT JOIN liquidation_regimes AS r
  ON r.venue = l.venue AND r.valid_from <= l.date AND (r.valid_to IS NULL OR r.valid_to > l.date)
WHERE l.date = $day::DATE
GROUP BY l.venue, l.completeness
ORDER BY l.venue, l.completeness;

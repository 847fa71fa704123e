-- title: What was due on the day, and what was there?
-- answers: Venue by dataset: status, instruments present of those expected, rows, and why the gate
--   took a venue-day out.
-- units: counts.
-- caveats: unsupported: the venue does not publish it, or nobody asked for it.
-- param day DATE = latest : UTC day
SELECT venue, dataset, status, instruments_expected AS expected_instrument_count,
  instruments_present AS present_instrument_count, rows AS row_count, excluded_because
FROM coverage_daily
WHERE date = $day::DATE
ORDER BY venue, dataset;

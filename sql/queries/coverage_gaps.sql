-- title: What is missing?
-- answers: Venues, datasets and days of which not everything that was due is there.
-- units: counts of instruments and rows.
-- caveats: unsupported (the venue does not publish it) is no gap and not here.
-- param start DATE = latest-6 : first UTC day
-- param stop DATE = latest : last UTC day, inclusive
SELECT date, venue, dataset, status, instruments_expected AS expected_instrument_count,
  instruments_present AS present_instrument_count, rows AS row_count
FROM coverage_daily
WHERE date BETWEEN $start::DATE AND $stop::DATE AND status IN ('partial', 'missing')
ORDER BY date, status, venue, dataset;

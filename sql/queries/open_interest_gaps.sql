-- title: Which open interest rests on few snapshots?
-- answers: Instruments of a day with less than `least` of the snapshots that were due, emptiest
--   first. Below 0.01 the day is only the neighbour file's midnight and counts nowhere.
-- units: counts of snapshots, seen_fraction of those due, US dollars.
-- caveats: Polled feeds have no number due and are not judged.
-- param day DATE = latest : UTC day
-- param least DOUBLE = 0.9 : fraction of the snapshots due
SELECT venue, symbol, base_asset, sample_count, expected_sample_count,
  sample_count / expected_sample_count AS seen_fraction,
  sample_count < 0.01 * expected_sample_count AS left_out_of_totals, open_interest_usd_close
FROM open_interest_daily
WHERE date = $day::DATE AND expected_sample_count > 0
  AND sample_count < $least * expected_sample_count
ORDER BY seen_fraction, venue, symbol;

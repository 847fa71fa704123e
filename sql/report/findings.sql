-- title: What did not hold?
-- answers: Expectations that did not hold in the run that made this build, or about the day in any
--   run, as the newest run saw it; critical ones first.
-- units: observed and threshold are text, as the expectation says it.
-- caveats: A later run that does not look at the day says nothing of it.
-- param day DATE = latest : UTC day
SELECT run_id, severity, table_name, expectation, date, venue, observed, threshold, detail
FROM expectation_results
WHERE NOT success AND (run_id = (SELECT max(run_id) FROM runs) OR date = $day::DATE
  OR (date IS NULL AND contains(detail, $day::DATE::VARCHAR)))
QUALIFY row_number() OVER (PARTITION BY table_name, expectation, date, venue ORDER BY run_id DESC)
  = 1
ORDER BY (severity <> 'critical'), table_name, expectation, date, venue;

-- title: What did the gate find?
-- answers: Expectations that did not hold in a run, worst first, with what was seen and what was
--   asked for.
-- units: observed and threshold are text, as the expectation says it.
-- caveats: A published build has only warnings; what blocked a run is in its own audit file.
-- param run VARCHAR = NULL : run; NULL: the newest
SELECT e.run_id, e.severity, e.table_name, e.expectation, e.date, e.venue, e.observed, e.threshold,
  e.detail
FROM expectation_results AS e
WHERE NOT e.success AND e.run_id = coalesce($run, (SELECT max(run_id) FROM runs))
ORDER BY e.severity, e.table_name, e.expectation, e.date, e.venue;

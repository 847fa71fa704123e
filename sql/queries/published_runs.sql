-- title: Which runs made what readers see?
-- answers: The runs that were published up to this build, newest first, with what the gate said and
--   how many expectations did not hold.
-- units: counts of expectations; times UTC.
-- param n BIGINT = 20 : rows
SELECT r.run_id, r.finished_at, r.command, r.first_date, r.last_date, r.verdict,
  count(e.run_id) AS failed_expectation_count, r.code_version, r.build_sha256
FROM runs AS r LEFT JOIN expectation_results AS e ON e.run_id = r.run_id AND NOT e.success
GROUP BY ALL
ORDER BY r.run_id DESC
LIMIT $n;

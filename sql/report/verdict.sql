-- title: What did the gate say?
-- answers: The run that made this build, and the one that published the day as it is here: verdict,
--   and how many expectations held. since_run is the first run that was asked for the day before:
--   what came after it, a reader of that day's report has not seen.
-- units: counts; times are UTC.
-- param day DATE = latest : UTC day
WITH newest AS (
  SELECT max(run_id) AS run_id FROM runs
), said AS (
  SELECT run_id, count(*) AS expectation_count, count(*) FILTER (success) AS held_count
  FROM expectation_results GROUP BY run_id
)
SELECT r.run_id, r.verdict, r.command, r.first_date, r.last_date, r.finished_at, r.code_version,
  coalesce(s.expectation_count, 0) AS expectation_count, coalesce(s.held_count, 0) AS held_count,
  r.run_id = (SELECT run_id FROM newest) AS made_this_build,
  r.run_id IN (SELECT published_by FROM market_total_daily WHERE date = $day::DATE)
    AS published_the_day,
  (SELECT min(run_id) FROM runs WHERE $day::DATE - 1 BETWEEN first_date AND last_date) AS since_run
FROM runs AS r LEFT JOIN said AS s ON s.run_id = r.run_id
WHERE made_this_build OR published_the_day
ORDER BY r.run_id DESC;

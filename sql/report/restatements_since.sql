-- title: What changed since yesterday's report?
-- answers: Values and rows that runs after a given one have changed, a line for each run, table,
--   day, venue, column and kind of change, with the largest relative one.
-- units: counts; largest_relative_change is a fraction of the old value.
-- caveats: NULL in largest_relative_change: no two known numbers, or the old one is 0.
-- param run VARCHAR = NULL : only what runs after this one changed; NULL: all there is
SELECT run_id, table_name, date, venue, kind, column_name, count(*) AS value_count,
  max(abs(difference / nullif(try_cast(old_value AS DOUBLE), 0))) AS largest_relative_change,
  first(symbol ORDER BY item) AS example_symbol,
  first(old_value ORDER BY item) AS example_old_value,
  first(new_value ORDER BY item) AS example_new_value,
  min(cause) AS cause
FROM restatements
WHERE run_id > coalesce($run, '')
GROUP BY run_id, table_name, date, venue, kind, column_name
ORDER BY run_id DESC, largest_relative_change DESC NULLS LAST, table_name, date,
  venue NULLS FIRST, kind, column_name NULLS FIRST;

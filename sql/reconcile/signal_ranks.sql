-- Rank of each day among the days it is compared with, and the middle of these. Fewer than 14
-- known days are no past to compare with.
CREATE TABLE signal_ranks AS
WITH counted AS (
  SELECT base_asset, date, signal, any_value(value_today) AS today, median(value) AS middle,
    count(*) AS history_days,
    count(*) FILTER (value < twelve_digits(value_today))
      + count(*) FILTER (value = twelve_digits(value_today)) / 2 AS days_below
  FROM signal_windows
  GROUP BY base_asset, date, signal
)
SELECT base_asset, date, signal, history_days, today,
  CASE WHEN today IS NOT NULL AND history_days >= 14 THEN days_below / history_days END AS standing,
  CASE WHEN today IS NOT NULL AND history_days >= 14 THEN middle END AS middle
FROM counted;

-- What a contract's funding came to per eight hours, from its settlements.
--
-- A settlement pays for the distance to the one before it, in whole minutes and within one listing
-- of the ticker. Where that distance has room for another settlement (TABLES.md, decided 1) it pays
-- for the prevailing interval instead. The prevailing interval is the declared one, else the
-- shorter of the distances around; a distance stands out if it is longer than those on both sides.
-- Distances around look at most 33 days back and 3 days ahead.
CREATE TABLE funding_day AS
WITH stamped AS (
  SELECT venue, symbol, listing, base_asset, contract_kind, funding_rate,
    epoch_us(settled_at) // 60000000 AS minute,
    CASE WHEN interval_hours_declared > 0
      THEN round(interval_hours_declared * 60)::BIGINT
    END AS declared
  FROM normalised_funding_rates
), neighbours AS (
  SELECT *,
    lag(minute, 1) OVER in_order AS before_1,
    lag(minute, 2) OVER in_order AS before_2,
    lag(minute, 3) OVER in_order AS before_3,
    lead(minute, 1) OVER in_order AS after_1,
    lead(minute, 2) OVER in_order AS after_2
  FROM stamped
  WINDOW in_order AS (PARTITION BY venue, symbol, listing ORDER BY minute)
), reach AS (
  SELECT *,
    minute - 33 * 1440 AS earliest,
    -- The distances that follow count as long as they end within 3 days of the settlement before;
    -- of a settlement that stands alone, within 3 days of itself. Days here are numbers of days.
    3 + CASE
      WHEN minute // 1440 - before_1 // 1440 <= 3 THEN before_1 // 1440
      ELSE minute // 1440
    END AS last_day
  FROM neighbours
), distances AS (
  SELECT *,
    CASE WHEN before_1 >= earliest THEN minute - before_1 END AS step,
    -- least() and greatest() pass over NULLs.
    least(
      CASE WHEN before_2 >= earliest THEN before_1 - before_2 END,
      CASE WHEN before_3 >= earliest THEN before_2 - before_3 END
    ) AS left_of_it,
    least(
      CASE WHEN after_1 // 1440 <= last_day THEN after_1 - minute END,
      CASE WHEN after_2 // 1440 <= last_day THEN after_2 - after_1 END
    ) AS right_of_it,
    CASE WHEN after_1 // 1440 <= minute // 1440 + 3 THEN after_1 - minute END AS next_step
  FROM reach
), judged AS (
  SELECT *,
    coalesce(declared, least(left_of_it, right_of_it)) AS prevailing,
    -- With one side unknown, up to 8 h may be a change of interval: it counts as observed.
    declared IS NULL AND (left_of_it IS NULL OR right_of_it IS NULL) AND step <= 480
      AS perhaps_a_change
  FROM distances
), paid AS (
  SELECT venue, symbol, base_asset, contract_kind, funding_rate, minute,
    minute // 1440 AS day,
    CASE
      WHEN (declared IS NOT NULL OR step > greatest(left_of_it, right_of_it))
        AND step >= 2 * prevailing AND NOT perhaps_a_change THEN prevailing
      ELSE coalesce(step, declared, next_step)
    END AS paid_minutes
  FROM judged
), days AS (
  SELECT DATE '1970-01-01' + day::INTEGER AS date, venue, symbol,
    arg_max(base_asset, minute) AS base_asset,
    arg_max(contract_kind, minute) AS contract_kind,
    -- Decimals: exact.
    sum(funding_rate) AS funding_rate_sum,
    -- One interval that is not known leaves the day's hours unknown.
    CASE WHEN count(*) = count(paid_minutes) THEN sum(paid_minutes) END AS minutes
  FROM paid
  GROUP BY day, venue, symbol
)
SELECT date, venue, symbol, base_asset, contract_kind,
  funding_rate_sum::DOUBLE * 480 / minutes AS funding_rate_8h
FROM days
WHERE (venue, date) IN (SELECT (venue, date) FROM milled_days WHERE table_name = 'funding_daily');

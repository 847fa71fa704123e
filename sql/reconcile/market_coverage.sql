-- How much of the open interest the venues present stand for.
--
-- Missing are venues seen on one of the 30 days before and not today, unless all that they listed
-- of the asset had ended by the end of today. Their part is measured on the last of these days on which all
-- were seen; where there is none, by what each showed last.
CREATE TABLE market_coverage AS
WITH venue_days AS (
  SELECT unnest([base_asset, '*']) AS scope, date, venue, usd_close
  FROM open_interest_counted
  WHERE usd_close IS NOT NULL
), shown AS (
  SELECT scope, date, venue, sum(usd_close) AS usd FROM venue_days GROUP BY scope, date, venue
), ended AS (
  SELECT scope, venue, max(coalesce(valid_to, TIMESTAMP 'infinity')) AS ended_at
  FROM (SELECT unnest([base_asset, '*']) AS scope, venue, valid_to FROM published.instruments)
  GROUP BY scope, venue
), before AS (
  SELECT days.scope, days.date, shown.venue, shown.date AS seen_on, shown.usd
  FROM market_presence AS days JOIN shown
    ON shown.scope = days.scope AND shown.date BETWEEN days.date - 30 AND days.date - 1
), expected AS (
  SELECT before.scope, before.date, before.venue,
    any_value(today.venue) IS NOT NULL AS is_present,
    arg_max(before.usd, before.seen_on) AS usd_last
  FROM before
    LEFT JOIN shown AS today USING (scope, date, venue)
    LEFT JOIN ended ON ended.scope = before.scope AND ended.venue = before.venue
  WHERE today.venue IS NOT NULL OR NOT coalesce(ended.ended_at < before.date + 1, false)
  GROUP BY before.scope, before.date, before.venue
), incomplete AS (
  SELECT scope, date, count(*) AS venues FROM expected GROUP BY scope, date
  HAVING NOT bool_and(is_present)
), together AS (
  SELECT scope, date, seen_on
  FROM before SEMI JOIN expected USING (scope, date, venue) JOIN incomplete USING (scope, date)
  GROUP BY scope, date, seen_on, venues
  HAVING count(*) = venues
), last_together AS (
  SELECT scope, date, max(seen_on) AS seen_on FROM together GROUP BY scope, date
), measured AS (
  SELECT expected.scope, expected.date, expected.is_present,
    CASE WHEN last_together.seen_on IS NULL THEN expected.usd_last ELSE before.usd END AS usd
  FROM expected SEMI JOIN incomplete USING (scope, date)
    LEFT JOIN last_together ON last_together.scope = expected.scope
      AND last_together.date = expected.date
    LEFT JOIN before ON before.scope = expected.scope AND before.date = expected.date
      AND before.venue = expected.venue AND before.seen_on = last_together.seen_on
), parts AS (
  SELECT scope, date,
    coalesce(sum(usd) FILTER (is_present), 0) / nullif(sum(usd), 0) AS share
  FROM measured
  GROUP BY scope, date
)
SELECT days.scope, days.date,
  CASE
    WHEN incomplete.scope IS NOT NULL THEN parts.share
    WHEN days.date IN (SELECT date FROM shown WHERE shown.scope = days.scope) THEN 1
  END AS open_interest_coverage
FROM market_presence AS days
  LEFT JOIN incomplete ON incomplete.scope = days.scope AND incomplete.date = days.date
  LEFT JOIN parts ON parts.scope = days.scope AND parts.date = days.date;

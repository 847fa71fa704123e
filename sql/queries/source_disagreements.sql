-- title: Where do two files say different things?
-- answers: Facts for which two raw files gave different values, the one that was kept and the other.
-- units: values are text as stored; at: UTC.
-- caveats: Which file wins is declared per venue and dataset, not decided by value.
-- param start DATE = latest-29 : first UTC day
-- param stop DATE = latest : last UTC day, inclusive
SELECT date, dataset, venue, symbol, "at", column_name, kept_value, other_value, kept_raw_key,
  other_raw_key
FROM source_conflicts
WHERE date BETWEEN $start::DATE AND $stop::DATE
ORDER BY date, dataset, venue, symbol, "at", column_name, other_value, kept_raw_key, other_raw_key;

-- title: Which assets hold the most open interest?
-- answers: The n largest by US dollars, their share of all, and the day's change.
-- units: US dollars and coin, one-sided, at the day's end; open_interest_change_fraction on coin,
--   so that a price move alone is no change.
-- caveats: Coverage below 1: venues that were seen before are missing, the number is too low.
-- param day DATE = latest : UTC day
-- param n BIGINT = 20 : rows
SELECT row_number() OVER (ORDER BY m.open_interest_usd DESC, m.base_asset) AS rank, m.base_asset,
  m.open_interest_usd, m.open_interest_usd / nullif(t.open_interest_usd, 0) AS share_fraction,
  m.open_interest_coin, m.open_interest_change_usd,
  m.open_interest_change_pct AS open_interest_change_fraction,
  m.open_interest_venues AS venue_count, m.open_interest_coverage
FROM market_daily AS m LEFT JOIN market_total_daily AS t ON t.date = m.date
WHERE m.date = $day::DATE AND m.open_interest_usd IS NOT NULL
ORDER BY rank
LIMIT $n;

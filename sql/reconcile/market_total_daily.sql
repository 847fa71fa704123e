-- `market_total_daily` once more.
CREATE TABLE market_total_daily AS
SELECT presence.date, presence.assets, presence.venues, presence.instruments,
  coalesce(funding.funding_venues, 0) AS funding_venues,
  coalesce(interest.open_interest_venues, 0) AS open_interest_venues,
  presence.liquidations_venues,
  funding.* EXCLUDE (scope, date, funding_venues),
  -- Coins of different assets are not added up.
  interest.* EXCLUDE (
    scope, date, open_interest_venues, open_interest_coin, open_interest_change_coin),
  liquidations.* EXCLUDE (scope, date),
  CASE WHEN liquidations.scope IS NOT NULL
    THEN coalesce(rolling.liquidations_max_24h_usd, 0)
  END AS liquidations_max_24h_usd,
  CASE WHEN liquidations.scope IS NOT NULL
    THEN rolling.liquidations_max_24h_end
  END AS liquidations_max_24h_end,
  ratios.* EXCLUDE (scope, date),
  coverage.open_interest_coverage
FROM market_presence AS presence
  LEFT JOIN market_funding AS funding USING (scope, date)
  LEFT JOIN market_open_interest AS interest USING (scope, date)
  LEFT JOIN market_liquidations AS liquidations USING (scope, date)
  LEFT JOIN market_rolling AS rolling USING (scope, date)
  LEFT JOIN market_ratios AS ratios USING (scope, date)
  LEFT JOIN market_coverage AS coverage USING (scope, date)
WHERE presence.scope = '*';

-- `market_daily` once more.
CREATE TABLE market_daily AS
SELECT presence.scope AS base_asset, presence.date, presence.venues, presence.instruments,
  coalesce(funding.funding_venues, 0) AS funding_venues,
  coalesce(interest.open_interest_venues, 0) AS open_interest_venues,
  presence.liquidations_venues,
  funding.* EXCLUDE (scope, date, funding_venues),
  interest.* EXCLUDE (scope, date, open_interest_venues),
  liquidations.* EXCLUDE (scope, date),
  -- Where a feed listened and heard nothing of known value, the largest total is zero.
  CASE WHEN liquidations.scope IS NOT NULL
    THEN coalesce(rolling.liquidations_max_24h_usd, 0)
  END AS liquidations_max_24h_usd,
  CASE WHEN liquidations.scope IS NOT NULL
    THEN rolling.liquidations_max_24h_end
  END AS liquidations_max_24h_end,
  price.* EXCLUDE (scope, date),
  ratios.* EXCLUDE (scope, date),
  interest.open_interest_coin / nullif(reserves.reserve_coin, 0) AS leverage_ratio,
  coverage.open_interest_coverage
FROM market_presence AS presence
  LEFT JOIN market_funding AS funding USING (scope, date)
  LEFT JOIN market_open_interest AS interest USING (scope, date)
  LEFT JOIN market_liquidations AS liquidations USING (scope, date)
  LEFT JOIN market_rolling AS rolling USING (scope, date)
  LEFT JOIN market_price AS price USING (scope, date)
  LEFT JOIN market_ratios AS ratios USING (scope, date)
  LEFT JOIN market_coverage AS coverage USING (scope, date)
  LEFT JOIN reserves_day AS reserves
    ON reserves.base_asset = presence.scope AND reserves.date = presence.date
WHERE presence.scope <> '*';

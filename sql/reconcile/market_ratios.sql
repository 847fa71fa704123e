-- Long/short ratio weighted by mean open interest, taker ratio weighted by volume, each over the
-- contracts that have both.
CREATE TABLE market_ratios AS
WITH contracts AS (
  SELECT unnest([ratios.base_asset, '*']) AS scope, ratios.*,
    CASE WHEN interest.usd_mean > 0 AND long_short_account_ratio IS NOT NULL
      THEN interest.usd_mean
    END AS interest,
    CASE WHEN prices.volume_usd > 0 AND taker_buy_sell_ratio IS NOT NULL
      THEN prices.volume_usd
    END AS volume
  FROM positioning_day AS ratios
    LEFT JOIN open_interest_counted AS interest USING (date, venue, symbol)
    LEFT JOIN prices_day AS prices USING (date, venue, symbol)
)
SELECT scope, date,
  sum(interest * long_short_account_ratio) / sum(interest) AS long_short_account_ratio,
  sum(volume * taker_buy_sell_ratio) / sum(volume) AS taker_buy_sell_ratio
FROM contracts
GROUP BY scope, date;

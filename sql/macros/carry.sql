-- What a short perpetual against spot earned from start_date to end_date (both inclusive), per
-- venue and symbol of an asset: `received_fraction` is the sum of settled rates that longs paid,
-- `annualised_fraction` the same × 365 ÷ days known, `worst_day_fraction` the day on which the
-- short earned least. Before fees, borrowing, slippage and the cost of margin. `missing_count`
-- settlements are known to be missing inside; where `day_count` < `day_count_asked` the sum is of
-- the days known only.
CREATE OR REPLACE MACRO carry(asset, start_date, end_date) AS TABLE
SELECT venue, symbol, quote_asset, margin_type,
  sum(funding_rate_sum ORDER BY date) AS received_fraction,
  sum(funding_rate_sum ORDER BY date) * 365 / count(*) AS annualised_fraction,
  min(funding_rate_sum) AS worst_day_fraction,
  sum(settlement_count)::BIGINT AS settlement_count,
  coalesce(sum(greatest(expected_settlement_count - settlement_count, 0)), 0)::BIGINT
    AS missing_count,
  count(*) AS day_count,
  any_value(date_diff('day', start_date::DATE, end_date::DATE)) + 1 AS day_count_asked
FROM funding_daily
WHERE base_asset = asset AND contract_kind = 'perpetual'
  AND date BETWEEN start_date::DATE AND end_date::DATE
GROUP BY venue, symbol, quote_asset, margin_type
ORDER BY annualised_fraction DESC, venue, symbol;

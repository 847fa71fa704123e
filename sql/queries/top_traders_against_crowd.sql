-- title: Where do top traders stand against the crowd?
-- answers: Instruments whose top traders' positions lean the other way than all accounts, or much
--   further, by the ratio of the two ratios.
-- units: ratios long ÷ short, means of the day; lean_ratio = top trader positions ÷ all accounts.
-- caveats: Only venues that report both (Binance does).
-- param day DATE = latest : UTC day
-- param asset VARCHAR = NULL : only this base asset
SELECT venue, symbol, base_asset, top_trader_position_ratio_mean AS top_trader_position_ratio,
  top_trader_account_ratio_mean AS top_trader_account_ratio,
  long_short_account_ratio_mean AS long_short_account_ratio,
  top_trader_position_ratio_mean / nullif(long_short_account_ratio_mean, 0) AS lean_ratio,
  (top_trader_position_ratio_mean > 1) <> (long_short_account_ratio_mean > 1) AS opposed,
  sample_count
FROM positioning_daily
WHERE date = $day::DATE AND ($asset IS NULL OR base_asset = $asset)
  AND top_trader_position_ratio_mean > 0 AND long_short_account_ratio_mean > 0
ORDER BY abs(ln(lean_ratio)) DESC, venue, symbol;

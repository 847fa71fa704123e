-- title: Do venues agree on the price?
-- answers: Each perpetual's closing price of an asset against the median over perpetuals, furthest
--   first.
-- units: price_close quote per coin, basis_fraction of the median, volume US dollars.
-- caveats: Quotes in stablecoins count as dollars; other quotes are left out. Mark, index and last
--   prices differ by themselves: price_source says which it is.
-- param day DATE = latest : UTC day
-- param asset VARCHAR = BTC : base asset
WITH closes AS (
  SELECT venue, symbol, quote_asset, price_source, price_close, volume_usd,
    median(price_close) OVER () AS median_close
  FROM prices_daily
  WHERE date = $day::DATE AND base_asset = $asset AND contract_kind = 'perpetual'
    AND quote_asset IN ('USD', 'USDT', 'USDC', 'BUSD', 'FDUSD', 'TUSD', 'USDP', 'DAI', 'USDE',
      'USD1', 'USDS', 'USDD', 'USDG', 'USDH', 'PYUSD', 'RLUSD', 'BFUSD', 'USDB', 'USDX')
)
SELECT venue, symbol, quote_asset, price_source, price_close AS price_close_usd,
  median_close AS median_close_usd, price_close / median_close - 1 AS basis_fraction, volume_usd
FROM closes
ORDER BY abs(basis_fraction) DESC, venue, symbol;

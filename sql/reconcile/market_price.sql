-- The price of an asset is that of one contract priced in dollars: a perpetual before a dated one,
-- then the largest mean open interest, the largest volume, venue and symbol.
CREATE TABLE market_price AS
SELECT prices.base_asset AS scope, prices.date, prices.price_open, prices.price_high,
  prices.price_low, prices.price_close, prices.price_return,
  prices.venue AS price_venue, prices.symbol AS price_symbol
FROM prices_day AS prices
  LEFT JOIN open_interest_counted AS interest USING (date, venue, symbol)
WHERE prices.quote_asset IN (SELECT quote_asset FROM dollars_at_par)
QUALIFY row_number() OVER (
  PARTITION BY prices.date, prices.base_asset
  ORDER BY prices.contract_kind = 'perpetual' DESC, interest.usd_mean DESC NULLS LAST,
    prices.volume_usd DESC NULLS LAST, prices.venue, prices.symbol) = 1;

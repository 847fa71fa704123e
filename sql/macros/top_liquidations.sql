-- The n largest single liquidated orders that are known, of all days, venues and assets: when,
-- where, which side, `largest_usd` in US dollars. `side` is the position that was liquidated.
-- A day of an instrument keeps only its largest order, so a second one of the same day and
-- instrument is not seen; where `completeness` is not `complete` a larger one may not be either.
CREATE OR REPLACE MACRO top_liquidations(n) AS TABLE
SELECT
  row_number() OVER (ORDER BY largest_usd DESC, largest_at, venue, symbol) AS rank,
  largest_at, venue, symbol, base_asset, largest_side AS side, largest_usd, completeness
FROM liquidations_daily
WHERE largest_usd IS NOT NULL
QUALIFY rank <= n
ORDER BY rank;

-- title: Which venue holds an asset's open interest?
-- answers: Each venue's open interest and share on a day, and its share the day before.
-- units: US dollars and coin, one-sided, at the day's end; shares fractions of what is known.
-- caveats: Coverage below 1: a venue that was seen before is missing and the other shares are too
--   large. A NULL share: the venue's coins have no price.
-- param day DATE = latest : UTC day
-- param asset VARCHAR = BTC : base asset
SELECT venue, open_interest_usd, open_interest_coin, share_fraction, share_before_fraction,
  share_fraction - share_before_fraction AS share_change_fraction, instrument_count,
  open_interest_coverage
FROM open_interest_share($day::DATE)
WHERE base_asset = $asset
ORDER BY open_interest_usd DESC NULLS LAST, venue;

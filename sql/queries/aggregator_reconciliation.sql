-- title: Do our numbers agree with those of aggregators?
-- answers: Each series of a provider beside our own number over the same coin, venue and contracts,
--   furthest apart first.
-- units: unit says what ours, theirs and difference are in; ratio is ours ÷ theirs.
-- caveats: An aggregator that counts venues we do not read shows more: ours_venues says which are in
--   ours. NULL in ours: we know nothing of it.
-- param day DATE = latest : UTC day
-- param asset VARCHAR = NULL : only this base asset
SELECT base_asset, metric, provider, series, reference_venue, unit, ours, theirs, difference, ratio,
  ours_venues, ours_completeness, theirs_is_partial
FROM reference_reconciliation
WHERE date = $day::DATE AND ($asset IS NULL OR base_asset = $asset)
ORDER BY abs(ln(ratio)) DESC NULLS LAST, base_asset, metric, provider, series;

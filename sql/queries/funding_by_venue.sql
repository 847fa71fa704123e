-- title: How does an asset's funding differ between venues over time?
-- answers: Asset × venue × day in long form for a heat map; the row without a venue is all venues.
-- units: fractions per 8 h.
-- caveats: weighted_by says whether open interest weighs a venue's perpetuals, or none is known.
-- param asset VARCHAR = BTC : base asset
-- param start DATE = latest-29 : first UTC day
-- param stop DATE = latest : last UTC day, inclusive
SELECT h.date, coalesce(h.venue, 'all') AS venue, funding_rate_8h, weighted_by, funding_typical_8h,
  against_typical_8h
FROM funding_heatmap($start::DATE, $stop::DATE) AS h
WHERE base_asset = $asset
ORDER BY h.date, h.venue NULLS FIRST;

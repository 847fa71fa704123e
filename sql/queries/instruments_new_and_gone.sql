-- title: What was listed and what was delisted?
-- answers: Instruments whose listing, or delivery or delisting, falls into a span of days.
-- units: event_at UTC.
-- caveats: Only what venues say; an instrument without dates is not here. A reused ticker is a new
--   instrument (listing counts from 1).
-- param start DATE = latest-29 : first UTC day
-- param stop DATE = latest : last UTC day, inclusive
SELECT valid_from AS event_at, 'listed' AS what, venue, symbol, base_asset, quote_asset, margin_type,
  contract_kind, listing
FROM instruments
WHERE valid_from >= $start::DATE AND valid_from < $stop::DATE + 1
UNION ALL
SELECT valid_to, CASE contract_kind WHEN 'dated' THEN 'delivered' ELSE 'delisted' END, venue,
  symbol, base_asset, quote_asset, margin_type, contract_kind, listing
FROM instruments
WHERE valid_to >= $start::DATE AND valid_to < $stop::DATE + 1
ORDER BY event_at, what, venue, symbol;

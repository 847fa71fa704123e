-- title: Where did long spot, short perp earn most?
-- answers: What a short perpetual received in funding per venue and symbol of an asset over a span
--   of days, and what that is for a year.
-- units: received_fraction of the position's value, annualised_fraction per year, worst_day_fraction
--   of one day.
-- caveats: Before fees, borrowing, slippage and margin. day_count below day_count_asked: the sum is
--   of the days known only; missing_count settlements are known to be missing inside.
-- param asset VARCHAR = BTC : base asset
-- param start DATE = latest-29 : first UTC day
-- param stop DATE = latest : last UTC day, inclusive
SELECT venue, symbol, margin_type, received_fraction, annualised_fraction, worst_day_fraction,
  settlement_count, missing_count, day_count, day_count_asked
FROM carry($asset, $start::DATE, $stop::DATE)
ORDER BY annualised_fraction DESC, venue, symbol;

-- Our numbers beside those of aggregators, one row per series and day of `reference_daily`. `ours`
-- is over the instruments the series is about (its coin, and its exchange, quote, margin and kind
-- where it has one): Σ of closing open interest, Σ of liquidations, funding per 8 h weighted by
-- mean open interest in USD (unweighted where none is known), the median price. `theirs` is the
-- provider's number, funding per 8 h too: by the interval the provider says, else by the one
-- observed at that exchange, else as it is. `difference` is ours − theirs, `ratio` ours ÷ theirs.
-- An aggregator that counts exchanges we do not read shows more than we do: `ours_venues` says
-- which ours are in `ours`. NULL in `ours`: we know nothing of it.
CREATE VIEW reference_reconciliation AS
WITH ours AS (
  SELECT date, venue, symbol, base_asset, quote_asset, margin_type, contract_kind,
    'open_interest_usd' AS metric, open_interest_usd_close AS amount, NULL::DOUBLE AS weight,
    NULL::DOUBLE AS interval_hours, NULL::VARCHAR AS completeness
  FROM open_interest_daily
  UNION ALL
  SELECT date, venue, symbol, base_asset, quote_asset, margin_type, contract_kind,
    'open_interest_coin', open_interest_coin_close, NULL, NULL, NULL
  FROM open_interest_daily
  UNION ALL
  SELECT f.date, f.venue, f.symbol, f.base_asset, f.quote_asset, f.margin_type, f.contract_kind,
    'funding_rate', f.funding_rate_8h, o.open_interest_usd_mean, f.interval_hours, NULL
  FROM funding_daily AS f LEFT JOIN open_interest_daily AS o
    ON o.date = f.date AND o.venue = f.venue AND o.symbol = f.symbol
  UNION ALL
  SELECT date, venue, symbol, base_asset, quote_asset, margin_type, contract_kind,
    'liquidations_long_usd', long_usd, NULL, NULL, completeness
  FROM liquidations_daily
  UNION ALL
  SELECT date, venue, symbol, base_asset, quote_asset, margin_type, contract_kind,
    'liquidations_short_usd', short_usd, NULL, NULL, completeness
  FROM liquidations_daily
  UNION ALL
  SELECT date, venue, symbol, base_asset, quote_asset, margin_type, contract_kind,
    'price_usd', price_close, NULL, NULL, NULL
  FROM prices_daily WHERE contract_kind = 'perpetual'
), beside AS (
  SELECT r.date, r.base_asset, r.metric, r.provider, r.series, r.reference_venue, r.quote_asset,
    r.margin_type, r.contract_kind, r.unit, r.is_partial AS theirs_is_partial,
    any_value(r.value) AS theirs_as_given,
    any_value(r.interval_hours) AS interval_hours,
    median(o.interval_hours) AS ours_interval_hours,
    CASE
      WHEN r.metric = 'funding_rate' THEN coalesce(
        sum(o.amount * o.weight) / nullif(sum(o.weight) FILTER (o.amount IS NOT NULL), 0),
        avg(o.amount))
      WHEN r.metric = 'price_usd' THEN median(o.amount)
      ELSE sum(o.amount)
    END AS ours,
    string_agg(DISTINCT o.venue, ', ' ORDER BY o.venue) AS ours_venues,
    count(o.symbol) AS ours_instruments,
    ['complete', 'throttled', 'partial', 'unknown'][max(list_position(
      ['complete', 'throttled', 'partial', 'unknown'], o.completeness))] AS ours_completeness
  FROM reference_daily AS r LEFT JOIN ours AS o
    ON o.date = r.date AND o.base_asset = r.base_asset AND o.metric = r.metric
    AND o.amount IS NOT NULL
    AND (r.reference_venue IS NULL OR o.venue = r.reference_venue)
    AND (r.quote_asset IS NULL OR o.quote_asset = r.quote_asset)
    AND (r.margin_type IS NULL OR o.margin_type = r.margin_type)
    AND (r.contract_kind IS NULL OR o.contract_kind = r.contract_kind)
  GROUP BY r.date, r.base_asset, r.metric, r.provider, r.series, r.reference_venue,
    r.quote_asset, r.margin_type, r.contract_kind, r.unit, r.is_partial
), comparable AS (
  SELECT *,
    CASE
      WHEN metric = 'funding_rate' THEN theirs_as_given * 8 / coalesce(
        interval_hours, CASE WHEN reference_venue IS NOT NULL THEN ours_interval_hours END, 8)
      ELSE theirs_as_given
    END AS theirs
  FROM beside
)
SELECT date, base_asset, metric, provider, series, reference_venue, quote_asset, margin_type,
  contract_kind, unit, ours, theirs, ours - theirs AS difference,
  ours / nullif(theirs, 0) AS ratio, ours_venues, ours_instruments, ours_completeness,
  theirs_as_given, theirs_is_partial
FROM comparable;
COMMENT ON COLUMN reference_reconciliation.date IS 'UTC day [UTC day]';
COMMENT ON COLUMN reference_reconciliation.base_asset IS 'Coin [text]';
COMMENT ON COLUMN reference_reconciliation.metric IS 'What it is about [text]';
COMMENT ON COLUMN reference_reconciliation.provider IS 'Who says theirs [text]';
COMMENT ON COLUMN reference_reconciliation.series IS 'The provider''s name of the series [text]';
COMMENT ON COLUMN reference_reconciliation.reference_venue IS 'Exchange theirs is about; NULL: all it counts [text]';
COMMENT ON COLUMN reference_reconciliation.quote_asset IS 'Contracts quoted in it only; NULL: all [text]';
COMMENT ON COLUMN reference_reconciliation.margin_type IS 'Contracts of this margin only; NULL: all [text]';
COMMENT ON COLUMN reference_reconciliation.contract_kind IS 'Contracts of this kind only; NULL: all [text]';
COMMENT ON COLUMN reference_reconciliation.unit IS 'Unit of ours, theirs and difference [text]';
COMMENT ON COLUMN reference_reconciliation.ours IS 'Our number, over what the series is about; NULL: we know nothing of it [see unit]';
COMMENT ON COLUMN reference_reconciliation.theirs IS 'The provider''s number, funding per 8 h [see unit]';
COMMENT ON COLUMN reference_reconciliation.difference IS 'ours − theirs [see unit]';
COMMENT ON COLUMN reference_reconciliation.ratio IS 'ours ÷ theirs; NULL where theirs is 0 [ratio]';
COMMENT ON COLUMN reference_reconciliation.ours_venues IS 'Exchanges in ours [text]';
COMMENT ON COLUMN reference_reconciliation.ours_instruments IS 'Instruments in ours [count]';
COMMENT ON COLUMN reference_reconciliation.ours_completeness IS 'The weakest among the liquidation feeds in ours; NULL: not about liquidations [text]';
COMMENT ON COLUMN reference_reconciliation.theirs_as_given IS 'The provider''s number as it is [see unit]';
COMMENT ON COLUMN reference_reconciliation.theirs_is_partial IS 'Whether the provider covered a part of the day only [boolean]';

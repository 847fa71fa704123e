-- title: What did the article about 17 January 2021 claim, and do the numbers bear it out?
-- answers: One row per claim of the article on the long squeeze of that day: the number we compute,
--   a verdict (supported, contradicted or no data), where it comes from and how complete that is.
--   Any other day and asset can be asked the same way.
-- units: in the text of each value: USD, USD per coin, fraction per 8 h, fraction, ratio, coin.
-- caveats: Liquidations are of all assets, all else of the asset. Where our tables have no number
--   but an aggregator does, its number is used and completeness is `reference`. A lower bound
--   (throttled, partial, unknown) that stays below a claimed amount does not contradict it.
-- param day DATE = 2021-01-17 : UTC day of the article
-- param asset VARCHAR = BTC : base asset
--
-- Thresholds of the verdicts, claim by claim:
--  1 about $500M in 24 h: largest rolling 24 h ending on the day within ± 25 % (375M to 625M)
--  2 mostly longs: more than half of what was liquidated in the clock hours of that window
--  3 about $1B on peak days: largest day of the 7 before within ± 25 % (750M to 1.25B)
--  4 stood at 35,500: traded within 1 % of it the day before; by closes only: closed within 3 %
--  5 almost 38,000: highest price of the two days from 37,000 to 38,500
--  6 below 34,000: lowest price of the day is; days do not say which of 5 and 6 came first
--  7 near 0.07 %: the median over venues of each one's highest settlement of the two days, brought
--    to 8 h, is 0.0005 to 0.0009
--  8 typical 0.01 %: the median of the trailing 365 days is 0.00005 to 0.00015: funding_typical_8h,
--    else that of the venues' rates, else the provider's, each of at least 90 days
--  9 open interest had not fallen: change in coin on the day not below −(its usual daily move), the
--    median of |change| over the known ones of the 90 days before (at least 14), else 2 %
-- 10 another long squeeze is possible: squeeze_risk is building or high (never after a day that
--    deleveraged) and the crowded side is long
-- 11 long/short neutral: its rank in the trailing 90 days (at least 14 known) is 0.1 to 0.9, or it
--    is within 5 % of their median (in a narrow range a small move has a high rank)
-- 12 leverage lower: leverage_ratio is below that of 7 days before
-- 13 Binance largest: of at least two venues known, Binance has the most USD
-- 14 coins were not bought on chain in a way that CryptoQuant's chief missed: reserves did not fall
--    by more than 0.5 % in 7 days (coins bought leave the exchanges)
WITH ranks AS (
  SELECT ['complete', 'throttled', 'partial', 'unknown'] AS names
), market AS (
  SELECT * FROM market_daily
  WHERE base_asset = $asset AND date BETWEEN $day::DATE - 90 AND $day::DATE
), series AS (
  -- of several series that are about the whole market of the asset, the first by name
  SELECT metric, provider, series
  FROM reference_daily
  WHERE base_asset = $asset AND date BETWEEN $day::DATE - 90 AND $day::DATE
    AND reference_venue IS NULL AND quote_asset IS NULL AND margin_type IS NULL AND contract_kind IS NULL
    AND metric IN ('open_interest_usd', 'price_usd', 'funding_rate')
  QUALIFY row_number() OVER (PARTITION BY metric ORDER BY provider, series) = 1
), theirs AS (
  SELECT r.date, r.metric, r.provider, r.value,
    CASE WHEN r.metric = 'funding_rate' THEN r.value * 8 / coalesce(r.interval_hours, 8)
      ELSE r.value END AS comparable
  FROM reference_daily AS r JOIN series AS s
    ON s.metric = r.metric AND s.provider = r.provider AND s.series = r.series
  WHERE r.base_asset = $asset AND r.date BETWEEN $day::DATE - 90 AND $day::DATE
),
liquidated AS (
  SELECT max(liquidations_max_24h_usd) AS usd, max(liquidations_max_24h_end) AS until,
    max(liquidations_long_usd / nullif(liquidations_total_usd, 0)) AS day_long_fraction,
    max(liquidations_completeness) AS completeness
  FROM market_total_daily WHERE date = $day::DATE
), liquidated_where AS (
  SELECT string_agg(DISTINCT venue, ', ' ORDER BY venue) FILTER (date >= $day::DATE - 1) AS venues,
    string_agg(DISTINCT venue, ', ' ORDER BY venue) FILTER (date < $day::DATE) AS venues_before
  FROM liquidations_daily WHERE date BETWEEN $day::DATE - 7 AND $day::DATE
), liquidated_hours AS (
  SELECT sum(h.long_usd ORDER BY h.hour, h.venue, h.symbol) AS long_usd,
    sum(h.short_usd ORDER BY h.hour, h.venue, h.symbol) AS short_usd
  FROM liquidations_hourly AS h, liquidated AS l
  WHERE h.date BETWEEN $day::DATE - 1 AND $day::DATE
    AND h.hour > date_trunc('hour', l.until) - INTERVAL 24 HOUR
    AND h.hour <= date_trunc('hour', l.until)
), longs AS (
  SELECT l.until, l.completeness,
    coalesce(h.long_usd / nullif(coalesce(h.long_usd, 0) + coalesce(h.short_usd, 0), 0),
      l.day_long_fraction) AS long_fraction,
    CASE WHEN h.long_usd IS NULL THEN 'of the day' ELSE 'in the clock hours of that window' END
      AS during
  FROM liquidated AS l, liquidated_hours AS h
), peaks AS (
  SELECT max(t.liquidations_total_usd) AS usd,
    arg_max(t.date, t.liquidations_total_usd) AS peak_day, count(t.liquidations_total_usd) AS days,
    any_value(r.names)[max(list_position(r.names, t.liquidations_completeness))] AS completeness
  FROM market_total_daily AS t, ranks AS r
  WHERE t.date BETWEEN $day::DATE - 7 AND $day::DATE - 1
), prices AS (
  SELECT max(price_low) FILTER (date = $day::DATE - 1) AS low_before,
    max(price_high) FILTER (date = $day::DATE - 1) AS high_before,
    max(price_high) AS high, max(price_low) FILTER (date = $day::DATE) AS low,
    count(price_high) AS days,
    string_agg(DISTINCT price_venue || ' ' || price_symbol, ', '
      ORDER BY price_venue || ' ' || price_symbol) AS instruments
  FROM market WHERE date BETWEEN $day::DATE - 1 AND $day::DATE
), closes AS (
  SELECT max(comparable) FILTER (date = $day::DATE - 1) AS before,
    max(comparable) FILTER (date = $day::DATE) AS today, max(provider) AS provider
  FROM theirs WHERE metric = 'price_usd' AND date BETWEEN $day::DATE - 1 AND $day::DATE
), settlements AS (
  SELECT date, venue, symbol, funding_rate_max, settlement_count, expected_settlement_count,
    funding_rate_max * 8 / interval_hours AS highest_8h
  FROM funding_daily
  WHERE base_asset = $asset AND contract_kind = 'perpetual'
    AND date BETWEEN $day::DATE - 1 AND $day::DATE
), venues AS (
  SELECT venue, max(highest_8h) AS highest_8h FROM settlements GROUP BY venue
), funding AS (
  SELECT (SELECT median(highest_8h) FROM venues) AS middle_8h,
    (SELECT count(highest_8h) FROM venues) AS venue_count,
    (SELECT count(*) FROM venues WHERE highest_8h BETWEEN 0.0005 AND 0.0009) AS near_count,
    (SELECT count(*) FROM venues WHERE highest_8h > 0.0009) AS above_count,
    max(funding_rate_max) AS highest,
    arg_max(venue || ' ' || symbol || ' on ' || date, funding_rate_max
      ORDER BY date, venue, symbol) AS highest_at,
    string_agg(DISTINCT venue, ', ' ORDER BY venue) AS venues,
    CASE WHEN bool_or(settlement_count < expected_settlement_count) THEN 'partial'
      WHEN bool_or(expected_settlement_count IS NULL) THEN 'unknown'
      WHEN count(*) > 0 THEN 'complete' END AS completeness
  FROM settlements
), their_funding AS (
  SELECT max(comparable) AS highest_8h, max(provider) AS provider
  FROM theirs WHERE metric = 'funding_rate' AND date BETWEEN $day::DATE - 1 AND $day::DATE
), venue_days AS (
  SELECT median(funding_rate_8h) AS typical_8h, count(DISTINCT date) AS days,
    string_agg(DISTINCT venue, ', ' ORDER BY venue) AS venues
  FROM funding_daily
  WHERE base_asset = $asset AND contract_kind = 'perpetual' AND funding_rate_8h IS NOT NULL
    AND date BETWEEN $day::DATE - 364 AND $day::DATE
), their_typical AS (
  SELECT median(r.value * 8 / coalesce(r.interval_hours, 8)) AS typical_8h, count(*) AS days,
    max(r.provider) AS provider
  FROM reference_daily AS r JOIN series AS s
    ON s.metric = r.metric AND s.provider = r.provider AND s.series = r.series
  WHERE r.metric = 'funding_rate' AND r.base_asset = $asset
    AND r.date BETWEEN $day::DATE - 364 AND $day::DATE
), signals AS (
  SELECT max(funding_typical_8h) AS typical_8h, max(squeeze_risk) AS squeeze_risk,
    max(crowded_side) AS crowded_side, max(overheated_score) AS score,
    bool_or(deleveraged) AS deleveraged
  FROM signals_daily WHERE base_asset = $asset AND date = $day::DATE
), typical AS (
  SELECT
    CASE WHEN s.typical_8h IS NOT NULL THEN s.typical_8h
      WHEN v.days >= 90 THEN v.typical_8h
      WHEN t.days >= 90 THEN t.typical_8h END AS typical_8h,
    CASE WHEN s.typical_8h IS NOT NULL
        THEN 'median of the OI-weighted rate over the trailing 365 days'
      WHEN v.days >= 90 THEN 'median over ' || v.days || ' days of the venues'' rates'
      ELSE 'median over ' || t.days || ' days of the provider''s rate' END AS what,
    CASE WHEN s.typical_8h IS NOT NULL THEN 'signals_daily: ' || v.venues
      WHEN v.days >= 90 THEN 'funding_daily: ' || v.venues
      WHEN t.days >= 90 THEN 'reference_daily: ' || t.provider END AS sources,
    CASE WHEN s.typical_8h IS NOT NULL OR v.days >= 90
        THEN CASE WHEN v.days >= 365 THEN 'complete' ELSE 'partial' END
      WHEN t.days >= 90 THEN 'reference' END AS completeness
  FROM signals AS s, venue_days AS v, their_typical AS t
), interest AS (
  SELECT max(open_interest_change_pct) FILTER (date = $day::DATE) AS change,
    max(open_interest_usd) FILTER (date = $day::DATE) AS usd,
    max(open_interest_coverage) FILTER (date = $day::DATE) AS coverage,
    CASE WHEN count(open_interest_change_pct) FILTER (date < $day::DATE) >= 14
      THEN median(abs(open_interest_change_pct)) FILTER (date < $day::DATE) ELSE 0.02 END AS usual
  FROM market
), their_interest AS (
  SELECT o.date, o.provider, o.value AS usd,
    CASE WHEN p.value > 0 THEN o.value / p.value END AS coin
  FROM theirs AS o LEFT JOIN theirs AS p ON p.metric = 'price_usd' AND p.date = o.date
  WHERE o.metric = 'open_interest_usd'
), their_changes AS (
  SELECT t.date, t.provider, t.usd, b.usd AS before_usd,
    coalesce(t.coin / nullif(b.coin, 0), t.usd / nullif(b.usd, 0)) - 1 AS change,
    t.coin / nullif(b.coin, 0) IS NOT NULL AS in_coin
  FROM their_interest AS t JOIN their_interest AS b ON b.date = t.date - 1
), their_change AS (
  SELECT max(change) FILTER (date = $day::DATE) AS change,
    max(usd) FILTER (date = $day::DATE) AS usd,
    max(before_usd) FILTER (date = $day::DATE) AS before_usd,
    bool_or(in_coin) FILTER (date = $day::DATE) AS in_coin, max(provider) AS provider,
    CASE WHEN count(change) FILTER (date < $day::DATE) >= 14
      THEN median(abs(change)) FILTER (date < $day::DATE) ELSE 0.02 END AS usual
  FROM their_changes
), interest_where AS (
  SELECT string_agg(venue, ', ' ORDER BY venue) AS venues,
    arg_max(venue, open_interest_usd ORDER BY venue) AS largest,
    max(open_interest_usd) AS largest_usd, count(open_interest_usd) AS venue_count,
    max(share_fraction) AS share_fraction,
    max(open_interest_usd) FILTER (venue = 'binance') AS binance_usd
  FROM open_interest_share($day::DATE) WHERE base_asset = $asset
), accounts AS (
  SELECT max(CASE WHEN date = $day::DATE THEN long_short_account_ratio END) OVER () AS today,
    long_short_account_ratio AS ratio
  FROM market WHERE date > $day::DATE - 90 AND long_short_account_ratio IS NOT NULL
), ranked AS (
  SELECT max(today) AS today, median(ratio) AS middle, count(*) AS days,
    (count(*) FILTER (ratio < today) + 0.5 * count(*) FILTER (ratio = today))
      / nullif(count(*), 0) AS percentile
  FROM accounts
), positioned_where AS (
  SELECT string_agg(DISTINCT venue, ', ' ORDER BY venue) AS venues
  FROM positioning_daily
  WHERE base_asset = $asset AND date = $day::DATE AND long_short_account_ratio_mean IS NOT NULL
), leverages AS (
  SELECT max(leverage_ratio) FILTER (date = $day::DATE) AS today,
    max(leverage_ratio) FILTER (date = $day::DATE - 7) AS before,
    min(open_interest_coverage) AS coverage
  FROM market WHERE date IN ($day::DATE, $day::DATE - 7)
), reserve_series AS (
  SELECT provider, series
  FROM reserves_daily
  WHERE base_asset = $asset AND reference_venue IS NULL AND date IN ($day::DATE, $day::DATE - 7)
  GROUP BY provider, series
  ORDER BY provider, series LIMIT 1
), reserves AS (
  SELECT max(r.reserve_coin) FILTER (r.date = $day::DATE) AS today,
    max(r.reserve_coin) FILTER (r.date = $day::DATE - 7) AS before, max(r.provider) AS provider
  FROM reserves_daily AS r JOIN reserve_series AS s
    ON s.provider = r.provider AND s.series = r.series
  WHERE r.base_asset = $asset AND r.reference_venue IS NULL
    AND r.date IN ($day::DATE, $day::DATE - 7)
), judged AS (
  SELECT 1 AS claim_number, 'about $500M of futures were liquidated in 24 h' AS claim,
    format('{:,.0f} USD in the 24 h to {}', usd, coalesce(until::VARCHAR, '(no event)')) AS value,
    CASE WHEN usd BETWEEN 375e6 AND 625e6 THEN true
      WHEN usd > 625e6 OR completeness = 'complete' THEN false END AS holds,
    'market_total_daily: ' || w.venues AS sources, completeness
  FROM liquidated, liquidated_where AS w
  UNION ALL
  SELECT 2, 'mostly longs were liquidated',
    format('longs {:.4f} (fraction) of the USD {}', long_fraction, during), long_fraction > 0.5,
    CASE WHEN during = 'of the day' THEN 'market_total_daily: ' ELSE 'liquidations_hourly: ' END
      || w.venues,
    completeness
  FROM longs, liquidated_where AS w
  UNION ALL
  SELECT 3, 'peak days the week before saw about $1B',
    format('{:,.0f} USD on {}, largest of {} known days of the 7 before', usd,
      peak_day::VARCHAR, days),
    CASE WHEN usd BETWEEN 750e6 AND 1250e6 THEN true
      WHEN usd > 1250e6 OR (completeness = 'complete' AND days = 7) THEN false END,
    'market_total_daily: ' || w.venues_before,
    CASE WHEN days < 7 AND completeness IN ('complete', 'throttled') THEN 'partial'
      ELSE completeness END
  FROM peaks, liquidated_where AS w
  UNION ALL
  SELECT 4, 'it stood at 35,500 USD before the night',
    coalesce(
      format('{:,.2f} to {:,.2f} USD per coin on the day before', low_before, high_before),
      format('{:,.2f} USD per coin at the close of the day before', c.before)),
    coalesce(35500 BETWEEN low_before * 0.99 AND high_before * 1.01,
      c.before BETWEEN 35500 * 0.97 AND 35500 * 1.03),
    CASE WHEN low_before IS NOT NULL THEN 'market_daily: ' || instruments
      ELSE 'reference_daily: ' || c.provider END,
    CASE WHEN low_before IS NOT NULL THEN 'complete' ELSE 'reference' END
  FROM prices, closes AS c
  UNION ALL
  SELECT 5, 'over night it rose to almost 38,000 USD',
    format('highest {:,.2f} USD per coin', high), high BETWEEN 37000 AND 38500,
    'market_daily: ' || instruments, CASE WHEN days = 2 THEN 'complete' ELSE 'partial' END
  FROM prices
  UNION ALL
  SELECT 6, 'then it fell below 34,000 USD',
    coalesce(format('lowest {:,.2f} USD per coin on the day', low),
      CASE WHEN c.today < 34000
        THEN format('{:,.2f} USD per coin at the close of the day', c.today) END),
    -- a close above 34,000 does not say how low the day went
    coalesce(low < 34000, CASE WHEN c.today < 34000 THEN true END),
    CASE WHEN low IS NOT NULL THEN 'market_daily: ' || instruments
      ELSE 'reference_daily: ' || c.provider END,
    CASE WHEN low IS NOT NULL THEN 'complete' ELSE 'reference' END
  FROM prices, closes AS c
  UNION ALL
  SELECT 7, 'funding stood near 0.07 % (0.0007) per 8 h across the major exchanges',
    coalesce(
      format('{:.8f} per 8 h, median of the highest settlement at each of {} venues ({} of them '
        '0.0005 to 0.0009, {} above); highest single settlement {:.8f} at {}', f.middle_8h,
        f.venue_count, f.near_count, f.above_count, f.highest, f.highest_at),
      format('{:.8f} per 8 h, the provider''s higher day', t.highest_8h)),
    coalesce(f.middle_8h, t.highest_8h) BETWEEN 0.0005 AND 0.0009,
    CASE WHEN f.middle_8h IS NOT NULL THEN 'funding_daily: ' || f.venues
      ELSE 'reference_daily: ' || t.provider END,
    CASE WHEN f.middle_8h IS NOT NULL THEN f.completeness ELSE 'reference' END
  FROM funding AS f, their_funding AS t
  UNION ALL
  SELECT 8, 'it is typically 0.01 % (0.0001) per 8 h',
    format('{:.8f} per 8 h, {}', typical_8h, what), typical_8h BETWEEN 0.00005 AND 0.00015,
    sources, completeness
  FROM typical
  UNION ALL
  SELECT 9, 'open interest had not fallen after the liquidations',
    coalesce(
      format('{:+.4f} (fraction) in coin on the day, usual daily move {:.4f}; {:,.0f} USD',
        i.change, i.usual, i.usd),
      format('{:+.4f} (fraction) in {} on the day, usual daily move {:.4f}; {:,.0f} USD after '
        '{:,.0f} USD', t.change, CASE WHEN t.in_coin THEN 'coin' ELSE 'USD' END, t.usual, t.usd,
        t.before_usd)),
    coalesce(i.change >= -i.usual, t.change >= -t.usual),
    CASE WHEN i.change IS NOT NULL THEN 'market_daily: ' || w.venues
      ELSE 'reference_daily: ' || t.provider END,
    CASE WHEN i.change IS NULL THEN 'reference' WHEN i.coverage >= 1 THEN 'complete'
      WHEN i.coverage < 1 THEN 'partial' ELSE 'unknown' END
  FROM interest AS i, their_change AS t, interest_where AS w
  UNION ALL
  SELECT 10, 'another long squeeze is possible',
    format('squeeze risk {}, score {:.1f} of 100, crowded side {}, deleveraged: {}', squeeze_risk,
      score, coalesce(crowded_side, 'not known'), coalesce(deleveraged::VARCHAR, 'not known')),
    squeeze_risk IN ('building', 'high') AND crowded_side = 'long',
    'signals_daily: ' || w.venues,
    CASE WHEN i.coverage >= 1 THEN 'complete' WHEN i.coverage < 1 THEN 'partial'
      ELSE 'unknown' END
  FROM signals, interest AS i, interest_where AS w
  UNION ALL
  SELECT 11, 'the long/short ratio looked neutral against its normal range',
    format('{:.4f} accounts long per short, rank {:.2f} in {} days, median {:.4f}', today,
      percentile, days, middle),
    CASE WHEN days >= 14
      THEN percentile BETWEEN 0.1 AND 0.9 OR abs(today / nullif(middle, 0) - 1) <= 0.05 END,
    'market_daily: ' || w.venues, CASE WHEN days >= 90 THEN 'complete' ELSE 'partial' END
  FROM ranked, positioned_where AS w
  UNION ALL
  SELECT 12, 'leverage was lower than a week before',
    format('leverage ratio {:.6f}, 7 days before {:.6f}', l.today, l.before), l.today < l.before,
    'market_daily: ' || w.venues || '; reserves_daily: ' || r.provider,
    CASE WHEN l.coverage >= 1 THEN 'complete' WHEN l.coverage < 1 THEN 'partial'
      ELSE 'unknown' END
  FROM leverages AS l, interest_where AS w, reserves AS r
  UNION ALL
  SELECT 13, 'Binance held the largest open interest',
    format('{} with {:,.0f} USD, {:.4f} (fraction) of {} venues', largest, largest_usd,
      share_fraction, venue_count),
    CASE WHEN venue_count >= 2 THEN coalesce(binance_usd >= largest_usd, false) END,
    'open_interest_daily: ' || venues,
    CASE WHEN i.coverage >= 1 THEN 'complete' WHEN i.coverage < 1 THEN 'partial'
      ELSE 'unknown' END
  FROM interest_where, interest AS i
  UNION ALL
  SELECT 14, 'no buying on chain: exchange reserves did not fall',
    format('{:,.2f} coin, 7 days before {:,.2f} ({:+.4f} fraction)', today, before,
      today / nullif(before, 0) - 1),
    today / nullif(before, 0) - 1 >= -0.005,
    'reserves_daily: ' || provider, 'reference'
  FROM reserves
)
SELECT claim_number, claim, CASE WHEN holds IS NULL THEN coalesce(value, 'not known') ELSE value END
    AS value,
  CASE WHEN holds THEN 'supported' WHEN NOT holds THEN 'contradicted' ELSE 'no data' END AS verdict,
  CASE WHEN value IS NOT NULL THEN sources END AS sources,
  CASE WHEN value IS NOT NULL THEN completeness END AS completeness
FROM judged
ORDER BY claim_number;

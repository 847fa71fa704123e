-- `signals_daily` once more, from the ranks and from the published rows of `market_daily`.
CREATE TABLE signals_daily AS
WITH market AS (
  SELECT base_asset, date, funding_rate_8h_oi_weighted AS funding,
    open_interest_change_pct AS change
  FROM published.market_daily
  WHERE date BETWEEN getvariable('first_day') - 364 AND getvariable('last_day')
), days AS (
  SELECT * FROM market WHERE date >= getvariable('first_day')
), usual_funding AS (
  SELECT days.base_asset, days.date, median(twelve_digits(past.funding)) AS typical
  FROM days JOIN market AS past
    ON past.base_asset = days.base_asset AND past.date BETWEEN days.date - 364 AND days.date
  WHERE days.funding IS NOT NULL
  GROUP BY days.base_asset, days.date
  HAVING count(past.funding) >= 14
), usual_change AS (
  SELECT days.base_asset, days.date, 2 * median(twelve_digits(abs(past.change))) AS normal_move
  FROM days JOIN market AS past
    ON past.base_asset = days.base_asset AND past.date BETWEEN days.date - 90 AND days.date - 1
  GROUP BY days.base_asset, days.date
  HAVING count(past.change) >= 14
), ranked AS (
  SELECT days.base_asset, days.date, days.funding, usual_funding.typical,
    coalesce(f.history_days, 0) AS funding_history_days,
    coalesce(oi.history_days, 0) AS open_interest_history_days,
    CASE WHEN l.today IS NOT NULL THEN l.history_days ELSE 0 END AS liquidations_history_days,
    f.standing AS f_rank,
    oi.standing AS oi_rank, share_above(oi.today, oi.middle) AS oi_excess,
    l.standing AS l_rank,
    lev.standing AS lev_rank, share_above(lev.today, lev.middle) AS lev_excess,
    lo.standing AS lo_rank, lo.today - lo.middle AS lo_excess,
    ls.standing AS ls_rank,
    CASE WHEN ls.today = ls.middle THEN 0 ELSE ln(ls.today / ls.middle) END AS ls_excess,
    round(days.funding - usual_funding.typical, 15) AS beyond,
    CASE WHEN beyond >= 0 THEN 1 WHEN beyond < 0 THEN -1 END AS side,
    days.change < -usual_change.normal_move AND l.standing >= 0.9 AS both_happened,
    days.change IS NOT NULL AND usual_change.normal_move IS NOT NULL AND l.standing IS NOT NULL
      AS can_be_told
  FROM days
    LEFT JOIN usual_funding USING (base_asset, date)
    LEFT JOIN usual_change USING (base_asset, date)
    LEFT JOIN signal_ranks AS f
      ON f.base_asset = days.base_asset AND f.date = days.date AND f.signal = 'funding'
    LEFT JOIN signal_ranks AS oi
      ON oi.base_asset = days.base_asset AND oi.date = days.date AND oi.signal = 'open interest'
    LEFT JOIN signal_ranks AS l
      ON l.base_asset = days.base_asset AND l.date = days.date AND l.signal = 'liquidations'
    LEFT JOIN signal_ranks AS lev
      ON lev.base_asset = days.base_asset AND lev.date = days.date AND lev.signal = 'leverage'
    LEFT JOIN signal_ranks AS lo
      ON lo.base_asset = days.base_asset AND lo.date = days.date
      AND lo.signal = 'liquidations to open interest'
    LEFT JOIN signal_ranks AS ls
      ON ls.base_asset = days.base_asset AND ls.date = days.date AND ls.signal = 'long/short'
), parts AS (
  SELECT *,
    CASE WHEN can_be_told THEN both_happened END AS deleveraged,
    -- What was stretched is gone.
    CASE WHEN can_be_told AND both_happened THEN 0 ELSE 1 END AS kept,
    score_part(CASE WHEN side = 1 THEN f_rank ELSE 1 - f_rank END, side * beyond,
      0.0003) AS score_funding,
    kept * score_part(oi_rank, oi_excess, 0.1) AS score_open_interest,
    kept * score_part(lev_rank, lev_excess, 0.1) AS score_leverage,
    kept * score_part(lo_rank, lo_excess, 0.02) AS score_liquidations,
    score_part(CASE WHEN side = 1 THEN ls_rank ELSE 1 - ls_rank END, side * ls_excess, ln(1.5))
      AS score_long_short,
    CASE
      WHEN beyond IS NULL OR f_rank IS NULL THEN NULL
      WHEN beyond >= 0.0001 AND f_rank >= 0.8 THEN 'long'
      WHEN beyond <= -0.0001 AND f_rank <= 0.2 THEN 'short'
      ELSE 'none'
    END AS crowded_side
  FROM ranked
), scored AS (
  SELECT *,
    [{'weight': 40, 'part': score_funding}, {'weight': 20, 'part': score_open_interest},
      {'weight': 15, 'part': score_leverage}, {'weight': 15, 'part': score_liquidations},
      {'weight': 10, 'part': score_long_short}] AS all_parts,
    [p FOR p IN all_parts IF p.part IS NOT NULL] AS known_parts,
    CASE WHEN score_funding IS NOT NULL AND score_open_interest IS NOT NULL
      THEN 100 * list_sum([p.weight * p.part FOR p IN known_parts])
        -- What is missing of three quarters of the weight counts as calm.
        / greatest(75, list_sum([p.weight FOR p IN known_parts]))
    END AS overheated_score
  FROM parts
)
SELECT base_asset, date, funding_history_days, open_interest_history_days,
  liquidations_history_days, typical AS funding_typical_8h, f_rank AS funding_percentile_90d,
  oi_rank AS open_interest_percentile_90d, l_rank AS liquidations_percentile_90d, crowded_side,
  score_funding, score_open_interest, score_leverage, score_liquidations, score_long_short,
  overheated_score, deleveraged,
  CASE
    WHEN overheated_score IS NULL THEN NULL
    WHEN coalesce(deleveraged, false) OR crowded_side = 'none' THEN 'none'
    WHEN overheated_score >= 60 THEN 'high'
    WHEN overheated_score >= 35 THEN 'building'
    ELSE 'none'
  END AS squeeze_risk
FROM scored;

-- title: Who is at risk of a squeeze?
-- answers: All assets of a day by how stretched their positions are, with the crowded side and the
--   parts of the score.
-- units: overheated_score 0 to 100, parts 0 to 1, funding fraction per 8 h, US dollars.
-- caveats: No score with fewer than 14 known days of funding or open interest. Completeness and
--   coverage qualify what the parts rest on.
-- param day DATE = latest : UTC day
SELECT base_asset, squeeze_risk, overheated_score, crowded_side, deleveraged, score_funding,
  score_open_interest, score_leverage, score_liquidations, score_long_short,
  funding_rate_8h_oi_weighted, funding_typical_8h, open_interest_usd,
  liquidations_completeness AS completeness, open_interest_coverage
FROM squeeze_watch($day::DATE)
ORDER BY overheated_score DESC NULLS LAST, base_asset;

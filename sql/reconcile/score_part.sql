-- A part of the score, from 0 to 1: how far the rank is above the middle, times how far the value
-- is above what is usual, up to `scale`. NULL where either is not known (greatest() and least()
-- alone would pass over it).
CREATE MACRO score_part(standing, excess, scale) AS
  CASE WHEN standing IS NOT NULL AND excess IS NOT NULL
    THEN greatest(0, 2 * standing - 1) * least(1, greatest(0, excess) / scale)
  END;

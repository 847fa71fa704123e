-- By what share a value is above another, which may be zero: 0 of two zeros.
CREATE MACRO share_above(value, usual) AS
  CASE WHEN value = usual THEN 0 ELSE value / usual - 1 END;

-- A number to twelve significant digits. Weighted means of equal rates, and levels that went up and
-- came back, differ in their last digits, which ranks must not see.
CREATE MACRO twelve_digits(value) AS
  CASE WHEN value = 0 THEN 0 ELSE round(value, 11 - floor(log10(abs(value)))::INTEGER) END;

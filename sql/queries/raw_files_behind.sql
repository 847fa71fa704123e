-- title: Which raw files stand behind a number?
-- answers: The files that a venue's dataset was read from, with hash, checksum and the rows that
--   came out of each; `like` narrows the key, which usually has symbol and day in it.
-- units: counts of rows, file_bytes.
-- caveats: No more than n of them are listed; matching_file_count says how many there are. A file
--   that holds many days is behind each of them. Which record holds a row is in the normalised
--   rows (raw_key, raw_row). Files that were replaced stay, with superseded_by.
-- param venue VARCHAR : exchange, or aggregator
-- param dataset VARCHAR = NULL : such as funding_rates, open_interest, liquidations
-- param like VARCHAR = % : pattern of the key, % for anything
-- param n BIGINT = 1000 : how many files at most
WITH matching AS (
  SELECT * FROM raw_files
  WHERE venue = $venue AND ($dataset IS NULL OR dataset = $dataset) AND key LIKE $like
)
SELECT dataset, key, carrier, sha256, bytes AS file_bytes, venue_checksum,
  rows_read AS read_row_count, rows_kept AS kept_row_count, rows_duplicate AS duplicate_row_count,
  rows_quarantined AS quarantined_row_count, fetched_at, source_url, superseded_by,
  (SELECT count(*) FROM matching) AS matching_file_count
FROM matching
ORDER BY dataset, key
LIMIT $n;

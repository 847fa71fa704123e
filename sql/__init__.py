"""SQL that readers use: macros and queries, as files."""

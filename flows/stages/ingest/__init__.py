"""Ingest: raw exports from archives, APIs and dumps into `raw/`, exactly as they were served."""

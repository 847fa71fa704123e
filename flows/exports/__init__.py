"""What a published build also is: Parquet files that any tool reads, with a manifest."""

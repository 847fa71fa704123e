"""Pure Polars: bytes or frames in, frames out. No clock, environment, network or storage."""

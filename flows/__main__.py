"""`perpmill`, or `python -m flows`: the command line, and what has to come before it."""

from __future__ import annotations

from flows.allocators import one_pool


def main() -> None:
    one_pool()
    from flows.cli import app  # noqa: PLC0415 - Polars must find its allocator told

    app()


if __name__ == "__main__":
    main()

"""`make demo`: January 2021, simulated, milled night by night, published and shown."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from expectations.gate import warm_up
from flows import reporting
from flows.orchestration import quiet_prefect
from flows.queries import Query, named, read
from flows.query import run_query
from flows.settings import load
from simulator.plan import Plan
from simulator.serve import serve
from simulator.simulate import simulate

if TYPE_CHECKING:
    from flows.mill import Milled

FIRST, LAST = date(2021, 1, 1), date(2021, 1, 17)
FIRST_NIGHT = date(2021, 1, 14)
VENUES = ("binance", "bybit", "cryptoquant")

_CONFIG = """\
# Written by `make demo`. Addresses start at this file's folder.
lake = "file:lake"

[[sources]]
venue   = "binance"
archive = "file:exchange/archive/binance"
dumps   = "file:exchange/dumps/binance"
# The archive has funding by the month only; the days of this month come from the API.
# To answer there again: perpmill simulate OUT --serve --port {port}
api     = "{api}"

[[sources]]
venue = "bybit"
dumps = "file:exchange/dumps/bybit"

# An aggregator: for comparison, and for what exchanges hold on chain.
[[sources]]
venue = "cryptoquant"
dumps = "file:exchange/dumps/cryptoquant"
"""

_QUESTIONS = {
    "The five days with the most liquidations of all venues and assets": """
        SELECT date, round(liquidations_total_usd / 1e6, 1) AS total_musd,
               round(liquidations_max_24h_usd / 1e6, 1) AS max_24h_musd,
               round(liquidations_long_usd / liquidations_total_usd, 2) AS long_share,
               round(liquidations_to_open_interest, 3) AS of_open_interest,
               liquidations_completeness AS completeness
        FROM market_total_daily ORDER BY liquidations_total_usd DESC LIMIT 5""",
    "Bitcoin at all venues: funding, open interest, price, and what it amounts to": """
        SELECT m.date, round(m.funding_rate_8h_oi_weighted, 6) AS funding_8h,
               round(m.open_interest_coin) AS oi_btc,
               round(m.open_interest_change_pct, 3) AS oi_change,
               round(m.price_close) AS price, s.crowded_side,
               round(s.overheated_score) AS score, s.squeeze_risk, s.deleveraged
        FROM market_daily m JOIN signals_daily s USING (date, base_asset)
        WHERE m.base_asset = 'BTC' AND m.date >= '2021-01-08' ORDER BY m.date""",
    "What the gate said, night by night": """
        SELECT r.last_date AS night, r.verdict, count(*) AS expectations,
               count(*) FILTER (NOT success) AS failed,
               string_agg(e.table_name || '.' || e.expectation, ', ') FILTER (NOT success) AS which
        FROM runs r JOIN expectation_results e USING (run_id)
        GROUP BY r.run_id, r.last_date, r.verdict ORDER BY r.run_id""",
    "The article of 17 January 2021, claim by claim (perpmill sql @article_2021_01_17)": None,
}
"""None: the article's own query."""

_NEXT = """\
[bold]Try next[/bold]
  .venv/bin/perpmill --help
  .venv/bin/perpmill status -c {config}
  .venv/bin/perpmill sql -c {config} "SHOW TABLES"
  .venv/bin/perpmill sql -c {config} "SELECT column_name, unit, meaning
      FROM column_dictionary WHERE table_name = 'funding_daily'"
  .venv/bin/perpmill queries
  .venv/bin/perpmill sql -c {config} @squeeze_table
  .venv/bin/perpmill report -c {config}      (17 January as a page with charts)
  .venv/bin/perpmill sql -c {config} "SELECT key, rows_read, rows_kept, rows_duplicate
      FROM raw_files WHERE key LIKE '%/BTCUSDT-metrics-2021-01-1%'"
  .venv/bin/perpmill shell -c {config}      (a prompt; any DuckDB reader will do, too:
      duckdb -readonly {folder}/lake/published/perpmill.duckdb)
Five questions, answered step by step: docs/quickstart.md.
Your own data: README.md, "Your own data".
"""


def main(folder: Path) -> None:
    """Run the demo in `folder`, which is made anew."""
    console = Console()
    began = time.monotonic()
    _clear(folder)
    reporting.set_up(quiet=True)
    os.environ.setdefault("PREFECT_HOME", str(folder.resolve() / ".prefect"))
    quiet_prefect()
    # The gate's library takes seconds to import: it may do so while the simulator works.
    threading.Thread(target=warm_up, daemon=True).start()

    console.rule("[bold]Simulate[/bold] January 2021 as two exchanges would have published it")
    plan = Plan(FIRST, LAST, scenario="long-squeeze", venues=VENUES)
    summary = simulate(plan, folder / "exchange")
    console.print(f"{summary.files} files, {summary.bytes / 1e6:.1f} MB; oddities of real files:")
    for name, count in sorted(summary.quirk_counts().items()):
        console.print(f"  {count:>3} × {name}", style="dim", highlight=False)

    with serve(folder / "exchange") as server:
        config = folder / "perpmill.toml"
        config.write_text(configuration(server.url), encoding="utf-8")
        console.rule("[bold]Mill[/bold] each night: ingest, normalise, aggregate, audit, publish")
        from flows.backfill import backfill  # noqa: PLC0415 - Prefect, once it is quiet
        from flows.nightly import nightly  # noqa: PLC0415 - likewise

        def tell(what: str, flow: Callable[..., Milled], **days: date) -> None:
            started = time.monotonic()
            milled = flow(**days, config=config)
            console.print(
                f"{what:<34}{milled.fetched:>5} raw files  gate: {milled.verdict}  "
                f"{time.monotonic() - started:4.1f} s",
                highlight=False,
            )

        eve = FIRST_NIGHT - timedelta(days=1)
        tell(f"backfill {FIRST} … {eve}", backfill, start=FIRST, end=eve)
        for number in range((LAST - FIRST_NIGHT).days + 1):
            night = FIRST_NIGHT + timedelta(days=number)
            tell(f"nightly  {night}", nightly, day=night)

    console.rule("[bold]Read[/bold] what was published")
    settings = load(config)
    for title, question in _QUESTIONS.items():
        console.print(f"\n[bold]{title}[/bold]")
        query = _article() if question is None else read("demo", question)
        run_query(settings, query, [], "table", None, console, console)
    console.print()
    console.print(_NEXT.format(config=config, folder=folder), highlight=False, soft_wrap=True)
    console.print(f"done in {time.monotonic() - began:.0f} s", style="dim")


def configuration(url: str) -> str:
    """The demo's configuration while the simulator answers at `url`."""
    port = url.rsplit(":", 1)[-1].rstrip("/")
    return _CONFIG.format(api=f"{url}/binance", port=port)


def _article() -> Query:
    """The article's query with its verdicts in front, where a pipe's first columns are seen."""
    query = named("article_2021_01_17")
    asked = query.text.rstrip().removesuffix(";")
    return replace(query, text=f"SELECT verdict, claim, value FROM (\n{asked}\n)")  # noqa: S608 - ours


def _clear(folder: Path) -> None:
    """Remove an earlier demo, and nothing that is not one."""
    if folder.exists():
        if any(folder.iterdir()) and not (folder / "exchange").is_dir():
            sys.exit(f"{folder} is not empty and not a demo; choose another folder with LAKE=…")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""What a contest showed, as a section of the results."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.archive import KINDS
from benchmarks.contest import SCRIPTS, Contest
from benchmarks.report import MB, Criterion, Section, middle, spread, table

TITLE = "The mill, scripts and the floor"
_NAMES = {
    "one_thread": "floor: read + SHA-256 + inflate (one thread, standard library)",
    "all_cores": "stricter floor (every core, isal)",
    "bare": "bare transform (every core): rows read, typed, sorted, written; nothing checked",
    "unzip": "unzip metrics and funding, for those that read unzipped files",
    "pandas_script": "pandas script",
    "pandas_pool_script": "pandas script, a process a core",
    "polars_script": "Polars, one file at a time",
    "polars_joined_script": "Polars, a thousand files at a time",
    "polars_scan_script": "Polars, one scan of unzipped files",
    "duckdb_script": "DuckDB SQL over unzipped files",
    "chdb_script": "chDB SQL over unzipped files",
}
_TRANSFORM = ("normalise", "aggregate", "build")
_HEADER = ("what", "files", "median s", "least – most s", "files/s", "MB/s", "CPU s", "peak MB")


def section(contest: Contest, circumstances: str) -> Section:
    """Times, ratios and criteria of one run."""
    archive = contest.archive
    floor = contest.pieces["one_thread"][0].told
    files = floor["files"]
    sums = sum(1 for _ in archive.root.rglob("*.CHECKSUM"))
    whole = [milled.seconds for milled in contest.milled]
    transform = [sum(milled.stages[s] for s in _TRANSFORM) for milled in contest.milled]
    median = {name: middle([m.seconds for m in found]) for name, found in contest.pieces.items()}
    floors = {name: middle(whole) / median[name] for name in ("one_thread", "all_cores")}
    ratios = {name: median[name] / middle(transform) for name in contest.scripts}
    peak = max(milled.peak_bytes for milled in contest.milled)
    setting = (
        f"{circumstances}. {files:,} zips with {sums:,} checksums ({archive.symbols} symbols, "
        f"{archive.first} to {archive.last}: metrics, funding, hourly klines), "
        f"{floor['bytes'] / MB:,.0f} MB, {floor['inflated_bytes'] / MB:,.0f} MB inflated. "
        f"{len(whole)} rounds in alternating order. A time counts only after all scripts and the "
        f"mill's build agreed on {contest.symbol_days_compared:,} symbol-days, row by row in both "
        "directions."
    )
    lines = [
        setting,
        "",
        "The scripts read metrics and funding and make six columns of two tables in memory. The",
        "mill also normalises the klines, makes every table, and writes Parquet and DuckDB.",
        "",
        *table(_HEADER, [*_pieces(contest), *_stages(contest)]),
        "",
        *table(
            (
                "script ÷ mill",
                "normalise + aggregate + build",
                "without build",
            ),
            [_ratio(contest, name, ratios[name], median[name]) for name in contest.scripts],
        ),
        "",
        "Bytes the mill wrote: "
        + ", ".join(f"{n} {size / MB:,.1f} MB" for n, size in contest.milled[-1].lake_bytes.items())
        + f" (the DuckDB file {contest.milled[-1].build_bytes / MB:,.1f} MB).",
    ]
    if absent := [_named(name) for name in SCRIPTS if name not in contest.scripts]:
        lines += ["", f"Not installed here, so not compared: {', '.join(absent)}."]
    slower = [name for name in contest.scripts if ratios[name] <= 1]
    criteria = (
        Criterion(
            "normalise + aggregate, to Parquet and DuckDB, faster than every script",
            "faster than all" if not slower else "slower than " + ", ".join(map(_named, slower)),
            not slower,
        ),
        Criterion(
            "at least 4× the pandas script",
            f"{ratios['pandas_script']:.1f}×",
            ratios["pandas_script"] >= 4,
        ),
        Criterion(
            "end to end at most 3× the physical floor",
            f"{floors['one_thread']:.1f}× (of the stricter floor {floors['all_cores']:.1f}×)",
            floors["one_thread"] <= 3,
        ),
        Criterion(
            "end to end at least 800 files per second",
            f"{files / middle(whole):,.0f}",
            files / middle(whole) >= 800,
        ),
        Criterion("peak memory under 1 GB", f"{peak / MB:,.0f} MB", peak < 1e9),
    )
    return Section(TITLE, tuple(lines), criteria)


def _named(name: str) -> str:
    return _NAMES[name]


def _pieces(contest: Contest) -> list[tuple[str, ...]]:
    zips = contest.archive.zips(*KINDS)
    size = sum(path.stat().st_size for path in zips)
    rows = []
    for name in _NAMES:
        if name not in contest.pieces:
            continue
        found = contest.pieces[name]
        told = found[0].told
        files, read = (told["files"], told["bytes"]) if "files" in told else (len(zips), size)
        rows.append(
            _row(
                _named(name),
                files,
                read,
                [m.seconds for m in found],
                f"{middle([m.cpu_seconds for m in found]):.1f}",
                max(measured.peak_bytes for measured in found),
            )
        )
    return rows


def _stages(contest: Contest) -> list[tuple[str, ...]]:
    told = contest.pieces["one_thread"][0].told
    files, read = told["files"], told["bytes"]
    milled = contest.milled

    def of(name: str) -> tuple[list[float], str, float]:
        found = [each.processes[name] for each in milled]
        cpu = f"{middle([m.cpu_seconds for m in found]):.1f}"
        return [m.seconds for m in found], cpu, max(m.peak_bytes for m in found)

    rows = [
        _row("mill: ingest (SHA-256, checksums compared, raw kept)", files, read, *of("ingest")),
        _row("mill: transform", files, read, *of("transform")),
    ]
    for stage in ("normalise", "aggregate", "market"):
        seconds = [each.stages[stage] for each in milled]
        rows.append(_row(f"· of it {stage}", files, read, seconds, "", None))
    rows.append(_row("mill: build (DuckDB)", files, read, *of("build")))
    rows.append(
        _row(
            "**mill: normalise + aggregate + build**",
            files,
            read,
            [sum(each.stages[s] for s in _TRANSFORM) for each in milled],
            "",
            None,
        )
    )
    rows.append(
        _row(
            "**mill: end to end**",
            files,
            read,
            [each.seconds for each in milled],
            "",
            max(each.peak_bytes for each in milled),
        )
    )
    return rows


def _row(
    what: str, files: int, read: int, seconds: Sequence[float], cpu: str, peak: float | None
) -> tuple[str, ...]:
    """read: bytes of the zips, as they lie in the archive."""
    each = middle(seconds)
    return (
        what,
        f"{files:,}",
        f"{each:.2f}",
        spread(seconds),
        f"{files / each:,.0f}",
        f"{read / MB / each:,.1f}",
        cpu,
        "" if peak is None else f"{peak / MB:,.0f}",
    )


def _ratio(contest: Contest, name: str, ratio: float, median: float) -> tuple[str, ...]:
    without = middle([m.stages["normalise"] + m.stages["aggregate"] for m in contest.milled])
    return (_named(name), f"{ratio:.2f}", f"{median / without:.2f}")

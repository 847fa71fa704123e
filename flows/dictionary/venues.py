"""The page of venues, written from the venue files."""

from __future__ import annotations

from flows.venues import venues

_INTRO = """# Venues

Written from the venue files by `make docs`; `perpmill venues` says the same on a terminal. Which
feeds are how complete since when: [liquidation_regimes](tables/liquidation_regimes.md). What each
is read from: *archive*, files in bulk; *api*, answers we ask for; *dump*, answers and recordings
somebody else made; *by* a carrier who collects them. A new one is [one file](adding-a-venue.md).
"""


def page() -> str:
    """Every venue with what it provides, its units, sides and gaps."""
    said = venues()
    datasets = list(dict.fromkeys(d["dataset"] for v in said for d in v["datasets"]))
    parts = [_INTRO, f"| venue | {' | '.join(datasets)} |", f"|---|{'---|' * len(datasets)}"]
    for venue in said:
        provided = {d["dataset"]: d for d in venue["datasets"]}
        cells = [_cell(provided.get(dataset)) for dataset in datasets]
        parts.append(f"| [{venue['venue']}](#{venue['venue']}) | {' | '.join(cells)} |")
    for venue in said:
        parts += ["", f"## {venue['venue']}", ""]
        if venue["documentation"] is None:
            parts.append("Known from carriers only; no venue file of its own.")
            continue
        title, _, facts = venue["documentation"].strip().partition("\n")
        parts += [title, "", "```text", facts.strip(), "```"]
    return "\n".join(parts) + "\n"


def _cell(provided: dict[str, object] | None) -> str:
    if provided is None:
        return ""
    sources, carriers = provided["sources"], provided["carriers"]
    assert isinstance(sources, list)  # noqa: S101 - for the type checker
    assert isinstance(carriers, list)  # noqa: S101 - likewise
    return ", ".join([*sources, *(f"by {carrier}" for carrier in carriers)])

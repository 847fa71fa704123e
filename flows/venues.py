"""`perpmill venues`: what can be read of which exchange, from the venue files themselves."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from transforms.schemas.column import Completeness
from transforms.schemas.normalised import DATASETS
from transforms.venue import Feed, Venue, discover, documentation


def venues() -> list[dict[str, Any]]:
    """Each venue as plain values: what it is, and of each dataset where it can come from.

    documentation: what its file says of times, units, sides and gaps; None for a venue that only
        carriers know.
    sources: kinds of the venue's own exports; carriers: who else brings it; since: the UTC day
    from which liquidations are known to be as complete as `completeness` says, which is the
    latest regime; all of them are in `regimes`.
    """
    about = documentation()
    return [
        {
            "venue": venue.name,
            "about": _first_line(about.get(venue.name, "")),
            "documentation": about.get(venue.name),
            "datasets": [
                _provided(venue, dataset)
                for dataset in DATASETS
                if any(dataset in feed.datasets for feed in venue.feeds)
            ],
        }
        for venue in discover().values()
    ]


def _first_line(docstring: str) -> str | None:
    lines = docstring.strip().splitlines()
    return lines[0].rstrip(".") if lines else None


def _provided(venue: Venue, dataset: str) -> dict[str, Any]:
    feeds = [feed for feed in venue.feeds if dataset in feed.datasets]
    found: dict[str, Any] = {
        "dataset": dataset,
        "sources": _kinds([feed for feed in feeds if feed.carrier is None]),
        "carriers": sorted({feed.carrier for feed in feeds if feed.carrier is not None}),
        "since": None,
        "completeness": None,
    }
    if dataset == "liquidations":
        regimes = sorted(venue.regimes, key=lambda regime: regime.valid_from)
        found["completeness"] = Completeness.UNKNOWN.value
        if regimes:
            found["since"] = str(regimes[-1].valid_from)
            found["completeness"] = regimes[-1].completeness.value
        found["regimes"] = [
            {
                "valid_from": str(regime.valid_from),
                "valid_to": None if regime.valid_to is None else str(regime.valid_to),
                "completeness": regime.completeness.value,
                "source": regime.source,
            }
            for regime in regimes
        ]
    return found


def _kinds(feeds: list[Feed]) -> list[str]:
    return sorted({feed.source.value for feed in feeds})


def render(said: list[dict[str, Any]], console: Console, *, whole: bool = False) -> None:
    """Print it for a person. whole: with units, sides and gaps."""
    for venue in said:
        console.print(f"[bold]{venue['venue']}[/bold]  {venue['about'] or ''}", soft_wrap=True)
        for provided in venue["datasets"]:
            carriers = [f"by {carrier}" for carrier in provided["carriers"]]
            sources = ", ".join([*provided["sources"], *carriers])
            words = [provided["completeness"] or ""]
            if provided["since"] is not None:
                words.append(f"since {provided['since']}")
            line = f"  {provided['dataset']:<14}  {sources:<28}  {' '.join(words)}"
            console.print(line.rstrip(), soft_wrap=True, highlight=False)
        if whole and venue["documentation"]:
            facts = venue["documentation"].strip().split("\n", 1)[-1]
            console.print(facts.rstrip(), soft_wrap=True, highlight=False, markup=False)

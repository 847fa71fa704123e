"""The page's colours, light and dark, each under one name.

The style sheet is made of them and charts refer to them by name, so that one drawing serves both
themes. Longs are orange and shorts blue, which most colour-blind people tell apart; nothing is said
by colour alone. Text on its ground has a contrast of at least 4.5 (WCAG 2.2 AA), a shape on the
page at least 3.
"""

from __future__ import annotations

from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "ground": "#ffffff",
    "soft": "#f4f4f6",
    "ink": "#1c2024",
    "quiet": "#60646c",
    "line": "#d9d9e0",
    "good": "#18794e",
    "warn": "#9a4c00",
    "bad": "#c62a2f",
    "link": "#0b61bd",
    "long": "#c2410c",
    "short": "#1d5fd1",
    "heat-0": "#2456a8",
    "heat-1": "#8cb4ec",
    "heat-2": "#d6e4f8",
    "heat-3": "#e8e8ec",
    "heat-4": "#fbdfca",
    "heat-5": "#f3a766",
    "heat-6": "#b03f0c",
    "on-heat-0": "#ffffff",
    "on-heat-1": "#1c2024",
    "on-heat-2": "#1c2024",
    "on-heat-3": "#1c2024",
    "on-heat-4": "#1c2024",
    "on-heat-5": "#1c2024",
    "on-heat-6": "#ffffff",
}
DARK: Mapping[str, str] = {
    "ground": "#111113",
    "soft": "#1d1e22",
    "ink": "#edeef0",
    "quiet": "#b0b4ba",
    "line": "#3a3e44",
    "good": "#3dd68c",
    "warn": "#ffc53d",
    "bad": "#ff9592",
    "link": "#70b8ff",
    "long": "#ff9a5c",
    "short": "#70b0ff",
    "heat-0": "#9cc4ff",
    "heat-1": "#3a68ad",
    "heat-2": "#22354f",
    "heat-3": "#2e3036",
    "heat-4": "#4d3120",
    "heat-5": "#a0521b",
    "heat-6": "#ffb680",
    "on-heat-0": "#111113",
    "on-heat-1": "#ffffff",
    "on-heat-2": "#edeef0",
    "on-heat-3": "#edeef0",
    "on-heat-4": "#edeef0",
    "on-heat-5": "#ffffff",
    "on-heat-6": "#111113",
}
HEAT = [f"heat-{number}" for number in range(7)]
"""From unusually low to unusually high; the middle one is as usual."""

TEXT_ON = [
    *((name, ground) for name in ("ink", "quiet", "link") for ground in ("ground", "soft")),
    *((name, ground) for name in ("good", "warn", "bad") for ground in ("ground", "soft")),
    *((name, ground) for name in ("long", "short") for ground in ("ground", "soft")),
    *((f"on-{name}", name) for name in HEAT),
    ("ink", "line"),
]
"""Pairs of text and what it stands on."""
SHAPE_ON = [(name, "ground") for name in ("long", "short", "ink", "good", "warn", "bad")]
"""Pairs of a shape that means something by itself, and what it stands on."""


def by_reference() -> dict[str, str]:
    """Each name as the style sheet's variable, for drawings inside the page."""
    return {name: f"var(--{name})" for name in LIGHT}


def style() -> str:
    """The variables, light first, dark where a reader's system asks for it."""

    def block(colours: Mapping[str, str]) -> str:
        return " ".join(f"--{name}: {colour};" for name, colour in colours.items())

    return (
        f":root {{ color-scheme: light dark; {block(LIGHT)} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {block(DARK)} }} }}\n"
    )

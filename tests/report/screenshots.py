"""Takes the screenshots of docs/report.md anew: `make screenshots`, on a lake of `make demo`."""

from __future__ import annotations

import sys
import tempfile
from datetime import date
from pathlib import Path

from flows.report.content import of_published
from flows.report.site import write_report
from flows.settings import load
from tests.report.browser import browser, chromium

IMAGES = Path(__file__).parents[2] / "docs/images"
DAY = date(2021, 1, 17)
SHOTS = {
    "report-light": ("headline-title", 1280, 1500, False),
    "report-dark": ("funding-title", 1280, 1500, True),
    "report-phone-light": ("headline-title", 390, 1500, False),
    "report-phone-dark": ("funding-title", 390, 1500, True),
}
"""From which heading (of the first, from the top of the page), width, height, dark."""


def main(demo: Path) -> None:
    program = chromium()
    if program is None:
        sys.exit("screenshots need Chromium: apt-get install chromium")
    report = of_published(load(demo / "perpmill.toml"), DAY)
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, browser(program) as tab:
        page = write_report(report, Path(folder))
        for name, (heading, width, height, dark) in SHOTS.items():
            tab.open(page, width, height, dark=dark)
            place = f"document.getElementById('{heading}').getBoundingClientRect().top"
            top = 0 if heading == "headline-title" else tab.evaluate(f"Math.floor({place}) - 16")
            shot = tab.screenshot(top=top, width=width, height=height)
            (IMAGES / f"{name}.png").write_bytes(shot)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Takes the screenshots of docs/bi.md anew: `make superset-screenshots`, on the demo's lake."""

from __future__ import annotations

import base64
import sys
import tempfile
import time
from pathlib import Path

from bi.superset.bundle import published_in
from bi.superset.charts import CHARTS
from bi.superset.up import superset
from tests.bi.dashboard_page import HEIGHT, WIDTH, open_dashboard, sign_in
from tests.report.browser import browser, chromium

IMAGES = Path(__file__).parents[2] / "docs/images"
_FUNDING = 1776
_BAR = 258
SHOTS = {
    "superset-dashboard": (0, 0, WIDTH, _FUNDING),
    "superset-dashboard-below": (_BAR, _FUNDING, WIDTH, HEIGHT),
}
"""Left, top, right and bottom, in pixels of the page; the lower part without the filter bar."""
MOVING_SECONDS = 3
"""How long drawn charts still move into place."""


def main(demo: Path) -> None:
    program = chromium()
    if program is None:
        sys.exit("screenshots need Chromium: apt-get install chromium")
    with (
        tempfile.TemporaryDirectory() as home,
        superset(published_in(demo), Path(home), port=0) as running,
        browser(program) as tab,
    ):
        sign_in(tab, running)
        open_dashboard(tab, running, len(CHARTS))
        time.sleep(MOVING_SECONDS)
        for name, (left, top, right, bottom) in SHOTS.items():
            clip = {"x": left, "y": top, "width": right - left, "height": bottom - top}
            shot = tab.call("Page.captureScreenshot", clip=clip | {"scale": 0.75})
            (IMAGES / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

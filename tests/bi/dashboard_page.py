"""The dashboard in Chromium: signed in through the form, every chart with what it drew and what its
query answered."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bi.superset.up import Running
from tests.report.browser import Tab

WIDTH, HEIGHT = 1600, 4520
DRAWN_WITHIN = 240
"""Seconds. A browser without a graphics card, on a machine that does other things too."""

_KEEP_ANSWERS = """
window.answers = [];
const asked = window.fetch;
window.fetch = async (...given) => {
  const answer = await asked(...given);
  if (answer.url.includes('/api/v1/chart/data')) {
    const text = await answer.clone().text();
    let body = null;
    try { body = JSON.parse(text); } catch (error) { body = {message: text.slice(0, 500)}; }
    const form = /form_data=([^&]*)/.exec(answer.url);
    window.answers.push({
      chart: form ? JSON.parse(decodeURIComponent(form[1])).slice_id : null,
      status: answer.status,
      results: (body.result || []).map(r => ({rows: r.rowcount, data: r.data, error: r.error})),
      problem: body.message || (body.errors && JSON.stringify(body.errors)) || null,
    });
  }
  return answer;
};
"""

_CHARTS = """
JSON.stringify([...document.querySelectorAll('[data-test-chart-id]')].map(box => {
  const canvas = box.querySelector('canvas');
  let ink = 0;
  if (canvas && canvas.width && canvas.height) {
    const colours = new Set();
    const found = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    for (let i = 0; i < found.length; i += 4 * 97)
      if (found[i + 3] > 0) colours.add(found[i] << 16 | found[i + 1] << 8 | found[i + 2]);
    ink = colours.size;
  }
  return {
    id: Number(box.dataset.testChartId),
    title: (box.querySelector('.header-title') || box).innerText.split('\\n')[0],
    text: box.innerText,
    loading: !!box.querySelector('[data-test="loading-indicator"], .loading'),
    problem: [...box.querySelectorAll('[role="alert"], .ant-alert, .ant-empty')]
      .map(e => e.innerText).join(' | '),
    colours: ink,
    table_rows: box.querySelectorAll('tbody tr').length,
    top: box.getBoundingClientRect().top, height: box.getBoundingClientRect().height,
  };
}))
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """A chart as it is on the page. colours: different ones on its canvas; answers: of its query,
    newest last."""

    id: int
    title: str
    text: str
    loading: bool
    problem: str
    colours: int
    table_rows: int
    top: float
    height: float
    answers: list[dict[str, Any]]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """What its newest query answered, all parts of it."""
        return [row for result in self.answers[-1]["results"] for row in result["data"]]

    @property
    def failed(self) -> bool:
        return bool(self.problem) or "No results" in self.text or "No data" in self.text

    @property
    def drawn(self) -> bool:
        return not self.loading and bool(self.answers) and (self.colours > 1 or self.table_rows > 0)


def wait_until(true: Callable[[], bool], what: str, seconds: float = DRAWN_WITHIN) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.3)


def sign_in(tab: Tab, superset: Running) -> None:
    """Through the form, as a reader does. The page is WIDTH × HEIGHT from here on."""
    tab.call(
        "Emulation.setDeviceMetricsOverride",
        width=WIDTH,
        height=HEIGHT,
        deviceScaleFactor=1,
        mobile=False,
    )
    light = {"name": "prefers-color-scheme", "value": "light"}
    tab.call("Emulation.setEmulatedMedia", features=[light])
    for domain in ("Page", "Network", "Log", "Runtime"):
        tab.call(f"{domain}.enable")
    tab.call("Page.addScriptToEvaluateOnNewDocument", source=_KEEP_ANSWERS)
    tab.call("Page.navigate", url=f"{superset.url}/login/")
    wait_until(lambda: bool(tab.evaluate(_has("#username"))), "the login form")
    for field, value in (("#username", superset.name), ("#password", superset.password)):
        tab.evaluate(f"document.querySelector({field!r}).focus()")
        tab.call("Input.insertText", text=value)
    tab.press("Enter")
    wait_until(lambda: "/login" not in str(tab.evaluate("location.pathname")), "signed in")


def open_dashboard(tab: Tab, superset: Running, charts: int, chosen: str = "") -> list[Seen]:
    """Open it anew, and wait until that many charts have drawn something. chosen: filters, as the
    query of the address."""
    tab.call("Page.navigate", url="about:blank")
    tab.call("Page.navigate", url=superset.dashboard + chosen)
    return all_drawn(tab, charts)


def all_drawn(tab: Tab, charts: int) -> list[Seen]:
    def settled() -> bool:
        found = seen(tab)
        return len(found) == charts and all(c.drawn or c.failed for c in found)

    try:
        wait_until(settled, f"{charts} charts drawn")
    except AssertionError as late:
        waiting = [(c.title, c.text, c.problem, c.answers[-1:]) for c in seen(tab) if not c.drawn]
        raise AssertionError(f"{late}: {waiting}") from late
    return seen(tab)


def seen(tab: Tab) -> list[Seen]:
    """Every chart on the page, by its number."""
    if not tab.evaluate("!!window.answers"):
        return []
    answers = json.loads(tab.evaluate("JSON.stringify(window.answers)"))
    found = [
        Seen(**chart, answers=[a for a in answers if a["chart"] == chart["id"]])
        for chart in json.loads(tab.evaluate(_CHARTS))
    ]
    return sorted(found, key=lambda chart: chart.id)


def _has(selector: str) -> str:
    return f"!!document.querySelector({json.dumps(selector)})"

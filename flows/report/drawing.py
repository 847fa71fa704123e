"""Charts as SVG to stand in a page, and as PNG, by vl-convert: without a browser or a network.

A drawing in the page takes its colours from the style sheet, is told to readers by a title and a
description, and has no address and no id that another one has.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

import vl_convert

from flows.report.charts import Chart, charts
from flows.report.charts.chart import Ink
from flows.report.model import Report
from flows.report.palette import LIGHT, by_reference

PHONE = 340
"""Pixels of width of a drawing for a phone."""
HALF = 520
"""Pixels of width up to which two drawings stand beside each other."""
PNG_SCALE = 2

_SVG = "{http://www.w3.org/2000/svg}"
_REFERENCE = re.compile(r"url\(#([^)]+)\)")


@dataclass(frozen=True, slots=True)
class Drawn:
    """A chart drawn for wide pages and for phones, and as a picture on white.

    half: two of them stand beside each other on a wide page.
    """

    name: str
    title: str
    description: str
    half: bool
    wide: str
    narrow: str
    png: bytes


def drawn(report: Report) -> list[Drawn]:
    """All charts of a report. The first takes a second more: the engine starts."""
    return [_drawn(chart) for chart in charts(report)]


def _drawn(chart: Chart) -> Drawn:
    inks = by_reference()

    def svg(width: int, kind: str) -> str:
        spec = _spec(chart, inks, width)
        text = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
        return _in_page(text, chart, f"{chart.name}-{kind}", kind)

    picture = _spec(chart, LIGHT, chart.wide)
    picture["config"]["background"] = LIGHT["ground"]
    return Drawn(
        name=chart.name,
        title=chart.title,
        description=chart.description,
        half=chart.wide <= HALF,
        wide=svg(chart.wide, "wide"),
        narrow=svg(PHONE, "narrow"),
        png=vl_convert.vegalite_to_png(picture, scale=PNG_SCALE, allowed_base_urls=[]),
    )


def _spec(chart: Chart, ink: Ink, width: int) -> dict[str, Any]:
    """Not validated, which takes as long as drawing: tests validate every chart."""
    return chart.draw(ink, width).to_dict(validate=False)


def _in_page(text: str, chart: Chart, name: str, kind: str) -> str:
    """The drawing without what a page has no use for, and with what it needs."""
    root = ET.fromstring(text)  # noqa: S314 - drawn just now, by us
    root.attrib = {
        "viewBox": root.attrib["viewBox"],
        "width": root.attrib["width"],
        "class": kind,
        "role": "img",
        "aria-labelledby": f"{name}-title {name}-description",
    }
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
        if element is root:
            continue
        for key in [k for k in element.attrib if k.startswith("aria-") or k in {"role", "class"}]:
            del element.attrib[key]
        for key, value in element.attrib.items():
            if key == "id":
                element.set(key, f"{name}-{value}")
            elif "url(#" in value:
                element.set(key, _REFERENCE.sub(rf"url(#{name}-\1)", value))
    _drop_invisible(root)
    for tag, said in (("description", chart.description), ("title", chart.title)):
        told = ET.Element("desc" if tag == "description" else "title", {"id": f"{name}-{tag}"})
        told.text = said
        root.insert(0, told)
    return ET.tostring(root, encoding="unicode")


def _drop_invisible(parent: ET.Element) -> None:
    for child in list(parent):
        if child.tag == "path" and (child.get("display") == "none" or _is_empty(child)):
            parent.remove(child)
        else:
            _drop_invisible(child)


def _is_empty(path: ET.Element) -> bool:
    return path.get("d", "") in {"", "M0,0h0v0h0Z"}


def png_files(drawings: Sequence[Drawn]) -> dict[str, bytes]:
    """Pictures by path within the report's folder."""
    return {f"charts/{drawing.name}.png": drawing.png for drawing in drawings}

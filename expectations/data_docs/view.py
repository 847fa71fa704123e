"""Great Expectations' HTML view with our templates before theirs.

Importing this module imports Great Expectations; only `expectations.data_docs` does, for a site.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from great_expectations.render.view.view import DefaultJinjaPageView
from jinja2 import ChoiceLoader, FileSystemLoader


class OfflinePageView(DefaultJinjaPageView):
    """Pages that hold all they need: no scripts, style in the page, no address but each other's."""

    def __init__(self) -> None:
        super().__init__()
        ours = FileSystemLoader(Path(__file__).parent / "templates")
        theirs: Any = self.env.loader
        self.env.loader = ChoiceLoader([ours, theirs])

"""Asking an API that answers newest first: the next page lies before the oldest row of this one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from transforms.answer_paths import spans
from transforms.answers import RowsOf, Where, rows_in, stamps_in
from transforms.payload import BadPayload
from transforms.venue import Request, Window


@dataclass(frozen=True, slots=True)
class BackwardPages:
    """How to page through one endpoint.

    venue: who to name in an error. rows_of: the rows of an answer; stamp: where a row has its
    time, ms. limit: rows of a full page. first, last: the parameters of the window's ends.
    margin: 0 if the venue counts the ends as inside (ms), 1 if as outside.
    """

    venue: str
    rows_of: RowsOf
    stamp: Where
    limit: int
    first: str
    last: str
    margin: int = 0

    def ask(self, request: Request, window: Window, length: timedelta) -> Iterator[Request]:
        """`request`, whose path is a folder, for each piece of the window."""
        for start, end in spans(window, length):
            yield self._page(request, request.path, start, end)

    def _page(self, request: Request, folder: str, start: int, end: int) -> Request:
        asked = {
            self.first: str(start - self.margin),
            self.last: str(end + self.margin),
            "limit": str(self.limit),
        }
        return replace(
            request, params={**request.params, **asked}, path=f"{folder}/{start}-{end}.json"
        )

    def next_page(self, request: Request, content: bytes) -> Request | None:
        """The rows before those of a full page, down to the start that was asked for.

        Raises BadPayload where the page's oldest row cannot be told or is not of the window.
        """
        rows = rows_in(self.venue, request.path, content, self.rows_of)
        if len(rows) < self.limit:
            return None
        start = int(request.params[self.first]) + self.margin
        end = int(request.params[self.last]) - self.margin
        oldest = min(stamps_in(self.venue, request.path, rows, self.stamp))
        if oldest > end:
            raise BadPayload(self.venue, request.path, "rows from after the time asked for")
        folder = request.path.rpartition("/")[0]
        return None if oldest <= start else self._page(request, folder, start, oldest - 1)

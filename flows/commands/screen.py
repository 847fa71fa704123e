"""Where commands write: results to standard output, all else to standard error.

Used as `screen.out`, so that a test can put another console in its place.
"""

from __future__ import annotations

from rich.console import Console

out = Console()
err = Console(stderr=True)


def tell(error: Exception) -> None:
    """Say what went wrong; never wrapped, so that a path in it can be copied and searched for."""
    err.print(str(error), style="red", highlight=False, markup=False, soft_wrap=True)

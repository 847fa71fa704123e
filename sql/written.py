"""Names and texts as SQL writes them."""

from __future__ import annotations


def quoted(name: str) -> str:
    """A name, whatever it is made of."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: object) -> str:
    """A text, whatever it is made of."""
    return "'" + str(text).replace("'", "''") + "'"

"""The style sheet that makes a feed readable when somebody opens it in a browser (PB15)."""

from __future__ import annotations

from importlib.resources import files

from aggregator.model import Document
from aggregator.outputs import places


def render() -> Document:
    """`feed.css`, for every Atom and RSS document."""
    body = files(__package__).joinpath("templates", "feed.css").read_bytes()
    return Document(path="feed.css", media_type=places.CSS_TYPE, body=body)

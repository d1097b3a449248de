"""The style sheet that makes a feed readable when somebody opens it in a browser (PB15)."""

from __future__ import annotations

from importlib.resources import files

from aggregator.model.publishing import PublishedDocument
from aggregator.publishing import paths


def render() -> PublishedDocument:
    """`feed.css`, for every Atom and RSS document."""
    body = files(__package__).joinpath("templates", "feed.css").read_bytes()
    return PublishedDocument(path="feed.css", media_type=paths.CSS_TYPE, body=body)

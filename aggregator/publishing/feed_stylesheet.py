"""Render the CSS stylesheet that makes feeds readable in a browser (PB15)."""

from __future__ import annotations

from importlib.resources import files

from aggregator.model.publishing import PublishedDocument
from aggregator.publishing import paths


def render() -> PublishedDocument:
    """Return `feed.css`, which all Atom and RSS documents name."""
    body = files(__package__).joinpath("templates", "feed.css").read_bytes()
    return PublishedDocument(path="feed.css", media_type=paths.CSS_TYPE, body=body)

"""Render the CSS stylesheet that makes feeds readable in a browser (PB15)."""

from __future__ import annotations

from aggregator.model.publishing import PublishedDocument
from aggregator.publishing import TEMPLATES, paths


def render() -> PublishedDocument:
    """Return `feed.css`, which all Atom and RSS documents name."""
    body = (TEMPLATES / "feed.css").read_bytes()
    return PublishedDocument(path="feed.css", media_type=paths.CSS_TYPE, body=body)

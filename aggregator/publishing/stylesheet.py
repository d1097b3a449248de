"""Render the one stylesheet of all pages; its name changes with its content."""

from __future__ import annotations

import hashlib
from functools import cache

from aggregator.model.publishing import PublishedDocument
from aggregator.publishing import TEMPLATES, paths

PARTS = ("site.css", "editions.css", "events.css", "pages.css", "dynamic.css", "forms.css", "editor.css")


@cache
def render() -> PublishedDocument:
    """Return `style-<hash>.css`.

    So a page and its stylesheet fit, however long caches keep them.
    """
    body = b"".join((TEMPLATES / part).read_bytes() for part in PARTS)
    name = f"style-{hashlib.sha256(body).hexdigest()[:12]}.css"
    return PublishedDocument(path=name, media_type=paths.CSS_TYPE, body=body)

"""Render the one stylesheet of all pages; its name changes with its content."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

from aggregator.model.publishing import PublishedDocument
from aggregator.publishing import paths

PARTS = ("site.css", "editions.css", "events.css", "pages.css", "dynamic.css", "forms.css", "editor.css")


@cache
def render() -> PublishedDocument:
    """Return `style-<hash>.css`.

    So a page and its stylesheet fit, however long caches keep them.
    """
    folder = files(__package__).joinpath("templates")
    body = b"".join(folder.joinpath(part).read_bytes() for part in PARTS)
    name = f"style-{hashlib.sha256(body).hexdigest()[:12]}.css"
    return PublishedDocument(path=name, media_type=paths.CSS_TYPE, body=body)

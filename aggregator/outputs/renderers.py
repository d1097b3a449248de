"""The table of renderers: a new format is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable

from aggregator.model import Document, Publication
from aggregator.outputs import atom, site

FEEDS: dict[str, Callable[[Publication], Document]] = {"atom": atom.render}
"""What subscribers poll: carries only what is fed (T4)."""

PAGES: dict[str, Callable[[Publication], Document]] = {"page": site.render}
"""What people open: shows the rest as well."""

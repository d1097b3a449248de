"""Publish stories: write the documents of channels, of the archive and of editions."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

from aggregator import __version__


@cache
def template_hash() -> str:
    """Return a hash of the program version and all templates.

    A document is rendered again when it changes, since its bytes depend on both (P1).
    """
    result = hashlib.sha256(__version__.encode())
    for template in sorted(files(__package__).joinpath("templates").iterdir(), key=lambda path: path.name):
        result.update(template.name.encode() + template.read_bytes())
    return result.hexdigest()

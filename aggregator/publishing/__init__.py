"""Publish stories: write the documents of channels, of the archive and of editions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from aggregator import __version__

if TYPE_CHECKING:
    from jinja2 import BytecodeCache

template_cache: Callable[[], BytecodeCache] | None = None
"""Makes the cache of compiled templates, set by jobs that publish; called before the first page of a process."""


@cache
def template_hash() -> str:
    """Return a hash of the program version and all templates.

    A document is rendered again when it changes, since its bytes depend on both (P1).
    """
    result = hashlib.sha256(__version__.encode())
    for template in sorted(files(__package__).joinpath("templates").iterdir(), key=lambda path: path.name):
        result.update(template.name.encode() + template.read_bytes())
    return result.hexdigest()

"""Publish stories: write the documents of channels, of the archive and of editions."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import BytecodeCache

TEMPLATES = Path(__file__).parent / "templates"
"""Folder of the templates and stylesheets."""
_data: Path | None = None
"""Data folder of the job that publishes in this process."""


def use_template_cache(data: Path) -> None:
    """Begin a job that publishes, with its data folder for compiled templates.

    The hash of the program is made now: files that are replaced while the job runs are not those that it renders with.
    """
    global _data
    _data = data
    program_hash()


def template_cache() -> BytecodeCache | None:
    """Return the cache of compiled templates; None outside of jobs that publish."""
    from aggregator.publishing.compiled_templates import CompiledTemplates

    return CompiledTemplates(_data) if _data else None


@cache
def program_hash() -> str:
    """Return a hash of the files of the program that decide about bytes.

    Templates are among them. A document is rendered again when it changes (P1).
    """
    from aggregator.publishing.program_hash_cache import cached_hash

    return cached_hash(_data)

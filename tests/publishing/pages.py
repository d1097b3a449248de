"""Distinguish the documents of channels from the pages of stories and lists."""

from __future__ import annotations

import re
from collections.abc import Iterable

PAGES = re.compile(
    r"((stories/[a-z2-7]{16}|archive/(index|\d{4}-\d\d)|topics/index|partners/[a-z0-9_-]+|about|bot|404)\.html"
    r"|sitemaps/[a-z0-9-]+\.xml|sitemap\.xml|robots\.txt|site\.webmanifest|opensearch\.xml"
    r"|partners/[a-z0-9_-]+\.svg|icon\.svg|icon\.png|favicon\.ico)(\.gz)?"
)


def without_pages(paths: Iterable[str]) -> set[str]:
    """Return the paths that are neither of pages of stories and lists nor for crawlers."""
    return {path for path in paths if not PAGES.fullmatch(path)}

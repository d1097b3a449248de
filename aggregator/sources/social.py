"""Posts of Mastodon and videos of YouTube inside their feeds: hashtags are their categories."""

from __future__ import annotations

import re
from collections.abc import Iterator

_LINKED = re.compile(r"<a\b(?=[^<>]{0,500}\bhashtag\b)[^<>]{0,1000}>\s*#?\s*(?:<span>)?\s*#?(\w{2,100})")
_WRITTEN = re.compile(r"(?<![\w&/#])#(?=\w*[^\W\d_])(\w{2,100})")


def hashtags(text: str | None, *, is_html: bool) -> Iterator[str]:
    """The hashtags of a post, without their sign: those that are linked as such, or any in plain text."""
    for match in (_LINKED if is_html else _WRITTEN).finditer((text or "")[:20_000]):
        yield match[1]

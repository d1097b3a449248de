"""Read hashtags of posts in feeds of Mastodon and YouTube, remove counters of Discourse."""

from __future__ import annotations

import re
from collections.abc import Iterator

_LINKED = re.compile(r"<a\b(?=[^<>]{0,500}\bhashtag\b)[^<>]{0,1000}>\s*#?\s*(?:<span>)?\s*#?(\w{2,100})")
_WRITTEN = re.compile(r"(?<![\w&/#])#(?=\w*[^\W\d_])(\w{2,100})")


def hashtags(text: str | None, *, is_html: bool) -> Iterator[str]:
    """Yield the hashtags of a post without their sign: linked ones, or any in plain text."""
    text = (text or "")[:20_000]
    if ("hashtag" if is_html else "#") in text:
        for match in (_LINKED if is_html else _WRITTEN).finditer(text):
            yield match[1]


_COUNTERS = re.compile(
    r"\s*<p><small>\d+ posts? - \d+ participants?</small></p>\s*(?:<p><a href=\"[^\"<>]*\">[^<>]*</a></p>)?\s*$"
)


def without_counters(text: str | None) -> str | None:
    """Remove the number of replies from a post of Discourse, which changes at each visit (E2)."""
    if not text or "<small>" not in text:
        return text
    return text[:-1_000] + _COUNTERS.sub("", text[-1_000:])

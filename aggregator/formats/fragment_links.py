"""Let links to parts of an entry's text, such as footnotes, lead to the page of the entry."""

from __future__ import annotations

import re
from html import escape

_FRAGMENT_LINK = re.compile(r"(<a\s[^<>]*\bhref\s*=\s*[\"']?)#", re.IGNORECASE)


def to_page(text: str | None, link: str | None) -> str | None:
    """Return HTML whose links to its own parts lead to `link`.

    They refer to the document that contains them (RFC 3986 section 4.4), which would be the feed.
    """
    return _FRAGMENT_LINK.sub(lambda tag: f"{tag[1]}{escape(link)}#", text) if text and link else text

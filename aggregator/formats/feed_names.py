"""Read the authors and categories of entries as plain names."""

from __future__ import annotations

import html
import re
from typing import Any

from aggregator.formats import social
from aggregator.text import line

_TAG = re.compile(r"</?[a-z][^<>]*>", re.IGNORECASE)
_ADDRESS = r"[<(]?(?<![@\w])[^\s()<>@]+@[^\s()<>@]+[>)]?"
"""An e-mail address with its brackets; "@desk@node.example" is a name in a social network."""
_ADDRESS_AND_NAME = re.compile(rf"{_ADDRESS}\s*\((.+)\)")
_NAME_AND_ADDRESS = re.compile(rf"(.+?)\s*{_ADDRESS}")


def as_text(written: str) -> str:
    """Return a name that may be escaped HTML, or was escaped twice, as text."""
    return html.unescape(_TAG.sub("", written))


def authors(entry: Any) -> tuple[str, ...]:
    """Return the names of the authors of an entry or feed; an address where there is no name."""
    names = (_name(author.get("name") or author.get("email")) for author in entry.get("authors", ()))
    return tuple(filter(None, names))[:50]


def _name(written: object) -> str | None:
    """Return the name in "desk@node.example (Ada Desk)" (RSS) or "Ada Desk <desk@node.example>"."""
    text = line(written, 500)
    if not text:
        return None
    named = _ADDRESS_AND_NAME.fullmatch(text) or _NAME_AND_ADDRESS.fullmatch(text)
    return line(as_text(named[1] if named else text), 200)


def categories(entry: Any, text: str | None, *, is_html: bool, trusted: bool) -> tuple[str, ...]:
    """Return the categories; a hashtag as written in a post precedes its lower-case category.

    `trusted`: the categories are text, as in Atom; in RSS many are escaped twice.
    """
    written = (line(tag.get("label") or tag.get("term"), 200) for tag in entry.get("tags", ()))
    names = [name if trusted or not name else line(as_text(name)) for name in written]
    if "yt_videoid" in entry or is_html:
        names = [*social.hashtags(text, is_html=is_html), *names]
    return tuple(filter(None, names))[:100]

"""Give images that a script would load their address as `src`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape

from aggregator import urls

_ADDRESSES = ("data-src", "data-lazy-src", "data-original")
"""Attributes whose value a script writes into `src`: lazysizes, WP Rocket, jQuery Lazy Load."""
_SETS = ("data-srcset", "data-lazy-srcset")
ATTRIBUTES = frozenset((*_ADDRESSES, *_SETS, "srcset"))
"""Attributes of `img` that `with_sources` needs and removes."""
PREFERRED_PIXELS = 1_000
"""Width of the candidate that is taken from a `srcset`, or the nearest to it."""
MAX_CANDIDATES = 50
"""Maximum number of candidates of a `srcset` that are compared."""

_IMAGE = re.compile(r"<img ([^<>]*)>")
_ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')
_LAZY = re.compile(rf"<img [^<>]*\b(?:{'|'.join(sorted(ATTRIBUTES))})=")
_COMMA = re.compile(r",\s+|(?<=\d[wx]),")
_SIZE = re.compile(r"(\d{1,6}(?:\.\d{1,4})?)([wx])")


def has_any(cleaned: str) -> bool:
    """Return whether HTML as nh3 writes it has an image that a script would load."""
    return _LAZY.search(cleaned) is not None


def with_sources(cleaned: str, base: str) -> str:
    """Write the address of each such image into `src`; `cleaned` is HTML as nh3 writes it."""
    return _IMAGE.sub(lambda image: _with_source(image[1], base), cleaned)


def _with_source(written: str, base: str) -> str:
    attributes = dict(_ATTRIBUTE.findall(written))
    source = _source({name: unescape(value) for name, value in attributes.items()}, base)
    kept = {name: value for name, value in attributes.items() if name not in ATTRIBUTES}
    if source:
        kept["src"] = source.replace("&", "&amp;")
    return "<img" + "".join(f' {name}="{value}"' for name, value in kept.items()) + ">"


def _source(attributes: Mapping[str, str], base: str) -> str | None:
    """Return the address of an image; None leaves its `src` as it is.

    What a script would write into `src` replaces it, because it is a placeholder then. A plain `srcset` has the same
    picture as `src`, unless only that is a GIF, as placeholders of one pixel are.
    """
    addresses = (_web_address(attributes.get(name, ""), base) for name in _ADDRESSES)
    candidates = (_candidate(attributes.get(name, ""), base) for name in _SETS)
    loaded = next(filter(None, (*addresses, *candidates)), None)
    if loaded:
        return loaded
    source, candidate = attributes.get("src"), _candidate(attributes.get("srcset", ""), base)
    return candidate if not source or (_is_gif(source) and not _is_gif(candidate)) else None


def _web_address(written: str, base: str) -> str | None:
    """Return an absolute http(s) URL; None for others, and for templates of a URL."""
    written = written.strip()
    return None if written.startswith("#") or "{" in written else urls.join(base, written)


def _candidate(srcset: str, base: str) -> str | None:
    """Return the address in a `srcset` whose width is nearest to `PREFERRED_PIXELS`."""
    found: list[tuple[float, str]] = []
    for candidate in _COMMA.split(srcset)[:MAX_CANDIDATES]:
        written, size = (*candidate.strip(",").split()[:2], "", "")[:2]
        if address := _web_address(written.strip(","), base):
            match = _SIZE.fullmatch(size)
            number = float(match[1]) if match else 1.0
            pixels = number if match and match[2] == "w" else number * PREFERRED_PIXELS
            found.append((abs(pixels - PREFERRED_PIXELS), address))
    return min(found, key=lambda each: each[0], default=(0.0, None))[1]


def _is_gif(address: str | None) -> bool:
    return urls.path(address).lower().endswith(".gif")

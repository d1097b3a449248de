"""Run feedparser's strict parser directly on expat, with the same results.

It takes a quarter of the time. For each element, feedparser resolves a base URL, receives its text line by line,
translates each character, and copies small dicts deeply. It also parses dates, which are not used here. Documents
that are not well-formed are parsed by `feedparser.parse`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any
from xml.sax import SAXException
from xml.sax.expatreader import ExpatParser
from xml.sax.handler import feature_external_ges, feature_namespaces
from xml.sax.xmlreader import InputSource

import feedparser
from feedparser.api import StrictFeedParser
from feedparser.encodings import convert_to_utf8
from feedparser.sanitizer import replace_doctype
from feedparser.urls import make_safe_absolute_uri
from feedparser.util import FeedParserDict

_C1 = re.compile("[\x80-\x9f]")
_MAX_CACHED_CHARACTERS = 2_000
_NAME_IN_QUERY = re.compile("&([A-Za-z0-9_]+);")
_USERLAND = "backend.userland.com"
_WITH_NAMESPACE = frozenset(("math", "svg"))


def parse(body: bytes, headers: Mapping[str, str]) -> Any:
    """Return the result of `feedparser.parse`, not sanitized or resolved; None if malformed.

    `headers` are those of the response, `content-location` with the final URL among them.
    """
    result = FeedParserDict(bozo=False, entries=[], feed=FeedParserDict(), headers=dict(headers))
    data = convert_to_utf8(result["headers"], body, result) if body else b""
    if not data or not result["encoding"]:
        return None
    version, data, _ = replace_doctype(data)
    location = headers.get("content-location", "")
    reader = _Reader(make_safe_absolute_uri("", location) or make_safe_absolute_uri(location) or "")
    try:
        _expat_driver(reader).parse(_input_source(data))
    except SAXException:
        return None
    result["feed"], result["entries"] = reader.feeddata, reader.entries
    result["version"] = version or reader.version
    return result


def _input_source(data: bytes) -> InputSource:
    source = InputSource()
    source.setByteStream(io.BytesIO(data))
    return source


def _expat_driver(reader: _Reader) -> _Driver:
    driver = _Driver(reader)
    driver.setFeature(feature_namespaces, 1)
    driver.setFeature(feature_external_ges, 0)
    driver.setContentHandler(reader)
    driver.setErrorHandler(reader)
    return driver


class _Driver(ExpatParser):
    """Pass on elements without creating objects of SAX, and each text in one piece."""

    _parser: Any

    def __init__(self, reader: _Reader) -> None:
        super().__init__()
        self._reader = reader

    def reset(self) -> None:
        super().reset()
        self._parser.buffer_text = True

    def start_element_ns(self, name: str, attrs: Mapping[str, str]) -> None:
        if not self._reader.start(name, attrs):
            super().start_element_ns(name, attrs)

    def end_element_ns(self, name: str) -> None:
        if not self._reader.end(name):
            super().end_element_ns(name)


class _Reader(StrictFeedParser):  # type: ignore[misc]
    """Extend feedparser's strict parser by faster methods for most elements."""

    sanitize_html = resolve_relative_uris = False
    contentparams: dict[str, Any]
    decls: dict[str, str]

    def __init__(self, base: str) -> None:
        self._tags: dict[str, str] = {}
        super().__init__(base, None, "utf-8")
        self.contentparams = {}

    # --- elements, as expat names them ---------------------------------------------------------------------

    def start(self, name: str, attributes: Mapping[str, str]) -> bool:
        """Begin an element; return False if feedparser must begin it."""
        tag = self._tags.get(name) or self._tag(name)
        if tag is None or any(" " in attribute for attribute in attributes):
            return False
        if attributes or self.decls:
            declarations, self.decls = self.decls, {}
            attributes = declarations | {attribute.lower(): value for attribute, value in attributes.items()}
        self.unknown_starttag(tag, list(attributes.items()))
        return True

    def end(self, name: str) -> bool:
        """End an element; return False if feedparser must end it."""
        tag = self._tags.get(name) or self._tag(name)
        if tag is None:
            return False
        self.unknown_endtag(tag)
        return True

    def _tag(self, name: str) -> str | None:
        """Return feedparser's name of an element, such as `dc:creator`; None for a rare case."""
        parts = name.split()
        namespace, local = (None, name) if len(parts) == 1 else (parts[0], parts[1])
        if len(parts) > 3 or local.lower() in _WITH_NAMESPACE or _USERLAND in (namespace or "").lower():
            return None
        prefix = self._matchnamespaces.get((namespace or "").lower())
        if not prefix and namespace:
            namespaces = self.namespaces_in_use.items()
            prefix = next((prefix for prefix, uri in namespaces if prefix and uri == namespace), None)
        self._tags[name] = tag = (f"{prefix}:{local}" if prefix else local).lower()
        return tag

    def track_namespace(self, prefix: str | None, uri: str) -> None:
        """Add a namespace, which may change the names of elements."""
        self._tags.clear()
        super().track_namespace(prefix, uri)

    # --- texts ---------------------------------------------------------------------------------------------

    def push_content(self, tag: str, attrs_d: Any, default_content_type: str, expecting_text: int) -> None:
        """Begin a text with type and language, stored in a plain dict for speed."""
        super().push_content(tag, attrs_d, default_content_type, expecting_text)
        self.contentparams = dict(self.contentparams)

    def pop(self, element: str, strip_whitespace: int = 1) -> Any:
        """End the innermost element; store its text if it is `element`, and return it."""
        if not self.elementstack or self.elementstack[-1][0] != element:
            return None
        media_type = self.contentparams.get("type", "text")
        if self.contentparams.get("base64") or media_type == "application/xhtml+xml" or not strip_whitespace:
            return super().pop(element, strip_whitespace)
        _, expecting_text, chunks = self.elementstack.pop()
        text = "".join(chunks).strip()
        if not expecting_text:
            return text
        if element in self.can_be_relative_uri and text and (element != "id" or self.guidislink):
            text = self.resolve_uri(text)
        if media_type == "text/plain" and not self.version.startswith("atom") and self.looks_like_html(text):
            self.contentparams["type"] = "text/html"
        for name in ("mode", "base64"):
            self.contentparams.pop(name, None)
        text = text if text.isascii() else _repaired(text)
        is_inner_title = element == "title" and -1 < self.title_depth <= self.depth
        if element not in ("category", "tags", "itunes_keywords") and not is_inner_title:
            self._store(element, text)
        return text

    def _store(self, element: str, text: str) -> None:
        """Store the text of an element in the entry, or in the feed or a part of the feed."""
        if not self.inentry or self.insource:
            if self.infeed or self.insource:
                self._store_in(self._get_context(), "subtitle" if element == "description" else element, text)
            return
        entry = self.entries[-1]
        if element == "content":
            entry.setdefault(element, [])
            entry[element].append(self._detail(text))
        elif element == "link":
            if not self.inimage:
                entry[element] = text = _NAME_IN_QUERY.sub(r"&\g<1>", text.replace("&amp;", "&"))
                if text:
                    entry["links"][-1]["href"] = text
        else:
            element = "summary" if element == "description" else element
            depths = self.property_depth_map.setdefault(entry, {})
            if element not in depths or self.depth <= depths[element]:
                depths[element] = self.depth
                entry[element] = text
            if self.incontent:
                entry[f"{element}_detail"] = self._detail(text)

    def _store_in(self, context: Any, element: str, text: str) -> None:
        context[element] = text
        if element == "link":
            context[element] = text = _NAME_IN_QUERY.sub(r"&\g<1>", text)
            context["links"][-1]["href"] = text
        elif self.incontent:
            context[f"{element}_detail"] = self._detail(text)

    def _detail(self, text: str) -> Any:
        return FeedParserDict({**self.contentparams, "value": text})

    # --- dates: the module `dates` parses them -------------------------------------------------------------

    def _end_published(self) -> None:
        self.pop("published")

    _end_issued = _end_pubdate = _end_published

    def _end_updated(self) -> None:
        self.pop("updated")

    _end_modified = _end_lastbuilddate = _end_updated


def _repaired(text: str) -> str:
    """Repair UTF-8 that was decoded as ISO 8859-1, then characters of Windows-1252."""
    with suppress(UnicodeEncodeError, UnicodeDecodeError):
        text = text.encode("iso-8859-1").decode("utf-8")
    return text.translate(feedparser.mixin._cp1252) if _C1.search(text) else text


@lru_cache(maxsize=8)
def _cached_absolute_uri(base: str, reference: str | None) -> str:
    return str(make_safe_absolute_uri(base, reference))


def _absolute_uri(base: str, reference: str | None = None) -> str:
    """Resolve a reference; most elements have the base URL of the element before."""
    if len(base) + len(reference or "") > _MAX_CACHED_CHARACTERS:
        return str(make_safe_absolute_uri(base, reference))
    return _cached_absolute_uri(base, reference)


feedparser.mixin.make_safe_absolute_uri = _absolute_uri

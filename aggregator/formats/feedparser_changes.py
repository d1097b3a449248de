"""Change how feedparser reads URLs, bases, guids, authors and secondary texts."""

from __future__ import annotations

from typing import Any

import feedparser

from aggregator.formats import entry_splitter, feed_events

SECONDARY_TEXTS = ("itunes_summary", "media_description")
"""Texts of an entry that has no other: summaries of podcasts, captions of images and videos."""
_resolve = feedparser.mixin._urljoin
_parser = feedparser.mixin._FeedParserMixin
_namespace = feedparser.namespaces._base.Namespace
_start_guid = _namespace._start_guid
_start_link = _namespace._start_link
_sync_author_detail = _parser._sync_author_detail
_strattrs = _parser.strattrs


def make() -> None:
    """Make the changes, for all parsers of feedparser."""
    feedparser.mixin._urljoin = _resolve_or_keep
    # Guids are kept as written: resolved against the URL of the feed, they would change when the feed moves.
    _parser.can_be_relative_uri.discard("id")
    _namespace._start_guid = _namespace._start_id = _start_guid_of_any_feed
    _namespace._start_link = _start_link_of_any_feed
    _parser._sync_author_detail = _keep_author
    _parser.strattrs = _with_inner_base
    _parser.namespaces.update(feed_events.NAMESPACES)
    _store_apart(feedparser.namespaces.itunes.Namespace, "itunes_summary")
    _store_apart(feedparser.namespaces.mediarss.Namespace, "media_description")


def _resolve_or_keep(base: str, written: str) -> str:
    """Resolve a URL with feedparser; return it as written if urllib cannot parse it.

    feedparser would make it empty; `urls.join` resolves more, and against another base.
    """
    return str(_resolve(base, written) or written)


def _start_guid_of_any_feed(self: Any, attributes: dict[str, str]) -> None:
    """Begin a guid and note whether it is a link; isPermaLink may be "False", as Python has it."""
    if "ispermalink" in attributes:
        attributes = {**attributes, "ispermalink": attributes["ispermalink"].strip().lower()}
    _start_guid(self, attributes)
    self._get_context()["guid_is_link"] = self.guidislink  # feedparser's own is false behind any link


def _start_link_of_any_feed(self: Any, attributes: dict[str, str]) -> None:
    """Begin a link, and note whether its text is the URL: it precedes those of Atom in RSS."""
    if "rel" in attributes:
        attributes = {**attributes, "rel": entry_splitter.relation(attributes["rel"])}
    _start_link(self, attributes)
    if "href" not in attributes and (links := self._get_context().get("links")):
        links[-1]["is_text"] = True


def _keep_author(self: Any, key: str = "author") -> None:
    """Keep an author that is a text as written; `feed_names` reads it.

    feedparser takes "desk@imaging.ins" for the address in "desk@imaging.institute", and "titute" for the name.
    """
    context = self._get_context()
    details = context.get(f"{key}s")
    if not details or details[-1]:
        _sync_author_detail(self, key)
    elif context.get(key):
        details[-1]["name"] = context[key]


def _with_inner_base(self: Any, attributes: list[tuple[str, str]]) -> str:
    """Write the attributes of an element in XHTML, with links of an inner `xml:base` resolved.

    An entry has one base for all its links.
    """
    if self.baseuri != self.contentparams.get("base"):
        attributes = [
            (name, _resolve_or_keep(self.baseuri, value) if name in ("href", "src") else value)
            for name, value in attributes
        ]
    return str(_strattrs(attributes))


def _store_apart(namespace: Any, element: str) -> None:
    """Store the first text of an element under its own name.

    feedparser would take it for the text of the entry, of which the order of elements decides.
    """
    names = (element, f"{element}_detail")

    def start(self: Any, attributes: dict[str, str]) -> None:
        self.push_content(element, attributes, "text/plain", 1)

    def end(self: Any) -> None:
        context = self._get_context()
        first = {name: context[name] for name in names if name in context} if context.get(element) else {}
        self.pop_content(element)
        context.update(first)

    setattr(namespace, f"_start_{element}", start)
    setattr(namespace, f"_end_{element}", end)

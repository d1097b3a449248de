"""Respond to searches with a page of stories, or with a feed of the newest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from aggregator.i18n import formatting, phrases
from aggregator.model.config import Config
from aggregator.model.documents import ItemKind
from aggregator.model.publishing import EPOCH
from aggregator.model.search import Highlighted, SearchResults
from aggregator.model.stories import Story
from aggregator.publishing import atom, paths
from aggregator.publishing.atom import FeedDocument
from aggregator.store import stories, story_search
from aggregator.store.connection import Store
from aggregator.store.story_search import PAGE_STORIES
from aggregator.web import pages, responses, search_request
from aggregator.web.queries import Queries
from aggregator.web.search_request import FILTERS, SearchRequest

QUERY_SECONDS = 1.0
"""Seconds that a search may read."""
PAGE_LIFETIME_SECONDS, FEED_LIFETIME_SECONDS = 60, 600
"""Seconds that results are fresh; the feed as long as other feeds."""
MAX_FEED_STORIES = 50
"""Maximum stories in the feed of a search."""
MAX_FEED_BYTES = 512 * 1024
"""Maximum size of the feed of a search (PB14)."""
MAX_LINKS = 8
"""Maximum values of a filter that are linked beside the results; the form has all."""
MAX_LABEL_CHARACTERS = 60
"""Maximum characters of a query in titles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A value of a filter: its name for people, the number of stories, the search with it."""

    value: str
    label: str
    count: str
    selected: bool
    url: str

    @property
    def shown(self) -> str:
        """Return name and number as the form shows them."""
        return f"{self.label} ({self.count})" if self.count else self.label


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet:
    """A filter with the values to choose from; `links` are those of the stories found."""

    name: str
    title: str
    options: tuple[Option, ...]
    links: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Search:
    """Respond to `/search` and `/search.atom`."""

    config: Config
    queries: Queries

    async def page(self, request: Request) -> Response:
        """Return the page of a search; without parameters the form."""
        search = search_request.parse(request.query_params)
        body = (
            await self.queries.run(lambda store: self._page(store, search, request.url.path), QUERY_SECONDS)
            if search.is_search
            else self._render_page(search, SearchResults(), request.url.path)
        )
        return responses.fresh_document(request, body, paths.HTML_TYPE, seconds=PAGE_LIFETIME_SECONDS)

    async def feed(self, request: Request) -> Response:
        """Return the newest stories of a search as an Atom feed."""
        search = replace(search_request.parse(request.query_params), page=1)
        body = await self.queries.run(lambda store: self._feed(store, search), QUERY_SECONDS)
        return responses.fresh_document(
            request, body, paths.ATOM_TYPE, seconds=FEED_LIFETIME_SECONDS, any_origin=True
        )

    def _page(self, store: Store, search: SearchRequest, path: str) -> bytes:
        selection = search.selection(self.config.site.timezone)
        found = story_search.find(store, search.words, selection, search.page)
        last = _last_page(found)
        if search.page > last > 0:  # stories left the results since the link was made
            search = replace(search, page=last)
            found = story_search.find(store, search.words, selection, last)
        return self._render_page(search, found, path)

    def _render_page(self, search: SearchRequest, found: SearchResults, path: str) -> bytes:
        site = self.config.site
        words = phrases.pages(site.language)
        facets = tuple(self._facet(name, search, found) for name in FILTERS)
        last = _last_page(found)
        return pages.render(
            "search.html.j2",
            site,
            path,
            page="search",
            request=search,
            is_search=search.is_search,
            label=label(search),
            feed=f"search.atom?{replace(search, page=1).query()}",
            notes=_notes(words, search, found),
            summary=_summary(words, found),
            facets=facets,
            selected=[
                Option(
                    value="", label=option.label, count="", selected=True, url=_url(search, facet.name, "")
                )
                for facet in facets
                for option in facet.options
                if option.selected
            ],
            found=found,
            title=partial(_title, found),
            excerpt=partial(_excerpt, found),
            day=lambda moment: formatting.day(moment.astimezone(site.timezone).date(), site.language),
            kind=lambda value: words["kinds"].get(value, value),
            pages=last,
            previous_page=_page_url(search, search.page - 1) if 1 < search.page <= last else None,
            next_page=_page_url(search, search.page + 1) if search.page < last else None,
        )

    def _facet(self, name: str, search: SearchRequest, found: SearchResults) -> Facet:
        """Return a filter with all values of feeds.yaml and of the stories found."""
        words = phrases.pages(self.config.site.language)
        counts = found.counts.get(FILTERS[name], {})
        labels = self._labels(name, words)
        selected = search.filters.get(name, "")
        values = dict.fromkeys([*counts, *labels, *([selected] if selected else [])])
        options = [
            Option(
                value=value,
                label=labels.get(value, value),
                count=str(counts.get(value, 0)) if search.is_search and not selected else "",
                selected=value == selected,
                url="",
            )
            for value in values
        ]
        links = [
            replace(option, url=_url(search, name, option.value))
            for option in options[: len(counts)][:MAX_LINKS]
            if not selected
        ]
        return Facet(
            name=name,
            title=words[name],
            options=tuple(options),
            links=tuple(links) if len(links) > 1 else (),
        )

    def _labels(self, name: str, words: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
        """Return the values of a filter in feeds.yaml, and their names for people."""
        if name == "partner":
            return {source.id: source.name for source in self.config.sources}
        if name == "kind":
            return {kind.value: words["kinds"].get(kind.value, kind.value) for kind in ItemKind}
        if name == "topic":
            return {topic: topic for topic in _topics(self.config)}
        return dict(words["languages"])

    def _feed(self, store: Store, search: SearchRequest) -> bytes:
        config = self.config
        ids = story_search.newest(
            store, search.words, search.selection(config.site.timezone), MAX_FEED_STORIES
        )
        found = tuple(stories.read(store, ids))
        while len(body := self._render_feed(search, found)) > MAX_FEED_BYTES and len(found) > 1:
            found = found[: len(found) // 2]
        return body

    def _render_feed(self, search: SearchRequest, found: tuple[Story, ...]) -> bytes:
        site = replace(self.config.site, url=self.config.web.url or self.config.site.url)
        words = phrases.pages(site.language)
        everything = next(channel for channel in self.config.channels if channel.id == "all")
        title = f"{site.title} · {words['search_for'].format(query=label(search))}"
        query = search.query()
        return atom.document(
            FeedDocument(
                site=site,
                channel=replace(everything, title=title),
                path=f"search.atom{'?' if query else ''}{query}",
                updated=max((story.updated for story in found), default=EPOCH),
                stories=found,
                tombstones=(),
                id=f"tag:{site.authority}:search/{hashlib.sha256(query.encode()).hexdigest()[:20]}",
                alternate=f"{site.url}search{'?' if query else ''}{query}",
            )
        ).body


def label(search: SearchRequest) -> str:
    """Return a search in few words, for titles."""
    named = [
        search.words,
        *search.filters.values(),
        *(str(day) for day in (search.since, search.until) if day),
    ]
    text = " · ".join(part for part in named if part)
    return text if len(text) <= MAX_LABEL_CHARACTERS else text[: MAX_LABEL_CHARACTERS - 1].rstrip() + "…"


def _last_page(found: SearchResults) -> int:
    return -(-found.total // PAGE_STORIES)


def _topics(config: Config) -> Iterable[str]:
    return dict.fromkeys(
        [*(rule.topic for rule in config.topics), *(t for source in config.sources for t in source.topics)]
    )


def _url(search: SearchRequest, name: str, value: str) -> str:
    return f"search?{search.with_filter(name, value).query()}"


def _page_url(search: SearchRequest, page: int) -> str:
    return f"search?{replace(search, page=page).query()}"


def _notes(words: Mapping[str, str], search: SearchRequest, found: SearchResults) -> list[str]:
    notes = [words["search_bad_date"].format(text=text) for text in search.bad_dates]
    return notes + ([words["search_shortened"]] if found.shortened else [])


def _summary(words: Mapping[str, str], found: SearchResults) -> str:
    if found.total == 1:
        return words["found_one"]
    return words["found_more" if found.limited else "found"].format(n=found.total)


def _title(found: SearchResults, story: Story) -> Highlighted:
    """Return the title of a story, with marked words if the matching item leads it."""
    marked = found.titles.get(story.id, ())
    same = "".join(text for text, _ in marked) == story.lead.title
    return marked if same else ((story.lead.title, False),)


def _excerpt(found: SearchResults, story: Story) -> Highlighted:
    """Return the passage with the words, or the excerpt of a story."""
    if story.id in found.texts:
        return found.texts[story.id]
    excerpt = story.lead.excerpt
    return ((excerpt, False),) if excerpt and excerpt != story.lead.title else ()

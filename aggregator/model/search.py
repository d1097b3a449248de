"""Values of the search: a query with its filters, and what it found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from aggregator.model.stories import Story
from aggregator.model.value_classes import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchTerms:
    """The terms of a query as phrases of FTS5, quoted.

    `shortened` is set if the query had more than the search reads.
    """

    wanted: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()
    shortened: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchFilters:
    """What found items must be; empty fields select nothing.

    The texts are ids of feeds.yaml, a kind, and a language. Items are from `since` on and before `until`.
    """

    topic: str = ""
    partner: str = ""
    kind: str = ""
    language: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResults:
    """A page of found stories.

    `total` counts the stories of all pages, `limited` is set if there are more, which no page shows. `counts` has the
    number of stories by value for each of the filters. `titles` and `texts` are parts with highlighted words by
    story id; `texts` is empty for a story whose words are in the title only.
    """

    stories: tuple[Story, ...] = ()
    total: int = 0
    limited: bool = False
    shortened: bool = False
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    titles: Mapping[str, Highlighted] = field(default_factory=dict)
    texts: Mapping[str, Highlighted] = field(default_factory=dict)


Highlighted = tuple[tuple[str, bool], ...]
"""Parts of a text, and whether each is a word that was searched."""

"""Find out which pages and calendars of stories are gone: of hidden, removed or merged ones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial

from aggregator.errors import StoreError
from aggregator.model.stories import UnpublishedStory
from aggregator.store import story_search
from aggregator.web.file_cache import CachedFile, Folder, LargeFile
from aggregator.web.queries import Queries

PATH = re.compile(r"stories/([a-z2-7]{16})\.(?:html|ics)")
GONE_META = re.compile(rb"<meta name=[\"']?robots[\"']? content=[\"']?noindex")
"""What publishing writes into the page of a story that is hidden or was merged."""
MAX_HEAD_BYTES = 4096
"""Bytes of a page that may contain this element."""
QUERY_SECONDS = 0.5
"""Seconds that the search for a story may take."""


@dataclass(frozen=True, slots=True)
class StoryPages:
    """Decide which files of stories are answered with 410, or redirect to another story."""

    queries: Queries

    async def find_gone(
        self, path: str, file: CachedFile | LargeFile | Folder | None
    ) -> UnpublishedStory | None:
        """Return what became of the story of a file; None for a published one and any other path.

        The store knows it before the next run writes or removes the file; if it does not answer, the page decides.
        """
        name = PATH.fullmatch(path)
        if not name:
            return None
        marked = UnpublishedStory() if is_gone_page(file) else None
        try:
            found = await self.queries.run(
                partial(story_search.unpublished_story, story_id=name[1]), QUERY_SECONDS
            )
        except StoreError:
            return marked
        return found or marked


def is_gone_page(file: CachedFile | LargeFile | Folder | None) -> bool:
    """Return whether a file is the page of a story that is gone."""
    return (
        isinstance(file, CachedFile)
        and GONE_META.search(file.identity.content, 0, MAX_HEAD_BYTES) is not None
    )

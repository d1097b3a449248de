"""Hold what a run that writes pages works with, and count what it wrote."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import field
from functools import cached_property

from aggregator import publishing
from aggregator.gateways.drafts import Drafts
from aggregator.model.config import Config
from aggregator.model.publishing import PublishedDocument
from aggregator.model.value_classes import dataclass
from aggregator.quarantine import Quarantine
from aggregator.store import sources
from aggregator.store.connection import Store


@dataclass(kw_only=True)
class PageWork:
    """The inputs of one run, and what it wrote so far.

    With `everything` the run writes all that is out of date, however much it is.
    """

    store: Store
    config: Config
    quarantine: Quarantine
    render_hash: str
    publishers: str
    """All publishers, of which an entry contains some."""
    change_count: int
    """Number of changes of stories when the run began (`stories.changes`)."""
    everything: bool
    written: list[str] = field(default_factory=list)
    unchanged: int = 0
    is_unfinished: bool = False
    """Whether documents are left to the next round, apart from pages of stories."""

    @cached_property
    def story_pages_hash(self) -> str:
        """Return a hash of what pages of stories depend on besides the story."""
        named = [
            (each.id, each.name, each.url, each.licence, each.full_text)
            for each in sources.publishers(self.store).values()
        ]
        inputs = (publishing.program_hash(), self.config.site, self.config.channels, self.web_url, named)
        return hashlib.sha256(repr(inputs).encode()).hexdigest()

    @property
    def web_url(self) -> str | None:
        """Return the address of the web app with search and status, None if there is none."""
        return self.config.web.url

    def write(self, documents: Sequence[PublishedDocument], *, compress: bool = True) -> None:
        """Write documents that differ from their files, and make them visible."""
        drafts = Drafts(self.config.public, compressed=compress)
        for document in documents:
            self._count(document.path, drafts.add(document))
        drafts.rename_all()

    def write_parts(self, documents: Iterable[tuple[str, Iterable[bytes]]]) -> list[bytes]:
        """Write documents in parts, like `write`; return their hashes."""
        drafts, hashes = Drafts(self.config.public), []
        for path, parts in documents:
            changed, document_hash = drafts.add_parts(path, parts)
            hashes.append(document_hash)
            self._count(path, changed)
        drafts.rename_all()
        return hashes

    def _count(self, path: str, changed: bool) -> None:
        if changed:
            self.written.append(path)
        else:
            self.unchanged += 1

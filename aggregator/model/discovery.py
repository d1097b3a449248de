"""Values of discovery: proposals, previews, source checks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aggregator.model.config import Layout
from aggregator.model.documents import Entry, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A source that a page offers: how far it is to be believed (`score`, about 0 to 1) and why.

    `entries` is what its `page` selectors yield; what is at the address of a feed is not known before a visit,
    and where it is `guessed`, not even whether there is one.
    """

    kind: str
    url: str
    score: float
    why: str
    guessed: bool = False
    title: str | None = None
    page: tuple[Layout, ...] = ()
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewItem:
    """An item as it is shown to somebody who looks a source over; `written` is the date as its publisher wrote it.

    `standing` says what the store knows of it: known, waiting (G2) or discarded; None for a new one.
    """

    title: str
    date: datetime | None
    written: str | None
    link: str | None
    kind: Kind
    topics: tuple[str, ...] = ()
    dropped: str | None = None
    standing: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedProposal:
    """A proposal with what came of it: `count` items, the `first` of them, or the `problem` that came instead.

    `tried` is false for an address that was not asked. `yaml` is the source as feeds.yaml has it.
    """

    proposal: Proposal
    tried: bool = False
    problem: str | None = None
    count: int = 0
    first_items: tuple[PreviewItem, ...] = ()
    yaml: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether it was read and yielded something."""
        return self.tried and self.problem is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """What can be polled at an address, best first. `kind` is what the address itself leads to."""

    url: str
    kind: str
    title: str | None = None
    language: str | None = None
    proposals: tuple[TriedProposal, ...] = ()
    sitemap: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The items of a source as they would be taken now; `kept` says that no server was asked."""

    url: str
    kind: str
    kept: bool
    items: tuple[PreviewItem, ...]
    notes: tuple[str, ...] = ()
    title: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCheck:
    """One source as `check --live` found it: what is wrong (`reason`), how to `mend` it, and with which YAML."""

    id: str
    state: str
    reason: str | None = None
    advice: str | None = None
    proposal: str | None = None

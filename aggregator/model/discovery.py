"""Values of discovery: proposals, previews, source checks, imports."""

from __future__ import annotations

from datetime import datetime

from aggregator.model.config import Layout
from aggregator.model.documents import Entry, ItemKind
from aggregator.model.findings import FindingWords
from aggregator.model.value_classes import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A source that a page offers, with a confidence (`score`, 0 to 1) and a reason (`why`).

    `entries` are what the selectors of `page` find on the page. The content of a feed is not known before a request;
    of a `guessed` URL it is not known whether there is a feed.
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
    """An item as a preview shows it; `written` is the date as its publisher wrote it.

    `dropped` is the filter that drops the item. `standing` is what the store knows: "known", "waiting" for review
    (G2), "discarded", or None for a new item.
    """

    title: str
    date: datetime | None
    written: str | None
    link: str | None
    kind: ItemKind
    topics: tuple[str, ...] = ()
    dropped: str | None = None
    standing: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedProposal:
    """A proposal and its trial: `count` items of which `first_items` are shown, or a `problem`.

    `tried` is false where nothing was requested. `yaml` is the source for feeds.yaml.
    """

    proposal: Proposal
    tried: bool = False
    problem: str | None = None
    count: int = 0
    first_items: tuple[PreviewItem, ...] = ()
    yaml: str = ""

    @property
    def succeeded(self) -> bool:
        """Return whether the trial yielded items."""
        return self.tried and self.problem is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """What can be polled at a URL, best first; `kind` is that of the document there."""

    url: str
    kind: str
    title: str | None = None
    language: str | None = None
    proposals: tuple[TriedProposal, ...] = ()
    sitemap: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePreview:
    """The items that a visit would take now, from the stored document if `kept`."""

    url: str
    kind: str
    kept: bool
    items: tuple[PreviewItem, ...]
    notes: tuple[str, ...] = ()
    title: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCheck:
    """The result of `check --live` for one source: reason, advice, and YAML to replace it.

    `findings` are for its publisher, as on the page of the partner.
    """

    id: str
    state: str
    reason: str | None = None
    advice: str | None = None
    proposal: str | None = None
    findings: tuple[FindingWords, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceImportReport:
    """The ids of sources added from a list, and messages about what was left out.

    Only the configuration of another program has `settings`, with the keys that they correspond to, and keys that
    are `unused`.
    """

    added: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()

"""Values of polling: requests, responses, visits, source records."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from aggregator.model.config import Source
from aggregator.model.documents import RefreshHints
from aggregator.model.items import Alias, IdentityPolicy, Item

MAX_VALIDATOR_BYTES = 16_384
"""Maximum length of an ETag or Last-Modified that is sent back; servers refuse longer request headers."""

_FIELD_CONTENT = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def _is_header_value(value: str) -> bool:
    """Check that `value` can be sent as a header and arrives unchanged (RFC 9110 5.5)."""
    fits = len(value) <= MAX_VALIDATOR_BYTES and _FIELD_CONTENT.fullmatch(value)
    return (
        bool(fits) and value == value.strip()
    )  # U+0085 and U+00A0 at an end are stripped or refused on the way


@dataclass(frozen=True, slots=True, kw_only=True)
class Validators:
    """ETag and Last-Modified byte for byte, and the final URL they came from (CL2, CL3).

    A value that no request header can repeat exactly is None: it would make every further request fail.
    """

    etag: str | None = None
    last_modified: str | None = None
    url: str | None = None

    def __post_init__(self) -> None:
        for name in ("etag", "last_modified"):
            value = getattr(self, name)
            if value is not None and not _is_header_value(value):
                object.__setattr__(self, name, None)

    @property
    def usable(self) -> bool:
        """Whether there is anything to ask conditionally with; an empty ETag is one, too."""
        return self.etag is not None or self.last_modified is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to ask of a server: one source's document, conditional where `validators` allow it."""

    source: Source
    validators: Validators = Validators()
    body_hash: str | None = None
    identity_policy: IdentityPolicy = field(default_factory=lambda: IdentityPolicy())
    seen: frozenset[bytes] = frozenset()
    """Digests of the entries of the last accepted document: they need not be read again."""
    url: str | None = None
    """Asked instead of the configured URL: where a source has moved (CL14), or what else a visit needs (V2)."""
    via: str | None = None
    """The URL whose answer led to this one: a redirect, or the document that links here. A public server's answer
    leads to no private address."""
    stay: bool = False
    """Whether a redirect is handed back instead of followed: where robots.txt has a say in each hop (CL19)."""
    bare: bool = False
    """Whether the body is of no interest and is not read."""
    robots: tuple[Robots, ...] = ()
    """What is known of the robots.txt that may be needed (CL19)."""
    before: int = 0
    """How many entries the last accepted document had: a page that loses many has changed its layout."""
    known_articles: frozenset[str] = frozenset()
    """Links and titles whose articles were read, of a page source that reads articles (V2, `identity.article_key`)."""
    kept: KeptDocument | None = None
    """The last accepted document, where not all of its articles were read yet."""
    gap: Gap | None = None
    """What is to be filled from older documents (G1)."""
    missing_items: tuple[MissingItem, ...] = ()
    """Items that left the document, whose pages are asked for (I8)."""

    @property
    def target(self) -> str:
        """The URL to ask."""
        return self.url or self.source.url


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptDocument:
    """A document as it was accepted, and the final URL it came from (V4)."""

    url: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingItem:
    """An item that left its document at `since`: perhaps its publisher withdrew it (I8).

    `tries` its page was asked for, at `last` the last time; `gone` is when it answered 404 or 410 first.
    """

    item_id: str
    title: str
    link: str
    since: datetime
    tries: int = 0
    last: datetime | None = None
    gone: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedItem:
    """An item as its source's document lists it; `told` in a story."""

    item_id: str
    link: str | None
    sort: datetime
    told: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A document shared no entry with what was known: `url` is where the older ones are said to be (G1).

    `since` is the last success before it, `known` every alias of the source, where filling ends.
    """

    url: str
    since: datetime | None
    known: frozenset[Alias] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Robots:
    """A host's robots.txt as it was read; `text` is None where the server could not say (RFC 9309 2.3.1.4)."""

    origin: str
    read: datetime
    text: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A final answer after redirects: `headers` in lower case, `hops` the URLs passed.

    `body` is decoded; of an error's body it is the beginning. `permanent`: every hop was a 301 or 308.
    `conditional`: whether validators were really sent, where the fetcher says so.
    """

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes
    hops: tuple[str, ...] = ()
    permanent: bool = False
    conditional: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A visit that brought nothing: `reason` in words; `wait` what the server at `url` asked for (CL8)."""

    reason: str
    status: int | None = None
    wait: timedelta | None = None
    holds_host: bool = False
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceProfile:
    """What a source's document says of the source: for atom:source, OPML and the site."""

    title: str | None = None
    feed_id: str | None = None
    site_link: str | None = None
    language: str | None = None
    rights: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedVisit:
    """A visit whose document was accepted: items, and the validators to store with them (V4).

    `present` are aliases of entries that stand in the document but were not read again; `entries` counts all of
    them, `older` is where those before them are. `unfinished`: entries were left out until their articles are read.
    """

    items: tuple[Item, ...]
    present: tuple[Alias, ...]
    entry_hashes: tuple[bytes, ...]
    validators: Validators
    url: str
    status: int
    body: bytes
    body_hash: str
    profile: SourceProfile
    identity_policy: IdentityPolicy
    hints: RefreshHints = RefreshHints()
    entries: int = 0
    older: str | None = None
    unfinished: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """A visit that found nothing new: a 304, or a 200 with the body we have (CL3, CL4)."""

    status: int
    validators: Validators
    bytes_read: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitResult:
    """What a worker brings back for one source; `seconds` the visit took, `requests` what it cost the server.

    `fresh_for` is the answer's freshness (CL7), `moved` where a wholly permanent redirect led to (CL14),
    `url` what answered in the end, `robots` every robots.txt that was read on the way. `conditional` is None where
    nobody knows whether validators were sent. `silence` is the 429 or 503 of what was asked beside the document, an
    article or an older one. `older` are the documents a gap was filled from, newest first;
    `filled` says that there are no more to ask for (G1). `checked` are suspects whose pages were asked for, with what
    these answered, if they did (I8). `interrupted`: the program was asked to stop before the document was there.
    """

    source_id: str
    result: ParsedVisit | Unchanged | Failure
    conditional: bool | None
    seconds: float
    requests: int = 1
    fresh_for: timedelta | None = None
    moved: str | None = None
    url: str | None = None
    robots: tuple[Robots, ...] = ()
    silence: Failure | None = None
    older: tuple[ParsedVisit, ...] = ()
    filled: bool = False
    checked: tuple[tuple[MissingItem, int | None], ...] = ()
    interrupted: bool = False


class SourceState(StrEnum):
    """How a source is doing, in one word; a change of it is told once (V8)."""

    NEW = "new"
    WELL = "well"
    FAILING = "failing"
    HELD = "held"
    MOVED = "moved"
    GONE = "gone"
    SILENT = "silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A permanent redirect as it was met so far; `learned` once it is believed and used (CL14)."""

    url: str
    since: datetime
    visits: int = 1
    learned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PostingStats:
    """How often a source has news: its last items' count, and the sort times of the oldest and newest of them."""

    count: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecord:
    """What the store remembers of a source between visits."""

    id: str
    state: SourceState = SourceState.NEW
    validators: Validators = Validators()
    body_hash: str | None = None
    identity_policy: IdentityPolicy = IdentityPolicy()
    last_attempt: datetime | None = None
    last_success: datetime | None = None
    next_visit: datetime | None = None
    not_before: datetime | None = None
    failures: int = 0
    reason: str | None = None
    failed_status: int | None = None
    gone_since: datetime | None = None
    last_whole: datetime | None = None
    hints: RefreshHints = RefreshHints()
    move: Move | None = None
    entries: int = 0
    unfinished: bool = False
    gap: Gap | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NextVisit:
    """When a source may be visited again: `due` by its own rhythm, `not_before` by the server's word.

    The other fields are what its record is to say from now on. `floor` is the shortest pause that the rules allow
    (CL5, CL6). `gone_since`: the first 404 or 410 since the last
    success (CL15). `notes` are for the log.
    """

    due: datetime
    not_before: datetime | None
    state: SourceState
    failures: int
    reason: str | None
    floor: timedelta
    hold_host_until: datetime | None = None
    failed_status: int | None = None
    gone_since: datetime | None = None
    hints: RefreshHints = RefreshHints()
    move: Move | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitRecord:
    """One line of the visit log, as politeness is judged by it (CL20).

    `url` is what answered in the end, which is what validators belong to (CL3). `forced`: a person asked for it;
    `floor`: the pause that had to follow it (CL5, CL6); `until`: when the server's word after it allowed the next
    visit at the earliest; `validated`: the answer left validators to ask with; `bytes_read`: decoded.
    """

    source_id: str
    url: str
    started: datetime
    outcome: str
    status: int | None
    conditional: bool
    forced: bool
    floor: timedelta
    validated: bool
    until: datetime | None
    bytes_read: int
    requests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PolitenessReport:
    """How one source was treated, replayed from the visit log (CL20).

    `per_day` counts requests; `conditional` and `not_modified` are shares of the visits; `smallest_gap` between two
    visits is in seconds; `wasted_bytes` are those of documents that had not changed; `broken` names rules and
    moments.
    """

    source_id: str
    visits: int
    requests: int
    per_day: float
    conditional: float
    not_modified: float
    smallest_gap: float | None
    wasted_bytes: int
    broken: tuple[str, ...]

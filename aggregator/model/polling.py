"""Values of polling: requests, responses, visits, source records."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime, timedelta
from enum import StrEnum

from aggregator.model.config import Source
from aggregator.model.documents import BREAKS_OFF, MALFORMED, HubLinks, RefreshHints
from aggregator.model.items import Alias, IdentityPolicy, Item
from aggregator.model.moves import Move
from aggregator.model.servers import ServerFacts
from aggregator.model.value_classes import dataclass

MAX_VALIDATOR_BYTES = 16_384
"""Maximum length of a validator that is sent back; servers refuse longer headers."""

_FIELD_CONTENT = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def _is_header_value(value: str) -> bool:
    """Check that `value` can be sent as a header and arrives unchanged (RFC 9110 5.5)."""
    fits = len(value) <= MAX_VALIDATOR_BYTES and _FIELD_CONTENT.fullmatch(value)
    # U+0085 and U+00A0 at an end are stripped or refused by HTTP libraries.
    return bool(fits) and value == value.strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Validators:
    """ETag and Last-Modified byte for byte, and the final URL that sent them (CL2, CL3).

    A value that no request header can repeat exactly becomes None: it would make every further request fail. So does
    the ETag `*`, which would match every document (RFC 9110 13.1.2).
    """

    etag: str | None = None
    last_modified: str | None = None
    url: str | None = None

    def __post_init__(self) -> None:
        for name in ("etag", "last_modified"):
            value = getattr(self, name)
            if value is not None and (not _is_header_value(value) or value == "*"):
                object.__setattr__(self, name, None)

    @property
    def is_usable(self) -> bool:
        """Return whether a request can be conditional; an empty ETag is a validator, too."""
        return self.etag is not None or self.last_modified is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request for a source: conditional where `validators` allow it.

    `source` lends its credentials. `url` is requested instead of the configured URL.
    """

    source: Source
    url: str | None = None
    validators: Validators = Validators()
    via: str | None = None
    """The URL of the redirect or document that led here.

    A public server must not lead to a private address."""
    single_hop: bool = False
    """Return a redirect instead of following it, to check robots.txt for each hop (CL19)."""
    headers_only: bool = False
    """Do not read the body."""

    @property
    def target(self) -> str:
        """Return the URL to request."""
        return self.url or self.source.url


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseContext:
    """What parsing a document depends on besides its bytes; passed to the sandbox with them."""

    source: Source
    identity_policy: IdentityPolicy = field(default_factory=lambda: IdentityPolicy())
    known_hashes: frozenset[bytes] = frozenset()
    """Hashes of the entries of the last accepted document; these entries are not parsed again."""
    entries_before: int = 0
    """Number of entries of the last document; a page with far fewer has a new layout."""
    entries_accepted: int | None = None
    """Number of entries that is accepted although it is far lower (G4)."""
    articles_read: frozenset[str] = frozenset()
    """Keys of entries whose articles were read at earlier visits (V2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitPlan:
    """One visit to make: the first request, and what the store knows of the source.

    `body_hash` is that of the last accepted document; `robots` every known robots.txt that the visit may need.
    """

    request: Request
    context: ParseContext
    body_hash: str | None = None
    robots: tuple[Robots, ...] = ()
    unfinished: StoredDocument | None = None
    """The last accepted document, if articles of it are still unread."""
    coverage_gap: CoverageGap | None = None
    """The coverage gap to fill from older documents (G1)."""
    missing_items: tuple[MissingItem, ...] = ()
    """Items that left the document and whose pages are due for a check (I8)."""

    @property
    def source(self) -> Source:
        """Return the source to visit."""
        return self.request.source


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDocument:
    """The last accepted document of a source and the final URL it came from (V4)."""

    url: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingItem:
    """An item that left its document at `since`, perhaps because its publisher removed it (I8).

    `checks` counts the checks of its page, and `last_check` is the time of the last one. The page has answered 404 or
    410 since `gone_since`.
    """

    item_id: str
    title: str
    link: str
    since: datetime
    checks: int = 0
    last_check: datetime | None = None
    gone_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PageCheck:
    """The response status of the page of a missing item; None if there was no response (I8)."""

    missing_item: MissingItem
    status: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedItem:
    """An item as its source's document lists it; `placed` if it is part of a story."""

    item_id: str
    link: str | None
    sort_time: datetime
    placed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageGap:
    """A coverage gap after a document without known entries; `url` has its older ones (G1).

    `since` is the last success before it. `known` are all aliases of the source; a known entry ends the filling.
    """

    url: str
    since: datetime | None
    known: frozenset[Alias] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Robots:
    """The robots.txt of an origin; `text` is None after a server error (RFC 9309 2.3.1.4)."""

    origin: str
    read: datetime
    text: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A final response after redirects: `headers` in lower case, `hops` the URLs passed.

    `body` is decoded; the body of an error is cut. `permanent`: every hop was a 301 or 308. `conditional`: whether
    validators were sent, if the fetcher reports it. The certificate of `url` is valid between the two times.
    """

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes
    hops: tuple[str, ...] = ()
    permanent: bool = False
    conditional: bool | None = None
    certificate_from: datetime | None = None
    certificate_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A failed request or visit; `wait` is the pause that `url` asked for (CL8).

    `entries` is the number of items that are left on a page that lost most of them.
    """

    reason: str
    status: int | None = None
    wait: timedelta | None = None
    limits_host: bool = False
    url: str | None = None
    entries: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceProfile:
    """What a document states about its source: for atom:source, OPML and the site."""

    title: str | None = None
    feed_id: str | None = None
    site_link: str | None = None
    language: str | None = None
    rights: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedVisit:
    """An accepted document: its items, and the validators to store with them (V4).

    `present` are aliases of entries that the document contains but that were not parsed again. `entries` counts all
    entries; `older` is the URL of those before them. `unfinished`: some entries wait until their articles are read.
    `format` is the name of the format with its version.
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
    hub_links: HubLinks | None = None
    format: str | None = None

    @property
    def is_whole(self) -> bool:
        """Return whether an entry that is not listed is not in the document either."""
        return self.status != 226 and not self.unfinished

    @property
    def breaks_off(self) -> bool:
        """Return whether the document ends within its last entry."""
        return BREAKS_OFF in self.notes

    @property
    def malformed(self) -> str | None:
        """Return the syntax error of the document, if any."""
        errors = (note.partition(MALFORMED)[2] for note in self.notes if note.startswith(MALFORMED))
        return next(errors, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """A visit without changes: a 304, or a 200 with the body that is stored (CL3, CL4)."""

    status: int
    validators: Validators
    bytes_read: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SideResults:
    """What a visit requested besides its document.

    `robots` is every robots.txt that was read; `older` the documents that fill a coverage gap, newest first;
    `coverage_gap_closed` says that no further ones are to be requested (G1). `rate_limit` is the last 429 or 503 (CL8).
    """

    robots: tuple[Robots, ...] = ()
    older: tuple[ParsedVisit, ...] = ()
    coverage_gap_closed: bool = False
    page_checks: tuple[PageCheck, ...] = ()
    rate_limit: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitResult:
    """The result of one visit; `seconds` without pauses, `requests` with redirects.

    `url` answered in the end, `moved` is set to it if all redirects were permanent (CL14), `fresh_for` is the
    freshness of the response (CL7). `conditional` is None if it is unknown whether validators were sent.
    `interrupted`: the program was asked to stop before the document was complete.
    """

    source_id: str
    result: ParsedVisit | Unchanged | Failure
    conditional: bool | None
    seconds: float
    requests: int = 1
    fresh_for: timedelta | None = None
    moved: str | None = None
    url: str | None = None
    side: SideResults = SideResults()
    interrupted: bool = False
    server: ServerFacts = field(default_factory=ServerFacts)

    @property
    def outcome(self) -> str:
        """Return the word of the visit log: changed, unchanged or failed."""
        return {ParsedVisit: "changed", Failure: "failed"}.get(type(self.result), "unchanged")


class SourceState(StrEnum):
    """How a source is, as in docs/operations.md; each change is printed once (V8)."""

    NEW = "new"
    OK = "ok"
    FAILING = "failing"
    RATE_LIMITED = "rate_limited"
    NEEDS_REVIEW = "needs_review"
    MOVED = "moved"
    GONE = "gone"
    STALE = "stale"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostingStats:
    """How often a source publishes: number, oldest and newest sort time of its last items."""

    count: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The lease of a WebSub hub, without interruption since `since` (WS4, WS8).

    `unproven` is the number of pushes that must arrive before they replace visits. `visit_due`: a push requested a
    visit that is still to come.
    """

    since: datetime
    until: datetime
    unproven: int = 0
    visit_due: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecord:
    """What the store keeps of a source between visits."""

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
    last_full: datetime | None = None
    hints: RefreshHints = RefreshHints()
    move: Move | None = None
    entries: int = 0
    shrunk_to: int | None = None
    shrunk_since: datetime | None = None
    unfinished: bool = False
    coverage_gap: CoverageGap | None = None
    hub_links: HubLinks | None = None
    lease: Lease | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A visit about to begin, with the next time that is allowed even if it is interrupted (V1).

    `min_interval` is the minimum interval that must follow it; `forced` means that the source was not due.
    """

    plan: VisitPlan
    next_visit: datetime
    min_interval: timedelta
    forced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NextVisit:
    """When to visit a source again: `due` by its schedule, `not_before` by its server.

    The other fields are the new values of its record. `min_interval` is the minimum interval that the rules allow
    (CL5, CL6). `gone_since` is the first 404 or 410 since the last success (CL15). `notes` are logged.
    """

    due: datetime
    not_before: datetime | None
    state: SourceState
    failures: int
    reason: str | None
    min_interval: timedelta
    limit_host_until: datetime | None = None
    failed_status: int | None = None
    gone_since: datetime | None = None
    hints: RefreshHints = RefreshHints()
    move: Move | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitRecord:
    """One row of the visit log, from which politeness is computed (CL20).

    `url` answered in the end, so that validators belong to it (CL3). `forced`: requested with `--force`. `min_interval`
    must follow it (CL5, CL6). `until`: the earliest next request that the server allowed. `validated`: the response had
    validators. `bytes_read`: decoded size.
    """

    source_id: str
    url: str
    started: datetime
    outcome: str
    status: int | None
    conditional: bool
    forced: bool
    min_interval: timedelta
    validated: bool
    until: datetime | None
    bytes_read: int
    requests: int

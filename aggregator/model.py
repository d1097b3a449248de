"""The nouns: frozen values that travel between the rooms.

Every moment is an aware UTC `datetime`; every text field is legal XML 1.0; `html` is always clean
(`stories.clean`). Values are picklable, so that any `concurrent.futures.Executor` can carry them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleLayout:
    """CSS selectors on an article's own page, each tried in order."""

    content: tuple[str, ...] = ()
    date: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """CSS selectors of a page source; all but `item` and `next` are looked up inside an item.

    Of several selectors the first that finds something counts. One may end in `@name` to take an attribute
    instead of the text (`time@datetime`), or begin with `+` to look among the siblings behind the item.
    `structured` takes what the page says in JSON-LD as well; `item` may then be empty.
    """

    item: str = ""
    link: tuple[str, ...] = ("a",)
    title: tuple[str, ...] = ()
    date: tuple[str, ...] = ()
    summary: tuple[str, ...] = ()
    next: tuple[str, ...] = ()
    structured: bool = False
    article: ArticleLayout | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A configured place to poll. `timezone` is already the site's where the source names none."""

    id: str
    name: str
    url: str
    kind: str = "feed"
    every: timedelta | None = None
    topics: tuple[str, ...] = ()
    priority: int = 0
    aggregator: bool = False
    language: str | None = None
    timezone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    licence: str | None = None
    permission: str | None = None
    full_text: bool = False
    only: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    enabled: bool = True
    note: str = ""
    page: tuple[Layout, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A user and password for HTTP authentication, and the only origin (`urls.origin`) that they are sent to.

    They are no part of a Source: requests and reading processes carry sources about, only the HTTP client has these.
    """

    origin: str
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Who publishes. `authority` is the authority part of every permanent tag: URI (RFC 4151)."""

    title: str
    url: str
    contact: str
    language: str
    timezone: ZoneInfo
    authority: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRules:
    """How the outside is polled: between `every` and `slowest`; `max_bytes` counts decoded bytes."""

    every: timedelta
    timeout: timedelta
    max_bytes: int
    slowest: timedelta = timedelta(hours=6)
    concurrency: int
    allow_private: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """One side of a channel's filter: empty fields select nothing."""

    sources: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A named selection of stories; `include` empty means every story."""

    id: str
    title: str
    include: Selection = Selection()
    exclude: Selection = Selection()
    automatic: bool = False
    """Made of a source or a topic, not declared: it gets files with its first story."""


OPERATOR = "operator"
"""The id of the operator's mail among those of digests; no digest may have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestPlan:
    """A configured digest: which channels and kinds (none: all), when (`schedule` as written), to whom.

    `sections` says what its news stands under: `kinds` or `topics`. The operator's mail is planned the same way.
    """

    id: str
    title: str
    channels: tuple[str, ...]
    kinds: tuple[Kind, ...] = ()
    sections: str = "kinds"
    schedule: str
    language: str
    timezone: ZoneInfo
    recipients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Smtp:
    """The mail relay. `security` is `starttls`, `tls` or `none`; `account` is `user` as feeds.yaml has it."""

    host: str
    port: int
    security: str
    account: str = field(default="", compare=False)
    user: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailRules:
    """Who mails, at most `rate` letters a minute. Without `smtp` letters become files in the outbox folder."""

    sender: str
    smtp: Smtp | None = None
    rate: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicRule:
    """A topic and the words or /regexes/ any of which gives it to an item."""

    topic: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long what is not for ever is kept: visits and runs, and the texts of items."""

    visits: timedelta
    texts: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """feeds.yaml, whole and checked. `digest_of_file` names this very content (bytes of the file).

    `placeholder` is the key of `site` that still says what the shipped file says (V7).
    """

    file: Path
    digest_of_file: str
    site: Site
    data: Path
    public: Path
    fetch: FetchRules
    sources: tuple[Source, ...]
    credentials: Mapping[str, Credentials] = field(default_factory=dict, repr=False)
    """Credentials by source id."""
    topics: tuple[TopicRule, ...]
    channels: tuple[Channel, ...]
    digests: tuple[DigestPlan, ...]
    operator: DigestPlan | None = None
    mail: MailRules
    retention: Retention
    hub: str | None = None
    listen: tuple[str, int]
    placeholder: str | None

    @property
    def mailings(self) -> tuple[DigestPlan, ...]:
        """All that is mailed by a schedule: the digests, and what the operator gets."""
        return (*self.digests, self.operator) if self.operator else self.digests


# --- a visit -------------------------------------------------------------------------------------------


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
    verdict: Verdict = field(default_factory=lambda: Verdict())
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
    """Links and titles whose articles were read, of a page source that reads articles (V2, `identity.told_as`)."""
    kept: Kept | None = None
    """The last accepted document, where not all of its articles were read yet."""
    gap: Gap | None = None
    """What is to be filled from older documents (G1)."""
    suspects: tuple[Suspect, ...] = ()
    """Items that left the document, whose pages are asked for (I8)."""

    @property
    def target(self) -> str:
        """The URL to ask."""
        return self.url or self.source.url


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A document as it was accepted, and the final URL it came from (V4)."""

    url: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
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
class Listed:
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


class Kind(StrEnum):
    """What sort of news an item is."""

    NEWS = "news"
    EVENT = "event"
    COURSE = "course"
    JOB = "job"
    CALL = "call"
    PAPER = "paper"
    NEWSLETTER = "newsletter"
    RELEASE = "release"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What a server and its document say about when to come again (CL7).

    `fresh_for`: by Cache-Control or Expires; `pace`: by RSS `ttl` or the syndication module; hours 0-23 in UTC
    and weekdays (Monday is 0) in which nobody should come: `skipHours`, `skipDays`.
    """

    fresh_for: timedelta | None = None
    pace: timedelta | None = None
    skip_hours: tuple[int, ...] = ()
    skip_days: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclosure:
    """An attached file as a feed states it; `length` in bytes."""

    url: str
    type: str | None = None
    length: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One item exactly as a source states it (RFC 4287's word); links are absolute already.

    `kind` is what its source makes it where its own words say nothing: whatever a calendar holds is an event.
    """

    position: int
    guid: str | None = None
    link: str | None = None
    title: str = ""
    title_is_html: bool = True
    summary: str | None = None
    content: str | None = None
    text_is_html: bool = True
    published: str | None = None
    updated: str | None = None
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    enclosures: tuple[Enclosure, ...] = ()
    language: str | None = None
    rights: str | None = None
    kind: Kind = Kind.NEWS
    base: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What a page says of one article, as written; None or empty where it says nothing."""

    link: str | None = None
    title: str | None = None
    published: str | None = None
    updated: str | None = None
    summary: str | None = None
    html: str | None = None
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    image: str | None = None
    language: str | None = None
    kind: Kind = Kind.NEWS


DIGEST_BYTES = 12
"""The size of each of `Reading.digests`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """An entry of a document that was not read, because it is the same to the letter as last time."""

    guid: str | None
    link: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A document read: its entries and what it says of itself.

    `skipped` are the entries that were left out as seen; `digests` those of all its entries, if it can be cut.
    """

    entries: tuple[Entry, ...]
    skipped: tuple[Skipped, ...] = ()
    digests: tuple[bytes, ...] = ()
    title: str | None = None
    feed_id: str | None = None
    site_link: str | None = None
    language: str | None = None
    rights: str | None = None
    updated: str | None = None
    hints: Hints = Hints()
    notes: tuple[str, ...] = ()


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
class Verdict:
    """Whether guids and links identify the entries of a source (I1): once false, false for ever."""

    guid: bool = True
    link: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """An identifier seen for an item, within its source: `kind` guid, link, linktitle or text (I2)."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An entry in our own terms: one sighting of a news by one source.

    `id` is a hash of the strongest alias, 80 bits in base32 (I4). `claimed` is the source's date if it is
    sane (T2), `claimed_raw` what it wrote. `first_seen` never moves once stored (T1).
    """

    id: str
    source_id: str
    aliases: tuple[Alias, ...]
    guid: str | None
    link: str | None
    title: str
    html: str
    text: str
    excerpt: str
    claimed: datetime | None
    claimed_raw: str | None
    first_seen: datetime
    position: int
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    enclosures: tuple[Enclosure, ...] = ()
    kind: Kind = Kind.NEWS
    language: str | None = None
    rights: str | None = None
    source_updated: datetime | None = None
    content_hash: str = ""
    dropped: str | None = None

    @property
    def sort(self) -> datetime:
        """T1: the claimed time, but never later than when we first saw it."""
        return min(self.claimed, self.first_seen) if self.claimed else self.first_seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a source's document says of the source: for atom:source, OPML and the site."""

    title: str | None = None
    feed_id: str | None = None
    site_link: str | None = None
    language: str | None = None
    rights: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Harvest:
    """A visit whose document was accepted: items, and the validators to store with them (V4).

    `present` are aliases of entries that stand in the document but were not read again; `entries` counts all of
    them, `older` is where those before them are. `unfinished`: entries were left out until their articles are read.
    """

    items: tuple[Item, ...]
    present: tuple[Alias, ...]
    digests: tuple[bytes, ...]
    validators: Validators
    url: str
    status: int
    body: bytes
    body_hash: str
    profile: Profile
    verdict: Verdict
    hints: Hints = Hints()
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
class Outcome:
    """What a worker brings back for one source; `seconds` the visit took, `requests` what it cost the server.

    `fresh_for` is the answer's freshness (CL7), `moved` where a wholly permanent redirect led to (CL14),
    `url` what answered in the end, `robots` every robots.txt that was read on the way. `conditional` is None where
    nobody knows whether validators were sent. `silence` is the 429 or 503 of what was asked beside the document, an
    article or an older one. `older` are the documents a gap was filled from, newest first;
    `filled` says that there are no more to ask for (G1). `checked` are suspects whose pages were asked for, with what
    these answered, if they did (I8). `interrupted`: the program was asked to stop before the document was there.
    """

    source_id: str
    result: Harvest | Unchanged | Failure
    conditional: bool | None
    seconds: float
    requests: int = 1
    fresh_for: timedelta | None = None
    moved: str | None = None
    url: str | None = None
    robots: tuple[Robots, ...] = ()
    silence: Failure | None = None
    older: tuple[Harvest, ...] = ()
    filled: bool = False
    checked: tuple[tuple[Suspect, int | None], ...] = ()
    interrupted: bool = False


class State(StrEnum):
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
class Rhythm:
    """How often a source has news: its last items' count, and the sort times of the oldest and newest of them."""

    count: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecord:
    """What the store remembers of a source between visits."""

    id: str
    state: State = State.NEW
    validators: Validators = Validators()
    body_hash: str | None = None
    verdict: Verdict = Verdict()
    last_attempt: datetime | None = None
    last_success: datetime | None = None
    next_visit: datetime | None = None
    not_before: datetime | None = None
    failures: int = 0
    reason: str | None = None
    failed_status: int | None = None
    gone_since: datetime | None = None
    last_whole: datetime | None = None
    hints: Hints = Hints()
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
    state: State
    failures: int
    reason: str | None
    floor: timedelta
    hold_host_until: datetime | None = None
    failed_status: int | None = None
    gone_since: datetime | None = None
    hints: Hints = Hints()
    move: Move | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
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
class Manners:
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


# --- stories -------------------------------------------------------------------------------------------


class Change(StrEnum):
    """What an arriving item is to the store."""

    NEW = "new"
    SAME = "same"
    EDITED = "edited"
    SIGNIFICANT = "significant"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownItem:
    """What the store remembers of an item, as far as an arrival is compared with it; `former_titles` oldest first."""

    id: str
    title: str
    text: str
    content_hash: str
    first_seen: datetime
    claimed: datetime | None
    edits: int
    story_id: str | None
    dropped: str | None
    former_titles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """An item as it will be kept: `item.id` and `first_seen` are the known item's where it is known."""

    item: Item
    change: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """What placing must know of an item: who told it (`teller`: the source's name), with what rank and words (I6).

    `links` are canonical keys that identify it, `link` its address as written, `works` identifiers of the work
    it is (DOI and kin), `origins` canonical keys of pages it says it is a copy of. `text` is a beginning.
    `withdrawn` by its publisher (I8).
    """

    item_id: str
    source_id: str
    links: frozenset[str]
    title: str
    aggregator: bool
    priority: int
    sort: datetime
    position: int = 0
    backlog: bool = False
    dated: bool = True
    teller: str = ""
    text: str = ""
    language: str | None = None
    link: str | None = None
    works: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    pointers: frozenset[str] = frozenset()
    withdrawn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One reason to believe that two items tell the same news, with its weight, in words."""

    name: str
    weight: float
    reason: str


class Strength(StrEnum):
    """What evidence and vetoes amount to (I3): one story, two linked ones, or nothing."""

    SAME = "same"
    RELATED = "related"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two items compared: all evidence, all vetoes in words, and what they amount to under `threshold`."""

    strength: Strength
    score: float
    threshold: float
    evidence: tuple[Evidence, ...] = ()
    vetoes: tuple[str, ...] = ()

    @property
    def reason(self) -> str:
        """The strongest evidence and what stands against it, in one line."""
        said = (
            "; ".join(e.reason for e in sorted(self.evidence, key=lambda e: -e.weight)[:4])
            or "nothing in common"
        )
        return f"{said}, but {self.vetoes[0]}" if self.vetoes else said


class Bond(StrEnum):
    """What an editor decided of two items, for ever (I7)."""

    TOGETHER = "together"
    APART = "apart"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A story as placing sees it: its id and members, lead first."""

    story_id: str
    members: tuple[Member, ...]

    @property
    def lead(self) -> Member:
        """The member whose words the story is told in."""
        return self.members[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where an item goes and why, in words; `related` stories were near but not the same (I3, I5).

    `comparison` is that with the item `beside`, the story's lead. `doubts` are stories an editor should look at.
    """

    member: Member
    story_id: str
    why: str
    founds: bool
    related: tuple[tuple[str, str], ...] = ()
    doubts: tuple[Doubt, ...] = ()
    beside: str | None = None
    comparison: Comparison | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A story that an item nearly belongs to: for an editor to say (I5)."""

    story_id: str
    score: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubtfulPair:
    """Two stories that may be one, for an editor to merge or to keep apart."""

    story: str
    title: str
    other: str
    other_title: str
    score: float
    why: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NearMiss:
    """A story that was looked at beside another, and how they compare."""

    story: str
    title: str
    source: str
    comparison: Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """An item that the rules of today would not put into its story, and where it goes."""

    item: str
    title: str
    source: str
    story: str
    becomes: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """What placing everything again would change; `joins` are only ever put on the editors' list (I5)."""

    stories: int = 0
    leaves: tuple[Leaving, ...] = ()
    joins: tuple[DoubtfulPair, ...] = ()
    applied: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What an editor decided, of which stories and items (I7), or a publisher who withdrew them (I8)."""

    at: datetime
    who: str
    verb: str
    stories: tuple[str, ...]
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Teller:
    """A source as shown beside a story; lives on in the store when it left feeds.yaml (V5)."""

    id: str
    name: str
    url: str
    kind: str
    site_link: str | None
    feed_id: str | None
    language: str | None
    rights: str | None
    licence: str | None
    full_text: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """An item together with the source that told it."""

    item: Item
    teller: Teller


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """The last significant edit of a lead since it was announced (E1), and the title it had before if that changed."""

    at: datetime
    title_before: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One piece of news: `sightings[0]` leads. `published` is frozen at announcement (T3).

    `updated` moves only for a significant edit (E1); `changed` whenever anything shown did.
    """

    id: str
    sightings: tuple[Sighting, ...]
    announced: datetime
    published: datetime
    updated: datetime
    changed: datetime
    kind: Kind
    topics: tuple[str, ...]
    related: tuple[tuple[str, str], ...] = ()
    hidden: bool = False
    correction: Correction | None = None

    @property
    def lead(self) -> Item:
        """The item whose words the story is told in (I6)."""
        return self.sightings[0].item

    @property
    def teller(self) -> Teller:
        """The source of the lead."""
        return self.sightings[0].teller

    @property
    def also(self) -> tuple[Sighting, ...]:
        """The other sightings, one a source: "also published by"."""
        seen = {self.teller.id}
        others = []
        for sighting in self.sightings[1:]:
            if sighting.teller.id not in seen:
                seen.add(sighting.teller.id)
                others.append(sighting)
        return tuple(others)


# --- publishing ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """A story that is told no more (RFC 6721): since when, and the story it was merged into, if any (I7, I8)."""

    story_id: str
    at: datetime
    became: str | None = None


EPOCH = datetime(1990, 1, 1, tzinfo=UTC)
"""When a channel that nothing was ever told in was last updated; no date before it is believed (T2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """All that a document of a channel is rendered from; newest announced first.

    `updated` is when anything shown last changed; it never goes back, and nothing changed means the same (PB13).
    `previous` is the newest month of the archive, for the channel that has one (P2).
    """

    site: Site
    channel: Channel
    channels: tuple[Channel, ...]
    stories: tuple[Story, ...]
    tombstones: tuple[Tombstone, ...] = ()
    updated: datetime = EPOCH
    previous: str | None = None
    hub: str | None = None
    editions: bool = False
    """Whether there are pages of digests to lead to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveMonth:
    """What the archive document of a month (`yyyy-mm`, P2) is rendered from; newest announced first."""

    site: Site
    channel: Channel
    month: str
    previous: str | None
    stories: tuple[Story, ...]
    tombstones: tuple[Tombstone, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """The polled sources, for `sources.opml`, and the topics of each by its id."""

    site: Site
    sources: tuple[Teller, ...]
    topics: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an OPML file brought: the ids of new sources, and in words what could not be taken in."""

    added: tuple[str, ...]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A rendered file: `path` below `public`, with slashes."""

    path: str
    media_type: str
    body: bytes


# --- mailing -------------------------------------------------------------------------------------------


class Reason(StrEnum):
    """Why a digest tells a story, as its ledger says (M1)."""

    NEW = "new"
    UPDATED = "updated"
    WITHDRAWN = "withdrawn"


class Turn(StrEnum):
    """What became of a story since a digest told it."""

    CORRECTED = "corrected"
    CANCELLED = "cancelled"
    MOVED = "moved"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retold:
    """A story that a digest told and has to come back to, because of what happened at `at`.

    `before` is the title it was told under, None where nobody knows it or it is another partner's.
    """

    story: Story
    turn: Turn
    at: datetime
    before: str | None = None

    @property
    def reason(self) -> Reason:
        """What goes on the ledger."""
        return Reason.WITHDRAWN if self.turn is Turn.WITHDRAWN else Reason.UPDATED


@dataclass(frozen=True, slots=True, kw_only=True)
class Untold:
    """What a digest has not told yet: newest announced first."""

    new: tuple[Story, ...] = ()
    retold: tuple[Retold, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.new or self.retold)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A story in the words that an edition tells it in; they stay, whatever becomes of the story.

    `item_id` is whose words these are; `section` a word of `wording` or `topic:` and a topic; `day` the local day it
    was published. `turn` happened on the day `turned`; `before` it was told by that title. `gone`: hidden since, its
    words are not to be shown any more.
    """

    story_id: str
    item_id: str
    reason: Reason
    section: str
    title: str
    teller: str
    day: date
    link: str | None = None
    language: str | None = None
    also: tuple[str, ...] = ()
    excerpt: str = ""
    turn: Turn | None = None
    turned: date | None = None
    before: str | None = None
    gone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """One digest that was composed: an immutable record of what it tells, for a local period (M5).

    `title` is the digest's, `language` one that we have words in.
    """

    id: str
    digest_id: str
    title: str
    subject: str
    language: str
    period: date
    composed: datetime
    told: tuple[Told, ...]

    @property
    def path(self) -> str:
        """Its page below `public`, for ever."""
        return f"digests/{self.id}.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionLine:
    """An edition in the list of all."""

    id: str
    subject: str
    language: str
    composed: datetime
    stories: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """An edition in mail's terms, the same for every recipient."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One letter owed to one address."""

    id: int
    edition_id: str
    digest_id: str
    address: str
    message_id: str
    composed: datetime
    attempts: int
    letter: Letter
    deferred_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayHold:
    """A relay could not be used since `since`; it is left alone until `until`."""

    since: datetime
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """An address that gets no more letters until a person says so."""

    address: str
    since: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedLetter:
    """A letter that is owed or parked, as a person looks at it."""

    edition: str
    address: str
    state: str
    attempts: int
    next_attempt: datetime | None
    reason: str | None
    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbox:
    """What is owed or parked, who gets no more letters, and the relay's trouble if there is one."""

    letters: tuple[OwedLetter, ...]
    suppressed: tuple[Suppression, ...]
    relay: RelayHold | None


# --- told ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReport:
    """One source in a fetch report."""

    id: str
    outcome: str
    status: int | None
    reason: str | None
    new_items: int
    next_visit: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchReport:
    """What `fetch` did, in numbers and names; `notices` are changes of state to be told once (V8)."""

    visited: int = 0
    unchanged: int = 0
    changed: int = 0
    failed: int = 0
    not_due: int = 0
    new_items: int = 0
    updated_items: int = 0
    new_stories: int = 0
    joined_stories: int = 0
    held: int = 0
    documents_written: tuple[str, ...] = ()
    seconds: float = 0.0
    sources: tuple[SourceReport, ...] = ()
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishReport:
    """What `publish` wrote (paths below `public`) and how many documents were already right."""

    documents_written: tuple[str, ...] = ()
    unchanged: int = 0
    seconds: float = 0.0
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestReport:
    """What `digest run` did; `notices` are troubles to be told.

    `deferred` letters are among the `owed`. `trouble`: the relay could not be used;
    `waiting`: until when it is left alone.
    """

    composed: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    sent: int = 0
    owed: int = 0
    deferred: int = 0
    unknown: int = 0
    failed: int = 0
    seconds: float = 0.0
    notices: tuple[str, ...] = ()
    trouble: str | None = None
    waiting: datetime | None = None

    def counted(self, letters: Mapping[str, int]) -> DigestReport:
        """The report with what is owed and parked, from the number of letters in each state."""
        return replace(
            self,
            owed=sum(letters.get(state, 0) for state in ("queued", "sending", "deferred")),
            deferred=letters.get("deferred", 0),
            unknown=letters.get("unknown", 0),
            failed=letters.get("failed", 0),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PastTelling:
    """What of a story a digest told, in which edition; `edition` is None for what counts as told since it began."""

    edition: str | None
    reason: str
    composed: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastLetter:
    """A letter to an address: where it stands, since `last_attempt`."""

    edition: str
    state: str
    message_id: str
    last_attempt: datetime | None
    next_attempt: datetime | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """All that decides whether an address got a story in a digest.

    `plan` is None for a digest that is not configured any more, `since` and `last_composed` for one that never ran.
    """

    digest: str
    plan: DigestPlan | None
    address: str
    announced: datetime
    fed: bool
    hidden: bool
    in_channels: bool
    of_kinds: bool
    since: datetime | None
    last_composed: datetime | None
    told: tuple[PastTelling, ...]
    letters: tuple[PastLetter, ...]
    suppressed: Suppression | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Why an address got a story in one digest, or did not; `got` is None where nobody can know."""

    digest: str
    got: bool | None
    why: str
    editions: tuple[str, ...]
    message_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyReport:
    """The same for all digests; `asked` is the name the story was asked by."""

    story: str
    title: str
    asked: str
    address: str
    digests: tuple[Why, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHealth:
    """How one source is doing; `advice` says what to do where something is wrong."""

    id: str
    name: str
    state: State
    last_success: datetime | None
    last_attempt: datetime | None
    next_visit: datetime | None
    failures: int
    reason: str | None
    advice: str | None
    items: int
    stories: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One execution of a job as it is remembered; `outcome` is `interrupted` for one that never ended."""

    id: int
    job: str
    started: datetime
    finished: datetime | None
    outcome: str
    report: Mapping[str, object] | None


class Step(StrEnum):
    """A step of a job that something may break; the value is what `status` calls it."""

    PLACING = "item"
    PUBLISHING = "story"
    SHOWING = "found story"
    DIGEST = "digest story"
    CHANNEL = "channel"
    EDITION = "edition"
    COMPOSING = "digest"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """What broke a step at `at`: `name` is the id of an item, story, channel or the like; `source` tells it."""

    step: Step
    name: str
    title: str
    source: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingJob:
    """A job none of whose last `runs` ended well, the first of them at `since`; `reason` is that of the last."""

    job: str
    runs: int
    since: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """The health of everything. `owed` letters are still to be sent, `parked` ones wait for a person.

    `relay` is the relay's trouble if there is one, `suppressed` the addresses that get no more letters,
    `hub` why the WebSub hub does not take notice of news at present, `set_aside` what broke a step.
    `unplaced` items have no story yet, the first since `unplaced_since`; the files of the channels in `unwritten`
    are behind since a moment; `failing` are the jobs whose last runs did not end well.
    """

    sources: tuple[SourceHealth, ...]
    stories: int
    items: int
    subscribers: int
    owed: int
    oldest_owed: datetime | None
    parked: Mapping[str, int]
    runs: tuple[RunRecord, ...]
    doubts: tuple[DoubtfulPair, ...] = ()
    relay: RelayHold | None = None
    suppressed: tuple[Suppression, ...] = ()
    hub: str | None = None
    set_aside: tuple[SetAside, ...] = ()
    unplaced: int = 0
    unplaced_since: datetime | None = None
    unwritten: Mapping[str, datetime] = field(default_factory=dict)
    failing: tuple[FailingJob, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """A news that its publisher took back at `at` (I8): `title` as told in the story, `source` its name."""

    story: str
    title: str
    source: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Lately:
    """What happened since a moment: in numbers, what publishers took back, runs that did not end.

    `accepted` letters; `unpinged` is why the hub was given up on, where it was.
    """

    since: datetime
    visits: int
    stories: int
    accepted: int
    withdrawn: tuple[Withdrawal, ...] = ()
    unended: tuple[RunRecord, ...] = ()
    unpinged: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """All that the operator's mail is made of; `overdue` counts sources that nobody visited in time."""

    status: StatusReport
    overdue: int
    letters: tuple[OwedLetter, ...]
    lately: Lately


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneReport:
    """What retention took away: rows of visits and runs, and items that lost their text."""

    visits: int = 0
    runs: int = 0
    texts: int = 0


# --- finding and mending -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Glimpse:
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
class Offer:
    """A proposal with what came of it: `count` items, the `first` of them, or the `problem` that came instead.

    `tried` is false for an address that was not asked. `yaml` is the source as feeds.yaml has it.
    """

    proposal: Proposal
    tried: bool = False
    problem: str | None = None
    count: int = 0
    first: tuple[Glimpse, ...] = ()
    yaml: str = ""

    @property
    def well(self) -> bool:
        """Whether it was read and yielded something."""
        return self.tried and self.problem is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """What can be polled at an address, best first. `kind` is what the address itself leads to."""

    url: str
    kind: str
    title: str | None = None
    language: str | None = None
    offers: tuple[Offer, ...] = ()
    sitemap: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The items of a source as they would be taken now; `kept` says that no server was asked."""

    url: str
    kind: str
    kept: bool
    items: tuple[Glimpse, ...]
    notes: tuple[str, ...] = ()
    title: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """One source as `check --live` found it: what is wrong (`reason`), how to `mend` it, and with which YAML."""

    id: str
    state: str
    reason: str | None = None
    mend: str | None = None
    proposal: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastVisit:
    """A visit of one source as its publisher may be told of it."""

    started: datetime
    outcome: str
    status: int | None
    reason: str | None
    bytes_read: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something that a publisher could mend: `what` is a word of `editions.appeal`, `detail` what was met."""

    what: str
    detail: str = ""
    since: datetime | None = None
    times: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Appeal:
    """All that a letter to a publisher is made of; `per_day` counts our requests."""

    name: str
    url: str
    language: str
    site: Site
    user_agent: str
    per_day: float
    last_success: datetime | None
    troubles: tuple[Trouble, ...]

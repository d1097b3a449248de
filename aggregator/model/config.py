"""Values of feeds.yaml: site, sources, channels, digests, mail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from aggregator.errors import UnknownName, did_you_mean
from aggregator.model.documents import Kind


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


OPERATOR_ID = "operator"
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

    @property
    def key(self) -> str:
        """The relay without any secret; other settings are another relay."""
        return f"{self.account}@{self.host}:{self.port} {self.security}"


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
    """feeds.yaml, whole and checked. `file_hash` names this very content (bytes of the file).

    `placeholder` is the key of `site` that still says what the shipped file says (V7).
    """

    file: Path
    file_hash: str
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

    def source(self, id_: str) -> Source:
        """Return the source with an id, also a disabled one. Raises UnknownName."""
        for source in self.sources:
            if source.id == id_:
                return source
        hint = did_you_mean(id_, (source.id for source in self.sources))
        raise UnknownName(f"no source {id_!r} in {self.file.name}{hint}")

    @property
    def mailings(self) -> tuple[DigestPlan, ...]:
        """All that is mailed by a schedule: the digests, and what the operator gets."""
        return (*self.digests, self.operator) if self.operator else self.digests

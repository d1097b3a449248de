"""Values of feeds.yaml: site, sources, channels, digests, mail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from aggregator.errors import UnknownName, did_you_mean
from aggregator.model.documents import ItemKind
from aggregator.model.value_classes import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleLayout:
    """CSS selectors for the page of a single article, tried in order."""

    content: tuple[str, ...] = ()
    date: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """CSS selectors of a page source; all but `item` and `next` select inside an item.

    Of several selectors the first with a match is used. A selector that ends in `@name` takes an attribute instead
    of the text (`time@datetime`). One that begins with `+` searches the siblings after the item.
    `structured` reads JSON-LD of the page as well; `item` may then be empty.
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
    """A configured place to poll. `timezone` is the site's where the source has none."""

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
    websub: bool | None = None
    """Whether to subscribe to the WebSub hub of its feed; None: as `web.websub` says."""
    note: str = ""
    page: tuple[Layout, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A user and password for HTTP authentication, sent to one origin only (`urls.origin`).

    They are not fields of Source, because sources are passed to the sandbox; only the HTTP client has them.
    """

    origin: str
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The published site. `authority` is part of every permanent tag: URI (RFC 4151)."""

    title: str
    url: str
    contact: str
    language: str
    timezone: ZoneInfo
    authority: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRules:
    """Intervals and limits of polling; `max_bytes` counts decoded bytes.

    A source is polled at least as often as `slowest`, at most as often as `every`.
    """

    every: timedelta
    timeout: timedelta
    max_bytes: int
    slowest: timedelta = timedelta(hours=6)
    concurrency: int
    allow_private: tuple[str, ...]
    executor: str = "threads"
    """`threads`, or the scheduler of a Dask cluster as `dask://HOST:PORT`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """One side of a channel's filter; an empty field selects nothing."""

    sources: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    kinds: tuple[ItemKind, ...] = ()
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A named selection of stories; an empty `include` selects every story."""

    id: str
    title: str
    include: Selection = Selection()
    exclude: Selection = Selection()
    language: str | None = None
    """The language of its page, if it is not the site's."""
    automatic: bool = False
    """Made from a source or topic, not declared; its files are written with its first story."""


OPERATOR_ID = "operator"
"""The id of the operator's mail among those of the digests; no digest may have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestPlan:
    """A configured digest: its channels, kinds, schedule and recipients.

    No kinds means all kinds. `schedule` has five cron fields. Stories are grouped by `sections`: `kinds` or `topics`.
    The operator's mail has a plan as well.
    """

    id: str
    title: str
    channels: tuple[str, ...]
    kinds: tuple[ItemKind, ...] = ()
    sections: str = "kinds"
    schedule: str
    language: str
    timezone: ZoneInfo
    recipients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Smtp:
    """The mail relay; `security` is `starttls`, `tls` or `none`.

    `account` is `user` as written in feeds.yaml, perhaps a reference to a secret.
    """

    host: str
    port: int
    security: str
    account: str = field(default="", compare=False)
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout: timedelta = timedelta(seconds=30)
    """Maximum time to wait for a reply."""

    @property
    def key(self) -> str:
        """The settings of the relay without secrets, by which the store knows it."""
        return f"{self.account}@{self.host}:{self.port} {self.security}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Imap:
    """A folder of an IMAP server; `security` is `tls` or `starttls`. `account` as in `Smtp`."""

    host: str
    port: int
    security: str
    folder: str
    account: str = field(compare=False)
    user: str | None
    password: str | None = field(repr=False)
    timeout: timedelta = timedelta(seconds=30)

    @property
    def key(self) -> str:
        """The settings of the folder without secrets, by which the store knows it."""
        return f"{self.account}@{self.host}:{self.port}/{self.folder}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BounceRules:
    """The address that bounces return to, and the mailbox that they are read from, if any (BO2)."""

    address: str
    maildir: Path | None = None
    imap: Imap | None = None

    @property
    def has_mailbox(self) -> bool:
        """Return whether a job reads bounces; otherwise a pipe passes them on."""
        return self.maildir is not None or self.imap is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class MailRules:
    """The sender of mails, and at most `rate` messages a minute.

    Without `smtp` messages become files in the outbox folder. Without `bounces`, bounces return to the sender.
    """

    sender: str
    smtp: Smtp | None = None
    rate: int | None = None
    bounces: BounceRules | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicRule:
    """A topic, given to items that contain one of its words or match one of its /regexes/."""

    topic: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long visits and runs, the texts of items, and the addresses of messages are kept."""

    visits: timedelta
    texts: timedelta
    deliveries: timedelta = timedelta(days=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebRules:
    """Where the web app is reached, and which networks may do what.

    Requests of `trusted_proxies` count as those of the client that they name; `metrics_from` may read the metrics.
    `editor_header` is the header in which a trusted proxy names an editor.
    """

    url: str | None = None
    websub: bool = True
    """Whether to subscribe to the WebSub hubs that feeds of sources name."""
    trusted_proxies: tuple[str, ...] = ()
    metrics_from: tuple[str, ...] = ()
    editor_header: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The validated content of feeds.yaml; `file_hash` is the hash of its bytes.

    `placeholders` are the keys of `site` that still have the value of the shipped file (V7).
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
    editors: tuple[str, ...] = ()
    """Addresses of editors who sign in by a mailed link, or whom a trusted proxy may name."""
    mail: MailRules
    retention: Retention
    hub: str | None = None
    listen: tuple[str, int]
    web: WebRules = WebRules()
    placeholders: tuple[str, ...]

    def source(self, id_: str) -> Source:
        """Return the source with an id, also a disabled one. Raises UnknownName."""
        for source in self.sources:
            if source.id == id_:
                return source
        hint = did_you_mean(id_, (source.id for source in self.sources))
        raise UnknownName(f"no source {id_!r} in {self.file.name}{hint}")

    @property
    def sign_up_url(self) -> str | None:
        """The URL of the sign-up form; None without a web app or without digests."""
        return f"{self.web.url}subscribe" if self.web.url and self.digests else None

    @property
    def mailings(self) -> tuple[DigestPlan, ...]:
        """The plans of everything mailed by a schedule: the digests and the operator's mail."""
        return (*self.digests, self.operator) if self.operator else self.digests

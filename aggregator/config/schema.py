"""The shape of feeds.yaml as pydantic models.

The JSON Schema for editors is generated from them.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from aggregator.config import values
from aggregator.model.documents import ItemKind

SourceKind = Literal["feed", "jsonfeed", "page", "ical", "wordpress", "zenodo"]

Duration = Annotated[
    timedelta,
    BeforeValidator(values.duration),
    WithJsonSchema({"type": "string", "pattern": r"^\d+\s*[smhdw]$", "examples": ["1h", "20s"]}),
]
Size = Annotated[
    int,
    BeforeValidator(values.size),
    WithJsonSchema({"type": ["string", "integer"], "examples": ["10MB"]}),
]
Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$", description="lower case, digits, hyphens")]
WebUrl = Annotated[str, AfterValidator(values.web_url), Field(json_schema_extra={"format": "uri"})]
BaseUrl = Annotated[str, AfterValidator(values.base_url), Field(json_schema_extra={"format": "uri"})]
Zone = Annotated[
    ZoneInfo,
    BeforeValidator(values.zone),
    WithJsonSchema({"type": "string", "examples": ["Europe/Berlin"]}),
]
Secret = Annotated[str, AfterValidator(values.secret), Field(pattern="^(env|file):")]
Network = Annotated[str, BeforeValidator(values.network), WithJsonSchema({"type": "string"})]
HeaderName = Annotated[str, AfterValidator(values.header_name)]
Word = Annotated[str, BeforeValidator(values.word), WithJsonSchema({"type": "string"})]
Selector = Annotated[str, AfterValidator(values.selector)]
Element = Annotated[str, AfterValidator(values.element)]


def OneOrMore(inner: Any) -> BeforeValidator:
    """Accept one value where a list of them is expected."""
    return BeforeValidator(
        lambda given: given if isinstance(given, (list, tuple)) or given is None else [given],
        json_schema_input_type=inner | tuple[inner, ...],
    )


Selectors = Annotated[tuple[Selector, ...], OneOrMore(Selector)]
Address = Annotated[str, AfterValidator(values.address)]
Title = Annotated[str, Field(min_length=1, max_length=300), AfterValidator(values.title)]
Folder = Annotated[str, AfterValidator(values.folder)]
Interval = Annotated[Duration, AfterValidator(values.within("1m", "31d"))]
Schedule = Annotated[
    str, AfterValidator(values.schedule), Field(examples=["mon 08:00", "daily 07:30", "0 8 1 * *"])
]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]


class Part(BaseModel):
    """A part of the file: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=False)


class SitePart(Part):
    """The published site, and the authority of its permanent ids."""

    title: Title
    url: Annotated[BaseUrl, Field(description="where `public` is served; base of every self link")]
    contact: Annotated[Address, Field(description="in the User-Agent and in mails")]
    language: Language = "en"
    timezone: Zone = ZoneInfo("UTC")
    authority: Annotated[
        str,
        AfterValidator(values.authority),
        Field(description="of the permanent tag: ids; never changed after the first run"),
    ]


class PathsPart(Part):
    """Folders, relative to feeds.yaml."""

    data: Folder = "var"
    public: Folder = "public"


class FetchPart(Part):
    """Intervals and limits of polling."""

    every: Interval = timedelta(hours=1)
    slowest: Interval = timedelta(hours=6)
    timeout: Annotated[Duration, AfterValidator(values.within("1s", "10m"))] = timedelta(seconds=20)
    max_bytes: Annotated[Size, Field(ge=1000, le=10**9)] = 10_000_000
    concurrency: Annotated[int, Field(ge=1, le=256)] = 16
    allow_private: Annotated[
        tuple[Annotated[str, BeforeValidator(values.private_host), WithJsonSchema({"type": "string"})], ...],
        Field(description="hosts, host:port or networks that may be private"),
    ] = ()
    executor: Annotated[
        str,
        AfterValidator(values.executor),
        Field(
            description="what visits run on: threads of this machine, or a Dask cluster (dask://HOST:PORT)",
            examples=["threads", "dask://scheduler.internal:8786"],
        ),
    ] = "threads"


class ArticlePart(Part):
    """CSS selectors on the page of a single article."""

    content: Annotated[tuple[Element, ...], OneOrMore(Element)] = ()
    date: Selectors = ()


class PagePart(Part):
    """CSS selectors of a page source.

    `selector@attribute` takes an attribute, `+ selector` searches the siblings after the item.
    """

    item: Element | None = None
    link: Selectors = ("a",)
    title: Selectors = ()
    date: Selectors = ()
    summary: Selectors = ()
    next: Selectors = ()
    structured: Annotated[bool, Field(description="take what the page says in JSON-LD as well")] = False
    article: ArticlePart | None = None


class ZenodoPart(Part):
    """A community of zenodo.org."""

    community: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$")]


class SourcePart(Part):
    """A source. `url` is optional only where another key determines it (`kind: zenodo`)."""

    id: Id
    name: Title
    url: WebUrl | None = None
    kind: SourceKind = "feed"
    every: Interval | None = None
    topics: tuple[Id, ...] = ()
    priority: Annotated[int, Field(ge=-100, le=100)] = 0
    aggregator: Annotated[
        bool, Field(description="republishes others: never leads a story that its origin reports as well")
    ] = False
    language: Language | None = None
    timezone: Zone | None = None
    licence: Title | None = None
    permission: Title | None = None
    full_text: bool = False
    only: tuple[Word, ...] = ()
    drop: tuple[Word, ...] = ()
    enabled: bool = True
    websub: Annotated[
        bool | None,
        Field(description="whether to subscribe to the WebSub hub of its feed; default: web.websub"),
    ] = None
    note: str = ""
    user: str | None = None
    password: Secret | None = None
    page: Annotated[tuple[PagePart, ...], OneOrMore(PagePart)] = ()
    zenodo: ZenodoPart | None = None


class SelectionPart(Part):
    """One side of a channel's filter."""

    sources: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    kinds: tuple[ItemKind, ...] = ()
    languages: tuple[Language, ...] = ()


class ChannelPart(Part):
    """A named selection of stories with a feed and a page of its own."""

    id: Id
    title: Title
    language: Annotated[Language | None, Field(description="of its page; default: that of the site")] = None
    include: SelectionPart = SelectionPart()
    exclude: SelectionPart = SelectionPart()


class DigestPart(Part):
    """A digest by mail."""

    id: Id
    title: Title
    channels: Annotated[tuple[Id, ...], Field(min_length=1)] = ("all",)
    kinds: tuple[ItemKind, ...] = ()
    sections: Literal["kinds", "topics"] = "kinds"
    schedule: Schedule
    language: Language | None = None
    timezone: Zone | None = None
    recipients: tuple[Address, ...] = ()


class OperatorPart(Part):
    """A mail to the operator when something needs attention."""

    to: Annotated[tuple[Address, ...], AfterValidator(values.not_empty), OneOrMore(Address)]
    schedule: Schedule = values.schedule("mon 07:00")


class SmtpPart(Part):
    """The mail relay."""

    host: Annotated[str, Field(min_length=1), AfterValidator(values.host_name)]
    port: Annotated[
        int | None, Field(ge=1, le=65535, description="by default 587, 465 for tls, 25 for none")
    ] = None
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password: Secret | None = None
    timeout: Annotated[
        Duration,
        AfterValidator(values.within("1s", "5m")),
        Field(description="maximum time to wait for a reply of the relay; ten times that after a message"),
    ] = timedelta(seconds=30)


class ImapPart(Part):
    """The folder of an IMAP server that bounces are read from."""

    host: Annotated[str, Field(min_length=1), AfterValidator(values.host_name)]
    port: Annotated[int | None, Field(ge=1, le=65535, description="by default 993, 143 for starttls")] = None
    security: Literal["tls", "starttls"] = "tls"
    user: str
    password: Secret
    folder: Annotated[str, Field(min_length=1, pattern=r"^[ -~]+$")] = "INBOX"
    timeout: Annotated[
        Duration,
        AfterValidator(values.within("1s", "5m")),
        Field(description="maximum time to wait for a reply of the server"),
    ] = timedelta(seconds=30)


class BouncesPart(Part):
    """Where messages that cannot be delivered return to, and how they are read."""

    address: Annotated[
        Address,
        AfterValidator(values.bounce_address),
        Field(description="each message is sent from this address with `+` and a token in its local part"),
    ]
    maildir: Annotated[Folder | None, Field(min_length=1, description="relative to this file")] = None
    imap: ImapPart | None = None


class MailPart(Part):
    """The sender of mails, and the relay that they are sent through."""

    sender: Annotated[str, AfterValidator(values.mailbox), Field(alias="from")]
    smtp: SmtpPart | None = None
    bounces: BouncesPart | None = None
    rate: Annotated[
        int | None, Field(ge=1, le=100_000, description="maximum number of messages a minute")
    ] = None


class RetentionPart(Part):
    """How long visits, runs and texts are kept; titles, links, excerpts and aliases stay."""

    visits: Annotated[Duration, AfterValidator(values.within("7d", "9999d"))] = timedelta(days=90)
    texts: Annotated[Duration, AfterValidator(values.within("90d", "9999d"))] = timedelta(days=730)
    deliveries: Annotated[
        Duration,
        AfterValidator(values.within("7d", "9999d")),
        Field(description="after which messages lose the address that they went to"),
    ] = timedelta(days=90)


class PublishPart(Part):
    """WebSub and automatic channels."""

    hub: Annotated[
        WebUrl | None, Field(description="WebSub hub that is notified of changed feeds; named in every feed")
    ] = None
    automatic: Annotated[
        tuple[Literal["sources", "topics"], ...],
        Field(description="channels source-<id> and topic-<id> that need not be declared"),
    ] = ("sources", "topics")


class WebPart(Part):
    """The addresses of the web app."""

    url: Annotated[
        BaseUrl | None,
        Field(
            max_length=200, description="public address of the web app; without it there is no sign-up form"
        ),
    ] = None
    listen: Annotated[str, AfterValidator(values.listen)] = "127.0.0.1:8000"
    websub: Annotated[
        bool, Field(description="subscribe to the WebSub hubs that the feeds of sources name; needs `url`")
    ] = True
    trusted_proxies: Annotated[
        tuple[Network, ...],
        Field(description="addresses or networks of proxies whose `X-Forwarded-For` is believed"),
    ] = ()
    editor_header: Annotated[
        HeaderName | None,
        Field(
            description="header in which a trusted proxy names the editor who signed in there",
            examples=["X-Remote-User"],
        ),
    ] = None
    metrics_from: Annotated[
        tuple[Network, ...],
        Field(description="addresses or networks of clients that may read `/metrics`"),
    ] = ("127.0.0.0/8", "::1/128")


class File(Part):
    """The whole of feeds.yaml."""

    site: SitePart
    paths: PathsPart = PathsPart()
    fetch: FetchPart = FetchPart()
    sources: tuple[SourcePart, ...] = ()
    topics: dict[Id, tuple[Word, ...]] = {}
    channels: tuple[ChannelPart, ...] = ()
    digests: tuple[DigestPart, ...] = ()
    operator: OperatorPart | None = None
    editors: Annotated[
        tuple[Address, ...], Field(description="addresses that may sign in to the editors' page by mail")
    ] = ()
    publish: PublishPart = PublishPart()
    web: WebPart = WebPart()
    mail: MailPart | None = None
    retention: RetentionPart = RetentionPart()

    @model_validator(mode="before")
    @classmethod
    def _empty_is_absent(cls, value: Any) -> Any:
        """Read a key without a value as a missing key."""
        return {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of feeds.yaml (draft 2020-12)."""
    schema = File.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "feeds.yaml"}

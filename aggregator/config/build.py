"""Build the Config from the validated parts of feeds.yaml."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from aggregator import addresses, urls
from aggregator.config import schema, values
from aggregator.model.config import (
    OPERATOR_ID,
    ArticleLayout,
    BounceRules,
    Channel,
    Config,
    Credentials,
    DigestPlan,
    FetchRules,
    Imap,
    Layout,
    MailRules,
    Retention,
    Selection,
    Site,
    Smtp,
    Source,
    TopicRule,
    WebRules,
)

PORTS = {"starttls": 587, "tls": 465, "none": 25}
IMAP_PORTS = {"tls": 993, "starttls": 143}
PLACEHOLDERS = (("contact", "news@example.org"), ("authority", "news.example.org,2026"))
"""Values of the shipped feeds.yaml that every installation must replace."""


def build(file: Path, raw: bytes, part: schema.File) -> Config:
    """Return the Config of a file with the right shape; it has references instead of secrets."""
    folder = file.resolve().parent
    site = part.site
    zone = site.timezone
    sources = tuple(_source(source, zone) for source in part.sources)
    return Config(
        file=file,
        file_hash=hashlib.sha256(raw).hexdigest(),
        site=Site(**{key: getattr(site, key) for key in type(site).model_fields}),
        data=folder / part.paths.data,
        public=folder / part.paths.public,
        fetch=FetchRules(**{key: getattr(part.fetch, key) for key in type(part.fetch).model_fields}),
        sources=sources,
        credentials=_credentials(part.sources, sources),
        topics=tuple(TopicRule(topic=topic, words=words) for topic, words in part.topics.items()),
        channels=_channels(part),
        digests=tuple(_digest(digest, site.language, zone) for digest in part.digests),
        operator=_operator(part.operator, site) if part.operator else None,
        editors=_without_duplicates(part.editors),
        mail=_mail(part, folder),
        retention=Retention(**part.retention.model_dump()),
        hub=part.publish.hub,
        listen=_listen(part.web.listen),
        web=WebRules(
            url=part.web.url,
            websub=part.web.websub,
            trusted_proxies=part.web.trusted_proxies,
            metrics_from=part.web.metrics_from,
            editor_header=part.web.editor_header,
        ),
        placeholders=tuple(key for key, shipped in PLACEHOLDERS if shipped == getattr(site, key)),
    )


def _source(part: schema.SourcePart, zone: ZoneInfo) -> Source:
    fields = {key: getattr(part, key) for key in type(part).model_fields}
    fields["timezone"] = part.timezone or zone
    fields["page"] = tuple(_layout(layout) for layout in part.page)
    fields["url"] = values.source_url(part.kind, part.url, part.zenodo.community if part.zenodo else None)
    for key in ("zenodo", "user", "password"):
        del fields[key]
    return Source(**fields)


def _credentials(parts: Sequence[schema.SourcePart], sources: Sequence[Source]) -> dict[str, Credentials]:
    """Return the credentials by source id, each bound to the origin of its configured URL."""
    return {
        source.id: Credentials(origin=urls.origin(source.url), user=part.user, password=part.password or "")
        for part, source in zip(parts, sources, strict=True)
        if part.user
    }


def _layout(part: schema.PagePart) -> Layout:
    fields = {key: getattr(part, key) for key in type(part).model_fields}
    fields["item"] = part.item or ""
    fields["article"] = ArticleLayout(**part.article.model_dump()) if part.article else None
    return Layout(**fields)


def _channels(part: schema.File) -> tuple[Channel, ...]:
    """Return the declared channels, `all` among them, then those made of sources and topics."""
    declared = tuple(_channel(channel) for channel in part.channels)
    known = {channel.id for channel in declared}
    if "all" not in known:
        declared = (Channel(id="all", title=part.site.title), *declared)
    return (*declared, *(channel for channel in _automatic(part) if channel.id not in known))


def _automatic(part: schema.File) -> Iterator[Channel]:
    if "sources" in part.publish.automatic:
        for source in part.sources:
            only = Selection(sources=(source.id,))
            yield Channel(id=f"source-{source.id}", title=source.name, include=only, automatic=True)
    if "topics" in part.publish.automatic:
        for topic in dict.fromkeys([*part.topics, *(t for source in part.sources for t in source.topics)]):
            only = Selection(topics=(topic,))
            title = f"{part.site.title}: {topic}"
            yield Channel(id=f"topic-{topic}", title=title, include=only, automatic=True)


def _channel(part: schema.ChannelPart) -> Channel:
    return Channel(
        id=part.id,
        title=part.title,
        language=part.language,
        include=Selection(**part.include.model_dump()),
        exclude=Selection(**part.exclude.model_dump()),
    )


def _digest(part: schema.DigestPart, language: str, zone: ZoneInfo) -> DigestPlan:
    return DigestPlan(
        id=part.id,
        title=part.title,
        channels=part.channels,
        kinds=part.kinds,
        sections=part.sections,
        schedule=part.schedule,
        language=part.language or language,
        timezone=part.timezone or zone,
        recipients=_without_duplicates(part.recipients),
    )


def _operator(part: schema.OperatorPart, site: schema.SitePart) -> DigestPlan:
    return DigestPlan(
        id=OPERATOR_ID,
        title=f"{site.title}, for its operator",
        channels=(),
        schedule=part.schedule,
        language="en",
        timezone=site.timezone,
        recipients=_without_duplicates(part.to),
    )


def _without_duplicates(given: tuple[str, ...]) -> tuple[str, ...]:
    return tuple({addresses.key(address): address for address in reversed(given)}.values())[::-1]


def _listen(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def _mail(part: schema.File, folder: Path) -> MailRules:
    if part.mail is None:
        name = part.site.title.replace("\\", "\\\\").replace('"', '\\"')
        return MailRules(sender=f'"{name}" <{part.site.contact}>')
    relay, bounces = part.mail.smtp, _bounces(part.mail.bounces, folder)
    if relay is None:
        return MailRules(sender=part.mail.sender, rate=part.mail.rate, bounces=bounces)
    return MailRules(
        sender=part.mail.sender,
        rate=part.mail.rate,
        bounces=bounces,
        smtp=Smtp(
            host=relay.host,
            port=relay.port or PORTS[relay.security],
            security=relay.security,
            user=relay.user,
            account=relay.user or "",
            password=relay.password,
            timeout=relay.timeout,
        ),
    )


def _bounces(part: schema.BouncesPart | None, folder: Path) -> BounceRules | None:
    if part is None:
        return None
    imap = part.imap
    return BounceRules(
        address=part.address,
        maildir=folder / part.maildir if part.maildir else None,
        imap=Imap(
            host=imap.host,
            port=imap.port or IMAP_PORTS[imap.security],
            security=imap.security,
            folder=imap.folder,
            account=imap.user,
            user=imap.user,
            password=imap.password,
            timeout=imap.timeout,
        )
        if imap
        else None,
    )

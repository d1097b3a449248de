"""Reads feeds.yaml whole: syntax, shape, cross references and secrets, or every problem at once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args
from zoneinfo import ZoneInfo

from aggregator import urls
from aggregator.config import values, yaml_lines
from aggregator.errors import ConfigError, Problem
from aggregator.model.config import (
    OPERATOR_ID,
    ArticleLayout,
    Channel,
    Config,
    Credentials,
    DigestPlan,
    FetchRules,
    Layout,
    MailRules,
    Retention,
    Selection,
    Site,
    Smtp,
    Source,
    TopicRule,
)

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from aggregator.config import schema

PORTS = {"starttls": 587, "tls": 465, "none": 25}
PLACEHOLDERS = (("contact", "news@example.org"), ("authority", "news.example.org,2026"))
"""What the shipped feeds.yaml has where every installation needs something of its own."""
Found = tuple[int, yaml_lines.Path, str]


def load(file: Path, *, secrets: bool = True, mail: bool = True) -> Config:
    """The configuration in `file`.

    With `secrets=False` (commands that only read) references to secrets are left unresolved, with `mail=False`
    (commands that send none) those of the mail relay.
    Raises ConfigError with every problem; nothing but the file and its secrets is read.
    """
    try:
        raw = file.read_bytes()
        text = raw.decode("utf-8")
    except OSError as error:
        raise _refusal(file, [(1, (), f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise _refusal(file, [(line, (), "is not UTF-8 text")]) from error

    tree = yaml_lines.read(text)
    if tree.value is None and not tree.problems:
        tree.problems.append((1, (), "is empty; `site` and `sources` are needed"))
    part, shape_problems = _shape(tree)
    unreadable = {path for _, path, _ in tree.problems}
    found = [*tree.problems, *(problem for problem in shape_problems if problem[1] not in unreadable)]
    found += _references(tree)
    vault = _Vault(file.parent, resolve=secrets, mail=mail)
    config = _config(file, raw, part, vault) if part else None
    if not part:
        _config_secrets(tree, vault)
    found += [(tree.line(path), path, message) for path, message in vault.problems]
    if found or config is None:
        raise _refusal(file, found)
    return config


def _refusal(file: Path, found: Iterable[Found]) -> ConfigError:
    problems = sorted({(line, _dotted(path), message) for line, path, message in found})
    return ConfigError(
        tuple(
            Problem(file=file.name, line=line, path=path, message=" ".join(text.split()))
            for line, path, text in problems
        )
    )


def _dotted(path: yaml_lines.Path) -> str:
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


# --- shape ---------------------------------------------------------------------------------------------


def _shape(tree: yaml_lines.Tree) -> tuple[schema.File | None, list[Found]]:
    from pydantic import ValidationError

    from aggregator.config import schema

    if tree.value is None:
        return None, []
    try:
        return schema.File.model_validate(tree.value), []
    except ValidationError as error:
        return None, [_explained(detail, tree) for detail in error.errors(include_url=False)]


def _explained(detail: ErrorDetails, tree: yaml_lines.Tree) -> Found:
    """One pydantic error in our words, at its line."""
    path: yaml_lines.Path = ()
    for step in detail["loc"]:
        # One thing where a list may stand is a list of one to the schema, but not to the file.
        if step != "[key]" and (isinstance(step, str) or (*path, step) in tree.lines):
            path = (*path, step)
    kind, given = detail["type"], detail.get("input")
    context: dict[str, Any] = detail.get("ctx") or {}
    match kind:
        case "extra_forbidden":
            message = "unknown key" + _did_you_mean(str(path[-1]), _keys_beside(path))
        case "missing":
            message = "is missing"
        case "value_error":
            message = str(context.get("error", detail["msg"]))
        case "literal_error" | "enum":
            allowed = str(context.get("expected", ""))
            words = [word.strip(" '") for word in allowed.replace(" or ", ",").split(",")]
            message = f"{given!r} is not one of {', '.join(words)}" + _did_you_mean(str(given), words)
        case "string_pattern_mismatch":
            message = (
                f"{given!r} does not look right: {_PATTERNS.get(context['pattern'], context['pattern'])}"
            )
        case "string_type":
            message = f"should be a text{_instead(given)}"
        case "model_type" | "model_attributes_type" | "dict_type":
            message = f"should be a group of keys{_instead(given)}"
        case "tuple_type":
            message = f"should be a list{_instead(given)}"
        case "greater_than_equal":
            message = f"is too small: at least {context['ge']}"
        case "less_than_equal":
            message = f"is too large: at most {context['le']}"
        case _:
            message = detail["msg"][:1].lower() + detail["msg"][1:]
    return tree.line(path), path, message


_PATTERNS = {
    r"^[a-z0-9][a-z0-9-]{0,63}$": "lower-case letters, digits and hyphens only",
    r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$": "a language tag such as en or de-AT",
    "^(env|file):": "secrets do not belong into this file: write env:NAME or file:PATH",
}


def _instead(given: object) -> str:
    words = {dict: "a group of keys", list: "a list", str: "a text", bool: "yes or no", int: "a number"}
    return ", not empty" if given is None else f", not {words.get(type(given), 'that')}"


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    near = get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return f', did you mean "{near[0]}"?' if near else ""


def _keys_beside(path: yaml_lines.Path) -> list[str]:
    """The keys the schema allows where the unknown key `path` stands."""
    from pydantic import BaseModel

    from aggregator.config import schema

    here: Any = schema.File
    for step in path[:-1]:
        if isinstance(step, int):
            continue
        fields = {f.alias or name: f.annotation for name, f in here.model_fields.items()}
        here = next((model for model in _models_in(fields.get(str(step)), BaseModel)), None)
        if here is None:
            return []
    return [f.alias or name for name, f in here.model_fields.items()]


def _models_in(annotation: Any, base: type) -> Iterator[Any]:
    if isinstance(annotation, type) and issubclass(annotation, base):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner, base)


# --- references between parts --------------------------------------------------------------------------


def _references(tree: yaml_lines.Tree) -> Iterator[Found]:
    """Names that must be unique or must exist; works on whatever part of the tree has the right shape."""
    sources, channels, digests = (_parts(tree.value, key) for key in ("sources", "channels", "digests"))
    for key, parts in (("sources", sources), ("channels", channels), ("digests", digests)):
        yield from _unique(tree, key, parts, "id")
    yield from _unique(tree, "sources", [(n, part | {"url": _address(part)}) for n, part in sources], "url")

    source_ids = {str(part.get("id")) for _, part in sources}
    topics = {str(name) for name in _mapping_at(tree.value, "topics")}
    topics |= {str(topic) for _, part in sources for topic in _listed(part, "topics")}
    channel_ids = {"all"} | {str(part.get("id")) for _, part in channels}
    made = _mapping_at(tree.value, "publish").get("automatic", ["sources", "topics"])
    if isinstance(made, list):
        channel_ids |= {f"source-{id_}" for id_ in source_ids if "sources" in made}
        channel_ids |= {f"topic-{topic}" for topic in topics if "topics" in made}
    for n, part in channels:
        for side in ("include", "exclude"):
            for key, known in (("sources", source_ids), ("topics", topics)):
                path = ("channels", n, side, key)
                yield from _exist(tree, path, _listed(_mapping_at(part, side), key), known)
    for n, part in digests:
        yield from _exist(tree, ("digests", n, "channels"), _listed(part, "channels"), channel_ids)
        if part.get("id") == OPERATOR_ID:
            here = ("digests", n, "id")
            yield tree.line(here), here, "is taken by the mail of `operator`: choose another"
    for n, part in sources:
        yield from _source_sense(tree, n, part)
    if not _mapping_at(tree.value, "mail"):
        if any(_listed(part, "recipients") for _, part in digests):
            yield tree.line(("digests",)), ("mail",), "is missing: digests with recipients need `mail.from`"
        if _mapping_at(tree.value, "operator"):
            yield tree.line(("operator",)), ("mail",), "is missing: `operator` needs `mail.from`"
    yield from _relay_sense(tree)


def _relay_sense(tree: yaml_lines.Tree) -> Iterator[Found]:
    smtp, where = _mapping_at(_mapping_at(tree.value, "mail"), "smtp"), ("mail", "smtp")
    for key, other in (("user", "password"), ("password", "user")):
        if smtp.get(key) is not None and smtp.get(other) is None:
            yield tree.line((*where, key)), (*where, other), f"is missing beside `{key}`"
    if smtp.get("password") is not None and smtp.get("security") == "none":
        path = (*where, "security")
        yield tree.line(path), path, "none would send the password in clear: use starttls or tls"


def _source_sense(tree: yaml_lines.Tree, n: int, part: dict[str, Any]) -> Iterator[Found]:
    where = ("sources", n)
    if part.get("kind") == "page" and not part.get("page"):
        yield tree.line((*where, "kind")), (*where, "page"), "is missing: a page source needs selectors"
    for path, layout in _layouts(part, where):
        if not layout.get("item") and layout.get("structured") is not True:
            yield tree.line(path), (*path, "item"), "is missing"
    if part.get("page") and part.get("kind") != "page":
        yield tree.line((*where, "page")), (*where, "page"), "only goes with `kind: page`"
    community = _mapping_at(part, "zenodo").get("community")
    if part.get("url") is None and part.get("kind") != "zenodo":
        yield tree.line(where), (*where, "url"), "is missing"
    elif part.get("url") is None and not community:
        message = "is missing: a zenodo source needs `zenodo: {community: …}` or a `url`"
        yield tree.line((*where, "kind")), (*where, "zenodo"), message
    if part.get("zenodo") and part.get("kind") != "zenodo":
        yield tree.line((*where, "zenodo")), (*where, "zenodo"), "only goes with `kind: zenodo`"
    if part.get("url") and community:
        path = (*where, "zenodo")
        yield tree.line(path), path, "says where the records are, and so does `url`: leave one of them away"
    if part.get("full_text") is True and not (part.get("licence") or part.get("permission")):
        path = (*where, "full_text")
        yield tree.line(path), path, "needs the source's `licence` or `permission` to republish its text"
    if part.get("password") and not part.get("user"):
        yield tree.line((*where, "password")), (*where, "user"), "is missing beside `password`"


def _layouts(
    part: dict[str, Any], where: yaml_lines.Path
) -> Iterator[tuple[yaml_lines.Path, dict[str, Any]]]:
    """The layouts of a page source and where they stand: one, or several in a list."""
    page = part.get("page")
    if isinstance(page, dict):
        yield (*where, "page"), page
    for n, layout in enumerate(page if isinstance(page, list) else []):
        if isinstance(layout, dict):
            yield (*where, "page", n), layout


def _address(part: dict[str, Any]) -> str | None:
    """What a source asks for: its URL, or what its kind makes of its other keys."""
    url, community = part.get("url"), _mapping_at(part, "zenodo").get("community")
    if part.get("kind") == "zenodo" and isinstance(community, str) and not url:
        return values.zenodo_search(community)
    if part.get("kind") == "wordpress" and isinstance(url, str):
        return values.wordpress_posts(url)
    return url if isinstance(url, str) else None


def _parts(value: object, key: str) -> list[tuple[int, dict[str, Any]]]:
    listed = value.get(key) if isinstance(value, dict) else None
    return [(n, p) for n, p in enumerate(listed if isinstance(listed, list) else []) if isinstance(p, dict)]


def _mapping_at(value: object, key: str) -> dict[str, Any]:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _listed(part: dict[str, Any], key: str) -> list[Any]:
    found = part.get(key)
    return found if isinstance(found, list) else []


def _unique(
    tree: yaml_lines.Tree, key: str, parts: list[tuple[int, dict[str, Any]]], name: str
) -> Iterator[Found]:
    first: dict[str, int] = {}
    for n, part in parts:
        value = part.get(name)
        if not isinstance(value, str):
            continue
        path = (key, n, name)
        if value in first:
            earlier = tree.line((key, first[value], name))
            yield tree.line(path), path, f"{value!r} is already used in line {earlier}"
        first.setdefault(value, n)


def _exist(
    tree: yaml_lines.Tree, path: yaml_lines.Path, names: list[Any], known: set[str]
) -> Iterator[Found]:
    for n, name in enumerate(names):
        if str(name) not in known:
            here = (*path, n)
            yield tree.line(here), here, f"{name!r} is not defined" + _did_you_mean(str(name), known)


# --- secrets -------------------------------------------------------------------------------------------


class _Vault:
    """Resolves `env:` and `file:` references, and remembers those that lead nowhere."""

    def __init__(self, folder: Path, *, resolve: bool, mail: bool) -> None:
        self.folder = folder
        self.resolve = resolve
        self.mail = mail
        self.problems: list[tuple[yaml_lines.Path, str]] = []

    def open(self, reference: str | None, path: yaml_lines.Path) -> str | None:
        match = values.SECRET.fullmatch(reference) if reference else None
        if not match:
            return reference
        if not self.resolve or (path[0] == "mail" and not self.mail):
            return None
        place, name = match.groups()
        if place == "env":
            value = os.environ.get(name)
            if not value:
                self.problems.append((path, f"the environment has no {name}"))
            return value
        try:
            return (self.folder / name).read_text("utf-8").strip()
        except (OSError, ValueError) as error:
            self.problems.append((path, f"the secret file {name} cannot be read: {error}"))
            return None


def _config_secrets(tree: yaml_lines.Tree, vault: _Vault) -> None:
    """Reports missing secrets also where the file has other problems."""
    for n, part in _parts(tree.value, "sources"):
        for key in ("user", "password"):
            if isinstance(part.get(key), str):
                vault.open(part[key], ("sources", n, key))
    smtp = _mapping_at(_mapping_at(tree.value, "mail"), "smtp")
    for key in ("user", "password"):
        if isinstance(smtp.get(key), str):
            vault.open(smtp[key], ("mail", "smtp", key))


# --- from the file's shape to the model ----------------------------------------------------------------


def _config(file: Path, raw: bytes, part: schema.File, vault: _Vault) -> Config:
    folder = file.resolve().parent
    site = part.site
    zone = site.timezone
    data, public = folder / part.paths.data, folder / part.paths.public
    sources = tuple(_source(source, zone) for source in part.sources)
    if data.resolve().is_relative_to(public.resolve()):
        vault.problems.append((("paths", "data"), "must not lie in `public`, which everybody can read"))
    return Config(
        file=file,
        file_hash=hashlib.sha256(raw).hexdigest(),
        site=Site(**{key: getattr(site, key) for key in type(site).model_fields}),
        data=data,
        public=public,
        fetch=FetchRules(**{key: getattr(part.fetch, key) for key in type(part.fetch).model_fields}),
        sources=sources,
        credentials=_credentials(part.sources, sources, vault),
        topics=tuple(TopicRule(topic=topic, words=words) for topic, words in part.topics.items()),
        channels=_channels(part),
        digests=tuple(_digest(digest, site.language, zone) for digest in part.digests),
        operator=_operator(part.operator, site) if part.operator else None,
        mail=_mail(part, vault),
        retention=Retention(visits=part.retention.visits, texts=part.retention.texts),
        hub=part.publish.hub,
        listen=_listen(part.web.listen),
        placeholder=next((key for key, held in PLACEHOLDERS if held == getattr(site, key)), None),
    )


def _source(part: schema.SourcePart, zone: ZoneInfo) -> Source:
    fields = {key: getattr(part, key) for key in type(part).model_fields}
    fields["timezone"] = part.timezone or zone
    fields["page"] = tuple(_layout(layout) for layout in part.page)
    fields["url"] = _address(part.model_dump(include={"kind", "url", "zenodo"}))
    for key in ("zenodo", "user", "password"):
        del fields[key]
    return Source(**fields)


def _credentials(
    parts: Sequence[schema.SourcePart], sources: Sequence[Source], vault: _Vault
) -> dict[str, Credentials]:
    """Return the credentials by source id, each bound to the origin of the configured URL."""
    found = {}
    for n, (part, source) in enumerate(zip(parts, sources, strict=True)):
        user = vault.open(part.user, ("sources", n, "user"))
        password = vault.open(part.password, ("sources", n, "password"))
        if user:
            place = urls.origin(source.url)
            found[source.id] = Credentials(origin=place, user=user, password=password or "")
    return found


def _layout(part: schema.PagePart) -> Layout:
    fields = {key: getattr(part, key) for key in type(part).model_fields}
    fields["item"] = part.item or ""
    fields["article"] = ArticleLayout(**part.article.model_dump()) if part.article else None
    return Layout(**fields)


def _channels(part: schema.File) -> tuple[Channel, ...]:
    """Those that are declared, `all` among them, and those of single sources and topics."""
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
        recipients=_each_once(part.recipients),
    )


def _operator(part: schema.OperatorPart, site: schema.SitePart) -> DigestPlan:
    return DigestPlan(
        id=OPERATOR_ID,
        title=f"{site.title}, for its operator",
        channels=(),
        schedule=part.schedule,
        language="en",
        timezone=site.timezone,
        recipients=_each_once(part.to),
    )


def _each_once(addresses: tuple[str, ...]) -> tuple[str, ...]:
    return tuple({address.lower(): address for address in reversed(addresses)}.values())[::-1]


def _listen(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def _mail(part: schema.File, vault: _Vault) -> MailRules:
    if part.mail is None:
        name = part.site.title.replace("\\", "\\\\").replace('"', '\\"')
        return MailRules(sender=f'"{name}" <{part.site.contact}>')
    relay = part.mail.smtp
    if relay is None:
        return MailRules(sender=part.mail.sender, rate=part.mail.rate)
    return MailRules(
        sender=part.mail.sender,
        rate=part.mail.rate,
        smtp=Smtp(
            host=relay.host,
            port=relay.port or PORTS[relay.security],
            security=relay.security,
            user=vault.open(relay.user, ("mail", "smtp", "user")),
            account=relay.user or "",
            password=vault.open(relay.password, ("mail", "smtp", "password")),
        ),
    )

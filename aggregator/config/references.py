"""Check the names and keys of feeds.yaml against each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aggregator.config import values
from aggregator.config.yaml_lines import Path, ProblemAt, Tree, list_at, mapping_at, numbered_mappings
from aggregator.errors import did_you_mean
from aggregator.model.config import OPERATOR_ID


def problems(tree: Tree) -> Iterator[ProblemAt]:
    """Yield names that are used twice or undefined, and keys that do not go together.

    Reads every part of the tree that has the right shape, so that these problems are reported beside others.
    """
    sources, channels, digests = (
        numbered_mappings(tree.value, key) for key in ("sources", "channels", "digests")
    )
    for key, parts in (("sources", sources), ("channels", channels), ("digests", digests)):
        yield from _duplicates(tree, key, parts, "id")
    yield from _duplicates(
        tree, "sources", [(n, part | {"url": _source_url(part)}) for n, part in sources], "url"
    )

    source_ids = {str(part.get("id")) for _, part in sources}
    topics = {str(name) for name in mapping_at(tree.value, "topics")}
    topics |= {str(topic) for _, part in sources for topic in list_at(part, "topics")}
    channel_ids = {"all"} | {str(part.get("id")) for _, part in channels}
    made = mapping_at(tree.value, "publish").get("automatic", ["sources", "topics"])
    if isinstance(made, list):
        channel_ids |= {f"source-{id_}" for id_ in source_ids if "sources" in made}
        channel_ids |= {f"topic-{topic}" for topic in topics if "topics" in made}
    for n, part in channels:
        for side in ("include", "exclude"):
            for key, known in (("sources", source_ids), ("topics", topics)):
                path = ("channels", n, side, key)
                yield from _undefined(tree, path, list_at(mapping_at(part, side), key), known)
    for n, part in digests:
        yield from _undefined(tree, ("digests", n, "channels"), list_at(part, "channels"), channel_ids)
        if part.get("id") == OPERATOR_ID:
            here = ("digests", n, "id")
            yield tree.line(here), here, "is taken by the mail of `operator`: choose another"
    for n, part in sources:
        yield from _source_problems(tree, n, part)
    if not mapping_at(tree.value, "mail"):
        if any(list_at(part, "recipients") for _, part in digests):
            yield tree.line(("digests",)), ("mail",), "is missing: digests with recipients need `mail.from`"
        if mapping_at(tree.value, "operator"):
            yield tree.line(("operator",)), ("mail",), "is missing: `operator` needs `mail.from`"
    yield from _editor_problems(tree)
    yield from _relay_problems(tree)
    yield from _bounce_problems(tree)


def _editor_problems(tree: Tree) -> Iterator[ProblemAt]:
    web = mapping_at(tree.value, "web")
    header, path = web.get("editor_header"), ("web", "editor_header")
    if header is not None and not list_at(web, "trusted_proxies"):
        yield tree.line(path), path, "needs `web.trusted_proxies`: only these may name a user"
    editors = list_at(tree.value, "editors") if isinstance(tree.value, dict) else []
    if editors and header is None and web.get("url") is None:
        message = "is missing: `editors` sign in by a mailed link to it, or by `web.editor_header`"
        yield tree.line(("editors",)), ("web", "url"), message


def _bounce_problems(tree: Tree) -> Iterator[ProblemAt]:
    bounces, where = mapping_at(mapping_at(tree.value, "mail"), "bounces"), ("mail", "bounces")
    if bounces.get("maildir") is not None and bounces.get("imap") is not None:
        path = (*where, "imap")
        yield tree.line(path), path, "does not go with `maildir`: bounces are read from one mailbox"


def _relay_problems(tree: Tree) -> Iterator[ProblemAt]:
    smtp, where = mapping_at(mapping_at(tree.value, "mail"), "smtp"), ("mail", "smtp")
    for key, other in (("user", "password"), ("password", "user")):
        if smtp.get(key) is not None and smtp.get(other) is None:
            yield tree.line((*where, key)), (*where, other), f"is missing beside `{key}`"
    if smtp.get("password") is not None and smtp.get("security") == "none":
        path = (*where, "security")
        yield tree.line(path), path, "none would send the password in clear: use starttls or tls"


def _source_problems(tree: Tree, n: int, part: dict[str, Any]) -> Iterator[ProblemAt]:
    where = ("sources", n)
    if part.get("kind") == "page" and not part.get("page"):
        yield tree.line((*where, "kind")), (*where, "page"), "is missing: a page source needs selectors"
    for path, layout in _layouts(part, where):
        if not layout.get("item") and layout.get("structured") is not True:
            yield tree.line(path), (*path, "item"), "is missing"
    if part.get("page") and part.get("kind") != "page":
        yield tree.line((*where, "page")), (*where, "page"), "only goes with `kind: page`"
    community = mapping_at(part, "zenodo").get("community")
    if part.get("url") is None and part.get("kind") != "zenodo":
        yield tree.line(where), (*where, "url"), "is missing"
    elif part.get("url") is None and not community:
        message = "is missing: a zenodo source needs `zenodo: {community: …}` or a `url`"
        yield tree.line((*where, "kind")), (*where, "zenodo"), message
    if part.get("zenodo") and part.get("kind") != "zenodo":
        yield tree.line((*where, "zenodo")), (*where, "zenodo"), "only goes with `kind: zenodo`"
    if part.get("url") and community:
        path = (*where, "zenodo")
        yield tree.line(path), path, "says where the records are, and so does `url`: remove one of them"
    if part.get("full_text") is True and not (part.get("licence") or part.get("permission")):
        path = (*where, "full_text")
        yield tree.line(path), path, "needs the source's `licence` or `permission` to republish its text"
    if part.get("password") and not part.get("user"):
        yield tree.line((*where, "password")), (*where, "user"), "is missing beside `password`"


def _layouts(part: dict[str, Any], where: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield each layout of a page source with its path: one, or several in a list."""
    page = part.get("page")
    if isinstance(page, dict):
        yield (*where, "page"), page
    for n, layout in enumerate(page if isinstance(page, list) else []):
        if isinstance(layout, dict):
            yield (*where, "page", n), layout


def _source_url(part: dict[str, Any]) -> str | None:
    return values.source_url(part.get("kind"), part.get("url"), mapping_at(part, "zenodo").get("community"))


def _duplicates(
    tree: Tree, key: str, parts: list[tuple[int, dict[str, Any]]], name: str
) -> Iterator[ProblemAt]:
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


def _undefined(tree: Tree, path: Path, names: list[Any], known: set[str]) -> Iterator[ProblemAt]:
    for n, name in enumerate(names):
        if str(name) not in known:
            here = (*path, n)
            yield tree.line(here), here, f"{name!r} is not defined" + did_you_mean(str(name), known)

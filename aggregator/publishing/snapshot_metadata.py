"""Describe a snapshot: datapackage.json (Data Package 2.0), .zenodo.json and README.md."""

from __future__ import annotations

import json
import re
from calendar import monthrange
from collections.abc import Mapping
from html import escape
from typing import Any

from aggregator import __version__, urls
from aggregator.counts import count_of
from aggregator.model.snapshots import SnapshotContents, SnapshotFile
from aggregator.publishing import paths, snapshot_stories
from aggregator.text import line

PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"
PACKAGE, ZENODO, README, CHECKSUMS = "datapackage.json", ".zenodo.json", "README.md", "SHA256SUMS"
STORIES, EVENTS, SOURCES = "stories.jsonl", "events.ics", "sources.opml"
NO_LICENCE = "no licence stated: rights remain with the publisher"
MIXED = "other-closed"
"""Zenodo's id for a record that no open licence covers as a whole."""

_CREATIVE_COMMONS = re.compile(
    r"(?:cc|creative ?commons)[ -](?P<terms>by(?:[ -](?:nc|nd|sa))*)[ -]v?(?P<version>[1-4]\.\d)\b"
    r"|creativecommons\.org/licenses/(?P<url_terms>by(?:-(?:nc|nd|sa))*)/(?P<url_version>[1-4]\.\d)\b"
    r"|(?P<zero>\bcc[ -]?0(?:[ -]1\.0)?\b|creativecommons\.org/publicdomain/zero/1\.0)",
    re.IGNORECASE,
)


def archive_name(month: str) -> str:
    """Return the name of the Atom document of a month in its snapshot."""
    return f"{month}.xml"


def version(contents: SnapshotContents) -> str:
    """Return the version: year, month and day of the last change, such as 2026.10.20261103."""
    year, month = _numbers(contents)
    return f"{year}.{month}.{contents.changed:%Y%m%d}"


def title(contents: SnapshotContents) -> str:
    """Return the title of a snapshot."""
    return f"{line(contents.site.title)}, {contents.month}"


def datapackage(contents: SnapshotContents, files: Mapping[str, SnapshotFile]) -> bytes:
    """Render datapackage.json; `files` are the data files of the snapshot."""
    site = contents.site
    described: dict[str, dict[str, Any]] = {
        STORIES: {
            "name": "stories",
            "title": "Stories, one JSON object a line",
            "type": "table",
            "format": "jsonl",
            "mediatype": "application/jsonl",
            "schema": snapshot_stories.schema(),
        },
        archive_name(contents.month): {
            "name": "archive",
            "title": "The month as an archived feed (RFC 4287, RFC 5005)",
            "format": "xml",
            "mediatype": "application/atom+xml",
        },
        EVENTS: {
            "name": "events",
            "title": "Events and deadlines that were announced (RFC 5545)",
            "format": "ics",
            "mediatype": "text/calendar",
        },
        SOURCES: {
            "name": "sources",
            "title": "Sources of the stories (OPML 2.0)",
            "format": "opml",
            "mediatype": "text/x-opml",
        },
    }
    return _json_of_given(
        {
            "$schema": PROFILE,
            "name": _slug(contents),
            "id": f"tag:{site.authority}:snapshot/{contents.month}",
            "title": title(contents),
            "description": _description(contents),
            "homepage": site.url,
            "version": version(contents),
            "keywords": list(contents.topics),
            "licenses": _licences(contents),
            "sources": [
                {"title": line(each.name) or each.id, "path": paths.href(each.site_link or each.url)}
                for each in contents.sources
            ],
            "contributors": [{"title": line(site.title), "path": site.url, "roles": ["publisher"]}],
            "resources": [
                {
                    "path": name,
                    **about,
                    "encoding": "utf-8",
                    "bytes": files[name].bytes,
                    "hash": f"sha256:{files[name].sha256}",
                }
                for name, about in described.items()
            ],
        }
    )


def zenodo(contents: SnapshotContents) -> bytes:
    """Render .zenodo.json, the metadata of a deposit at Zenodo."""
    site, month = contents.site, contents.month
    first, last = _days(contents)
    return _json_of_given(
        {
            "title": title(contents),
            "upload_type": "dataset",
            "description": "".join(f"<p>{escape(part)}</p>" for part in _description(contents).split("\n\n")),
            "creators": [{"name": line(site.title)}],
            "access_right": "open",
            "license": _common_licence(contents),
            "version": version(contents),
            "keywords": list(contents.topics),
            "dates": [{"type": "Collected", "start": first, "end": last}],
            "related_identifiers": [
                {
                    "identifier": site.url + paths.archive_path(month),
                    "relation": "isVariantFormOf",
                    "resource_type": "dataset",
                }
            ],
        }
    )


def readme(contents: SnapshotContents) -> bytes:
    """Render README.md: what the files are, whose texts they contain, and how to cite them."""
    site = contents.site
    year, _ = _numbers(contents)
    rows = [
        f"| {_markdown(each.name)} | {_markdown(each.site_link or each.url)} | {_markdown(licence or NO_LICENCE)}"
        f" | {contents.licences[each.id, licence]} | {'whole' if each.id in contents.full_texts else 'excerpts'} |"
        for each in contents.sources
        for licence in sorted(
            (name for id_, name in contents.licences if id_ == each.id), key=lambda name: name or ""
        )
    ]
    text = f"""# {_markdown(title(contents))}

{_markdown(_description(contents))}

| file | content |
|---|---|
| `{STORIES}` | the stories, one JSON object a line; fields are described in `{PACKAGE}` |
| `{archive_name(contents.month)}` | the same stories as an archived feed (Atom, RFC 5005) |
| `{EVENTS}` | events and deadlines that the stories announced, for calendars |
| `{SOURCES}` | the sources of the stories, for feed readers |
| `{PACKAGE}` | description for programs (Data Package 2.0) with sizes and hashes |
| `{ZENODO}` | metadata for a deposit at Zenodo |
| `{CHECKSUMS}` | checksums; `sha256sum --check {CHECKSUMS}` verifies all files |

## Whose texts these are

Texts belong to their publishers. A story has its title, at most 300 characters and a link to the original. A whole
text is included only where the licence of the source, or a permission given to this site, allows to republish it; such
a permission does not extend to others. Each item in `{STORIES}` names its source, link, dates and licence. Stories that
were removed are listed by their id alone.

| source | site | licence | items | texts |
|---|---|---|---|---|
{chr(10).join(rows)}

## How to cite

{_markdown(line(site.title))} ({year}): *{_markdown(title(contents))}*, version {version(contents)}. Data set.
<{site.url}{paths.month_page(contents.month)}>

If the snapshot was deposited, add its DOI. Cite the original publishers when you use single stories.

The version ends with the day of the last change: the same month has another version after a story was removed or
corrected. Made by aggregator {__version__}; the same database gives the same bytes.
"""
    return text.encode()


def creative_commons(licence: str | None) -> tuple[str, str] | None:
    """Return SPDX id and URL of the Creative Commons licence that a text names, else None."""
    found = {_parts(match) for match in _CREATIVE_COMMONS.finditer(licence or "")}
    return found.pop() if len(found) == 1 else None  # a text that names several is ambiguous


def _parts(match: re.Match[str]) -> tuple[str, str]:
    if match["zero"]:
        return "CC0-1.0", "https://creativecommons.org/publicdomain/zero/1.0/"
    terms = (match["terms"] or match["url_terms"]).lower().replace(" ", "-")
    number = match["version"] or match["url_version"]
    return f"CC-{terms.upper()}-{number}", f"https://creativecommons.org/licenses/{terms}/{number}/"


def _licences(contents: SnapshotContents) -> list[dict[str, str]]:
    """Return each licence once; README.md says which source has it."""
    found: dict[str, dict[str, str]] = {}
    for name in sorted({licence or "" for _, licence in contents.licences}):
        if known := creative_commons(name):
            found[known[0]] = {"name": known[0], "path": known[1], "title": known[0].replace("-", " ")}
        else:
            found[name] = {"path": README, "title": line(name) or NO_LICENCE}
    return [found[key] for key in sorted(found)]


def _common_licence(contents: SnapshotContents) -> str:
    """Return Zenodo's id of the licence that all items have, or MIXED."""
    found = {creative_commons(licence) for _, licence in contents.licences}
    common = found.pop() if len(found) == 1 else None
    return common[0].lower() if common else MIXED


def _description(contents: SnapshotContents) -> str:
    first, last = _days(contents)
    site, count = contents.site, len(contents.sources)
    removed = f" {contents.removed} further stories were removed or merged." if contents.removed else ""
    return (
        f"{count_of(contents.stories, 'story', 'stories')}: all that {line(site.title)} ({site.url}) announced from"
        f" {first} to {last} (UTC), collected from {count_of(count, 'source')}. One story credits every"
        f" publisher that reported it.{removed}\n\n"
        "Texts belong to their publishers and are included as far as their licences allow; README.md lists them."
    )


def _numbers(contents: SnapshotContents) -> tuple[int, int]:
    year, month = contents.month.split("-")
    return int(year), int(month)


def _days(contents: SnapshotContents) -> tuple[str, str]:
    return f"{contents.month}-01", f"{contents.month}-{monthrange(*_numbers(contents))[1]}"


def _slug(contents: SnapshotContents) -> str:
    """Return a name in the characters that Data Package 1 permits."""
    host = urls.host(contents.site.url) or "news"
    return f"{re.sub('[^a-z0-9.-]', '-', host.lower())}-{contents.month}"


def _markdown(text: str | None) -> str:
    """Escape what Markdown would read as markup, so that foreign names stay names."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", text or "")


def _json_of_given(value: Mapping[str, object]) -> bytes:
    """Render an object without its empty lists, which Data Package forbids."""
    given = {key: each for key, each in value.items() if each != []}
    return json.dumps(given, ensure_ascii=False, indent=2).encode() + b"\n"

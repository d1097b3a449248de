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
from aggregator.model.snapshots import SnapshotFile, SnapshotMetadata
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


def version(metadata: SnapshotMetadata) -> str:
    """Return the version: year, month and day of the last change, such as 2026.10.20261103."""
    year, month = _year_and_month(metadata)
    return f"{year}.{month}.{metadata.changed:%Y%m%d}"


def title(metadata: SnapshotMetadata) -> str:
    """Return the title of a snapshot."""
    return f"{line(metadata.site.title)}, {metadata.month}"


def datapackage(metadata: SnapshotMetadata, files: Mapping[str, SnapshotFile]) -> bytes:
    """Render datapackage.json; `files` are the data files of the snapshot."""
    site = metadata.site
    descriptions: dict[str, dict[str, Any]] = {
        STORIES: {
            "name": "stories",
            "title": "Stories, one JSON object a line",
            "type": "table",
            "format": "jsonl",
            "mediatype": "application/jsonl",
            "schema": snapshot_stories.schema(),
        },
        archive_name(metadata.month): {
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
    return _json_without_empty(
        {
            "$schema": PROFILE,
            "name": _slug(metadata),
            "id": f"tag:{site.authority}:snapshot/{metadata.month}",
            "title": title(metadata),
            "description": _description(metadata),
            "homepage": site.url,
            "version": version(metadata),
            "keywords": list(metadata.topics),
            "licenses": _licences(metadata),
            "sources": [
                {"title": line(source.name) or source.id, "path": paths.href(source.site_link or source.url)}
                for source in metadata.sources
            ],
            "contributors": [{"title": line(site.title), "path": site.url, "roles": ["publisher"]}],
            "resources": [
                {
                    "path": name,
                    **description,
                    "encoding": "utf-8",
                    "bytes": files[name].bytes,
                    "hash": f"sha256:{files[name].sha256}",
                }
                for name, description in descriptions.items()
            ],
        }
    )


def zenodo(metadata: SnapshotMetadata) -> bytes:
    """Render .zenodo.json, the metadata of a deposit at Zenodo."""
    site, month = metadata.site, metadata.month
    first, last = _days(metadata)
    return _json_without_empty(
        {
            "title": title(metadata),
            "upload_type": "dataset",
            "description": "".join(f"<p>{escape(part)}</p>" for part in _description(metadata).split("\n\n")),
            "creators": [{"name": line(site.title)}],
            "access_right": "open",
            "license": _common_licence(metadata),
            "version": version(metadata),
            "keywords": list(metadata.topics),
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


def readme(metadata: SnapshotMetadata) -> bytes:
    """Render README.md: the files, the licences of their texts, and how to cite them."""
    site = metadata.site
    year, _ = _year_and_month(metadata)
    rows = [
        f"| {_markdown(source.name)} | {_markdown(source.site_link or source.url)} | {_markdown(licence or NO_LICENCE)}"
        f" | {metadata.licences[source.id, licence]} | {'whole' if source.id in metadata.full_texts else 'excerpts'} |"
        for source in metadata.sources
        for licence in sorted(
            (name for id_, name in metadata.licences if id_ == source.id), key=lambda name: name or ""
        )
    ]
    text = f"""# {_markdown(title(metadata))}

{_markdown(_description(metadata))}

| file | content |
|---|---|
| `{STORIES}` | the stories, one JSON object a line; fields are described in `{PACKAGE}` |
| `{archive_name(metadata.month)}` | the same stories as an archived feed (Atom, RFC 5005) |
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

{_markdown(line(site.title))} ({year}): *{_markdown(title(metadata))}*, version {version(metadata)}. Data set.
<{site.url}{paths.month_page(metadata.month)}>

If the snapshot was deposited, add its DOI. Cite the original publishers when you use single stories.

The version ends with the day of the last change: the same month has another version after a story was removed or
corrected. Made by aggregator {__version__}; the same database gives the same bytes.
"""
    return text.encode()


def creative_commons(licence: str | None) -> tuple[str, str] | None:
    """Return SPDX id and URL of the Creative Commons licence that a text names, else None."""
    licences = {_spdx_id_and_url(match) for match in _CREATIVE_COMMONS.finditer(licence or "")}
    return licences.pop() if len(licences) == 1 else None  # a text that names several is ambiguous


def _spdx_id_and_url(match: re.Match[str]) -> tuple[str, str]:
    if match["zero"]:
        return "CC0-1.0", "https://creativecommons.org/publicdomain/zero/1.0/"
    terms = (match["terms"] or match["url_terms"]).lower().replace(" ", "-")
    number = match["version"] or match["url_version"]
    return f"CC-{terms.upper()}-{number}", f"https://creativecommons.org/licenses/{terms}/{number}/"


def _licences(metadata: SnapshotMetadata) -> list[dict[str, str]]:
    """Return each licence once; README.md lists the licences of the sources."""
    licences: dict[str, dict[str, str]] = {}
    for name in sorted({licence or "" for _, licence in metadata.licences}):
        if named := creative_commons(name):
            spdx_id, url = named
            licences[spdx_id] = {"name": spdx_id, "path": url, "title": spdx_id.replace("-", " ")}
        else:
            licences[name] = {"path": README, "title": line(name) or NO_LICENCE}
    return [licences[key] for key in sorted(licences)]


def _common_licence(metadata: SnapshotMetadata) -> str:
    """Return Zenodo's id of the licence that all items have, or MIXED."""
    licences = {creative_commons(licence) for _, licence in metadata.licences}
    common = licences.pop() if len(licences) == 1 else None
    return common[0].lower() if common else MIXED


def _description(metadata: SnapshotMetadata) -> str:
    first, last = _days(metadata)
    site, count = metadata.site, len(metadata.sources)
    removed = f" {metadata.removed} further stories were removed or merged." if metadata.removed else ""
    return (
        f"{count_of(metadata.stories, 'story', 'stories')}: all that {line(site.title)} ({site.url}) announced from"
        f" {first} to {last} (UTC), collected from {count_of(count, 'source')}. One story credits every"
        f" publisher that reported it.{removed}\n\n"
        "Texts belong to their publishers and are included as far as their licences allow; README.md lists them."
    )


def _year_and_month(metadata: SnapshotMetadata) -> tuple[int, int]:
    year, month = metadata.month.split("-")
    return int(year), int(month)


def _days(metadata: SnapshotMetadata) -> tuple[str, str]:
    return f"{metadata.month}-01", f"{metadata.month}-{monthrange(*_year_and_month(metadata))[1]}"


def _slug(metadata: SnapshotMetadata) -> str:
    """Return a name in the characters that Data Package 1 permits."""
    host = urls.host(metadata.site.url) or "news"
    return f"{re.sub('[^a-z0-9.-]', '-', host.lower())}-{metadata.month}"


def _markdown(text: str | None) -> str:
    """Escape the characters of Markdown, so that foreign names contain no markup."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", text or "")


def _json_without_empty(properties: Mapping[str, object]) -> bytes:
    """Render an object without its empty lists, which Data Package forbids."""
    nonempty = {key: value for key, value in properties.items() if value != []}
    return json.dumps(nonempty, ensure_ascii=False, indent=2).encode() + b"\n"

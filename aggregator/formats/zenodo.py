"""Parse the records of a Zenodo community, by the JSON API of Zenodo and InvenioRDM.

Both forms are parsed, because servers change from one to the other: Zenodo's own (`conceptrecid`, `creators[].name`)
and that of InvenioRDM (`parent.id`, `creators[].person_or_org`).
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from typing import Any

from aggregator import urls
from aggregator.errors import UnreadableDocument
from aggregator.formats.json_text import as_list, as_object, load_json
from aggregator.model.config import Source
from aggregator.model.documents import Entry, ParsedDocument
from aggregator.text import block, line

MAX_ENTRIES = 500
# Language tags by the ISO 639-3 codes of records.
_LANGUAGES = {"eng": "en", "deu": "de", "ger": "de", "fra": "fr", "fre": "fr", "spa": "es", "ita": "it"}


def read(
    body: bytes,
    url: str,
    headers: Mapping[str, str],
    source: Source,
    seen: Container[bytes] = (),
) -> ParsedDocument:
    """Parse a search result; all versions of a record are one entry, edited by each version."""
    data = as_object(load_json(body))
    hits = as_object(data.get("hits")).get("hits")
    if not isinstance(hits, list):
        message = line(data.get("message"), 200)
        raise UnreadableDocument(f"the response has no records (`hits`){f': {message}' if message else ''}")
    entries: dict[str | None, Entry] = {}
    for record in hits[:MAX_ENTRIES]:
        entry = _entry(len(entries), as_object(record), url)
        if entry.guid or entry.link:
            entries.setdefault(entry.guid or entry.link, entry)
    if hits and not entries:
        raise UnreadableDocument("the records of the response have no ids: its format has probably changed")
    return ParsedDocument(entries=tuple(entries.values()))


def _entry(position: int, record: dict[str, Any], url: str) -> Entry:
    metadata = as_object(record.get("metadata"))
    return Entry(
        position=position,
        guid=_guid(record),
        link=_link(record, url),
        title=line(metadata.get("title") or record.get("title"), 5_000) or "",
        title_is_html=False,
        content=block(metadata.get("description")),
        published=_published(record, metadata),
        updated=_first(record.get("updated"), record.get("modified")),
        authors=tuple(filter(None, map(_name, as_list(metadata.get("creators"))[:50]))),
        categories=_categories(metadata),
        language=_language(metadata),
        rights=_rights(metadata),
        base=url,
    )


def _guid(record: dict[str, Any]) -> str | None:
    """Return the number of the record of all versions, which is the same in both forms."""
    number = record.get("conceptrecid") or as_object(record.get("parent")).get("id")
    number = number or record.get("id") or record.get("recid")
    written = line(str(number), 100) if isinstance(number, (int, str)) else None
    return f"zenodo:{written}" if written else None


def _link(record: dict[str, Any], url: str) -> str | None:
    doi = _first(record.get("doi"), as_object(as_object(record.get("pids")).get("doi")).get("identifier"))
    if doi and re.fullmatch(r"10\.\d{4,9}/\S+", doi):
        return urls.join("https://doi.org/", f"https://doi.org/{doi}")
    links = as_object(record.get("links"))
    return urls.join(url, _first(links.get("self_html"), links.get("html")))


def _first(*values: object) -> str | None:
    return next((text for value in values if (text := line(value))), None)


def _published(record: dict[str, Any], metadata: dict[str, Any]) -> str | None:
    """Return the publication date if it is a whole date (EDTF), else the day of the upload."""
    written = line(metadata.get("publication_date"), 100)
    if written and re.fullmatch(r"\d{4}-\d{2}-\d{2}", written):
        return written
    return line(record.get("created"), 100) or written


def _name(creator: object) -> str | None:
    """Turn `Lovelace, Ada` into Ada Lovelace."""
    person = as_object(creator)
    written = _first(person.get("name"), as_object(person.get("person_or_org")).get("name"))
    family, comma, given = (written or "").partition(", ")
    return line(f"{given} {family}" if comma and "," not in given else written, 200)


def _categories(metadata: dict[str, Any]) -> tuple[str, ...]:
    kind = as_object(metadata.get("resource_type"))
    named = kind.get("title")
    words = [
        named.get("en") if isinstance(named, dict) else named,
        *as_list(metadata.get("keywords")),
        *(as_object(subject).get("subject") for subject in as_list(metadata.get("subjects"))),
    ]
    return tuple(dict.fromkeys(filter(None, (line(word, 200) for word in words[:100]))))


def _language(metadata: dict[str, Any]) -> str | None:
    first = next(iter(as_list(metadata.get("languages"))), None)
    tag = _first(metadata.get("language"), as_object(first).get("id"))
    return _LANGUAGES.get(tag, tag) if tag else None


def _rights(metadata: dict[str, Any]) -> str | None:
    first = as_object(next(iter(as_list(metadata.get("rights"))), None))
    return _first(as_object(metadata.get("license")).get("id"), first.get("id"))

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
# ISO 639-3, as records have it, where the shorter tag is usual.
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
        said = line(data.get("message"), 200)
        raise UnreadableDocument(f"the answer has no records (`hits`){f': {said}' if said else ''}")
    found: dict[str | None, Entry] = {}
    for record in hits[:MAX_ENTRIES]:
        entry = _entry(len(found), as_object(record), url)
        if entry.guid or entry.link:
            found.setdefault(entry.guid or entry.link, entry)
    if hits and not found:
        raise UnreadableDocument("the answer's records have no ids: its form has probably changed")
    return ParsedDocument(entries=tuple(found.values()))


def _entry(position: int, record: dict[str, Any], url: str) -> Entry:
    said = as_object(record.get("metadata"))
    return Entry(
        position=position,
        guid=_guid(record),
        link=_link(record, url),
        title=line(said.get("title") or record.get("title"), 5_000) or "",
        title_is_html=False,
        content=block(said.get("description")),
        published=_published(record, said),
        updated=_first(record.get("updated"), record.get("modified")),
        authors=tuple(filter(None, map(_name, as_list(said.get("creators"))[:50]))),
        categories=_categories(said),
        language=_language(said),
        rights=_rights(said),
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


def _published(record: dict[str, Any], said: dict[str, Any]) -> str | None:
    """Return the publication date if it is a whole date (EDTF), else the day of the upload."""
    written = line(said.get("publication_date"), 100)
    if written and re.fullmatch(r"\d{4}-\d{2}-\d{2}", written):
        return written
    return line(record.get("created"), 100) or written


def _name(creator: object) -> str | None:
    """Turn `Lovelace, Ada` into Ada Lovelace."""
    person = as_object(creator)
    written = _first(person.get("name"), as_object(person.get("person_or_org")).get("name"))
    family, comma, given = (written or "").partition(", ")
    return line(f"{given} {family}" if comma and "," not in given else written, 200)


def _categories(said: dict[str, Any]) -> tuple[str, ...]:
    kind = as_object(said.get("resource_type"))
    named = kind.get("title")
    words = [
        named.get("en") if isinstance(named, dict) else named,
        *as_list(said.get("keywords")),
        *(as_object(subject).get("subject") for subject in as_list(said.get("subjects"))),
    ]
    return tuple(dict.fromkeys(filter(None, (line(word, 200) for word in words[:100]))))


def _language(said: dict[str, Any]) -> str | None:
    first = next(iter(as_list(said.get("languages"))), None)
    tag = _first(said.get("language"), as_object(first).get("id"))
    return _LANGUAGES.get(tag, tag) if tag else None


def _rights(said: dict[str, Any]) -> str | None:
    first = as_object(next(iter(as_list(said.get("rights"))), None))
    return _first(as_object(said.get("license")).get("id"), first.get("id"))

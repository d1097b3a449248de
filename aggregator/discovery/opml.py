"""Import sources from OPML or from Planet Venus into feeds.yaml, and export them as OPML."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from aggregator.errors import FilesError
from aggregator.gateways import files
from aggregator.model.config import Config
from aggregator.model.discovery import SourceImportReport
from aggregator.model.publishing import SourceDirectory
from aggregator.model.stories import Publisher
from aggregator.store import sources
from aggregator.store.connection import has_database, opened

if TYPE_CHECKING:
    from aggregator.config.new_sources import NewSource


def import_sources(file: Path, source_list: Path) -> SourceImportReport:
    """Add the feeds of a list that feeds.yaml does not have yet.

    The list is OPML or the configuration of Planet Venus. The rest of feeds.yaml stays byte for byte, as do its mode,
    its owner and a symbolic link to it. A result that does not load is not written.
    """
    from aggregator.config import load, new_sources

    config = load(file, secrets=False)
    new, report = _read_list(source_list, {source.url for source in config.sources})
    text, ids = new_sources.add_sources(file.read_bytes().decode(), new, config)  # keeps its line ends
    if ids:
        target = file.resolve()
        draft = target.with_name(f".{target.name}.draft")
        files.write_text(draft, text, mode=0o600)  # it names recipients
        try:
            load(draft, secrets=False)
            files.replace_file(draft, target)
        finally:
            draft.unlink(missing_ok=True)
    return replace(report, added=tuple(ids))


def _read_list(
    source_list: Path, known_urls: Collection[str]
) -> tuple[Sequence[NewSource], SourceImportReport]:
    """Read a list in the format of its content; its file name does not matter."""
    from aggregator.config import new_sources, opml_import, planet_ini

    try:
        with source_list.open("rb") as opened_list:
            body = opened_list.read(new_sources.MAX_BYTES + 1)
    except OSError as error:
        raise FilesError(f"{source_list} cannot be read: {error.strerror}") from error
    try:
        if _is_markup(body):
            new, left_out = opml_import.read_opml(body, known_urls)
            return new, SourceImportReport(left_out=left_out)
        planet = planet_ini.read(body, known_urls)
    except new_sources.SourceListError as error:
        raise new_sources.SourceListError(f"{source_list.name}: {error}") from error
    return planet.sources, SourceImportReport(
        left_out=planet.left_out, settings=planet.settings, unused=planet.unused
    )


def _is_markup(body: bytes) -> bool:
    """Return whether a document begins as XML does, in any encoding."""
    beginning = body[:1000].removeprefix(b"\xef\xbb\xbf").removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff")
    return beginning.replace(b"\x00", b"").lstrip()[:1] == b"<"


def export_sources(config: Config) -> bytes:
    """Render the enabled sources as the OPML document that is published."""
    from aggregator.publishing import opml

    topics = {source.id: source.topics for source in config.sources}
    return opml.render(SourceDirectory(site=config.site, sources=_publishers(config), topics=topics)).body


def _publishers(config: Config) -> tuple[Publisher, ...]:
    """Describe the enabled sources by the database if there is one, else by feeds.yaml."""
    database = config.data / "aggregator.db"
    known_urls: dict[str, Publisher] = {}
    if has_database(database):
        with opened(database, create=False) as store:
            known_urls = sources.publishers(store, configured=True)
    return tuple(
        known_urls.get(source.id)
        or Publisher(
            id=source.id,
            name=source.name,
            url=source.url,
            kind=source.kind,
            site_link=None,
            feed_id=None,
            language=source.language,
            rights=None,
            licence=source.licence,
            full_text=source.full_text,
        )
        for source in config.sources
        if source.enabled
    )

"""Import sources from OPML into feeds.yaml, and export them as OPML."""

from __future__ import annotations

from pathlib import Path

from aggregator.errors import FilesError
from aggregator.gateways import files
from aggregator.model.config import Config
from aggregator.model.publishing import ImportReport, SourceDirectory
from aggregator.model.stories import Publisher
from aggregator.store import sources
from aggregator.store.connection import opened


def import_sources(file: Path, opml: Path) -> ImportReport:
    """Add the feeds of an OPML file that feeds.yaml does not have yet.

    The rest of the file stays byte for byte, as do its mode, its owner and a symbolic link to it. A result that does
    not load is not written.
    """
    from aggregator.config import load, opml_import

    config = load(file, secrets=False)
    try:
        with opml.open("rb") as opml_file:
            body = opml_file.read(opml_import.MAX_BYTES + 1)
    except OSError as error:
        raise FilesError(f"{opml} cannot be read: {error.strerror}") from error
    outlines, left_out = opml_import.read_opml(body, {source.url for source in config.sources})
    text, ids = opml_import.add_sources(file.read_text("utf-8"), outlines, config)
    if ids:
        target = file.resolve()
        draft = target.with_name(f".{target.name}.draft")
        files.write_text(draft, text, mode=0o600)  # it names recipients
        try:
            load(draft, secrets=False)
            files.replace_file(draft, target)
        finally:
            draft.unlink(missing_ok=True)
    return ImportReport(added=tuple(ids), left_out=tuple(left_out))


def export_sources(config: Config) -> bytes:
    """Render the enabled sources as the OPML document that is published."""
    from aggregator.publishing import opml

    topics = {source.id: source.topics for source in config.sources}
    return opml.render(SourceDirectory(site=config.site, sources=_publishers(config), topics=topics)).body


def _publishers(config: Config) -> tuple[Publisher, ...]:
    """Describe the enabled sources by the database if there is one, else by feeds.yaml."""
    database = config.data / "aggregator.db"
    known: dict[str, Publisher] = {}
    if database.exists():
        with opened(database, create=False) as store:
            known = sources.publishers(store, configured=True)
    return tuple(
        known.get(source.id)
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

"""Upkeep: backup, retention, hiding stories, the list of sources in and out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from aggregator.dedupe.assign import update_channels
from aggregator.errors import FilesError, UnknownName
from aggregator.gateways import files
from aggregator.model.config import Config
from aggregator.model.publishing import ImportReport, SourceDirectory
from aggregator.model.reports import PruneReport
from aggregator.model.stories import Publisher
from aggregator.polling.removals import PUBLISHER
from aggregator.ports import App
from aggregator.store import channels, editorial, items, maintenance, runs, sources, stories
from aggregator.store.connection import opened, stamp
from aggregator.working import RELEASED, known_source, working

PRUNED = "pruned"


def backup(config: Config, target: Path) -> int:
    """A consistent copy of the database at `target`; its size in bytes."""
    with opened(config.data / "aggregator.db", create=False) as store:
        return maintenance.backup(store, target)


def import_sources(file: Path, opml: Path) -> ImportReport:
    """Add the feeds of an OPML file to feeds.yaml, but for those it has.

    Everything else in the file stays byte for byte, and so do its mode, its owner and a link that leads to it; a
    result that would not be right is not written.
    """
    from aggregator.config import load, opml_import

    config = load(file, secrets=False)
    try:
        with opml.open("rb") as opened_file:
            body = opened_file.read(opml_import.MAX_BYTES + 1)
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
            files.take_place(draft, target)
        finally:
            draft.unlink(missing_ok=True)
    return ImportReport(added=tuple(ids), left_out=tuple(left_out))


def export_sources(config: Config) -> bytes:
    """The enabled sources as OPML, as they are published."""
    from aggregator.publishing import opml

    topics = {source.id: source.topics for source in config.sources}
    return opml.render(SourceDirectory(site=config.site, sources=_tellers(config), topics=topics)).body


def _tellers(config: Config) -> tuple[Publisher, ...]:
    """What is known of the enabled sources: from the database where there is one, else from feeds.yaml."""
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


def prune(app: App) -> PruneReport:
    """Apply `retention`."""
    config = app.config
    with working(config, job="prune", clock=app.clock) as store:
        now = app.clock()
        runs.put(store, PRUNED, now.date().isoformat())  # also if it fails: then it is tried again tomorrow
        run_id = runs.begin(store, "prune", now)
        report = maintenance.prune(store, config.retention, now)
        runs.finish(store, run_id, "done", asdict(report), app.clock())
    return report


def prune_if_due(app: App) -> PruneReport | None:
    """Apply `retention` once a day."""
    database = app.config.data / "aggregator.db"
    if not database.exists():
        return None
    with opened(database, create=False) as store:
        if runs.get(store, PRUNED) == app.clock().date().isoformat():
            return None
    return prune(app)


def set_hidden(
    app: App, names: Sequence[str], who: str, *, hidden: bool, withdrawn: bool = False
) -> list[str]:
    """Hide stories, as withdrawn perhaps, or show them again; the ids of those that changed.

    A short write beside any job (L1); what is published follows with the next run.
    """
    config = app.config
    with opened(config.data / "aggregator.db", create=False) as store:
        changed = []
        now = app.clock()
        with store.transaction():
            found = {name: stories.resolve(store, name) for name in names}
            if missing := [name for name, id_ in found.items() if id_ is None]:
                raise UnknownName(f"no story {missing[0]!r}; nothing was changed")
            known = channels.known(store)
            for id_ in filter(None, found.values()):
                if hidden:
                    turned = maintenance.hide(store, id_, who, now, withdrawn=withdrawn)
                    # What only its publisher had hidden does not come back by itself now.
                    turned = turned or editorial.hidden_by(store, id_) == PUBLISHER
                else:
                    turned = maintenance.unhide(store, id_, now)
                if turned:
                    changed.append(id_)
            if changed:
                editorial.decide(store, "hide" if hidden else "unhide", who, now, stories=changed)
            update_channels(
                store, [channel for channel in config.channels if channel.id in known], changed, now
            )
    return changed


def decide_held(app: App, ids: Sequence[str], *, release: bool) -> dict[str, int]:
    """What was held at sources is let through as news of now, or discarded; how many items at each (G2).

    Where no items were held, the next document is believed as it is, also if it is much shorter than the last one.
    A short write beside any job (L1); what is published follows with the next run.
    """
    for id_ in ids:
        known_source(app.config, id_)
    with opened(app.config.data / "aggregator.db", create=False) as store, store.transaction():
        decided = {}
        for id_ in ids:
            decided[id_] = items.decide(store, id_, release=release)
            sources.settle(store, id_, believe=not decided[id_])
        if release:
            runs.put(store, RELEASED, stamp(app.clock()) or "")
        runs.forget_finished(store)
    return decided

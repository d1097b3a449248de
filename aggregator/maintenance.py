"""Copy the database and apply retention."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from aggregator.database import existing_store, locked_store
from aggregator.gateways import files
from aggregator.model.config import Config
from aggregator.model.reports import PruneReport
from aggregator.ports import App
from aggregator.store import editor_sessions, maintenance, meta, runs, subscriber_rights
from aggregator.store.connection import has_database, opened

PRUNED_KEY = "pruned"
"""Key of the date of the last `prune` in the database."""


def backup(config: Config, target: Path) -> int:
    """Write a consistent copy of the database to `target`; return its size in bytes.

    Raises DatabaseLost instead of copying a database that is missing or empty beside published files.
    """
    with existing_store(config) as store:
        return maintenance.backup(store, target)


def backup_key(config: Config, target: Path) -> Path | None:
    """Copy the key of personal links beside a copy of the database; None if there is none."""
    key = target.with_name(f"{target.name}.{files.LINK_KEY}")
    return key if files.copy_link_key(config.data, key) else None


def prune(app: App) -> PruneReport:
    """Delete what `retention` no longer keeps."""
    config = app.config
    with locked_store(config, job="prune", clock=app.clock) as store:
        now = app.clock()
        # Before the work: after a failure it is tried again tomorrow.
        meta.put(store, PRUNED_KEY, now.date().isoformat())
        run_id = runs.begin(store, "prune", now)
        report = maintenance.prune(store, config.retention, now)
        subscriber_rights.expire(store, now)
        with store.transaction():
            editor_sessions.expire(store, config.editors, now)
        runs.finish(store, run_id, "done", asdict(report), app.clock())
    return report


def prune_if_due(app: App) -> PruneReport | None:
    """Delete what `retention` no longer keeps, once a day; None if that was done today."""
    database = app.config.data / "aggregator.db"
    if not has_database(database):
        return None
    with opened(database, create=False) as store:
        if meta.get(store, PRUNED_KEY) == app.clock().date().isoformat():
            return None
    return prune(app)

"""Backup and restore, retention, and hidden stories."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import stat
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from aggregator import health, maintenance, story_view
from aggregator.dedupe import editor_commands
from aggregator.digests import run as digest
from aggregator.errors import DatabaseLost, StoreError, UnknownName
from aggregator.polling import fetch
from aggregator.publishing import publish
from aggregator.store.connection import copy
from tests.builders import rss
from tests.command import call
from tests.conftest import Clock, Web, Workplace


@pytest.fixture
def fetched(place: Workplace, web: Web) -> Workplace:
    """Return a place with two published stories of today."""
    items = [
        {"title": f"News {n}", "link": f"https://node.example/{n}", "description": f"Words about {n}. " * 40}
        for n in (1, 2)
    ]
    web.feed("/feed", rss(*items), '"1"')
    place.write(
        f"sources:\n  - {{id: node, name: Node, url: '{web.url}/feed'}}\n"
        "digests:\n  - {id: weekly, title: Weekly, schedule: 'mon 08:00', recipients: [a@x.example]}\n"
    )
    fetch.run(place.app())
    return place


def story_of(place: Workplace, title: str) -> str:
    """Return the id of the story with this title."""
    conn = sqlite3.connect(place.database)
    try:
        return str(conn.execute("SELECT id FROM stories WHERE title = ?", [title]).fetchone()[0])
    finally:
        conn.close()


def test_a_backup_restores_everything(fetched: Workplace, tmp_path: Path) -> None:
    """A backup restores the same published bytes, and only its owner may read it."""
    target = tmp_path / "backup.db"
    assert maintenance.backup(fetched.app().config, target) == target.stat().st_size
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    before = (fetched.public / "atom.xml").read_bytes()
    shutil.rmtree(fetched.database.parent)
    shutil.rmtree(fetched.public)
    fetched.database.parent.mkdir()
    shutil.copy(target, fetched.database)
    publish.run(fetched.app())
    assert (fetched.public / "atom.xml").read_bytes() == before


def test_a_failed_backup_leaves_no_file(fetched: Workplace, tmp_path: Path) -> None:
    """A backup that fails leaves no partial file."""
    with pytest.raises(StoreError, match="cannot be written: there is no folder"):
        maintenance.backup(fetched.app().config, tmp_path / "nowhere" / "backup.db")
    assert not (tmp_path / "nowhere").exists()
    assert list(tmp_path.rglob("*draft*")) == []


def test_a_backup_removes_what_killed_ones_left(fetched: Workplace, tmp_path: Path) -> None:
    """A backup removes drafts that nothing wrote to for an hour, whatever their names."""
    (backups := tmp_path / "backups").mkdir()
    old, old_journal, fresh = (
        backups / f".{name}" for name in ("1.backup-draft", "1.backup-draft-journal", "2.backup-draft")
    )
    for left in (old, old_journal, fresh):
        left.touch()
    an_hour_ago = time.time() - 3700
    os.utime(old, (an_hour_ago, an_hour_ago))
    os.utime(old_journal, (an_hour_ago, an_hour_ago))
    maintenance.backup(fetched.app().config, backups / "backup.db")
    assert {file.name for file in backups.iterdir()} == {"backup.db", fresh.name}


def test_two_backups_at_once_are_both_whole(fetched: Workplace, tmp_path: Path) -> None:
    """A second backup to the same file does not take away the draft of the first one."""
    target = tmp_path / "backups" / "backup.db"
    target.parent.mkdir()

    class Interrupted(sqlite3.Connection):
        def backup(self, *args: Any, **options: Any) -> None:
            copy(original, fetched.database, target)
            assert target.stat().st_size == size
            super().backup(*args, **options)

    size = maintenance.backup(fetched.app().config, target)
    with (
        closing(sqlite3.connect(fetched.database)) as original,
        closing(sqlite3.connect(fetched.database, factory=Interrupted)) as first,
    ):
        copy(first, fetched.database, target)
    assert [file.name for file in target.parent.iterdir()] == ["backup.db"]
    assert target.stat().st_size == size


def test_retention_deletes_texts_and_visits_but_no_story(fetched: Workplace, clock: Clock, web: Web) -> None:
    """Retention deletes visits, runs and texts, but no title, link, excerpt or identifier.

    Nothing is announced again.
    """
    clock.now += timedelta(days=800)
    report = maintenance.prune(fetched.app())
    assert (report.visits, report.runs, report.texts) == (1, 1, 2)
    conn = sqlite3.connect(fetched.database)
    assert conn.execute("SELECT count(*), max(text), min(excerpt) <> '' FROM items").fetchone() == (2, "", 1)
    assert conn.execute("SELECT count(*) FROM aliases").fetchone() == (6,)
    conn.close()
    again = fetch.run(fetched.app(), force=True)
    assert (again.new_items, again.new_stories) == (0, 0)
    assert maintenance.prune(fetched.app()).texts == 0


def test_an_edit_after_retention_is_not_significant(fetched: Workplace, clock: Clock, web: Web) -> None:
    """An edit of an item whose text was deleted does not change `updated` (E1)."""
    clock.now += timedelta(days=800)
    maintenance.prune(fetched.app())
    item = {"title": "News 1", "link": "https://node.example/1", "description": "Quite other words. " * 50}
    web.feed("/feed", rss(item), '"2"')
    fetch.run(fetched.app(), force=True)
    conn = sqlite3.connect(fetched.database)
    assert conn.execute("SELECT count(*) FROM stories WHERE updated > published").fetchone() == (0,)
    conn.close()


def test_prune_is_due_once_a_day(fetched: Workplace, clock: Clock) -> None:
    """Retention runs once a day, however often the daemon asks."""
    assert maintenance.prune_if_due(fetched.app()) is not None
    assert maintenance.prune_if_due(fetched.app()) is None
    clock.now += timedelta(days=1)
    assert maintenance.prune_if_due(fetched.app()) is not None


def test_a_hidden_story_is_removed_and_restored(fetched: Workplace) -> None:
    """A hidden story disappears from feed, page and search; shown again, it is newer."""
    before = (fetched.public / "atom.xml").read_bytes()
    story = story_of(fetched, "News 1")
    assert editor_commands.hide(fetched.app(), [story], "anna") == [story]
    assert fetch.run(fetched.app()).visited == 0
    assert b"News 1" not in (fetched.public / "atom.xml").read_bytes()
    assert b"News 1" not in (fetched.public / "index.html").read_bytes()
    assert story_view.search(fetched.app().config, "News 1", 10) == []
    conn = sqlite3.connect(fetched.database)
    assert conn.execute("SELECT story_id, reason FROM tombstones").fetchall() == [(story, "hidden by anna")]
    conn.close()
    assert editor_commands.hide(fetched.app(), [story], "anna") == []
    assert editor_commands.unhide(fetched.app(), [story[:8]], "anna") == [story]
    fetch.run(fetched.app())
    after = (fetched.public / "atom.xml").read_bytes()
    assert after != before
    assert re.sub(rb"<updated>[^<]*", b"", after) == re.sub(rb"<updated>[^<]*", b"", before)


def test_a_hidden_story_is_not_mailed(fetched: Workplace) -> None:
    """A story hidden before the digest is not in it."""
    editor_commands.hide(fetched.app(), [story_of(fetched, "News 1")], "anna")
    digest.run(fetched.app())
    (message,) = (fetched.folder / "var" / "outbox").iterdir()
    assert b"News 2" in message.read_bytes() and b"News 1" not in message.read_bytes()


def test_an_unknown_story_changes_nothing(fetched: Workplace) -> None:
    """With one unknown id no story is hidden."""
    story = story_of(fetched, "News 1")
    with pytest.raises(UnknownName, match="nothing was changed"):
        editor_commands.hide(fetched.app(), [story, "nonsense"], "anna")
    assert story_view.read(fetched.app().config, story).story.id == story


def test_a_backup_onto_the_database_is_refused(fetched: Workplace) -> None:
    """A backup onto the database itself is refused."""
    with pytest.raises(StoreError, match="is the database itself"):
        maintenance.backup(fetched.app().config, fetched.database)


@pytest.mark.parametrize("name", ["feeds.yaml", "public/atom.xml", ""])
def test_a_backup_replaces_no_other_file(fetched: Workplace, name: str) -> None:
    """A backup replaces only an earlier backup: other files keep their bytes."""
    target = fetched.folder / name if name else Path()
    before = target.read_bytes() if name else b""
    with pytest.raises(StoreError, match="name a"):
        maintenance.backup(fetched.app().config, target)
    assert not name or target.read_bytes() == before
    earlier = fetched.folder / "backup.db"
    for _ in range(2):
        assert maintenance.backup(fetched.app().config, earlier) == earlier.stat().st_size


@pytest.mark.parametrize("lose", [Path.unlink, lambda file: file.write_bytes(b"")])
def test_a_lost_database_is_neither_copied_nor_healthy(
    fetched: Workplace, lose: Callable[[Path], object]
) -> None:
    """A missing or empty database beside published files is reported and never backed up."""
    backup = fetched.folder / "backup.db"
    size = maintenance.backup(fetched.app().config, backup)
    lose(fetched.database)
    for act in (
        partial(maintenance.backup, fetched.app().config, backup),
        partial(health.read_report, fetched.app().config),
    ):
        with pytest.raises(DatabaseLost):
            act()
    assert backup.stat().st_size == size


def test_a_story_is_hidden_beside_a_changed_file(fetched: Workplace) -> None:
    """A story is hidden by the next run although feeds.yaml changed in between (L1)."""
    file = fetched.folder / "feeds.yaml"
    file.write_text(file.read_text() + "channels: [{id: new, title: New}]\n")
    editor_commands.hide(fetched.app(), [story_of(fetched, "News 1")], "anna")
    fetch.run(fetched.app())
    assert b"News 1" not in (fetched.public / "channels/new/atom.xml").read_bytes()
    assert b"News 2" in (fetched.public / "channels/new/atom.xml").read_bytes()


def test_a_backup_has_the_key_of_personal_links(fetched: Workplace, tmp_path: Path) -> None:
    """The key is copied for its owner only, and replaces no other file (DP4)."""
    target = tmp_path / "copy.db"
    assert call(fetched, "backup", str(target)).code == 0
    assert not target.with_name("copy.db.link.key").exists()
    key = fetched.app().link_key()
    for _ in range(2):
        assert call(fetched, "backup", str(target)).code == 0
        copied = target.with_name("copy.db.link.key")
        assert copied.read_bytes() == key
        assert copied.stat().st_mode & 0o777 == 0o600
    copied.write_text("something else")
    refused = call(fetched, "backup", str(target))
    assert refused.code == 1
    assert "exists and is no key: it would be lost" in refused.line
    assert copied.read_text() == "something else"

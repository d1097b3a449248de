"""Editions and messages of a database of the version before stay as they are (M4)."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing

import pytest
from sqlite_utils import Database

from aggregator.store import deliveries
from aggregator.store.connection import opened
from aggregator.store.schema import MIGRATIONS
from tests.digests.scenario import READERS, plan, rows, run, write
from tests.smtp_server import Relay
from tests.web_server import Web
from tests.workplace import Workplace

MIGRATION = next(each.name for each in MIGRATIONS._migrations if each.name.endswith("_digest_names"))
TEXT = "Weekly, 28. September 2026\n\n* Größer\n  Bisher gemeldet als „Groß“\n"
SHA256_OF_MESSAGE = "924e7771250d854338ef4e682d8f693f98c5f8f87fb5236491af487daa4bd3c9"
"""Hash of the bytes that the version before sends for the message below."""


@pytest.fixture
def older(place: Workplace, web: Web, relay: Relay) -> Workplace:
    """Write a database of the version before, with an edition and three messages."""
    write(place, {"node": web}, plan(readers=READERS), relay=relay)
    place.database.parent.mkdir(mode=0o700)
    with closing(sqlite3.connect(place.database, isolation_level=None)) as conn:
        MIGRATIONS.apply(Database(conn), stop_before=MIGRATION)
        conn.execute(
            "INSERT INTO digests VALUES ('weekly', '2026-09-21T06:00:00Z', '2026-10-05', '2026-10-05T06:20:00Z')"
        )
        conn.execute(
            "INSERT INTO editions (id, digest_id, period, composed, subject, text, html, title, language, revision)"
            " VALUES ('weekly-2026-09-28', 'weekly', '2026-09-28', '2026-09-28T06:30:00Z',"
            " 'Weekly, 28. September 2026', ?, ?, 'Weekly', 'de', 1)",
            [TEXT, f"<p>{TEXT}</p>"],
        )
        conn.execute("PRAGMA foreign_keys = OFF")
        for position, (section, turn) in enumerate(
            (("letters", None), ("turned", "corrected"), ("gone", "withdrawn"))
        ):
            conn.execute(
                "INSERT INTO edition_entries (edition_id, position, item_id, story_id, reason, section, title,"
                " publisher, day, also, excerpt, turn, turned, before)"
                " VALUES ('weekly-2026-09-28', ?, 'i', 's', 'new', ?, 'T', 'P', '2026-09-27', '[]', '', ?, ?, ?)",
                [position, section, turn, turn and "2026-09-26", turn and "Before"],
            )
        for address, state, interrupted, dismissed in (
            (READERS[0], "sending", 0, 0),
            (READERS[1], "failed", 0, 1),
            (READERS[2], "failed", 0, 0),
        ):
            conn.execute(
                "INSERT INTO deliveries (edition_id, address, message_id, state, interrupted, dismissed)"
                " VALUES ('weekly-2026-09-28', ?, ?, ?, ?, ?)",
                [address, f"<weekly-2026-09-28.{address}>", state, interrupted, dismissed],
            )
    place.database.chmod(0o600)
    return place


def test_a_message_of_the_version_before_is_sent_with_its_bytes(older: Workplace, relay: Relay) -> None:
    """A retry of an interrupted message has the bytes and Message-ID of the first attempt (M4)."""
    assert run(older).sent == 1
    (message,) = relay.messages
    assert message.address == READERS[0]
    assert hashlib.sha256(message.body).hexdigest() == SHA256_OF_MESSAGE


def test_names_of_the_version_before_are_migrated(older: Workplace) -> None:
    """Columns and sections get their present names; acknowledged messages stay unreported."""
    with opened(older.database) as store:
        entries = store.db.execute(
            "SELECT section, update_kind, updated_on, former_title FROM edition_entries ORDER BY position"
        )
        assert [tuple(row) for row in entries] == [
            ("newsletters", None, None, None),
            ("updates", "corrected", "2026-09-26", "Before"),
            ("withdrawn", "withdrawn", "2026-09-26", "Before"),
        ]
        assert [message.address for message in deliveries.open_messages(store)] == [READERS[0], READERS[2]]
    assert rows(older, "SELECT address FROM mail_owed ORDER BY address") == [(READERS[0],), (READERS[2],)]

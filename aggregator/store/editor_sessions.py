"""Store sign-in links of editors and their sessions, both as hashes."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from aggregator import addresses, link_tokens
from aggregator.model.subscribers import AccountMessage
from aggregator.store import subscriber_links
from aggregator.store.connection import Store, stamp
from aggregator.store.subscriber_links import RandomBytes

LINK_LIFETIME = timedelta(minutes=15)
"""Maximum age of a link that signs in (ED2)."""
LINK_GAP = timedelta(minutes=5)
"""Minimum age of an unused link at which its address gets another one (ED2)."""
SESSION_LIFETIME = timedelta(hours=12)
"""Maximum age of a session (ED3)."""
CLOCK_STEP = timedelta(minutes=5)
"""Maximum step back of the clock that links and sessions survive.

After a larger one they would last longer than they may.
"""


def queue_link(
    store: Store, key: bytes, random_bytes: RandomBytes, address: str, language: str, host: str, now: datetime
) -> None:
    """Queue a message with a sign-in link, in the transaction of the caller.

    An address with a recent unused link gets no further one, so that nobody can fill a mailbox.
    """
    name = addresses.key(address)
    recent = store.db.execute(
        "SELECT 1 FROM editor_links WHERE address = ? AND created > ? AND created <= ?",
        [name, stamp(now - LINK_GAP), stamp(now)],
    ).fetchone()
    if recent:
        return
    nonce = random_bytes(link_tokens.TOKEN_BYTES)
    store.db.execute(
        "INSERT INTO editor_links (hash, nonce, address, language, created, expires) VALUES (?, ?, ?, ?, ?, ?)",
        [
            link_tokens.token_hash(link_tokens.link_token(key, nonce)),
            nonce,
            name,
            language,
            stamp(now),
            stamp(now + LINK_LIFETIME),
        ],
    )
    subscriber_links.queue_message(store, None, address, AccountMessage.SIGN_IN, nonce, host, now)


def link_address(store: Store, text: str, now: datetime) -> str | None:
    """Return the address of a sign-in link; None if it is unknown, used or expired."""
    row = store.db.execute(
        "SELECT address FROM editor_links WHERE hash = ? AND expires > ? AND expires <= ?",
        [link_tokens.token_hash(text), stamp(now), stamp(now + LINK_LIFETIME + CLOCK_STEP)],
    ).fetchone()
    return str(row[0]) if row else None


def begin(store: Store, link: str, session: str, now: datetime) -> None:
    """End a sign-in link and begin a session, in the caller's transaction."""
    row = store.db.execute(
        "DELETE FROM editor_links WHERE hash = ? RETURNING address", [link_tokens.token_hash(link)]
    ).fetchone()
    store.db.execute(
        "INSERT INTO editor_sessions (hash, address, expires) VALUES (?, ?, ?)",
        [link_tokens.token_hash(session), row["address"], stamp(now + SESSION_LIFETIME)],
    )


def session_address(store: Store, text: str, now: datetime) -> str | None:
    """Return the address of a session; None if it is unknown or has ended."""
    row = store.db.execute(
        "SELECT address FROM editor_sessions WHERE hash = ? AND expires > ? AND expires <= ?",
        [link_tokens.token_hash(text), stamp(now), stamp(now + SESSION_LIFETIME + CLOCK_STEP)],
    ).fetchone()
    return str(row[0]) if row else None


def end(store: Store, text: str) -> None:
    """End a session, in the caller's transaction."""
    store.db.execute("DELETE FROM editor_sessions WHERE hash = ?", [link_tokens.token_hash(text)])


def expire(store: Store, editors: Collection[str], now: datetime) -> None:
    """Delete links and sessions that ended, or whose address is in `editors` no more."""
    names = {addresses.key(address) for address in editors}
    for table, lifetime in (("editor_links", LINK_LIFETIME), ("editor_sessions", SESSION_LIFETIME)):
        for row in store.db.execute(f"SELECT DISTINCT address FROM {table}").fetchall():
            if row["address"] not in names:
                store.db.execute(f"DELETE FROM {table} WHERE address = ?", [row["address"]])
        store.db.execute(
            f"DELETE FROM {table} WHERE expires <= ? OR expires > ?",
            [stamp(now), stamp(now + lifetime + CLOCK_STEP)],
        )


def delete_of_address(store: Store, address: str) -> None:
    """Delete the sign-in links and sessions of an address, in the caller's transaction."""
    for table in ("editor_links", "editor_sessions"):
        store.db.execute(f"DELETE FROM {table} WHERE address = ?", [addresses.key(address)])

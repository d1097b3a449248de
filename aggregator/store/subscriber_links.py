"""Store the tokens of personal links, hashed, and messages that carry such a link."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from aggregator import link_tokens
from aggregator.model.subscribers import AccountMessage, LinkPurpose, SubscriberState
from aggregator.model.value_classes import dataclass
from aggregator.store import meta
from aggregator.store.connection import Store, stamp
from aggregator.store.subscribers import wake_mail

CONFIRM_LIFETIME = timedelta(days=7)
"""Maximum age of a link that confirms; an address not confirmed by then is erased (SU2)."""
UNDO_LIFETIME = timedelta(days=1)
"""Maximum age of the undo that is offered after unsubscribing (SU4)."""
KEY_NAME = "link_key"
"""Key in `meta` of the fingerprint of the key that the stored hashes were made with."""

RandomBytes = Callable[[int], bytes]
"""Returns this number of random bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A valid link: its subscriber, and what it confirms or restores."""

    hash: str
    subscriber_id: int
    purpose: LinkPurpose
    state: SubscriberState | None
    digests: tuple[str, ...]
    language: str | None
    evidence: str | None


def add(
    store: Store,
    key: bytes,
    random_bytes: RandomBytes,
    subscriber_id: int,
    purpose: LinkPurpose,
    *,
    expires: datetime | None = None,
    state: SubscriberState | None = None,
    digests: Iterable[str] = (),
    language: str | None = None,
    evidence: str | None = None,
) -> bytes:
    """Store a new token; return its nonce. Runs in the transaction of the caller."""
    nonce = random_bytes(link_tokens.TOKEN_BYTES)
    store.db.execute(
        "INSERT INTO tokens (hash, nonce, subscriber_id, purpose, expires, state, digests, language, evidence)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            link_tokens.token_hash(link_tokens.link_token(key, nonce)),
            nonce,
            subscriber_id,
            purpose,
            stamp(expires),
            state,
            json.dumps(list(digests)),
            language,
            evidence,
        ],
    )
    return nonce


def find(store: Store, text: str, purpose: LinkPurpose, now: datetime) -> Link | None:
    """Return the link of a token; None if it is unknown, used or expired (SU2)."""
    row = store.db.execute(
        "SELECT * FROM tokens WHERE hash = ? AND purpose = ? AND (expires IS NULL OR expires > ?)",
        [link_tokens.token_hash(text), purpose, stamp(now)],
    ).fetchone()
    if row is None:
        return None
    return Link(
        hash=row["hash"],
        subscriber_id=row["subscriber_id"],
        purpose=LinkPurpose(row["purpose"]),
        state=SubscriberState(row["state"]) if row["state"] else None,
        digests=tuple(json.loads(row["digests"] or "[]")),
        language=row["language"],
        evidence=row["evidence"],
    )


def use(store: Store, link: Link) -> None:
    """Remove a token that may be used once. Runs in the transaction of the caller."""
    store.db.execute("DELETE FROM tokens WHERE hash = ?", [link.hash])


def use_confirmation(store: Store, link: Link) -> None:
    """Let a token only show that it confirmed. Runs in the transaction of the caller.

    Its digests stay: its message names them, and may have to be sent once more (M4).
    """
    store.db.execute("UPDATE tokens SET purpose = ? WHERE hash = ?", [LinkPurpose.CONFIRMED, link.hash])


def ensure_manage(store: Store, key: bytes, random_bytes: RandomBytes, subscriber_id: int) -> bytes:
    """Return the nonce of the permanent link of a subscriber, which every message carries (SU4)."""
    row = store.db.execute(
        "SELECT nonce FROM tokens WHERE subscriber_id = ? AND purpose = 'manage'", [subscriber_id]
    ).fetchone()
    return bytes(row[0]) if row else add(store, key, random_bytes, subscriber_id, LinkPurpose.MANAGE)


def is_key_needed(store: Store) -> bool:
    """Return whether there are links, or requests that ask for one."""
    row = store.db.execute(
        "SELECT EXISTS (SELECT 1 FROM tokens) OR EXISTS (SELECT 1 FROM subscription_requests)"
    )
    return bool(row.fetchone()[0])


def use_key(store: Store, key: bytes) -> None:
    """Make the stored hashes fit the key, if its file was lost or replaced.

    Links sent with the former key then lead to the page that offers a new one.
    """
    name = link_tokens.fingerprint(key)
    known = meta.get(store, KEY_NAME)
    if known == name:
        return
    with store.transaction():
        if known:
            for table in ("tokens", "editor_links"):
                nonces = [bytes(row[0]) for row in store.db.execute(f"SELECT nonce FROM {table}")]
                store.db.conn.executemany(
                    f"UPDATE {table} SET hash = ? WHERE nonce = ?",
                    ([link_tokens.token_hash(link_tokens.link_token(key, nonce)), nonce] for nonce in nonces),
                )
        meta.put(store, KEY_NAME, name)


def queue_message(
    store: Store,
    subscriber_id: int | None,
    address: str,
    purpose: AccountMessage,
    nonce: bytes,
    host: str,
    now: datetime,
) -> None:
    """Queue a message with a link; runs in the transaction that made the reason for it (M4).

    Its Message-ID differs from those of earlier messages with this link, also within one second.
    """
    (before,) = store.db.execute(
        "SELECT count(*) FROM deliveries WHERE edition_id IS NULL AND created = ? AND nonce = ? AND purpose = ?",
        [stamp(now), nonce, purpose],
    ).fetchone()
    name = _name(nonce, f"{stamp(now)} {before}" if before else stamp(now) or "")
    store.db.execute(
        "INSERT INTO deliveries (address, message_id, subscriber_id, purpose, nonce, created)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [address, f"<{purpose}.{name}@{host}>", subscriber_id, purpose, nonce, stamp(now)],
    )
    wake_mail(store)


def _name(nonce: bytes, when: str) -> str:
    """Return a name for a Message-ID that discloses neither address nor token."""
    return hashlib.sha256(nonce + when.encode()).hexdigest()[:24]

"""Read the mailbox of bounces, or one mail of a pipe, and record what follows (BO2)."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from datetime import datetime

from aggregator import addresses
from aggregator.bounces import bounce_tokens, read_mail
from aggregator.counts import count_of
from aggregator.database import existing_store
from aggregator.errors import (
    BouncesNotConfigured,
    FilesError,
    MailboxError,
    SandboxFailure,
    UnreadableDocument,
)
from aggregator.gateways import files
from aggregator.model.bounces import MailKind, MailReading, RecordedMail
from aggregator.model.config import Config
from aggregator.ports import App, Mailbox, Sandbox
from aggregator.store import returned_mail
from aggregator.store.connection import Store
from aggregator.text import line

MAX_MAIL_BYTES = 5_000_000
"""Maximum size of a mail that is read; messages of this program have at most 100 KB."""
READ_SECONDS = 10.0
"""Maximum seconds to read one mail."""
ROUND_SECONDS = 60.0
"""Maximum seconds of reading the mailbox; the next run continues."""
MAX_NOTICES = 5
"""Maximum number of mails that a report names."""

_NO_TOKEN = "names no message that was sent from here"  # noqa: S105 - not a password


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """How many mails were read, and what to report."""

    read: int = 0
    notices: tuple[str, ...] = ()


def collect_mails(app: App, store: Store) -> Collected:
    """Read the mailbox of bounces under the lock of the job that sends mail.

    Mail about our messages that is understood is recorded and then removed from the mailbox. A kill between both steps
    leaves a mail that the next round knows. All other mail stays where it is, and is reported once.
    """
    now = app.clock()
    round_ = _Round(app, store, now)
    try:
        files.remove_raw_mail(app.config.data, lambda names: returned_mail.unknown_files(store, names))
        if app.mailbox is not None:
            with app.mailbox() as mailbox, app.sandbox(1) as sandbox:
                round_.read_all(mailbox, sandbox)
    except (MailboxError, FilesError) as error:
        if returned_mail.record_fault(store, str(error), now):
            round_.notices.append(str(error))
    else:
        returned_mail.record_fault(store, None, now)
    return Collected(read=round_.count, notices=(*_limited(round_.notices), *_left_notices(round_.left)))


def record_piped_mail(app: App, content: bytes) -> str:
    """Record one mail that a mail server passed on; return what it was, without addresses.

    Every mail is kept for 30 days, as it is nowhere else; of one that is too large the beginning.
    """
    config, now = app.config, app.clock()
    if config.mail.bounces is None:
        raise BouncesNotConfigured(
            f"the mail was not read: {config.file.name} has no `mail.bounces`; add `bounces: {{address: …}}` to `mail`"
        )
    with existing_store(config) as store, app.sandbox(1) as sandbox:
        reading = _reading(sandbox, content)
        delivery_id = _delivery(store, reading)
        recorded = _record(config, store, content, reading, delivery_id, now)
    return _outcome(recorded)


class _Round:
    """The state of one round: mails read, and mails left where they are, with the reason."""

    def __init__(self, app: App, store: Store, now: datetime) -> None:
        self.app, self.store, self.now = app, store, now
        self.count = 0
        self.notices: list[str] = []
        self.left: list[tuple[str, str]] = []

    def read_all(self, mailbox: Mailbox, sandbox: Sandbox) -> None:
        """Read all mails that were not read before, oldest first."""
        names = mailbox.names()
        known = returned_mail.left_names(self.store, mailbox.id)
        returned_mail.delete_left(self.store, mailbox.id, known.difference(names))
        end = time.monotonic() + ROUND_SECONDS
        for name in names:
            if self.app.stopping() or time.monotonic() > end:
                return
            if name not in known:
                self._read(mailbox, name, sandbox)

    def _read(self, mailbox: Mailbox, name: str, sandbox: Sandbox) -> None:
        content = mailbox.read(name, MAX_MAIL_BYTES + 1)
        if content is None:
            return
        reading = _reading(sandbox, content)
        delivery_id = _delivery(self.store, reading)
        if reading.kind is MailKind.UNKNOWN:
            self._leave(mailbox, name, reading.kind, reading.reason)
        elif delivery_id is None:
            self._leave(mailbox, name, reading.kind, _NO_TOKEN)
        else:
            recorded = _record(self.app.config, self.store, content, reading, delivery_id, self.now)
            mailbox.remove(name)
            self.count += 1
            if recorded.suppressed:
                self.notices.append(_outcome(recorded))

    def _leave(self, mailbox: Mailbox, name: str, kind: MailKind, reason: str) -> None:
        returned_mail.record_left(self.store, mailbox.id, name, kind, reason, self.now)
        self.left.append((name, reason))


def _reading(sandbox: Sandbox, content: bytes) -> MailReading:
    """Read a mail in the sandbox; what cannot be read is not understood."""
    if len(content) > MAX_MAIL_BYTES:
        return _unread(f"it is larger than {MAX_MAIL_BYTES:,} bytes")
    try:
        return sandbox(read_mail.read, content, seconds=READ_SECONDS)
    except (UnreadableDocument, SandboxFailure) as error:
        return _unread(str(error))


def _unread(reason: str) -> MailReading:
    return MailReading(
        kind=MailKind.UNKNOWN, tokens=(), reason=line(reason, read_mail.MAX_REASON_CHARACTERS) or ""
    )


def _delivery(store: Store, reading: MailReading) -> int | None:
    """Return the delivery of the first valid token of a mail: nobody can invent one (BO1)."""
    key = returned_mail.token_key(store)
    found = (bounce_tokens.delivery_of_token(key, text) for text in reading.tokens)
    return next((delivery_id for delivery_id in found if delivery_id is not None), None)


def _record(
    config: Config, store: Store, content: bytes, reading: MailReading, delivery_id: int | None, now: datetime
) -> RecordedMail:
    """Keep the raw mail, then record what it says, once for the same bytes."""
    hash_ = hashlib.sha256(read_mail.plain_lines(content)).hexdigest()
    file = f"{hash_[:32]}.eml"
    if not returned_mail.is_known(store, hash_):
        files.write_raw_mail(config.data, file, content)
    return returned_mail.record(store, hash_, reading, delivery_id, file, now)


def _outcome(recorded: RecordedMail) -> str:
    """Describe a mail in a line for logs, which show no addresses (DP5)."""
    reason = addresses.without_addresses(recorded.reason)
    if recorded.repeated:
        return "this mail was recorded before"
    if recorded.kind is MailKind.UNKNOWN:
        return f"not understood, only kept: {reason}"
    if recorded.address is None:
        return f"{recorded.kind}, without consequence, because it {_NO_TOKEN}: {reason}"
    to = addresses.shortened(recorded.address)
    if recorded.suppressed:
        return f"{to} gets no more messages: {reason}"
    return f"{to}: {recorded.kind}: {reason}"


def _limited(notices: list[str]) -> list[str]:
    more = len(notices) - MAX_NOTICES
    return (
        notices if more <= 0 else [*notices[:MAX_NOTICES], f"and {more} more addresses: `aggregator status`"]
    )


def _left_notices(left: list[tuple[str, str]]) -> list[str]:
    """Report mails left in the mailbox: their number, and the first of them by name."""
    if not left:
        return []
    first = "; ".join(
        f"{line(name, 100)}: {addresses.without_addresses(reason)}" for name, reason in left[:MAX_NOTICES]
    )
    more = f"; and {len(left) - MAX_NOTICES} more" if len(left) > MAX_NOTICES else ""
    mails = count_of(len(left), "mail was", "mails were")
    return [f"{mails} left in the mailbox of bounces: {first}{more}; move them elsewhere after reading them"]

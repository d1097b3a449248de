"""Read mailboxes of the bounce address: a Maildir, or a folder of an IMAP server."""

from __future__ import annotations

import errno
import imaplib
import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from aggregator.errors import MailboxError
from aggregator.gateways import tls
from aggregator.model.config import BounceRules, Imap
from aggregator.ports import Mailbox
from aggregator.text import line


@contextmanager
def opened(rules: BounceRules) -> Iterator[Mailbox]:
    """Open the mailbox that `mail.bounces` names. Raises MailboxError, also while it is read."""
    try:
        if rules.maildir is not None:
            yield Maildir(rules.maildir)
        elif rules.imap is not None:
            with _imap_folder(rules.imap) as folder:
                yield folder
    except (OSError, imaplib.IMAP4.error, UnicodeError) as error:
        where = rules.maildir or (rules.imap and rules.imap.key)
        said = error.args[0] if error.args else ""
        said = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(error)
        reason = line(getattr(error, "strerror", None) or said, 300) or type(error).__name__
        raise MailboxError(
            f"the mailbox of bounces {where} cannot be read: {reason}; check `mail.bounces`"
        ) from error


def check_maildir(folder: Path) -> None:
    """Check that a Maildir can be read, and mails be removed from it. Raises MailboxError."""
    with opened(BounceRules(address="", maildir=folder)):
        for part in ("cur", "new"):
            if not os.access(folder / part, os.W_OK | os.X_OK):
                raise PermissionError(
                    errno.EACCES, f"{part} is not writable, so that no mail could be removed"
                )


class Maildir:
    """A Maildir (cr.yp.to/proto/maildir.html), which another program delivers to."""

    def __init__(self, folder: Path) -> None:
        self.id = f"maildir {folder}"
        self._paths: dict[str, Path] = {}
        for part in ("cur", "new"):
            for path in (folder / part).iterdir():
                if not path.name.startswith("."):
                    self._paths[path.name.partition(":")[0]] = path

    def names(self) -> Sequence[str]:
        """Return the unique names of all mails, without their flags, oldest first."""
        return sorted(self._paths)

    def read(self, name: str, max_bytes: int) -> bytes | None:
        """Return the first bytes of a mail; None if it is gone or no file."""
        try:
            handle = os.open(self._paths[name], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return None  # another program moved it, and the next run finds it; or it is a link
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            return None
        with os.fdopen(handle, "rb") as file:
            return file.read(max_bytes)

    def remove(self, name: str) -> None:
        """Remove a mail."""
        self._paths[name].unlink(missing_ok=True)


@contextmanager
def _imap_folder(rules: Imap) -> Iterator[ImapFolder]:
    timeout = rules.timeout.total_seconds()
    client: imaplib.IMAP4
    if rules.security == "tls":
        client = imaplib.IMAP4_SSL(rules.host, rules.port, ssl_context=tls.mail_context(), timeout=timeout)
    else:
        client = imaplib.IMAP4(rules.host, rules.port, timeout=timeout)
    try:
        if rules.security == "starttls":
            client.starttls(tls.mail_context())
        # LOGIN has ASCII only; PLAIN is UTF-8 (RFC 4616) and offered by every usual server.
        client.authenticate("PLAIN", lambda _: f"\0{rules.user}\0{rules.password}".encode())
        yield ImapFolder(client, rules)
    finally:
        with suppress(OSError, imaplib.IMAP4.error):
            client.logout()


class ImapFolder:
    """A folder of an IMAP server (RFC 3501); reading does not mark mails as seen."""

    def __init__(self, client: imaplib.IMAP4, rules: Imap) -> None:
        self._client = client
        quoted = rules.folder.replace("\\", "\\\\").replace('"', '\\"')
        _content(client.select(f'"{quoted}"'), f"there is no folder {rules.folder}")
        # Servers announce more after the login, and `imaplib` keeps what they announced before.
        announced = _content(client.capability(), "asking for capabilities failed")
        self._removes_single = b"UIDPLUS" in (announced[0] or b"").upper().split()
        validity = client.response("UIDVALIDITY")[1]
        # UIDs are unique together with this number (RFC 3501 section 2.3.1.1).
        self.id = f"imap {rules.key} {(validity[0] or b'').decode()}"

    def names(self) -> Sequence[str]:
        """Return the UIDs of all mails that are not marked as deleted, oldest first."""
        found = _content(self._client.uid("SEARCH", "UNDELETED"), "searching failed")
        return sorted((uid.decode() for uid in (found[0] or b"").split() if uid.isdigit()), key=int)

    def read(self, name: str, max_bytes: int) -> bytes | None:
        """Return the first bytes of a mail; None if it is gone."""
        parts = _content(self._client.uid("FETCH", name, f"(BODY.PEEK[]<0.{max_bytes}>)"), "fetching failed")
        return next((bytes(part[1]) for part in parts if isinstance(part, tuple)), None)

    def remove(self, name: str) -> None:
        """Mark a mail as deleted, and remove it if the server has UIDPLUS (RFC 4315).

        A plain EXPUNGE would also remove what other programs have marked.
        """
        _content(self._client.uid("STORE", name, "+FLAGS.SILENT", r"(\Deleted)"), "removing failed")
        if self._removes_single:
            _content(self._client.uid("EXPUNGE", name), "removing failed")


_DURATION = re.compile(r"\s*\([\d.+ ]*\d[\d.+ ]*s(?:ecs?)?\)\.?$")
"""How long a reply took, at its end.

Dovecot adds it; without it, a fault that lasts has one text and is reported once.
"""


def _content(reply: tuple[str, Any], failure: str) -> list[Any]:
    """Return the content of a reply; raise an error that begins with `failure` unless it is OK."""
    state, content = reply
    if state != "OK":
        said = next((part.decode("utf-8", "replace") for part in content if isinstance(part, bytes)), "")
        said = _DURATION.sub("", said)
        raise imaplib.IMAP4.error(f"{failure}: {said}" if said else failure)
    return list(content)

"""Send messages to a mail relay over one connection, and classify its replies (M4)."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parseaddr

from aggregator.errors import MailError
from aggregator.gateways import tls
from aggregator.model.config import Smtp
from aggregator.ports import Mailer, MailInterrupted, MailRefused
from aggregator.text import line

ACCEPTANCE_FACTOR = 10
"""Maximum time to wait for the reply to a message, as a multiple of `mail.smtp.timeout`.

Relays check it for viruses and spam first. A client that gives up early sends the message twice. RFC 5321
section 4.5.3.2.6 recommends ten minutes, but a round takes five, because visits wait for it.
"""
MIN_TIMEOUT_SECONDS = 5.0
"""Minimum time to wait for a reply, after other addresses got none."""

# Codes 530 to 538 ask for a login (RFC 4954): the relay accepts nothing from this client.
_LOGIN = re.compile(r"53[0458]\b")
# RFC 3463: 5.7.x denies permission to relay, 5.1.7 and 5.1.8 concern the sender. The operator has to correct these;
# they say nothing about the address.
_ABOUT_SENDER = re.compile(r"5\d\d[ -]5\.(7\.\d+|1\.[78])\b")
_NO_MAILBOX = re.compile(r"5\d\d[ -]5\.1\.(1|2|3|6|10)\b")
"""Replies about an address that is unknown, invalid, moved, or in a domain without mail."""
_TOO_LARGE = re.compile(r"5\d\d[ -]5\.(3\.4|2\.3)\b")


@contextmanager
def connected_relay(rules: Smtp, sender: str) -> Iterator[Mailer]:
    """Open a connection to a relay, and again if the relay closes it between two messages.

    Raises MailError if the relay cannot be reached or does not accept this client.
    """
    session = _Session(rules, parseaddr(sender)[1])
    session.connect()
    try:
        yield session.send
    finally:
        session.close()


class _Session:
    def __init__(self, rules: Smtp, envelope_from: str) -> None:
        self.rules = rules
        self.envelope_from = envelope_from
        self.smtp: smtplib.SMTP | None = None
        self.used = self.needs_reset = False
        self.timeout = rules.timeout.total_seconds()

    def connect(self) -> smtplib.SMTP:
        rules = self.rules
        # Loading the certificates takes 20 ms.
        context = None if rules.security == "none" else tls.mail_context()
        timeout = rules.timeout.total_seconds()
        smtp: smtplib.SMTP | None = None
        try:
            if rules.security == "tls":
                smtp = smtplib.SMTP_SSL(rules.host, rules.port, timeout=timeout, context=context)
            else:
                smtp = smtplib.SMTP(rules.host, rules.port, timeout=timeout)
            if rules.security == "starttls":
                smtp.starttls(context=context)
            smtp.ehlo_or_helo_if_needed()
            if rules.user:
                smtp.login(rules.user, rules.password or "")
        except (OSError, smtplib.SMTPException, UnicodeError) as error:
            if smtp is not None:
                smtp.close()
            raise self._unusable(_error_line(error)) from error
        self.smtp, self.used, self.needs_reset = smtp, False, False
        return smtp

    def close(self) -> None:
        if self.smtp is not None:
            self._set_timeout(min(self.timeout, MIN_TIMEOUT_SECONDS))
            try:
                self.smtp.quit()
            except (OSError, smtplib.SMTPException):
                self.smtp.close()
            self.smtp = None

    def send(self, message: bytes, address: str, sender: str | None = None) -> None:
        """Send one message; see `ports.Mailer`."""
        if not address.isascii():
            raise MailRefused(
                "the address needs a relay for internationalised mail (RFC 6531)", permanent=True
            )
        smtp = self._begin(sender or self.envelope_from)
        self._set_timeout(self.timeout)
        try:
            self._expect(smtp.docmd("RCPT", f"TO:<{address}>"))
        except (OSError, smtplib.SMTPServerDisconnected) as error:
            reason, connection_lost = self._disconnected(error)
            raise MailRefused(reason, permanent=False, connection_lost=connection_lost) from error
        try:
            self._set_timeout(self.timeout * ACCEPTANCE_FACTOR)
            self._expect(smtp.data(message))
        except smtplib.SMTPDataError as error:
            self.close()  # the relay may have closed the connection after this reply
            raise self._refusal(_error_line(error)) from error
        except (OSError, smtplib.SMTPException) as error:
            reason, connection_lost = self._disconnected(error)
            raise MailInterrupted(reason, connection_lost=connection_lost) from error
        self.needs_reset = False

    def _begin(self, sender: str) -> smtplib.SMTP:
        """Begin a message with MAIL; what a used connection refuses is tried on a new one.

        The relay may have closed the used one, or limit the messages of a connection. Raises MailError, because a
        refusal of MAIL concerns the sender or the relay itself, never the address.
        """
        if self.smtp is not None and self.used and self._mail(self.smtp, sender) is None:
            return self.smtp
        if self.used:
            self.close()
        smtp = self.smtp or self.connect()
        if refusal := self._mail(smtp, sender):
            self.close()
            raise self._unusable(refusal)
        return smtp

    def _mail(self, smtp: smtplib.SMTP, sender: str) -> str | None:
        """Send MAIL; return why it was refused, or None."""
        try:
            self._set_timeout(self.rules.timeout.total_seconds())
            if self.needs_reset:
                smtp.rset()
            # `smtp.mail` and `smtp.rcpt` parse the address again, which takes 0.05 ms each.
            code, text = smtp.docmd("MAIL", f"FROM:<{sender}>")
        except (OSError, smtplib.SMTPException) as error:
            return _error_line(error)
        if not _is_accepted(code):
            return _reply_line(code, text)
        self.used = self.needs_reset = True
        return None

    def _set_timeout(self, seconds: float) -> None:
        if self.smtp is not None and self.smtp.sock is not None:
            self.smtp.sock.settimeout(seconds)

    def _disconnected(self, error: Exception) -> tuple[str, bool]:
        """Close the connection; return the reason, and whether the relay broke it.

        If there was no reply in time, the next addresses get half of it, so that they do not use up the round.
        """
        self.close()
        if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
            self.timeout = min(self.timeout, max(self.timeout / 2, MIN_TIMEOUT_SECONDS))
            return "the relay did not reply in time", False
        return _error_line(error), True

    def _unusable(self, reason: str) -> MailError:
        where = f"{self.rules.host}:{self.rules.port}"
        return MailError(f"the mail relay {where} cannot be used: {reason}; all messages stay queued")

    def _expect(self, reply: tuple[int, bytes]) -> None:
        if not _is_accepted(reply[0]):
            raise self._refusal(_reply_line(*reply))

    def _refusal(self, reply: str) -> MailRefused | MailError:
        if _LOGIN.match(reply):
            return self._unusable(reply)
        about_sender = bool(_ABOUT_SENDER.match(reply))
        return MailRefused(
            reply,
            permanent=reply.startswith("5") and not about_sender,
            no_mailbox=bool(_NO_MAILBOX.match(reply)),
            not_about_address=about_sender or bool(_TOO_LARGE.match(reply)),
            connection_lost=reply.startswith("421"),
        )


def _is_accepted(code: int) -> bool:
    """Return whether a reply accepts a command; smtplib returns -1 for one without a code."""
    return 200 <= code < 300


def _reply_line(code: int, text: bytes | str) -> str:
    decoded = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return line(f"{code} {decoded}", 300) or ""


def _error_line(error: Exception) -> str:
    code = getattr(error, "smtp_code", None)
    if code is not None:
        return _reply_line(code, getattr(error, "smtp_error", b""))
    words = getattr(error, "strerror", None) or str(error)  # of an OSError without its number
    return line(words, 300) or type(error).__name__

"""Send messages to a mail relay over one connection, and classify its replies (M4)."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parseaddr

from aggregator.errors import MailError
from aggregator.model.config import Smtp
from aggregator.ports import Mailer, MailInterrupted, MailRefused
from aggregator.text import line

TIMEOUT_SECONDS = 30.0
ACCEPTANCE_TIMEOUT_SECONDS = 300.0
"""Maximum seconds to wait for the reply to a message.

Relays check it for viruses and spam first. A client that gives up early sends the message twice. RFC 5321
section 4.5.3.2.6 recommends ten minutes, but a round takes five, because visits wait for it.
"""

# RFC 3463: 5.7.x denies permission to relay, 5.1.7 and 5.1.8 concern the sender. Codes 530 to 538 ask for a login
# (RFC 4954). The operator has to correct these; they say nothing about the address.
_ABOUT_SENDER = re.compile(r"53[0458]\b|5\d\d[ -]5\.(7\.\d+|1\.[78])\b")
_NO_MAILBOX = re.compile(r"5\d\d[ -]5\.1\.(1|2|3|6|10)\b")
"""Replies about an address that is unknown, invalid, moved, or in a domain without mail."""
_TOO_LARGE = re.compile(r"5\d\d[ -]5\.(3\.4|2\.3)\b")


@contextmanager
def relay(rules: Smtp, sender: str) -> Iterator[Mailer]:
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

    def connect(self) -> smtplib.SMTP:
        rules, context = self.rules, ssl.create_default_context()
        smtp: smtplib.SMTP | None = None
        try:
            if rules.security == "tls":
                smtp = smtplib.SMTP_SSL(rules.host, rules.port, timeout=TIMEOUT_SECONDS, context=context)
            else:
                smtp = smtplib.SMTP(rules.host, rules.port, timeout=TIMEOUT_SECONDS)
            if rules.security == "starttls":
                smtp.starttls(context=context)
            smtp.ehlo_or_helo_if_needed()
            if rules.user:
                smtp.login(rules.user, rules.password or "")
        except (OSError, smtplib.SMTPException, UnicodeError) as error:
            if smtp is not None:
                smtp.close()
            where = f"{rules.host}:{rules.port}"
            raise MailError(
                f"the mail relay {where} cannot be used: {_error_line(error)}; all messages stay queued"
            ) from error
        self.smtp = smtp
        return smtp

    def close(self) -> None:
        if self.smtp is not None:
            try:
                self.smtp.quit()
            except (OSError, smtplib.SMTPException):
                self.smtp.close()
            self.smtp = None

    def send(self, message: bytes, address: str) -> None:
        """Send one message; see `ports.Mailer`."""
        if not address.isascii():
            raise MailRefused(
                "the address needs a relay for internationalised mail (RFC 6531)", permanent=True
            )
        smtp = self._ready()
        try:
            code, text = smtp.mail(self.envelope_from)
            if code >= 500:  # concerns the sender, not the address
                raise MailError(
                    f"the mail relay does not accept mail from this sender: {_reply_line(code, text)}"
                )
            self._expect((code, text))
            self._expect(smtp.rcpt(address))
        except (OSError, smtplib.SMTPServerDisconnected) as error:
            self.close()
            raise MailRefused(_error_line(error), permanent=False) from error
        try:
            if smtp.sock is not None:
                smtp.sock.settimeout(ACCEPTANCE_TIMEOUT_SECONDS)
            reply = smtp.data(message)
            if smtp.sock is not None:
                smtp.sock.settimeout(TIMEOUT_SECONDS)
            self._expect(reply)
        except smtplib.SMTPDataError as error:
            self.close()  # the relay may have closed the connection after this reply
            raise _refusal(_error_line(error)) from error
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            raise MailInterrupted(_error_line(error)) from error

    def _ready(self) -> smtplib.SMTP:
        """Return the open connection, or a new one if the relay has closed it."""
        if self.smtp is not None:
            try:
                code, _ = self.smtp.rset()
                if code == 250:
                    return self.smtp
            except (OSError, smtplib.SMTPException):
                pass
            self.close()
        return self.connect()

    def _expect(self, reply: tuple[int, bytes]) -> None:
        if reply[0] >= 400:
            raise _refusal(_reply_line(*reply))


def _refusal(reply: str) -> MailRefused:
    about_sender = bool(_ABOUT_SENDER.match(reply))
    return MailRefused(
        reply,
        permanent=reply.startswith("5") and not about_sender,
        nobody=bool(_NO_MAILBOX.match(reply)),
        blameless=about_sender or bool(_TOO_LARGE.match(reply)),
    )


def _reply_line(code: int, text: bytes | str) -> str:
    decoded = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return line(f"{code} {decoded}", 300) or ""


def _error_line(error: Exception) -> str:
    code = getattr(error, "smtp_code", None)
    if code is not None:
        return _reply_line(code, getattr(error, "smtp_error", b""))
    return line(str(error), 300) or type(error).__name__

"""Mail out through a relay: one connection for many letters, every answer told apart (M4)."""

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

TIMEOUT = 30.0
ANSWER_TIMEOUT = 300.0
"""For the word that a letter was taken: relays look for viruses and spam before. Who gives up early gets readers their
letter twice (RFC 5321 4.5.3.2.6, which says ten minutes; but a round takes five, because visits wait for it)."""

# RFC 3463: 5.7.x is about permission to relay, 5.1.7 and 5.1.8 are about the sender; the plain codes want a login
# (RFC 4954). The operator's to mend, and no fault of the address.
_ABOUT_US = re.compile(r"53[0458]\b|5\d\d[ -]5\.(7\.\d+|1\.[78])\b")
_NOBODY = re.compile(r"5\d\d[ -]5\.1\.(1|2|3|6|10)\b")
"""There is no such mailbox or domain, the address is none, it has moved, or its domain takes no mail."""
_TOO_LARGE = re.compile(r"5\d\d[ -]5\.(3\.4|2\.3)\b")


@contextmanager
def relay(rules: Smtp, sender: str) -> Iterator[Mailer]:
    """A mailer over one connection; opened again if the relay closes it between letters.

    Raises MailError if the relay cannot be reached or does not accept us.
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
                smtp = smtplib.SMTP_SSL(rules.host, rules.port, timeout=TIMEOUT, context=context)
            else:
                smtp = smtplib.SMTP(rules.host, rules.port, timeout=TIMEOUT)
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
                f"the mail relay {where} cannot be used: {_words(error)}; every letter stays owed"
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

    def send(self, body: bytes, address: str) -> None:
        """Hand over one letter; see `seams.Mailer`."""
        if not address.isascii():
            raise MailRefused(
                "the address needs a relay for internationalised mail (RFC 6531)", permanent=True
            )
        smtp = self._ready()
        try:
            code, words = smtp.mail(self.envelope_from)
            if code >= 500:  # that is about us, not about the address
                raise MailError(f"the mail relay does not take mail from us: {_said(code, words)}")
            self._expect((code, words))
            self._expect(smtp.rcpt(address))
        except (OSError, smtplib.SMTPServerDisconnected) as error:
            self.close()
            raise MailRefused(_words(error), permanent=False) from error
        try:
            if smtp.sock is not None:
                smtp.sock.settimeout(ANSWER_TIMEOUT)
            answer = smtp.data(body)
            if smtp.sock is not None:
                smtp.sock.settimeout(TIMEOUT)
            self._expect(answer)
        except smtplib.SMTPDataError as error:
            self.close()  # it may have hung up after saying so
            raise _refusal(_words(error)) from error
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            raise MailInterrupted(_words(error)) from error

    def _ready(self) -> smtplib.SMTP:
        """The open connection, or a new one where the relay hung up in between."""
        if self.smtp is not None:
            try:
                code, _ = self.smtp.rset()
                if code == 250:
                    return self.smtp
            except (OSError, smtplib.SMTPException):
                pass
            self.close()
        return self.connect()

    def _expect(self, answer: tuple[int, bytes]) -> None:
        if answer[0] >= 400:
            raise _refusal(_said(*answer))


def _refusal(said: str) -> MailRefused:
    about_us = bool(_ABOUT_US.match(said))
    return MailRefused(
        said,
        permanent=said.startswith("5") and not about_us,
        nobody=bool(_NOBODY.match(said)),
        blameless=about_us or bool(_TOO_LARGE.match(said)),
    )


def _said(code: int, words: bytes) -> str:
    return line(f"{code} {words.decode('utf-8', 'replace')}", 300) or ""


def _words(error: Exception) -> str:
    code = getattr(error, "smtp_code", None)
    if code is not None:
        words = getattr(error, "smtp_error", b"")
        said = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
        return line(f"{code} {said}", 300) or ""
    return line(str(error), 300) or type(error).__name__

"""A letter for one address -> the message (PB16): the same delivery gives the same bytes, however often (M4)."""

from __future__ import annotations

import hashlib
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime
from urllib.parse import quote, urlsplit

from aggregator.model import Delivery, Site


class _UnfoldedLists(EmailPolicy):
    """Leaves List-* and Message-ID in one line.

    The standard library folds a long List-Unsubscribe into =?utf-8?…, which breaks unsubscribing.
    """

    def _fold(self, name: str, value: str, refold_binary: bool = False) -> str:
        if name.lower().startswith("list-") or name.lower() == "message-id":
            return f"{name}: {value}{self.linesep}"
        return str(super()._fold(name, value, refold_binary))  # type: ignore[misc]


POLICY = _UnfoldedLists(linesep=SMTP.linesep)


def message(delivery: Delivery, sender: str, digest_title: str, site: Site) -> EmailMessage:
    """Multipart text and HTML with the headers of a list."""
    letter = delivery.letter
    mail = EmailMessage(policy=POLICY)
    mail["From"] = sender
    mail["To"] = delivery.address
    mail["Subject"] = _one_line(letter.subject)
    mail["Date"] = format_datetime(delivery.composed)
    mail["Message-ID"] = delivery.message_id
    mail["List-Id"] = f"{_phrase(digest_title)} <{delivery.digest_id}.{host(site)}>"
    subject = quote(f"unsubscribe {delivery.digest_id}")
    mail["List-Unsubscribe"] = f"<mailto:{quote(site.contact, safe='@')}?subject={subject}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(letter.text, cte=_coding(letter.text))
    mail.add_alternative(letter.html, subtype="html", cte=_coding(letter.html))
    mail.set_boundary(f"=_{_digest(delivery.message_id)}")
    return mail


def message_id(edition_id: str, address: str, site: Site) -> str:
    """A stable Message-ID: one per edition and address, whenever it is asked for."""
    return f"<{edition_id}.{_digest(address.lower())}@{host(site)}>"


def host(site: Site) -> str:
    """The host of the site in ASCII (RFC 5891), for ids."""
    name = urlsplit(site.url).hostname or "localhost"
    return name if name.isascii() else name.encode("idna").decode()


def _coding(text: str) -> str:
    """Quoted-printable keeps Latin text readable; in other scripts every letter would take six or nine bytes."""
    return "base64" if len(text.encode()) > 1.2 * len(text) else "quoted-printable"


def travelling_size(text: str) -> int:
    """The bytes of a text as it travels, estimated from above."""
    body = text.encode()
    if _coding(text) == "base64":
        return len(body) * 4 // 3 + len(body) // 57 * 2 + 100
    escaped = sum(byte > 126 or byte == 61 for byte in body)
    return len(body) + 2 * escaped + (len(body) + 2 * escaped) // 70 * 3 + text.count("\n") + 100


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _one_line(text: str) -> str:
    # The standard library decodes what looks like an encoded word (RFC 2047), and a line end in it ends the header.
    words = text.replace("=?", "= ?")
    return " ".join("".join(c if c.isprintable() else " " for c in words).split())


def _phrase(text: str) -> str:
    """A List-Id phrase (RFC 2919): printable ASCII words only."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in " -_.") else " " for c in text)
    return '"' + " ".join(plain.split()) + '"'

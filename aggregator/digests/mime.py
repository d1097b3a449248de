"""A letter for one address -> the message (PB16): the same delivery gives the same bytes, however often (M4)."""

from __future__ import annotations

import hashlib
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime
from functools import lru_cache
from urllib.parse import quote

from aggregator import urls
from aggregator.model.config import OPERATOR_ID, Site
from aggregator.model.digests import Delivery, MessageBody


class _UnfoldedLists(EmailPolicy):
    """Leaves List-* and Message-ID in one line.

    The standard library folds a long List-Unsubscribe into =?utf-8?…, which breaks unsubscribing.
    """

    def _fold(self, name: str, value: str, refold_binary: bool = False) -> str:
        if name.lower().startswith("list-") or name.lower() == "message-id":
            return f"{name}: {value}{self.linesep}"
        return str(super()._fold(name, value, refold_binary))  # type: ignore[misc]


LONGEST = 400
"""Characters of a title in a header: some are never folded, and folding takes long."""

POLICY = _UnfoldedLists(linesep=SMTP.linesep)


def build_message(delivery: Delivery, sender: str, digest_title: str, site: Site) -> bytes:
    """Multipart text and HTML with the headers of a list; all but the address is the same for a whole edition."""
    mine = EmailMessage(policy=POLICY)
    mine["To"] = delivery.address
    mine["Message-ID"] = delivery.message_id
    head = mine.as_bytes().removesuffix(b"\r\n")  # without the empty line behind it
    return head + _common(delivery.letter, delivery.digest_id, delivery.composed, sender, digest_title, site)


@lru_cache(maxsize=4)
def _common(
    letter: MessageBody, digest_id: str, composed: datetime, sender: str, digest_title: str, site: Site
) -> bytes:
    mail = EmailMessage(policy=POLICY)
    mail["From"] = sender
    mail["Subject"] = _one_line(letter.subject)
    mail["Date"] = format_datetime(composed)
    list_id = f"{digest_id}.{host(site)}"
    mail["List-Id"] = f"{_phrase(digest_title)} <{list_id}>"
    if digest_id != OPERATOR_ID:  # that list is in feeds.yaml, and its letters are nowhere to be read
        subject = quote(f"unsubscribe {digest_id}")
        mail["List-Unsubscribe"] = f"<mailto:{quote(site.contact, safe='@')}?subject={subject}>"
        mail["List-Archive"] = f"<{_archive(site)}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["Precedence"] = "list"  # old programs that answer "I am away" know only this
    text, html = (part.encode("utf-8", "replace").decode() for part in (letter.text, letter.html))
    mail.set_content(text, cte=_coding(text))
    mail.add_alternative(html, subtype="html", cte=_coding(html))
    mail.set_boundary(f"=_{_digest(list_id + text + html)}")
    return mail.as_bytes()


def message_id(edition_id: str, address: str, site: Site) -> str:
    """A stable Message-ID: one per edition and address, whenever it is asked for."""
    return f"<{edition_id}.{_digest(address.lower())}@{host(site)}>"


def host(site: Site) -> str:
    """The host of the site in ASCII (RFC 5891), for ids."""
    name = urls.host(site.url) or "localhost"
    return name if name.isascii() else name.encode("idna").decode()


def _archive(site: Site) -> str:
    """Where all editions can be read, as a header can carry it."""
    parts = urls.parse(site.url)
    assert parts is not None, "feeds.yaml was read"
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host(site)}{port}{quote(parts.path, safe='/%~')}digests/"


def _coding(text: str) -> str:
    """Quoted-printable keeps Latin text readable; in other scripts every letter would take six or nine bytes."""
    return "base64" if len(text.encode()) > 1.2 * len(text) else "quoted-printable"


def encoded_size(text: str) -> int:
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
    words = text[:LONGEST].replace("=?", "= ?")
    return " ".join("".join(c if c.isprintable() else " " for c in words).split())


def _phrase(text: str) -> str:
    """A List-Id phrase (RFC 2919): printable ASCII words only."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in " -_.") else " " for c in text[:LONGEST])
    return '"' + " ".join(plain.split()) + '"'

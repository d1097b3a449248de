"""Read a mail to the bounce address: bounce, complaint or automatic reply (BO3)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from email.utils import getaddresses

from aggregator.bounces import bounce_tokens, status_codes
from aggregator.errors import UnreadableDocument
from aggregator.model.bounces import MailKind, MailReading
from aggregator.text import line

MAX_PARTS = 100
"""Maximum number of parts of a mail that are read."""
MAX_TEXT_CHARACTERS = 16_000
"""Maximum length of the text of a mail in which a reason is sought."""
MAX_REASON_CHARACTERS = 300
"""Maximum length of the stored reason."""
MAX_DETECTED_BYTES = 200_000
"""Maximum size of a mail that is given to flufl.bounce, which reads it up to 17 times."""

_DAEMON = re.compile(
    r"\b(?:mailer-?daemon|mail-?daemon|mdaemon|mail ?delivery (?:sub)?system|microsoftexchange\w*|double-bounce)\b|<>",
    re.IGNORECASE,
)
"""Senders of bounces, and of nothing else."""
_POSTMASTER = re.compile(r"\bpostmaster\b|\bsystem administrator\b|\bmail system\b", re.IGNORECASE)
"""Senders of bounces that may also be a person."""
_BOUNCE_SUBJECT = re.compile(
    r"undeliver|deliver\w* (?:failure|failed|problem|error|status|notif)|not delivered|failure notice|failed delivery"
    r"|(?:returned|failed) mail|mail (?:could not|system error|failure|returned)|returned to sender|nondeliverable"
    r"|unzustellbar|non remis|no se pudo entregar|mancata consegna|onbestelbaar|delivery has failed"
    r"|mail delivery|user unknown|warning: message",
    re.IGNORECASE,
)
_REPLY_SUBJECT = re.compile(
    r"^\s*(?:(?:auto\w*|absen\w*|abwesen\w*|vacation|holiday|urlaub|ferien)\b|.{0,40}(?:auto[- ]?(?:reply|response)"
    r"|automati\w{1,5} (?:reply|response|antwort|antwoord|svar)|autosvar|out of (?:the )?office|on vacation"
    r"|automatique|automática|automatica|fuera de (?:la )?oficina|fuori sede|away from|frånvar|fravær|poissa|автоответ"
    r"|автоматический ответ|autoodpowied|自動応答|自動返信|不在|自动回复|자동))",
    re.IGNORECASE,
)
_REPLY_HEADERS = (
    *("X-Autoreply", "X-Autoreply-From", "X-Autorespond", "X-Autoresponder", "X-Auto-Reply-From"),
    *("X-Mail-Autoreply", "X-Vacation", "X-Auto-Reply", "X-Amazon-Auto-Reply"),
)
"""Headers of automatic replies, beside or instead of Auto-Submitted."""
_COPY_BEGINS = re.compile(
    r"^[-\s*>]*(?:below this line is a copy|this is a copy of (?:the|your)|(?:start of )?(?:returned|original|unsent"
    r"|undelivered|failed|bounced) (?:message|mail|e-mail)(?: header)?s?\b|(?:returned )?message headers? follow"
    r"|the (?:header|text) of (?:the|your) |received: from )",
    re.IGNORECASE | re.MULTILINE,
)
_REPORTED = "X-HmXmrOriginalRecipient"
"""Header of a returned message in a complaint of Microsoft (JMRP), without a standard."""
_COMPLAINTS = {"abuse", "fraud", "virus", "other", "opt-out", "opt-out-list", "miscategorized"}
"""Types of feedback that are complaints (RFC 5965 section 3.5, RFC 6430)."""
_SEVERITY = (MailKind.AUTOMATIC, MailKind.DELAYED, MailKind.REFUSED, MailKind.SOFT, MailKind.HARD)
"""Kinds of what a report says of several recipients; the last of them decides."""


def read(raw: bytes) -> MailReading:
    """Read a mail as bytes. Raises UnreadableDocument where it is none."""
    raw = plain_lines(raw).replace(b"\0", b"")  # a charset with NUL breaks the standard library
    mail = message_from_bytes(raw)
    if not mail.keys():
        raise UnreadableDocument("it has no header")
    parts = list(_parts(mail))
    tokens = bounce_tokens.token_candidates(raw, (_decoded(part) for part in parts if _is_encoded(part)))
    kind, reason = _result(mail, parts, raw)
    return MailReading(kind=kind, tokens=tokens, reason=line(reason, MAX_REASON_CHARACTERS) or kind.value)


def plain_lines(raw: bytes) -> bytes:
    """Return a mail with LF as line ends, without the first line of an mbox.

    Some programs put that line before a mail in a pipe.
    """
    plain = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return plain.split(b"\n", 1)[-1] if plain.startswith(b"From ") else plain


def _result(mail: Message, parts: list[Message], raw: bytes) -> tuple[MailKind, str]:
    """Return kind and reason; the most reliable statement of a mail decides."""
    types = {part.get_content_type(): part for part in reversed(parts)}
    if report := types.get("message/feedback-report"):
        return _feedback(report)
    if any(_REPORTED in copy for copy in _copies(parts)):
        return MailKind.COMPLAINT, "reported as unwanted at Microsoft"
    for name in ("message/delivery-status", "message/global-delivery-status"):
        if name in types and (result := _delivery_status(types[name], parts)):
            return result
    if notification := types.get("message/disposition-notification"):
        return _notification(notification, parts)
    if _is_automatic_reply(mail):
        return MailKind.AUTOMATIC, _subject(mail) or "an automatic reply"
    return _without_report(mail, parts, raw)


def _feedback(report: Message) -> tuple[MailKind, str]:
    """Read a feedback report (ARF, RFC 5965)."""
    fields = _fields(report)
    type_ = next((block["feedback-type"] for block in fields if "feedback-type" in block), "").strip().lower()
    if type_ in _COMPLAINTS:
        return MailKind.COMPLAINT, f"reported as {type_}"
    # `not-spam` and `auth-failure` (RFC 6591) are no complaints.
    return (MailKind.AUTOMATIC, f"a report of type {type_}") if type_ else (MailKind.UNKNOWN, "no type")


def _delivery_status(part: Message, parts: list[Message]) -> tuple[MailKind, str] | None:
    """Read a delivery status notification (RFC 3464); None without a usable field in it."""
    results: list[tuple[MailKind, str]] = []
    for fields in _fields(part):
        action = fields.get("action", "").split(" ")[0].strip().lower()
        status = fields.get("status")
        words = fields.get("diagnostic-code") or ""
        if action in ("delivered", "relayed", "expanded") or (not action and (status or "").startswith("2.")):
            results.append((MailKind.AUTOMATIC, f"{action or 'delivered'}, not bounced"))
        elif action == "delayed":
            results.append((MailKind.DELAYED, f"{status or ''} {words}"))
        elif action or status:
            kind = status_codes.kind_of(status, words or _text(parts))
            results.append((kind, f"{status or ''} {words or _main_line(_text(parts))}"))
    return max(results, key=lambda result: _SEVERITY.index(result[0]), default=None)


def _notification(part: Message, parts: list[Message]) -> tuple[MailKind, str]:
    """Read a receipt (MDN, RFC 8098).

    Filters of mailboxes also refuse messages by one (RFC 5429 section 2.1.2).
    """
    disposition = next(
        (block["disposition"] for block in _fields(part) if "disposition" in block), ""
    ).lower()
    if "automatic-action" in disposition and "deleted" in disposition:
        text = _text(parts)
        return status_codes.by_words(text, None), _main_line(text)
    return MailKind.AUTOMATIC, "a receipt"


def _fields(part: Message) -> Iterator[dict[str, str]]:
    """Yield the blocks of fields of a report, with names in lower case."""
    payload = part.get_payload()
    if isinstance(payload, list):
        blocks = [block for block in payload[:MAX_PARTS] if isinstance(block, Message)]
    else:  # the parser leaves what is encoded, against RFC 3464, as it is
        text = _decoded(part)
        texts = re.split(r"\r?\n\r?\n", text)[:MAX_PARTS]
        blocks = [message_from_bytes(each.encode()) for each in texts]
    for block in blocks:
        fields = {name.lower(): " ".join(str(value).split()) for name, value in block.items()}
        if fields:
            yield fields


def _is_automatic_reply(mail: Message) -> bool:
    """Return whether a program replied for a person (RFC 3834)."""
    if _is_of_daemon(mail) or (_is_of_postmaster(mail) and _BOUNCE_SUBJECT.search(_subject(mail))):
        return False
    return _has_reply_marks(mail)


def _has_reply_marks(mail: Message) -> bool:
    submitted = str(mail.get("Auto-Submitted", "")).strip().lower()
    return (
        submitted.startswith(("auto-replied", "auto-notified"))
        or any(name in mail for name in _REPLY_HEADERS)
        or str(mail.get("Precedence", "")).strip().lower() in ("auto_reply", "auto-reply", "autoreply")
        or bool(_REPLY_SUBJECT.search(_subject(mail)))
    )


def _without_report(mail: Message, parts: list[Message], raw: bytes) -> tuple[MailKind, str]:
    """Read a bounce in the words of one mail server."""
    passing, permanent = _detected(raw)
    about_bounce = bool(_BOUNCE_SUBJECT.search(_subject(mail)))
    text = _text(parts)
    code, reply = status_codes.stated_code(text), status_codes.reply_code(text)
    states_reason = bool(code or reply or status_codes.states_reason(text))
    of_server = _is_of_daemon(mail) and (states_reason or not _has_reply_marks(mail))
    of_server = of_server or (_is_of_postmaster(mail) and states_reason)
    if not (of_server or about_bounce or permanent or passing):
        if _has_reply_marks(mail) or str(mail.get("Auto-Submitted", "no")).strip().lower() not in ("no", ""):
            return MailKind.AUTOMATIC, "an automatic message"
        return MailKind.UNKNOWN, "neither a bounce nor a complaint nor an automatic reply"
    if not permanent and (
        status_codes.is_delay(text) or (passing and not (code or reply or "").startswith("5"))
    ):
        return MailKind.DELAYED, _main_line(text)
    kind = status_codes.kind_of(code, text)
    if kind is MailKind.SOFT and permanent and not (code or reply or "").startswith("4"):
        kind = _of_permanent(code, reply, text)
    return kind, _main_line(text) or _subject(mail)


def _detected(raw: bytes) -> tuple[bool, bool]:
    """Return whether flufl.bounce finds addresses that failed for now, and permanently."""
    from flufl.bounce import all_failures

    if len(raw) > MAX_DETECTED_BYTES:
        return False, False
    # flufl.bounce 6.0 fails on headers beyond ASCII and on mails without a usable From.
    mail = message_from_bytes(bytes(byte if byte < 128 else ord("?") for byte in raw))
    if not getaddresses([mail.get("From", "")]):
        del mail["From"]
        mail["From"] = "unknown@invalid"
    passing, permanent = all_failures(mail)
    return bool(passing), bool(permanent)


def _of_permanent(code: str | None, reply: str | None, text: str) -> MailKind:
    """Return the kind of what flufl.bounce calls permanent: hard where nothing else is stated."""
    return MailKind.SOFT if code or reply else status_codes.by_words(text, "550")


def _is_of_daemon(mail: Message) -> bool:
    return "X-Failed-Recipients" in mail or bool(_DAEMON.search(_senders(mail)))


def _is_of_postmaster(mail: Message) -> bool:
    return bool(_POSTMASTER.search(_senders(mail)))


def _senders(mail: Message) -> str:
    return f"{mail.get('From', '')} {mail.get('Sender', '')}"


def _parts(mail: Message) -> Iterator[Message]:
    """Yield the parts of a mail, not those of mails and reports within it."""
    waiting, count = [mail], 0
    while waiting and count < MAX_PARTS:
        part = waiting.pop()
        count += 1
        yield part
        payload = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(payload, list):
            waiting += [inner for inner in reversed(payload) if isinstance(inner, Message)]


def _copies(parts: list[Message]) -> Iterator[Message]:
    """Yield the returned messages in a mail."""
    for part in parts:
        payload = part.get_payload()
        if part.get_content_type() == "message/rfc822" and isinstance(payload, list):
            yield from (copy for copy in payload if isinstance(copy, Message))


def _text(parts: list[Message]) -> str:
    """Return the text that precedes the copy of the returned message."""
    texts = (_decoded(part) for part in parts if part.get_content_type() in ("text/plain", "text/html"))
    text = next((text for text in texts if text.strip()), "")[:MAX_TEXT_CHARACTERS]
    text = re.sub(
        r"<(?:style|script)\b.{0,5000}?</|</?[a-z][^<>]{0,500}>|&nbsp;", " ", text, flags=re.I | re.S
    )
    copy = _COPY_BEGINS.search(text, pos=1)
    return text[: copy.start()] if copy else text


def _main_line(text: str) -> str:
    """Return the line of a text with the code or reason of a failure."""
    lines = [found for found in (line(each, MAX_REASON_CHARACTERS) for each in text.splitlines()) if found]
    coded = (each for each in lines if status_codes.stated_code(each) or status_codes.reply_code(each))
    explained = (each for each in lines if status_codes.by_words(each, None) is not MailKind.SOFT)
    return next(coded, None) or next(explained, None) or (lines[0] if lines else "")


def _is_encoded(part: Message) -> bool:
    return str(part.get("Content-Transfer-Encoding", "")).strip().lower() in ("base64", "quoted-printable")


def _decoded(part: Message) -> str:
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    try:
        return content.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:  # a charset that does not exist
        return content.decode("latin-1")


def _subject(mail: Message) -> str:
    from email.errors import HeaderParseError
    from email.header import decode_header, make_header

    subject = str(mail.get("Subject", ""))
    try:
        return str(make_header(decode_header(subject)))
    except (HeaderParseError, LookupError, ValueError):
        return subject

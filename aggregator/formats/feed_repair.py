"""Prepare the bytes of a feed for feedparser: refuse entities, repair common faults."""

from __future__ import annotations

import codecs
import re
from collections import deque

from aggregator.errors import UnreadableDocument

# feedparser replaces a DTD but lets one-line entity declarations through: 595 bytes became 2 MB of text.
_ENTITY = re.compile(rb"<!ENTITY", re.IGNORECASE)
_COMMENT_OR_INSTRUCTION = re.compile(rb"<!--.*?(?:-->|$)|<\?.*?(?:\?>|$)", re.DOTALL)
_FIRST_ELEMENT = re.compile(rb"<[A-Za-z]")
# Encodings in which the check above cannot read what the parser reads.
_EBCDIC = b"\x4c\x6f\xa7\x94"  # "<?xm" in EBCDIC
_ODD_ENCODING = re.compile(
    rb"<\?xml[^>]*encoding\s*=\s*[\"'](utf-?7|cp037|cp500|cp1140|ebcdic)", re.IGNORECASE
)
_WIDE = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
"""Beginnings of wide encodings: a byte order mark, or the first < (XML 1.0, appendix F)."""
ENCODING_DECLARATION = re.compile(r"^(<\?xml[^>]*?)\s+encoding\s*=\s*[\"'][^\"']*[\"']")
_REFERENCES = re.compile(rb"(?:&#(?:[xX][0-9a-fA-F]{1,12}|[0-9]{1,12});)+")
_REFERENCE = re.compile(rb"&#(?:[xX]([0-9a-fA-F]{1,12})|([0-9]{1,12}));")
_CDATA_OR_BARE_AMPERSAND = re.compile(
    rb"(<!\[CDATA\[.*?(?:\]\]>|$))|&(?!#[0-9]+;|#[xX][0-9a-fA-F]+;|[A-Za-z][A-Za-z0-9]*;)", re.DOTALL
)
_DECLARATION = re.compile(rb"^(?:\xef\xbb\xbf)?<\?[^>\n]*>")
_LONG_NAME = re.compile(
    rb"(<(?:\w+:)?(?:author|creator|contributor|publisher|managingEditor|webMaster|owner|name|email)\b[^<>]{0,300}>"
    rb"(?:<!\[CDATA\[)?[^<]{2000})[^<\]]+"
)
_ENTRY_TAG = re.compile(rb"<(/?)(?:\w+:)?(?:item|entry)(?=[\s/>])[^<>]*?(/?)>")
_IDENTITY_TAG = re.compile(rb"<(/?)(?:\w+:)?(title|guid|id|link)(?=[\s/>])[^<>]*?(/?)>")
_ROOT_END = re.compile(rb"</(?:\w+:)?(?:rss|RDF|feed|channel)\s*>", re.IGNORECASE)
_UNDECLARED_PREFIX = re.compile(rb"<(/?)([A-Za-z][\w.-]*):(rss|channel|item|feed|entry)\b")


def without_leading_blanks(body: bytes) -> bytes:
    """Remove blanks before <?xml, which make a document malformed."""
    stripped = body.lstrip(b" \t\r\n")
    return stripped if stripped.startswith(b"<") else body


def decode_wide(body: bytes) -> bytes | None:
    """Encode UTF-16 and UTF-32 as UTF-8, which feedparser needs."""
    for mark, encoding in _WIDE:
        if body.startswith(mark):
            text = body.decode(encoding, "replace")
            return ENCODING_DECLARATION.sub(r"\1", text).encode() if text.lstrip().startswith("<") else None
    return None


def without_slow_parts(body: bytes) -> bytes:
    """Shorten blanks before the root and long names, where feedparser takes quadratic time.

    End the line of the XML declaration: feedparser searches an encoding between all quotation marks of that line.
    """
    body = _DECLARATION.sub(rb"\g<0>\n", body, count=1)
    first = _FIRST_ELEMENT.search(body)
    if first and first.start() > 5_000:
        body = re.sub(rb"[ \t\r\n]+", b" ", body[: first.start()]) + body[first.start() :]
    return _LONG_NAME.sub(rb"\1", body)


def refuse_entities(body: bytes) -> None:
    """Raise UnreadableDocument for a document that declares entities, or may hide that."""
    plain = body.replace(b"\0", b"")  # also ASCII in UTF-16
    if _ENTITY.search(plain):
        prologue = _COMMENT_OR_INSTRUCTION.sub(b"", plain)
        first = _FIRST_ELEMENT.search(prologue)
        if _ENTITY.search(prologue[: first.start()] if first else prologue):
            raise UnreadableDocument(
                "it declares its own entities (<!ENTITY), which is how XML bombs are made"
            )
    if _ODD_ENCODING.search(plain[:10_000]) or body.startswith(_EBCDIC):
        raise UnreadableDocument("its encoding would hide whether it declares its own entities (<!ENTITY)")


def without_cut_entry(body: bytes) -> bytes:
    """Remove the entry in which a malformed document ends, unless only its text is cut.

    A guid or link may be the beginning of another one, and one without a title would stay so.
    """
    cut = _cut_entry(body)
    return body if cut is None or _is_identified(body[cut.end() :]) else body[: cut.start()]


def ends_within_entry(body: bytes) -> bool:
    """Return whether a malformed document ends within an entry that `without_cut_entry` keeps."""
    cut = _cut_entry(body)
    return cut is not None and _is_identified(body[cut.end() :])


def _cut_entry(body: bytes) -> re.Match[bytes] | None:
    """Return the start tag of the entry in which a document ends, if it does."""
    last = next(iter(deque(_ENTRY_TAG.finditer(body), maxlen=1)), None)  # a list could fill the memory
    if last is None or last[1] or last[2] or _ROOT_END.search(body, last.end()):
        return None
    return last


def _is_identified(entry: bytes) -> bool:
    """Return whether the beginning of an entry has its title, and a whole guid, id or link."""
    opened, closed = set[bytes](), set[bytes]()
    for ends, name, is_empty in _IDENTITY_TAG.findall(entry):
        if not ends:
            opened.add(name)
        if ends or is_empty:
            closed.add(name)
    return b"title" in closed and len(closed) > 1 and opened <= closed


def repair_references(body: bytes) -> bytes:
    """Replace character references to no character, at which feedparser raises errors.

    Two halves of a surrogate pair become the character that they mean.
    """

    def character(run: re.Match[bytes]) -> bytes:
        numbers = [*map(_number, _REFERENCE.findall(run[0]))]
        if all(map(_is_character, numbers)):
            return run[0]
        text = "".join(chr(n) if n < 0x110000 else "\ufffd" for n in numbers)
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return "".join(f"&#{ord(c)};" for c in text).encode()

    if b"&#" not in body or all(_is_character(_number(each)) for each in set(_REFERENCE.findall(body))):
        return body
    return _REFERENCES.sub(character, body)


def _number(reference: tuple[bytes, bytes]) -> int:
    hexadecimal, decimal = reference
    return int(hexadecimal, 16) if hexadecimal else int(decimal)


def _is_character(number: int) -> bool:
    return number < 0xD800 or 0xE000 <= number < 0x110000


def repair(body: bytes, *, any_entries: bool) -> bytes:
    """Repair the most common faults of a malformed document.

    Bare ampersands are escaped; the loose parser would take "&lang=en" for an entity. If nothing was parsed at all, an
    undeclared prefix (`<rss:item>`) is removed.
    """
    body = _CDATA_OR_BARE_AMPERSAND.sub(lambda match: match[1] or b"&amp;", body)
    if any_entries:
        return body
    prefixes = {match[2] for match in _UNDECLARED_PREFIX.finditer(body)}
    undeclared = [p for p in prefixes if b"xmlns:" + p + b"=" not in body]
    for prefix in undeclared[:2]:
        body = re.sub(rb"<(/?)" + re.escape(prefix) + rb":", rb"<\1", body)
        start = body.find(b"<rss")
        body = body[max(start, 0) :]
        body = re.sub(rb"^<rss[^>]*>", b'<rss version="2.0">', body)
    return body

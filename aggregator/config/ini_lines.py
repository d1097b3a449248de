"""Parse ini text as Python 2's ConfigParser did, with line numbers of sections and keys."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from aggregator.config.new_sources import MAX_BYTES, SourceListError
from aggregator.text import line, quoted

MAX_VALUE_CHARACTERS = 10_000
"""Maximum length of a value, before and after its references are replaced."""
MAX_DEPTH = 10
"""Maximum depth of references within references, as in ConfigParser."""
_REFERENCE = re.compile(r"%\(([^)]*)\)s")


@dataclass(frozen=True, slots=True)
class Value:
    """A value on one line or several, with the number of its first line."""

    line: int
    lines: list[str]

    @property
    def text(self) -> str:
        """Return the lines of the value."""
        return "\n".join(self.lines)


@dataclass(frozen=True, slots=True)
class Section:
    """A section with the line number of its first header; keys are in lower case."""

    name: str
    line: int
    values: dict[str, Value] = field(default_factory=dict)


def read(body: bytes) -> dict[str, Section]:
    """Return the sections of a file by name.

    Sections of the same name are joined; of a repeated key the last value is used. Raises SourceListError, with the
    line number, for text that is not ini.
    """
    if len(body) > MAX_BYTES:
        raise SourceListError(f"larger than {MAX_BYTES // 1_000_000} MB: a list of sources is smaller")
    return _sections(_lines(body))


def resolve(scope: Mapping[str, Value], key: str) -> str | None:
    """Return the value of `key` with its %(references)s replaced, None without the key.

    Raises SourceListError for a reference to a missing key or without an end.
    """
    value = scope.get(key)
    if value is None:
        return None
    text = value.text
    for _ in range(MAX_DEPTH):
        if len(text) > MAX_VALUE_CHARACTERS:
            raise SourceListError(
                f"line {value.line}: {quote(key)} has more than {MAX_VALUE_CHARACTERS} characters; shorten it"
            )
        if not _REFERENCE.search(text):
            return text
        text = _REFERENCE.sub(lambda match: _referenced(scope, match[1], value.line), text)
    raise SourceListError(
        f"line {value.line}: the references in {quote(key)} have no end; write the value itself"
    )


def quote(text: str) -> str:
    """Quote foreign text for a message."""
    return quoted(line(text, 80) or "")


def _lines(body: bytes) -> Iterator[tuple[int, str]]:
    """Yield the lines with their numbers; a line that is not UTF-8 is read as Windows-1252."""
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        body = body.decode("utf-16", "replace").encode()
    for number, raw in enumerate(body.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        if b"\x00" in raw:
            raise SourceListError(
                f"line {number}: is not text; give OPML, or the configuration of Planet Venus"
            )
        try:
            yield number, raw.decode()
        except UnicodeDecodeError:
            yield number, raw.decode("windows-1252", "replace")


def _sections(lines: Iterable[tuple[int, str]]) -> dict[str, Section]:
    sections: dict[str, Section] = {}
    section: Section | None = None
    value: Value | None = None
    for number, line_text in lines:
        text = line_text.strip()
        if not text or text[0] in "#;" or re.match(r"rem\s", text, re.IGNORECASE):
            continue
        if line_text[0].isspace() and value:
            value.lines.append(text)
        elif header := re.match(r"\[([^]]+)\]", text):
            section = sections.setdefault(header[1], Section(header[1], number))
            value = None
        elif section is None:
            raise SourceListError(
                f"line {number}: {quote(text)} stands before the first [section]; "
                "only OPML and the configuration of Planet or Planet Venus can be imported"
            )
        elif option := re.match(r"([^\[:=\s][^:=]*)[:=](.*)", text):
            # A semicolon after a space begins a comment.
            value = Value(number, [re.sub(r"\s;.*", "", option[2]).strip()])
            section.values[option[1].rstrip().lower()] = value
        else:
            raise SourceListError(
                f"line {number}: {quote(text)} is neither [section], key = value nor a comment; correct it"
            )
    return sections


def _referenced(scope: Mapping[str, Value], name: str, number: int) -> str:
    value = scope.get(name.lower())
    if value is None:
        raise SourceListError(
            f"line {number}: %({line(name, 80)})s refers to a key that neither its section nor [DEFAULT] has"
        )
    return value.text[: MAX_VALUE_CHARACTERS + 1]

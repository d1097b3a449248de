"""Read sources and settings from the configuration of Planet Venus or Planet 2.0."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from aggregator import urls
from aggregator.config import ini_lines, planet_keys, values
from aggregator.config.ini_lines import Section, shown
from aggregator.config.new_sources import NewSource, SourceListError
from aggregator.text import legal, line

MAX_NAMED = 5
"""Maximum number of lines, and of keys, that one remark names."""
MAX_EXPRESSION_CHARACTERS = 1_000
"""Maximum length of a regular expression that is carried over."""
READING_LISTS = ("opml", "foaf", "csv", "config")
"""Values of `content_type` that make a section a list of further feeds."""
_SCRIPT = re.compile(r"\.(tmpl|xslt|genshi|dj|html|sed|py|plugin)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanetFile:
    """What a configuration file holds: sources to add, and remarks on all the rest."""

    sources: tuple[NewSource, ...]
    left_out: tuple[str, ...]
    """Sections that become no source, each with its line and reason."""
    settings: tuple[str, ...]
    """Keys of [Planet] with the keys of feeds.yaml that they correspond to."""
    unused: tuple[str, ...]
    """Keys without a counterpart, by reason, with their lines."""


def read(body: bytes, known: Collection[str]) -> PlanetFile:
    """Read a configuration file; each URL becomes one source, URLs in `known` none.

    Raises SourceListError with one sentence and a line number.
    """
    sections = ini_lines.read(body)
    default = sections.pop("DEFAULT", Section("DEFAULT", 0))
    planet = next((sections.pop(name) for name in [*sections] if name.lower() == "planet"), None)
    if planet is None and not any("://" in name for name in sections):
        raise SourceListError("has neither a section [Planet] nor a section named by the URL of a feed")
    return _Reader(planet or Section("Planet", 0), default, known).file(sections.values())


@dataclass(slots=True)
class _Reader:
    """Turn sections into sources, and collect remarks."""

    planet: Section
    default: Section
    known: Collection[str]
    left_out: list[str] = field(default_factory=list)
    unused: dict[str, tuple[list[str], list[int]]] = field(default_factory=dict)
    """Reason -> keys and lines."""

    def file(self, sections: Iterable[Section]) -> PlanetFile:
        """Read all sections."""
        settings = [*self._settings()]
        auxiliary = {*self._words("template_files"), *self._words("filters")}
        sources: dict[str, NewSource] = {}
        for section in sections:
            source = self._source(section, auxiliary)
            if source and source.url not in self.known:
                sources.setdefault(source.url, source)
        return PlanetFile(
            sources=tuple(sources.values()),
            left_out=tuple(self.left_out),
            settings=tuple(settings),
            unused=tuple(
                _remark(keys, lines, reason)
                for reason, (keys, lines) in sorted(self.unused.items(), key=lambda found: min(found[1][1]))
            ),
        )

    def _settings(self) -> Iterable[str]:
        for key, written in (self.default.values | self.planet.values).items():
            setting = planet_keys.SETTINGS.get(key)
            value = line(self._value(self.planet, key)) if setting else None
            if setting and value:
                yield f"line {written.line}: {key} -> {setting.key}: {setting.written(value)}{setting.remark}"
            elif key not in planet_keys.READ:
                self._note(key, planet_keys.unused(key), written.line)

    def _source(self, section: Section, auxiliary: Collection[str]) -> NewSource | None:
        """Make a source of a section, or record why it becomes none."""
        try:
            url = self._url(section, auxiliary)
        except ValueError as error:
            name = re.sub(r"//[^/?#]*@", "//…@", section.name)
            self.left_out.append(f"line {section.line}: [{line(name, 200)}]: {line(str(error), 300)}")
            return None
        for key, written in section.values.items():
            if key not in planet_keys.READ or key == "link":
                self._note(key, planet_keys.unused(key), written.line)
        return NewSource(
            name=(line(self._value(section, "name")) or urls.host(url) or url)[:300].rstrip(),
            url=url,
            only=self._expressions(section, "filter"),
            drop=self._expressions(section, "exclude"),
        )

    def _url(self, section: Section, auxiliary: Collection[str]) -> str:
        """Return the URL of the feed that a section names; raise ValueError for any other."""
        kind = (self._value(section, "content_type") or "").lower()
        if any(name in kind for name in READING_LISTS):
            how = "; download it and import the file" if "opml" in kind else ""
            raise ValueError(f"a reading list ({shown(kind)}) is not followed{how}")
        if section.name in auxiliary or ("://" not in section.name and _SCRIPT.search(section.name)):
            raise ValueError("options of a template or filter have no counterpart")
        return values.web_url(section.name)

    def _expressions(self, section: Section, key: str) -> tuple[str, ...]:
        """Return the filter of a section, or the one of [Planet], as words of feeds.yaml.

        Of several lines with `filter` all must match; of several with `exclude` one is enough.
        """
        origin = section if key in self.default.values | section.values else self.planet
        patterns = [text for text in (self._value(origin, key) or "").split("\n") if text]
        try:
            words = [_word(pattern) for pattern in patterns]
            if key == "filter" and len(words) > 1:
                words = [values.word(r"/\A" + "".join(rf"(?=[\s\S]*?{word[1:-1]})" for word in words) + "/")]
        except ValueError as error:
            number = (self.default.values | origin.values)[key].line
            self._note(key, f"cannot be carried over: {line(str(error), 200)}", number)
            return ()
        return tuple(words)

    def _value(self, section: Section, key: str) -> str | None:
        return ini_lines.resolved(self.default.values | section.values, key)

    def _words(self, key: str) -> list[str]:
        return self.planet.values[key].text.split() if key in self.planet.values else []

    def _note(self, key: str, reason: str, number: int) -> None:
        keys, numbers = self.unused.setdefault(reason, ([], []))
        keys.append(line(key, 60) or "?")
        numbers.append(number)


def _word(pattern: str) -> str:
    """Write a regular expression of Planet, which is case-sensitive, as one of feeds.yaml."""
    if len(pattern) > MAX_EXPRESSION_CHARACTERS:
        raise ValueError(f"the expression has more than {MAX_EXPRESSION_CHARACTERS} characters")
    if legal(pattern) != pattern or "\t" in pattern:
        raise ValueError("the expression contains control characters")
    values.word(f"/{pattern}/")  # names what is wrong in the expression as it was written
    # Flags such as (?i) apply to the whole expression and may stand at its beginning only.
    flags = re.match(r"\(\?([a-zA-Z]+)\)", pattern)
    return values.word(f"/(?{flags[1]}:{pattern[flags.end() :]})/" if flags else f"/(?-i:{pattern})/")


def _remark(keys: list[str], numbers: list[int], reason: str) -> str:
    distinct = [*dict.fromkeys(keys)]
    names = ", ".join(distinct[:MAX_NAMED]) + (" and others" if len(distinct) > MAX_NAMED else "")
    lines = sorted({*numbers})
    shown_lines = ", ".join(map(str, lines[:MAX_NAMED]))
    more = f" and {len(lines) - MAX_NAMED} more" if len(lines) > MAX_NAMED else ""
    return f"{'lines' if len(lines) > 1 else 'line'} {shown_lines}{more}: {names}: {reason}"

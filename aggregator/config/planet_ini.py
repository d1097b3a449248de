"""Read sources and settings from the configuration of Planet Venus or Planet 2.0."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from aggregator import urls
from aggregator.config import ini_lines, planet_keys, values
from aggregator.config.ini_lines import Section, quote
from aggregator.config.new_sources import NewSource, SourceListError
from aggregator.text import legal, line

MAX_LISTED = 5
"""Maximum number of lines, and of keys, that one remark lists."""
MAX_EXPRESSION_CHARACTERS = 1_000
"""Maximum length of a regular expression that is imported."""
READING_LISTS = ("opml", "foaf", "csv", "config")
"""Values of `content_type` that make a section a list of further feeds."""
_SCRIPT = re.compile(r"\.(tmpl|xslt|genshi|dj|html|sed|py|plugin)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanetFile:
    """The sources of a configuration file, and remarks on its other sections and keys."""

    sources: tuple[NewSource, ...]
    left_out: tuple[str, ...]
    """Sections that are not imported as a source, each with its line and reason."""
    settings: tuple[str, ...]
    """Keys of [Planet] with the keys of feeds.yaml that they correspond to."""
    unused: tuple[str, ...]
    """Keys without a counterpart, by reason, with their lines."""


def read(body: bytes, known_urls: Collection[str]) -> PlanetFile:
    """Read a configuration file; each URL that is not in `known_urls` becomes one source.

    Raises SourceListError with one sentence and a line number.
    """
    sections = ini_lines.read(body)
    default = sections.pop("DEFAULT", Section("DEFAULT", 0))
    planet = next((sections.pop(name) for name in [*sections] if name.lower() == "planet"), None)
    if planet is None and not any("://" in name for name in sections):
        raise SourceListError("has neither a section [Planet] nor a section named by the URL of a feed")
    return _Reader(planet or Section("Planet", 0), default, known_urls).read_sections(sections.values())


@dataclass(slots=True)
class _Reader:
    """Convert sections to sources, and collect remarks."""

    planet: Section
    default: Section
    known_urls: Collection[str]
    left_out: list[str] = field(default_factory=list)
    unused: dict[str, tuple[list[str], list[int]]] = field(default_factory=dict)
    """Reason -> keys and lines."""

    def read_sections(self, sections: Iterable[Section]) -> PlanetFile:
        """Convert all sections."""
        settings = [*self._settings()]
        auxiliary = {*self._words("template_files"), *self._words("filters")}
        sources: dict[str, NewSource] = {}
        for section in sections:
            source = self._source(section, auxiliary)
            if source and source.url not in self.known_urls:
                sources.setdefault(source.url, source)
        return PlanetFile(
            sources=tuple(sources.values()),
            left_out=tuple(self.left_out),
            settings=tuple(settings),
            unused=tuple(
                _remark(keys, lines, reason)
                for reason, (keys, lines) in sorted(self.unused.items(), key=lambda item: min(item[1][1]))
            ),
        )

    def _settings(self) -> Iterable[str]:
        for key, value in (self.default.values | self.planet.values).items():
            setting = planet_keys.SETTINGS.get(key)
            text = line(self._value(self.planet, key)) if setting else None
            if setting and text:
                yield f"line {value.line}: {key} -> {setting.key}: {setting.to_yaml(text)}{setting.remark}"
            elif key not in planet_keys.READ:
                self._record_unused(key, planet_keys.reason_unused(key), value.line)

    def _source(self, section: Section, auxiliary: Collection[str]) -> NewSource | None:
        """Convert a section to a source, or record the reason why it is none."""
        try:
            url = self._url(section, auxiliary)
        except ValueError as error:
            name = re.sub(r"//[^/?#]*@", "//…@", section.name)
            self.left_out.append(f"line {section.line}: [{line(name, 200)}]: {line(str(error), 300)}")
            return None
        for key, value in section.values.items():
            if key not in planet_keys.READ or key == "link":
                self._record_unused(key, planet_keys.reason_unused(key), value.line)
        return NewSource(
            name=(line(self._value(section, "name")) or urls.host(url) or url)[:300].rstrip(),
            url=url,
            only=self._expressions(section, "filter"),
            drop=self._expressions(section, "exclude"),
        )

    def _url(self, section: Section, auxiliary: Collection[str]) -> str:
        """Return the URL of the feed of a section; raise ValueError if it has none."""
        kind = (self._value(section, "content_type") or "").lower()
        if any(name in kind for name in READING_LISTS):
            advice = "; download it and import the file" if "opml" in kind else ""
            raise ValueError(f"a reading list ({quote(kind)}) is not followed{advice}")
        if section.name in auxiliary or ("://" not in section.name and _SCRIPT.search(section.name)):
            raise ValueError("options of a template or filter have no counterpart")
        return values.web_url(section.name)

    def _expressions(self, section: Section, key: str) -> tuple[str, ...]:
        """Return a filter of a section or of [Planet] as words of feeds.yaml.

        All lines of `filter` must match; one line of `exclude` is enough.
        """
        origin = section if key in self.default.values | section.values else self.planet
        patterns = [text for text in (self._value(origin, key) or "").split("\n") if text]
        try:
            words = [_expression(pattern) for pattern in patterns]
            if key == "filter" and len(words) > 1:
                words = [values.word(r"/\A" + "".join(rf"(?=[\s\S]*?{word[1:-1]})" for word in words) + "/")]
        except ValueError as error:
            number = (self.default.values | origin.values)[key].line
            self._record_unused(key, f"cannot be carried over: {line(str(error), 200)}", number)
            return ()
        return tuple(words)

    def _value(self, section: Section, key: str) -> str | None:
        return ini_lines.resolve(self.default.values | section.values, key)

    def _words(self, key: str) -> list[str]:
        return self.planet.values[key].text.split() if key in self.planet.values else []

    def _record_unused(self, key: str, reason: str, number: int) -> None:
        keys, numbers = self.unused.setdefault(reason, ([], []))
        keys.append(line(key, 60) or "?")
        numbers.append(number)


def _expression(pattern: str) -> str:
    """Convert a regular expression of Planet, which is case-sensitive, to one of feeds.yaml."""
    if len(pattern) > MAX_EXPRESSION_CHARACTERS:
        raise ValueError(f"the expression has more than {MAX_EXPRESSION_CHARACTERS} characters")
    if legal(pattern) != pattern or "\t" in pattern:
        raise ValueError("the expression contains control characters")
    values.word(f"/{pattern}/")  # an error message quotes the expression as it was written
    # Flags such as (?i) apply to the whole expression and may stand at its beginning only.
    flags = re.match(r"\(\?([a-zA-Z]+)\)", pattern)
    return values.word(f"/(?{flags[1]}:{pattern[flags.end() :]})/" if flags else f"/(?-i:{pattern})/")


def _remark(keys: list[str], numbers: list[int], reason: str) -> str:
    distinct = [*dict.fromkeys(keys)]
    names = ", ".join(distinct[:MAX_LISTED]) + (" and others" if len(distinct) > MAX_LISTED else "")
    lines = sorted({*numbers})
    first_lines = ", ".join(map(str, lines[:MAX_LISTED]))
    rest = f" and {len(lines) - MAX_LISTED} more" if len(lines) > MAX_LISTED else ""
    return f"{'lines' if len(lines) > 1 else 'line'} {first_lines}{rest}: {names}: {reason}"

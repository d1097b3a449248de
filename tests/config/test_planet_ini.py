"""The configuration of Planet Venus is imported, and what remains of it reported."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.config import ini_lines, load, planet_ini
from aggregator.config.new_sources import MAX_NEW_SOURCES, SourceListError
from aggregator.discovery import opml
from aggregator.items import classify
from aggregator.model.config import Source
from aggregator.model.discovery import SourceImportReport
from tests.command import call
from tests.conftest import Workplace
from tests.hostile_strings import VECTORS, terminal_faults

CONFIG = """\
# The planet of a community
[Planet]
name = Planet Imaging
link: https://planet.example/
owner_name = A. Editor
owner_email = editor@planet.example
output_theme = classic_fancy
output_dir = /srv/planet/output
feed_timeout = 20
spider_threads = 4
items_per_page = 60
log_format = %(levelname)s %(message)s
pubsubhubbub_hub = https://hub.example/
template_files = atom.xml.tmpl
filters = excerpt.py

[DEFAULT]
; the usual size of a portrait
facewidth = 65
suffix = (%(city)s)
city = Turin

[excerpt.py]
omit = img

[atom.xml.tmpl]
items_per_page = 30

[https://a.example/feed]
name = Node A %(suffix)s   ; the first one
face = a.png
link = https://a.example/
rem this is a comment, too
REM and this

[https://b.example/?flav=atom]
name = Node B
city = Brno
filter = microscop(y|ie)
exclude = Jobs?
    (?i)vacancy
future_dates = ignore_date

[https://lists.example/all.opml]
content_type = opml

[https://c.example/rss]
# a feed without a name
face = c.png

[https://user:secret@d.example/feed]
name = Node D

[feed.xml]
name = A file
"""


def imported(place: Workplace, text: str | bytes, sources: str = "sources: []\n") -> SourceImportReport:
    """Import a configuration into a feeds.yaml with the usual head."""
    (place.folder / "config.ini").write_bytes(
        text if isinstance(text, bytes) else text.encode("utf-8", "replace")
    )
    return opml.import_sources(place.write(sources), place.folder / "config.ini")


def added(place: Workplace) -> dict[str, Source]:
    """Return the sources of feeds.yaml by their URL."""
    return {source.url: source for source in load(place.folder / "feeds.yaml").sources}


def test_sections_become_sources(place: Workplace) -> None:
    """Each section with a URL becomes a source; defaults and references are resolved."""
    report = imported(place, CONFIG)
    assert report.added == ("node-a-turin", "node-b", "c-example")
    names = {url: source.name for url, source in added(place).items()}
    assert names == {
        "https://a.example/feed": "Node A (Turin)",
        "https://b.example/?flav=atom": "Node B",
        "https://c.example/rss": "c.example",
    }


def test_other_sections_are_listed(place: Workplace) -> None:
    """Other sections are listed with line and reason, and without passwords."""
    report = imported(place, CONFIG)
    assert [text.partition("]: ")[0] + "]" for text in report.left_out] == [
        "line 23: [excerpt.py]",
        "line 26: [atom.xml.tmpl]",
        "line 44: [https://lists.example/all.opml]",
        "line 51: [https://…@d.example/feed]",
        "line 54: [feed.xml]",
    ]
    assert "download it and import the file" in report.left_out[2]
    assert "secret" not in "".join((*report.left_out, *report.unused))


def test_settings_are_named(place: Workplace) -> None:
    """Keys of [Planet] are printed with the keys of feeds.yaml, and change nothing in it."""
    report = imported(place, CONFIG)
    assert [text.split("  ")[0] for text in report.settings] == [
        'line 3: name -> site.title: "Planet Imaging"',
        'line 4: link -> site.url: "https://planet.example/"',
        'line 5: owner_name -> mail.from: "A. Editor"',
        'line 6: owner_email -> site.contact: "editor@planet.example"',
        'line 8: output_dir -> paths.public: "/srv/planet/output"',
        "line 9: feed_timeout -> fetch.timeout: 20s",
        "line 10: spider_threads -> fetch.concurrency: 4",
        'line 13: pubsubhubbub_hub -> publish.hub: "https://hub.example/"',
    ]
    assert load(place.folder / "feeds.yaml").site.title == "Imaging news"


def test_unused_keys_are_listed_once_for_each_reason(place: Workplace) -> None:
    """Keys without a counterpart are listed by reason with their lines."""
    report = imported(place, CONFIG)
    assert [text.rpartition(": ")[0] for text in report.unused] == [
        "lines 7, 14: output_theme, template_files",
        "line 11: items_per_page",
        "line 12: log_format",
        "line 15: filters",
        "lines 19, 20, 21, 31, 38 and 1 more: facewidth, suffix, city, face",
        "line 32: link",
        "line 42: future_dates",
    ]


@pytest.mark.parametrize(
    ("options", "text", "kept"),
    [
        ("filter = microscop(y|ie)", "New microscopy course", True),
        ("filter = microscop(y|ie)", "New Microscopy course", False),  # Planet regards case
        ("filter = (?i)microscopy", "New Microscopy course", True),
        ("filter = one\n  two", "two and\none", True),
        ("filter = one\n  two", "one only", False),
        ("filter = ^The", "The course", True),
        ("exclude = Jobs?\n  hiring", "We are hiring", False),
        ("exclude = Jobs?\n  hiring", "A new job", True),
        ("filter = one\nexclude = two", "one two", False),
        (r"filter = C\+\+ \d{2}%", "C++ 20%", True),
    ],
)
def test_filters(place: Workplace, options: str, text: str, kept: bool) -> None:
    """`filter` and `exclude` keep and drop the items that Planet Venus kept and dropped."""
    imported(place, f"[Planet]\nname = P\n[https://a.example/feed]\nname = A\n{options}\n")
    source = added(place)["https://a.example/feed"]
    assert (classify.dropped_by(source.only, source.drop, text) is None) is kept


def test_filter_of_the_planet(place: Workplace) -> None:
    """A filter of [Planet] applies to each feed that has none of its own."""
    text = "[Planet]\nexclude = cats\n[https://a.example/]\nname = A\n[https://b.example/]\nexclude = dogs\n"
    imported(place, text)
    drop = {url: source.drop for url, source in added(place).items()}
    assert drop == {"https://a.example/": ("/(?-i:cats)/",), "https://b.example/": ("/(?-i:dogs)/",)}


@pytest.mark.parametrize("pattern", ["(", "x{99999999999}", "a\tb", "x" * 1001, "(?x)a # b", "\u202e"])
def test_filter_that_cannot_be_carried_over(place: Workplace, pattern: str) -> None:
    """An expression that cannot be used is listed with its line, and its source is added."""
    report = imported(place, f"[Planet]\n[https://a.example/]\nname = A\nfilter = {pattern}\n")
    assert report.added == ("a",)
    (remark,) = report.unused
    assert remark.startswith("line 4: filter: cannot be carried over: ")
    assert not terminal_faults(remark)


@pytest.mark.parametrize(
    "body",
    [
        "[Planet]\n[https://a.example/]\nname = Übersicht".encode(),
        b"\xef\xbb\xbf" + "[Planet]\n[https://a.example/]\nname = Übersicht".encode(),
        "[Planet]\n[https://a.example/]\nname = Übersicht".encode("latin-1"),
        "[Planet]\r\n[https://a.example/]\r\nname = Übersicht\r\n".encode("utf-16"),
        "[Planet]\n# größer\n".encode() + "[https://a.example/]\nname = Übersicht".encode("latin-1"),
    ],
    ids=["UTF-8", "byte order mark", "Latin-1", "UTF-16", "mixed"],
)
def test_encodings(place: Workplace, body: bytes) -> None:
    """UTF-8, UTF-16 and Latin-1 are recognised, also line by line."""
    assert imported(place, body).added == ("ubersicht",)
    assert added(place)["https://a.example/"].name == "Übersicht"


def test_no_source_twice(place: Workplace) -> None:
    """A URL that is known or occurs twice is not added again; equal sections are one."""
    text = (
        "[https://a.example/]\nname = A\n[https://b.example/]\nname = B\n[https://b.example/]\nname = B two\n"
        "[ https://b.example/ ]\nname = C\n"
    )
    report = imported(place, text, "sources:\n  - {id: a, name: A, url: 'https://a.example/'}\n")
    assert report.added == ("b-two",)
    assert (
        imported(
            place, text, (place.folder / "feeds.yaml").read_text().partition("automatic: []}\n")[2]
        ).added
        == ()
    )


def test_the_rest_of_the_file_stays(place: Workplace) -> None:
    """Comments, order and spelling of feeds.yaml stay; sources are added behind the last one."""
    rest = "sources:\n  # ours\n  - {id: a, name: A, url: 'https://a.example/'}\n\n# topics\ntopics: {data: [FAIR]}\n"
    imported(place, "[https://b.example/]\nname = B\n", rest)
    text = (place.folder / "feeds.yaml").read_text()
    new = '  - id: b\n    name: "B"\n    url: "https://b.example/"\n'
    assert new in text
    assert text.replace(new, "").endswith(rest)


@pytest.mark.parametrize(
    "rest",
    [
        "sources: []  # none yet\n",
        "sources:   # ours\n- {id: a, name: A, url: 'https://a.example/'}\n\n\ntopics: {data: [FAIR]}\n",
        "sources:\r\n  - {id: a, name: A, url: 'https://a.example/'}\r\n\r\ntopics: {data: [FAIR]}\r\n",
        "sources:\r\n  - {id: a, name: A, url: 'https://a.example/'}",
    ],
    ids=["empty", "comment", "carriage returns", "no line end"],
)
def test_lines_are_only_added(place: Workplace, rest: str) -> None:
    """Removing the added lines gives the former file, with its comments and line ends."""
    file = place.write("")
    (place.folder / "config.ini").write_text("[https://b.example/]\nname = B\n", encoding="utf-8")
    file.write_bytes(file.read_bytes() + rest.encode())
    opml.import_sources(file, place.folder / "config.ini")
    text = file.read_bytes().decode()
    added_lines = [line for line in text.splitlines() if line.strip() and line not in rest.splitlines()]
    assert [line.strip() for line in added_lines[-3:]] == [
        "- id: b",
        'name: "B"',
        'url: "https://b.example/"',
    ]
    newline = "\r\n" if "\r" in rest else "\n"
    without = text.replace(newline.join([*added_lines[-3:], ""]), "")
    assert without.rstrip().endswith(rest.rstrip().replace(" []", ""))
    assert ("\r" in rest) == ("\r" in text) and len(load(file).sources) == rest.count("id: a") + 1


BROKEN = [
    ("name = Planet\nurl = x\n", 'line 1: "name = Planet" stands before the first [section]'),
    ("# c\n\nfeed 30m http://a.example/\n", "line 3: "),
    ("[Planet]\nname = P\n[https://a.example/]\nname A\n", 'line 4: "name A" is neither'),
    ("[Planet]\n[https://a.example/\nname = A\n", "line 2: "),
    ("[Planet]\n[https://a.example/]\nname = %(nobody)s\n", "line 3: %(nobody)s refers to"),
    (
        "[https://a.example/]\nname = %(a)s\na = %(b)s\nb = %(a)s\n",
        'line 2: the references in "name" have no end',
    ),
    ("[https://a.example/]\nname = " + "x" * 20_000, 'line 2: "name" has more than'),
    ("[https://a.example/]\nname = %(a)s\na = " + "%(b)s" * 500 + "\nb = " + "x" * 5_000, "line 2: "),
    ("[https://a.example/]\nna\x00me = A\n", "line 2: is not text"),
    ("[database]\nhost = x\n", "has neither a section [Planet]"),
    ("\x1b[31mred", "line 1: "),
    ("[]\nname = x\n", "line 1: "),
    ("".join(f"[https://a.example/{n}]\n" for n in range(MAX_NEW_SOURCES + 1)), "has 5001 new sources"),
    ("# " + "x" * 10_000_000, "larger than 10 MB"),
]


@pytest.mark.parametrize(("text", "message"), BROKEN, ids=[message[:40] for _, message in BROKEN])
def test_a_broken_file_is_refused(place: Workplace, text: str, message: str) -> None:
    """A broken or hostile file is refused with one sentence, and changes nothing."""
    file = place.write("sources: []\n")
    before = file.read_bytes()
    (place.folder / "config.ini").write_text(text, encoding="utf-8")
    with pytest.raises(SourceListError) as refused:
        opml.import_sources(file, place.folder / "config.ini")
    assert str(refused.value).startswith(("config.ini: " + message, message))
    assert not terminal_faults(str(refused.value))
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 300
    assert file.read_bytes() == before
    assert [found.name for found in place.folder.glob(".feeds*")] == []


@pytest.mark.parametrize(
    "text",
    [
        "[a]\nb = c\n" + "  d\n" * 200_000,
        "[a]\nb" + " " * 5_000_000 + "\n",
        "[a]\n" + "".join(f"k{n} = v\n" for n in range(30_000)),
        "[" * 5_000_000,
    ],
    ids=["continuations", "blanks", "keys", "brackets"],
)
def test_large_files_take_linear_time(text: str) -> None:
    """A large file is read or refused in linear time; quadratic time would be hours."""
    try:
        planet_ini.read(f"[Planet]\n{text}".encode(), ())
    except SourceListError as refused:
        assert len(str(refused)) < 300


PIECES = ["[Planet]", "[https://a.example/", "]", "name", "filter", "=", ":", " ", "%(", ")s", "\n", "\t"]


@settings(max_examples=50)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=20).map("".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Any text gives sources and remarks of one line, or one sentence."""
    try:
        found = planet_ini.read(text.encode("utf-8", "replace"), ())
    except SourceListError as refused:
        assert len(str(refused).splitlines()) == 1
        return
    remarks = (*found.left_out, *found.settings, *found.unused)
    assert all(not terminal_faults(remark) and len(remark.splitlines()) == 1 for remark in remarks)


@pytest.mark.parametrize("vector", VECTORS)
def test_hostile_values_change_nothing_else(place: Workplace, vector: str) -> None:
    """Any name, section or key is a name, is listed or is refused, and changes nothing else."""
    text = (
        f"[Planet]\nname = {vector}\nlink = {vector}\n[https://a.example/]\nname = {vector}\nx{vector} = 1\n"
        f"[https://b.example/]\nname = B\n[{vector}]\nname = C\n"
    )
    try:
        report = imported(place, text, "sources: []\ntopics: {data: [FAIR]}\n")
    except SourceListError as refused:
        assert not terminal_faults(str(refused))
        return
    assert {*added(place)} >= {"https://a.example/", "https://b.example/"}
    assert load(place.folder / "feeds.yaml").topics[0].topic == "data"
    everything = (*report.added, *report.left_out, *report.settings, *report.unused)
    assert not terminal_faults("\n".join(everything))


def test_sections_as_configparser_reads_them() -> None:
    """Delimiters, comments, continuations and repeated keys are read as by ConfigParser."""
    text = "[a]\nOne : 1 ; c\ntwo=2;no comment\nthree =\n\tx\n  # c\n y\n[b]\none: http://x:y=z\n[a] tail\none = 3\n"
    sections = ini_lines.read(text.encode())
    assert {key: value.text for key, value in sections["a"].values.items()} == {
        "one": "3",
        "two": "2;no comment",
        "three": "\nx\ny",
    }
    assert (sections["b"].values["one"].text, sections["b"].line) == ("http://x:y=z", 8)


def test_the_command(place: Workplace) -> None:
    """`source import` prints what was added, and on standard error what was not."""
    place.write("sources: []\n")
    (place.folder / "config.ini").write_text(CONFIG, encoding="utf-8")
    done = call(place, "source", "import", "config.ini")
    assert done.code == 0
    assert done.out.splitlines()[:3] == [
        "3 sources added: node-a-turin, node-b, c-example",
        "settings to enter in feeds.yaml:",
        '  line 3: name -> site.title: "Planet Imaging"',
    ]
    assert done.err.startswith("not added: line 23: [excerpt.py]: ")
    assert "\nno counterpart: lines 19, " in done.err
    (place.folder / "config.ini").write_text("[Planet]\nname\n", encoding="utf-8")
    assert call(place, "source", "import", "config.ini").line == (
        'aggregator: config.ini: line 2: "name" is neither [section], key = value nor a comment; correct it'
    )

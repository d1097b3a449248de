"""OPML files are imported into feeds.yaml, and exported so that they can be imported."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lxml import etree

from aggregator import text
from aggregator.config import load
from aggregator.config.new_sources import SourceListError
from aggregator.discovery import opml
from aggregator.model.config import Source
from aggregator.model.discovery import SourceImportReport
from tests.conftest import Workplace
from tests.hostile_strings import VECTORS, terminal_faults

KNOWN = "https://node.example/feed"


@pytest.fixture
def file(place: Workplace) -> Path:
    """A feeds.yaml with one source and a digest."""
    return place.write(
        f"sources:\n  - {{id: node, name: Node, url: '{KNOWN}'}}\n"
        "digests:\n  - {id: weekly, title: Weekly, schedule: 'mon 08:00', recipients: [a@x.example]}\n"
    )


OPML = """<?xml version="1.0"?><opml version="2.0"><head><title>t</title></head><body>
<outline text="Folder"><outline text="Übersicht: &quot;Neues&quot;" type="rss"
xmlUrl="https://new.example/feed"/></outline> <outline text="Known" xmlUrl="{known}"/><outline text="Übersicht"
xmlUrl="https://other.example/feed?a=1&amp;b=2"/> <outline text="No feed" url="https://x.example/"/><outline text="Odd"
xmlUrl="javascript:alert(1)"/> </body></opml>"""


def test_sources_are_added_and_all_else_stays(file: Path, tmp_path: Path) -> None:
    """New feeds are added under free ids, and every other byte of feeds.yaml stays."""
    before = file.read_text("utf-8").replace("digests:", "# a comment\ndigests:")
    file.write_text(before, encoding="utf-8")
    (tmp_path / "in.opml").write_text(OPML.format(known=KNOWN), encoding="utf-8")
    report = opml.import_sources(file, tmp_path / "in.opml")
    assert report.added == ("ubersicht-neues", "ubersicht")
    assert [reason.partition(":")[0] for reason in report.left_out] == ["No feed", "Odd"]
    after = file.read_text("utf-8")
    new = [line for line in after.splitlines() if line not in before.splitlines()]
    assert [line for line in after.splitlines() if line not in new] == before.splitlines()
    sources = {source.id: (source.name, source.url) for source in load(file).sources}
    assert sources["ubersicht-neues"] == ('Übersicht: "Neues"', "https://new.example/feed")
    assert sources["ubersicht"][1] == "https://other.example/feed?a=1&b=2"
    assert opml.import_sources(file, tmp_path / "in.opml").added == ()


ENTITIES = (
    '<!DOCTYPE opml [<!ENTITY a "x"><!ENTITY b "&a;&a;">]><opml><body><outline text="&b;"/></body></opml>'
)
BOMB = "".join(f'<!ENTITY x{n + 1} "{f"&x{n};" * 10}">' for n in range(12))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html/>",
        b"<opml",
        b"plain words",
        b"<opml version='2.0'><head/></opml>",
        b"<?xml version='1.0' encoding='utf-8'?><opml><body><outline text='\xe9'/></body></opml>",
        b"<?xml version='1.0' encoding='utf-16'?><opml><body/></opml>",
        b"<?xml version='1.0' encoding='x-none'?><opml><body/></opml>",
        ENTITIES.encode(),
        f'<!DOCTYPE opml [<!ENTITY x0 "x">{BOMB}]><opml><body><outline text="&x12;"/></body></opml>'.encode(),
        b'<!DOCTYPE opml [<!ENTITY f SYSTEM "file:///etc/passwd">]><opml><body>&f;</body></opml>',
        b"<opml><body>" + b"<outline text='x'>" * 100_000,
        b"<opml><body>" + b"<outline text='x'>" * 5_000 + b"</outline>" * 5_000 + b"</body></opml>",
        b"<opml><body><outline text='" + b"x" * 50_000_000 + b"'/></body></opml>",
        b"<opml><body><outline text='\x00' xmlUrl='https://x.example/'/></body></opml>",
        b"\x1f\x8b\x08\x00",
    ],
    ids=lambda body: repr(body[:40]),
)
def test_a_wrong_or_hostile_file_is_refused(file: Path, tmp_path: Path, body: bytes) -> None:
    """A wrong, torn or hostile file is refused with one message, and changes nothing."""
    before = file.read_bytes()
    (tmp_path / "in.opml").write_bytes(body)
    with pytest.raises(SourceListError) as refused:
        opml.import_sources(file, tmp_path / "in.opml")
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 300
    assert file.read_bytes() == before
    assert [draft.name for draft in file.parent.glob(".feeds*")] == []


@pytest.mark.parametrize("vector", VECTORS)
def test_hostile_names_change_nothing_else(place: Workplace, tmp_path: Path, vector: str) -> None:
    """Any name of an outline becomes a source's name and changes nothing else."""
    before = "sources:\n  - {id: a, name: A, url: 'https://a.example/feed'}\ntopics: {data: [FAIR]}\n"
    file = place.write(before)
    words = text.legal(vector)
    body = etree.Element("opml", version="2.0")
    inner = etree.SubElement(body, "body")
    for n, url in enumerate(
        ("https://x.example/feed", "https://x.example/feed", "https://y.example/feed", words)
    ):
        attributes = {
            "text": words,
            "title": words,
            "type": words,
            "language": words,
            "category": f"{words},ok",
        }
        etree.SubElement(inner, "outline", attributes | {"xmlUrl": url, "description": str(n)})
    (tmp_path / "in.opml").write_bytes(etree.tostring(body))
    report = opml.import_sources(file, tmp_path / "in.opml")
    config = load(file)
    urls = [source.url for source in config.sources]
    assert urls[:3] == ["https://a.example/feed", "https://x.example/feed", "https://y.example/feed"]
    assert len(urls) + len(report.left_out) == 4
    name = text.line(words)
    assert config.sources[1].name == (name[:300].rstrip() if name else "https://x.example/feed")
    assert config.topics[0].topic == "data"
    assert not terminal_faults("\n".join((*report.added, *report.left_out)))


@pytest.mark.parametrize(
    "name", ["123", "100 %", "true", "NULL", "1e5", "0x1F", "0o17", "2026-10-05", "No", "1_000"]
)
def test_a_name_that_yaml_reads_otherwise_is_an_id(file: Path, tmp_path: Path, name: str) -> None:
    """A name that is a number, a truth value or a date in YAML stops no import."""
    outline = f'<outline text="{name}" xmlUrl="https://new.example/feed"/>'
    (tmp_path / "in.opml").write_text(f"<opml><body>{outline}</body></opml>", encoding="utf-8")
    (added,) = opml.import_sources(file, tmp_path / "in.opml").added
    assert {source.id: source.name for source in load(file).sources}[added] == name


@pytest.mark.parametrize("attribute", ["xmlUrl", "xmlurl", "XMLURL"])
def test_attributes_are_read_in_any_case(file: Path, tmp_path: Path, attribute: str) -> None:
    """Programs write the names of attributes in several ways."""
    outline = f'<outline TEXT="Node" {attribute}="https://new.example/feed"/>'
    (tmp_path / "in.opml").write_text(f"<opml><body>{outline}</body></opml>", encoding="utf-8")
    assert opml.import_sources(file, tmp_path / "in.opml").added == ("node-2",)


@pytest.mark.parametrize("sources", ["sources: []", "sources:", "sources: # none yet"])
def test_sources_are_added_to_an_empty_list(place: Workplace, tmp_path: Path, sources: str) -> None:
    """The first sources are added to a feeds.yaml without any."""
    file = place.write(sources + "\ntopics: {data: [FAIR]}\n")
    (tmp_path / "in.opml").write_text(OPML.format(known="https://known.example/"), encoding="utf-8")
    assert len(opml.import_sources(file, tmp_path / "in.opml").added) == 3
    assert len(load(file).sources) == 3


def test_mode_owner_and_link_are_kept(place: Workplace, tmp_path: Path) -> None:
    """An import keeps mode and owner of feeds.yaml, and a symbolic link to it."""
    file = place.write("sources: []\n")
    real = tmp_path / "elsewhere" / "real.yaml"
    real.parent.mkdir()
    file.rename(real)
    file.symlink_to(Path("elsewhere") / "real.yaml")
    real.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(real, 4711, 4712)
    before = real.stat()
    (tmp_path / "in.opml").write_text(OPML.format(known="https://known.example/"), encoding="utf-8")
    assert len(opml.import_sources(file, tmp_path / "in.opml").added) == 3
    after = real.stat()
    assert file.is_symlink() and file.resolve() == real and len(load(file).sources) == 3
    assert after.st_ino != before.st_ino
    kept = ("st_mode", "st_uid", "st_gid")
    assert [getattr(after, name) for name in kept] == [getattr(before, name) for name in kept]
    assert [found.name for found in real.parent.iterdir()] == ["real.yaml"]


EVERY_KIND = """sources:
  - {id: a, name: 'A: "one" & \\\\ more', url: "https://a.example/feed?a=1&b=2", language: de, topics: [data, x-1]}
  - {id: b, name: B, url: "https://b.example/feed.json", kind: jsonfeed}
  - {id: c, name: C, url: "https://c.example/cal.ics", kind: ical, topics: [data]}
  - {id: d, name: D, url: "https://d.example/", kind: wordpress, language: "no"}
  - {id: e, name: E, kind: zenodo, zenodo: {community: nfdi4bioimage}}
  - {id: f, name: F, url: "https://f.example/news/", kind: page, page: {item: article}}
  - {id: g, name: G, url: "https://g.example/feed", enabled: false}
"""


def test_exported_sources_can_be_imported(place: Workplace, tmp_path: Path) -> None:
    """Exported sources can be imported elsewhere, except pages, which are reported."""
    config = load(place.write(EVERY_KIND))
    (tmp_path / "out.opml").write_bytes(opml.export_sources(config))
    other = tmp_path / "other.yaml"
    other.write_text(
        "site: {title: T, url: 'https://t.example/', contact: t@t.example, authority: 't.example,2026'}\nsources: []\n"
    )
    report = opml.import_sources(other, tmp_path / "out.opml")

    def values(source: Source) -> tuple[object, ...]:
        kind = "feed" if source.kind == "jsonfeed" else source.kind  # a feed that is JSON is recognised
        return source.name, source.url, kind, source.language, source.topics

    assert [values(s) for s in load(other).sources] == [values(s) for s in config.sources if s.id in "abcde"]
    assert [reason[:2] for reason in report.left_out] == ["F:"]
    assert "source discover" in report.left_out[0]
    (tmp_path / "again.opml").write_bytes(opml.export_sources(load(other)))
    assert opml.import_sources(other, tmp_path / "again.opml") == SourceImportReport(added=())
    assert opml.import_sources(config.file, tmp_path / "out.opml") == SourceImportReport(added=())

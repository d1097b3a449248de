"""Backup and restore, retention, hiding, and the list of sources in and out."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from lxml import etree

from aggregator import maintenance, story_view, text
from aggregator.config import load
from aggregator.config.opml_import import OpmlError
from aggregator.dedupe import editor_decisions
from aggregator.digests import run as digest
from aggregator.discovery import opml
from aggregator.errors import StoreError, UnknownName
from aggregator.model.config import Source
from aggregator.model.publishing import ImportReport
from aggregator.polling import fetch
from aggregator.publishing import publish
from tests.builders import rss
from tests.conftest import Clock, Web, Workplace
from tests.hostile_strings import VECTORS, terminal_faults


@pytest.fixture
def fetched(place: Workplace, web: Web) -> Workplace:
    """A place with two published stories of today."""
    items = [
        {"title": f"News {n}", "link": f"https://node.example/{n}", "description": f"Words about {n}. " * 40}
        for n in (1, 2)
    ]
    web.feed("/feed", rss(*items), '"1"')
    place.write(
        f"sources:\n  - {{id: node, name: Node, url: '{web.url}/feed'}}\n"
        "digests:\n  - {id: weekly, title: Weekly, schedule: 'mon 08:00', recipients: [a@x.example]}\n"
    )
    fetch.run(place.app())
    return place


def story_of(place: Workplace, title: str) -> str:
    """The id of the story with this title."""
    conn = sqlite3.connect(place.database)
    try:
        return str(conn.execute("SELECT id FROM stories WHERE title = ?", [title]).fetchone()[0])
    finally:
        conn.close()


def test_a_backup_restores_everything(fetched: Workplace, tmp_path: Path) -> None:
    """A backup put in place of a lost database publishes the same bytes, and is its owner's only."""
    target = tmp_path / "backup.db"
    assert maintenance.backup(fetched.app().config, target) == target.stat().st_size
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    before = (fetched.public / "atom.xml").read_bytes()
    shutil.rmtree(fetched.database.parent)
    shutil.rmtree(fetched.public)
    fetched.database.parent.mkdir()
    shutil.copy(target, fetched.database)
    publish.run(fetched.app())
    assert (fetched.public / "atom.xml").read_bytes() == before


def test_a_backup_that_cannot_be_written_leaves_the_last_one(fetched: Workplace, tmp_path: Path) -> None:
    """A backup appears whole or not at all."""
    with pytest.raises(StoreError, match="cannot be written"):
        maintenance.backup(fetched.app().config, tmp_path / "nowhere" / "backup.db")
    assert list(tmp_path.glob("**/*.draft")) == []


def test_retention_takes_texts_and_visits_but_no_story(fetched: Workplace, clock: Clock, web: Web) -> None:
    """Old visits, runs and texts go; titles, links, excerpts and identifiers stay, and nothing is told anew."""
    clock.now += timedelta(days=800)
    report = maintenance.prune(fetched.app())
    assert (report.visits, report.runs, report.texts) == (1, 1, 2)
    conn = sqlite3.connect(fetched.database)
    assert conn.execute("SELECT count(*), max(text), min(excerpt) <> '' FROM items").fetchone() == (2, "", 1)
    assert conn.execute("SELECT count(*) FROM aliases").fetchone() == (6,)
    conn.close()
    again = fetch.run(fetched.app(), force=True)
    assert (again.new_items, again.new_stories) == (0, 0)
    assert maintenance.prune(fetched.app()).texts == 0


def test_an_edit_after_retention_is_no_significant_edit(fetched: Workplace, clock: Clock, web: Web) -> None:
    """A text that is compared with one that was taken away does not move `updated` (E1)."""
    clock.now += timedelta(days=800)
    maintenance.prune(fetched.app())
    item = {"title": "News 1", "link": "https://node.example/1", "description": "Quite other words. " * 50}
    web.feed("/feed", rss(item), '"2"')
    fetch.run(fetched.app(), force=True)
    conn = sqlite3.connect(fetched.database)
    assert conn.execute("SELECT count(*) FROM stories WHERE updated > published").fetchone() == (0,)
    conn.close()


def test_prune_is_due_once_a_day(fetched: Workplace, clock: Clock) -> None:
    """The daemon asks often and prunes once a day."""
    assert maintenance.prune_if_due(fetched.app()) is not None
    assert maintenance.prune_if_due(fetched.app()) is None
    clock.now += timedelta(days=1)
    assert maintenance.prune_if_due(fetched.app()) is not None


def test_a_hidden_story_is_nowhere_and_comes_back_as_it_was(fetched: Workplace) -> None:
    """Hidden: out of feed, page, search and digest with the next run; shown again: the same entry."""
    before = (fetched.public / "atom.xml").read_bytes()
    story = story_of(fetched, "News 1")
    assert editor_decisions.set_hidden(fetched.app(), [story], "anna", hidden=True) == [story]
    assert fetch.run(fetched.app()).visited == 0
    assert b"News 1" not in (fetched.public / "atom.xml").read_bytes()
    assert b"News 1" not in (fetched.public / "index.html").read_bytes()
    assert story_view.search(fetched.app().config, "News 1", 10) == []
    conn = sqlite3.connect(fetched.database)
    assert conn.execute("SELECT story_id, reason FROM tombstones").fetchall() == [(story, "hidden by anna")]
    conn.close()
    assert editor_decisions.set_hidden(fetched.app(), [story], "anna", hidden=True) == []
    assert editor_decisions.set_hidden(fetched.app(), [story[:8]], "anna", hidden=False) == [story]
    fetch.run(fetched.app())
    after = (fetched.public / "atom.xml").read_bytes()
    assert after == before


def test_a_hidden_story_is_not_mailed(fetched: Workplace) -> None:
    """What an editor took out before the digest is not in it."""
    editor_decisions.set_hidden(fetched.app(), [story_of(fetched, "News 1")], "anna", hidden=True)
    digest.run(fetched.app())
    (letter,) = (fetched.folder / "var" / "outbox").iterdir()
    assert b"News 2" in letter.read_bytes() and b"News 1" not in letter.read_bytes()


def test_an_unknown_story_changes_nothing(fetched: Workplace) -> None:
    """One wrong id and no story is hidden."""
    story = story_of(fetched, "News 1")
    with pytest.raises(UnknownName, match="nothing was changed"):
        editor_decisions.set_hidden(fetched.app(), [story, "nonsense"], "anna", hidden=True)
    assert story_view.read(fetched.app().config, story).story.id == story


OPML = """<?xml version="1.0"?><opml version="2.0"><head><title>t</title></head><body>
<outline text="Folder"><outline text="Übersicht: &quot;Neues&quot;" type="rss" xmlUrl="https://new.example/feed"/></outline>
<outline text="Known" xmlUrl="{known}"/><outline text="Übersicht" xmlUrl="https://other.example/feed?a=1&amp;b=2"/>
<outline text="No feed" url="https://x.example/"/><outline text="Odd" xmlUrl="javascript:alert(1)"/>
</body></opml>"""


def test_opml_comes_in_and_all_else_stays(fetched: Workplace, web: Web, tmp_path: Path) -> None:
    """Feeds that feeds.yaml has not are added under free ids; every other byte of the file stays."""
    file = fetched.folder / "feeds.yaml"
    before = file.read_text("utf-8").replace("digests:", "# a comment\ndigests:")
    file.write_text(before, encoding="utf-8")
    (tmp_path / "in.opml").write_text(OPML.format(known=web.url + "/feed"), encoding="utf-8")
    brought = opml.import_sources(file, tmp_path / "in.opml")
    assert brought.added == ("ubersicht-neues", "ubersicht")
    assert [words.partition(":")[0] for words in brought.left_out] == ["No feed", "Odd"]
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
def test_what_is_no_opml_is_refused(fetched: Workplace, tmp_path: Path, body: bytes) -> None:
    """A wrong, torn or hostile file is one clear error and changes nothing."""
    file = fetched.folder / "feeds.yaml"
    before = file.read_bytes()
    (tmp_path / "in.opml").write_bytes(body)
    with pytest.raises(OpmlError) as refused:
        opml.import_sources(file, tmp_path / "in.opml")
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 300
    assert file.read_bytes() == before
    assert [one.name for one in file.parent.glob(".feeds*")] == []


@pytest.mark.parametrize("vector", VECTORS)
def test_hostile_opml_adds_what_it_names(place: Workplace, tmp_path: Path, vector: str) -> None:
    """Whatever an outline calls itself becomes a name, and nothing else of feeds.yaml changes."""
    before = "sources:\n  - {id: a, name: A, url: 'https://a.example/feed'}\ntopics: {data: [FAIR]}\n"
    file = place.write(before)
    words = text.legal(vector)
    body = etree.Element("opml", version="2.0")
    inner = etree.SubElement(body, "body")
    for n, url in enumerate(
        ("https://x.example/feed", "https://x.example/feed", "https://y.example/feed", words)
    ):
        said = {"text": words, "title": words, "type": words, "language": words, "category": f"{words},ok"}
        etree.SubElement(inner, "outline", said | {"xmlUrl": url, "description": str(n)})
    (tmp_path / "in.opml").write_bytes(etree.tostring(body))
    brought = opml.import_sources(file, tmp_path / "in.opml")
    config = load(file)
    urls = [source.url for source in config.sources]
    assert urls[:3] == ["https://a.example/feed", "https://x.example/feed", "https://y.example/feed"]
    assert len(urls) + len(brought.left_out) == 4
    name = text.line(words)
    assert config.sources[1].name == (name[:300].rstrip() if name else "https://x.example/feed")
    assert config.topics[0].topic == "data"
    assert not terminal_faults("\n".join((*brought.added, *brought.left_out)))


@pytest.mark.parametrize("sources", ["sources: []", "sources:", "sources: # none yet"])
def test_opml_into_an_empty_list(place: Workplace, tmp_path: Path, sources: str) -> None:
    """A file without sources takes its first ones."""
    file = place.write(sources + "\ntopics: {data: [FAIR]}\n")
    (tmp_path / "in.opml").write_text(OPML.format(known="https://known.example/"), encoding="utf-8")
    assert len(opml.import_sources(file, tmp_path / "in.opml").added) == 3
    assert len(load(file).sources) == 3


def test_an_import_keeps_mode_owner_and_link(place: Workplace, tmp_path: Path) -> None:
    """A feeds.yaml that is a link to a file of another user with other rights is that afterwards, with more in it."""
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


def test_what_goes_out_comes_in(place: Workplace, tmp_path: Path) -> None:
    """Export and import are inverse: another installation gets the same sources, but for pages, which are named."""
    config = load(place.write(EVERY_KIND))
    (tmp_path / "out.opml").write_bytes(opml.export_sources(config))
    other = tmp_path / "other.yaml"
    other.write_text(
        "site: {title: T, url: 'https://t.example/', contact: t@t.example, authority: 't.example,2026'}\nsources: []\n"
    )
    brought = opml.import_sources(other, tmp_path / "out.opml")

    def told(source: Source) -> tuple[object, ...]:
        kind = "feed" if source.kind == "jsonfeed" else source.kind  # a feed that is JSON is recognised
        return source.name, source.url, kind, source.language, source.topics

    assert [told(s) for s in load(other).sources] == [told(s) for s in config.sources if s.id in "abcde"]
    assert [words[:2] for words in brought.left_out] == ["F:"]
    assert "source discover" in brought.left_out[0]
    (tmp_path / "again.opml").write_bytes(opml.export_sources(load(other)))
    assert opml.import_sources(other, tmp_path / "again.opml") == ImportReport(added=())
    assert opml.import_sources(config.file, tmp_path / "out.opml") == ImportReport(added=())


def test_the_database_is_no_place_for_its_backup(fetched: Workplace) -> None:
    """A backup onto the live file is refused."""
    with pytest.raises(StoreError, match="is the database itself"):
        maintenance.backup(fetched.app().config, fetched.database)


def test_hiding_beside_a_changed_file_harms_no_run(fetched: Workplace) -> None:
    """L1: hiding touches the story alone; what was published before is found unfinished by the next run."""
    file = fetched.folder / "feeds.yaml"
    file.write_text(file.read_text() + "channels: [{id: new, title: New}]\n")
    editor_decisions.set_hidden(fetched.app(), [story_of(fetched, "News 1")], "anna", hidden=True)
    fetch.run(fetched.app())
    assert b"News 1" not in (fetched.public / "channels/new/atom.xml").read_bytes()
    assert b"News 2" in (fetched.public / "channels/new/atom.xml").read_bytes()

"""Snapshots: their files, provenance, licences, equal bytes, and wrong input."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tracemalloc
import zipfile
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from aggregator import config, maintenance
from aggregator.dedupe import editor_commands
from aggregator.errors import FilesError
from aggregator.gateways.new_folder import new_folder, new_zip
from aggregator.model.reports import QuarantineStep
from aggregator.model.snapshots import SnapshotMetadata, SnapshotStory
from aggregator.publishing import snapshot_metadata, snapshot_stories, write_snapshot
from aggregator.store import quarantined
from aggregator.store.connection import opened
from tests import benchmark_scripts
from tests.builders import NOW, publisher, rss, site
from tests.command import Output, call, run
from tests.conftest import Clock, Web, Workplace
from tests.feed_validators import atom, opml
from tests.publishing.events import parsed
from tests.publishing.test_publish import poll, write

FILES = [
    ".zenodo.json",
    "2026-10.xml",
    "README.md",
    "SHA256SUMS",
    "datapackage.json",
    "events.ics",
    "sources.opml",
    "stories.jsonl",
]
WHOLE = "This sentence stands behind the first three hundred characters."
LONG = f"{'The microscope has a new stage. ' * 12}{WHOLE}"
PEOPLE = ("reader@people.example", "writer@people.example", "editors@news.example")


def entry(n: int, title: str, text: str = LONG) -> dict[str, str]:
    """Return an RSS item of the morning of NOW."""
    return {
        "title": title,
        "link": f"https://node.example/news/{n}",
        "guid": f"g{n}",
        "description": text,
        "pubDate": f"Mon, 05 Oct 2026 05:{n:02}:00 +0000",
    }


STORIES = (
    entry(1, "Course on light-sheet microscopy in Turin, 12-14 November 2026"),
    entry(2, "A | title with `marks` <b>&amp;</b>, “quotes” and \u2028 a line"),
    entry(3, "An item that an editor hides", f"{LONG} Hidden words."),
    entry(4, "A postdoctoral position in Ghent"),
    entry(5, "A survey of image data storage"),
)
COPY = entry(6, "An unlike report of the survey")


@pytest.fixture(scope="module")
def autumn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder after October, with edits, removed and merged stories, and subscribers."""
    place = Workplace(tmp_path_factory.mktemp("autumn"), Clock())
    open_, closed = Web(), Web()
    open_.feed("/feed", rss(*STORIES), '"1"')
    closed.feed("/feed", rss(COPY, entry(7, "A closed item")), '"1"')
    write(
        place,
        {"open": open_, "closed": closed},
        'digests: [{id: weekly, title: W, schedule: "mon 08:00", recipients: [reader@people.example]}]\n',
        open=", full_text: true, licence: CC BY 4.0",
    )
    poll(place)
    assert call(place, "subscriber", "add", "writer@people.example", "--confirmed", "at a desk").code == 0
    named = {title: id_ for id_, title in stories(place)}
    place.clock.now = NOW + timedelta(days=1)
    edited = entry(1, "Cancelled stage: course in Turin, 12-14 November 2026")
    open_.feed("/feed", rss(edited, *STORIES[1:]), '"2"')
    hide(place, named[STORIES[2]["title"]])
    editor_commands.merge(place.app(), [named[STORIES[4]["title"]], named[COPY["title"]]], "an editor")
    poll(place)
    place.clock.now = NOW + timedelta(days=30)
    poll(place)
    for server in (open_, closed):
        server.close()
    return place.folder


@pytest.fixture
def october(autumn: Path, place: Workplace, clock: Clock) -> Workplace:
    """Return a workplace with a copy of that folder, in November."""
    shutil.copytree(autumn, place.folder, dirs_exist_ok=True)
    clock.now = NOW + timedelta(days=30)
    return place


def hide(place: Workplace, id_: str) -> None:
    """Hide a story as an editor does."""
    editor_commands.hide(place.app(), [id_], "an editor", withdrawn=False)


def stories(place: Workplace) -> list[tuple[str, str]]:
    """Return ids and titles of all stories."""
    with closing(sqlite3.connect(place.database)) as db:
        return db.execute("SELECT id, title FROM stories").fetchall()


def snapshot(place: Workplace, *args: str, **env: str) -> Output:
    """Run `aggregator snapshot`."""
    return call(place, "snapshot", *args, **env)


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the bytes of all files of a folder."""
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def made(place: Workplace, *args: str, name: str = "made", **env: str) -> dict[str, bytes]:
    """Write a snapshot and return its files."""
    assert snapshot(place, "--out", name, *args, **env) == Output(0, "", "")
    return files_of(place.folder / name)


def lines(files: dict[str, bytes]) -> list[dict[str, Any]]:
    """Return the stories of a snapshot."""
    return [json.loads(line) for line in files["stories.jsonl"].decode().splitlines()]


def test_files_and_checksums(october: Workplace) -> None:
    """The last month is written; SHA256SUMS and the report have the hashes of all files."""
    report = json.loads(snapshot(october, "--json").out)
    files = files_of(october.folder / "snapshot-2026-10")
    assert [*files] == FILES
    hashes = {name: hashlib.sha256(body).hexdigest() for name, body in files.items()}
    assert {each["path"]: each["sha256"] for each in report["files"]} == hashes
    sums = hashes.copy()
    del sums["SHA256SUMS"]
    assert files["SHA256SUMS"].decode() == "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))
    assert (report["month"], report["stories"], report["removed"], report["left_out"]) == (
        "2026-10",
        5,
        2,
        [],
    )


def test_stories_have_their_provenance(october: Workplace) -> None:
    """Each item of a story has source, link, dates and licence; edits and events are stated."""
    by_title = {each["title"]: each for each in lines(made(october)) if each["status"] == "published"}
    survey = by_title["A survey of image data storage"]
    assert [(item["source"], item["licence"]) for item in survey["items"]] == [
        ("open", "CC BY 4.0"),
        ("closed", None),
    ]
    assert survey["items"][1] | {"feed": ""} == {
        "source": "closed",
        "publisher": "The closed",
        "feed": "",
        "title": "An unlike report of the survey",
        "link": "https://node.example/news/6",
        "published": "2026-10-05T05:06:00Z",
        "first_seen": "2026-10-05T06:30:00Z",
        "language": survey["items"][1]["language"],
        "licence": None,
    }
    course = by_title["Cancelled stage: course in Turin, 12-14 November 2026"]
    assert [(e["kind"], e["start"], e["end"], e["place"]) for e in course["events"]] == [
        ("course", "2026-11-12", "2026-11-14", "Turin")
    ]
    assert course["corrections"] == [
        {
            "at": "2026-10-06T06:30:00Z",
            "title_before": "Course on light-sheet microscopy in Turin, 12-14 November 2026",
            "title_after": "Cancelled stage: course in Turin, 12-14 November 2026",
        }
    ]


def test_texts_follow_licences(october: Workplace) -> None:
    """Whole texts are those of the licensed source; a removed story has no words in any file."""
    files = made(october)
    for line in lines(files):
        licensed = line["status"] == "published" and line["items"][0]["source"] == "open"
        assert (WHOLE in json.dumps(line)) == licensed
        assert len(line["summary"] or "") <= 300
    everything = b"".join(files.values()).decode()
    assert "An item that an editor hides" not in everything and "Hidden words" not in everything
    removed = [line for line in lines(files) if line["status"] != "published"]
    given = {line["status"]: {key for key, value in line.items() if value is not None} for line in removed}
    assert given == {"removed": {"id", "status", "removed"}, "merged": {"id", "status", "removed", "became"}}


def test_no_address_of_a_person(october: Workplace) -> None:
    """No file has an address of a subscriber, a recipient or the contact."""
    everything = b"".join(made(october).values()).decode()
    assert not [address for address in PEOPLE if address in everything]
    assert {found.rpartition("@")[2] for found in re.findall(r"[\w.+-]+@[\w.-]+", everything)} <= {
        "news.example"
    }


def test_archive_document_is_the_published_one(october: Workplace) -> None:
    """The Atom document has the bytes of archive/2026-10.xml and is valid."""
    body = made(october)["2026-10.xml"]
    assert body == (october.public / "archive" / "2026-10.xml").read_bytes()
    assert atom.problems(body, "https://news.example/archive/2026-10.xml", NOW + timedelta(days=40)) == []
    ids = set(re.findall(rb"<id>(tag:[^<]*:story/[^<]+)</id>", body))
    assert ids == {
        each["id"].encode() for each in lines(made(october, name="b")) if each["status"] == "published"
    }


def test_calendar_and_sources(october: Workplace) -> None:
    """An independent parser reads the events, a validator the sources of the stories."""
    files = made(october)
    (event,) = parsed(files["events.ics"]).events
    assert (str(event.dtstart), str(event.dtend)) == ("2026-11-12", "2026-11-15")
    assert opml.problems(files["sources.opml"], "https://news.example/sources.opml") == []
    assert files["sources.opml"].count(b"<outline") == 2


def test_bytes_are_reproducible(october: Workplace) -> None:
    """A copy of the database gives the same bytes later, in another zone, language and order."""
    first = made(october)
    copy = october.database.with_name("copy.db")
    maintenance.backup(october.app().config, copy)
    with sqlite3.connect(copy) as db:
        db.execute("VACUUM")
    for beside in october.database.parent.glob("aggregator.db*"):
        beside.unlink()
    copy.rename(october.database)
    october.clock.now += timedelta(days=200)
    ended = run(
        october, "snapshot", "--month", "2026-10", "--out", "later",
        TZ="Pacific/Kiritimati", LC_ALL="C", PYTHONHASHSEED="7",
        AGGREGATOR_NOW="2027-06-01T00:00:00+00:00",
    )  # fmt: skip
    assert ended == Output(0, "", "")
    assert files_of(october.folder / "later") == first


def test_zip_has_the_same_files(october: Workplace) -> None:
    """`--zip` writes one file with the files of the folder; its bytes are reproducible, too."""
    files = made(october)
    for name in ("a", "b.zip"):
        assert snapshot(october, "--zip", "--out", name) == Output(0, "", "")
    first, second = (october.folder / name for name in ("a.zip", "b.zip"))
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as packed:
        assert packed.testzip() is None
        assert {name: packed.read(name) for name in packed.namelist()} == files


def test_a_removal_changes_the_version(october: Workplace, clock: Clock) -> None:
    """A story that is hidden after the month makes another version of its snapshot."""
    before = json.loads(made(october)["datapackage.json"])["version"]
    named = {title: id_ for id_, title in stories(october)}
    clock.now = NOW + timedelta(days=45)
    hide(october, named["A postdoctoral position in Ghent"])
    files = made(october, "--month", "2026-10", name="again")
    assert before == "2026.10.20261006"
    assert json.loads(files["datapackage.json"])["version"] == "2026.10.20261119"
    assert b"Ghent" not in b"".join(files.values())


def test_description_for_programs(october: Workplace) -> None:
    """datapackage.json keeps the rules of Data Package 1 and 2 for the keys that it has."""
    files = made(october)
    package = json.loads(files["datapackage.json"])
    assert package_problems(package, files) == []
    fields = {field["name"]: field["type"] for field in package["resources"][0]["schema"]["fields"]}
    types: dict[str, type | tuple[type, ...]] = {"string": str, "datetime": str, "array": list}
    for line in lines(files):
        assert [*line] == [*fields]
        assert all(value is None or isinstance(value, types[fields[key]]) for key, value in line.items())
    zenodo = json.loads(files[".zenodo.json"])
    assert {"title", "creators", "description", "upload_type", "license", "version"} <= set(zenodo)
    assert (zenodo["upload_type"], zenodo["license"]) == ("dataset", "other-closed")


def package_problems(package: dict[str, Any], files: dict[str, bytes]) -> list[str]:
    """List violations of the schemas of Data Package 1 and 2."""
    found = [key for key, value in package.items() if value in ([], "", None)]
    if not re.fullmatch(r"[-a-z0-9._/]+", package["name"]):
        found.append("name")
    found += [f"license {each}" for each in package["licenses"] if not {"name", "path"} & set(each)]
    found += [f"source {each}" for each in package["sources"] if "title" not in each]
    found += [f"contributor {each}" for each in package["contributors"] if "title" not in each]
    names = [each["name"] for each in package["resources"]]
    if not names or len(set(names)) < len(names):
        found.append("resources")
    for each in package["resources"]:
        body = files[each["path"]]
        if (each["bytes"], each["hash"]) != (len(body), f"sha256:{hashlib.sha256(body).hexdigest()}"):
            found.append(f"hash of {each['path']}")
        if not re.fullmatch(r"[a-z0-9._-]+", each["name"]) or not re.fullmatch(r".+/.+", each["mediatype"]):
            found.append(f"resource {each['name']}")
        body.decode(each["encoding"])
    schema = package["resources"][0]["schema"]
    known = [field["name"] for field in schema["fields"]]
    if len(set(known)) < len(known) or not set(schema["primaryKey"]) <= set(known):
        found.append("schema")
    return found


LICENCES = [
    ("CC BY 4.0", "CC-BY-4.0"),
    ("CC-BY-SA-4.0", "CC-BY-SA-4.0"),
    ("cc by-nc-nd 3.0 DE", "CC-BY-NC-ND-3.0"),
    ("https://creativecommons.org/licenses/by/4.0/", "CC-BY-4.0"),
    ("Creative Commons BY 4.0 (https://creativecommons.org/licenses/by/4.0/deed.de)", "CC-BY-4.0"),
    ("CC0", "CC0-1.0"),
    ("CC BY 4.0 or CC BY-SA 4.0", None),
    ("CC BY", None),
    ("© 2026 The node", None),
    ("accBY 4.0", None),
    (None, None),
]


@pytest.mark.parametrize(("text", "id_"), LICENCES)
def test_names_of_licences(text: str | None, id_: str | None) -> None:
    """A Creative Commons licence is recognised only by its exact terms and version."""
    found = snapshot_metadata.creative_commons(text)
    assert (found and found[0]) == id_


def test_a_common_licence_is_that_of_the_deposit() -> None:
    """Zenodo's licence is that of the items if all have the same one."""
    contents = SnapshotMetadata(site=site(), month="2026-02", changed=NOW, sources=(publisher(),))
    contents.licences["node", "CC BY 4.0"] += 2
    contents.licences["node", "https://creativecommons.org/licenses/by/4.0/"] += 1
    zenodo = json.loads(snapshot_metadata.zenodo(contents))
    assert zenodo["license"] == "cc-by-4.0"
    assert zenodo["dates"] == [{"type": "Collected", "start": "2026-02-01", "end": "2026-02-28"}]


def test_a_story_that_breaks_is_left_out(october: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A story that cannot be rendered, or could not before, is left out and reported."""
    named = {title: id_ for id_, title in stories(october)}
    broken, aside = named["A postdoctoral position in Ghent"], named["A closed item"]
    with opened(october.database) as store:
        quarantined.add(store, QuarantineStep.PUBLISHING, aside, "ValueError: before", NOW)
    rendered = snapshot_stories.published_line

    def breaking(content: SnapshotStory, *args: Any) -> bytes:
        if content.story.id == broken:
            raise ValueError("no such word")
        return rendered(content, *args)

    monkeypatch.setattr(snapshot_stories, "published_line", breaking)
    ended = snapshot(october, "--out", "made")
    assert (ended.code, ended.err.count("was left out")) == (0, 2)
    ids = {line["id"].rpartition("/")[2] for line in lines(files_of(october.folder / "made"))}
    assert len(ids) == 5 and not {broken, aside} & ids


WRONG = [
    (("--month", "2026-11"), 2, "2026-11 is not over yet"),
    (("--month", "2027-01"), 2, "2027-01 is not over yet"),
    (("--month", "2026-09"), 1, "no stories were announced in 2026-09: stories are from 2026-10"),
    (("--out", "feeds.yaml"), 1, "feeds.yaml is a file"),
    (("--out", "full"), 1, "full is not empty"),
    (("--out", "."), 1, ". is not empty"),
    (("--out", "feeds.yaml/x"), 1, "there is no folder feeds.yaml"),
    (("--out", "no/where"), 1, "there is no folder no"),
    (("--out", "/proc/x"), 1, "/proc/x cannot be written"),
    (("--out", "taken", "--zip"), 1, "taken.zip exists already"),
]


@pytest.mark.parametrize(("args", "code", "message"), WRONG, ids=lambda value: str(value)[:30])
def test_wrong_input_writes_nothing(
    october: Workplace, args: tuple[str, ...], code: int, message: str
) -> None:
    """A wrong month or target gives one line, and no file appears or changes."""
    (october.folder / "full").mkdir()
    (october.folder / "full" / "kept").write_text("x")
    (october.folder / "taken.zip").write_text("x")
    before = everything_in(october.folder)
    ended = snapshot(october, *args)
    assert (ended.code, message in ended.line) == (code, True), ended.err
    assert everything_in(october.folder) == before


def everything_in(folder: Path) -> dict[str, bytes | None]:
    """Return all paths of a folder with their bytes, except those of SQLite's log."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if "aggregator.db-" not in path.name
    }


@pytest.mark.parametrize("month", ["2026-13", "2026-1", "26-10", "2026-10-01", "october", "", "٢٠٢٦-10"])
def test_wrong_form_of_a_month(place: Workplace, month: str) -> None:
    """A text that is no month is wrong usage."""
    place.write("")
    ended = snapshot(place, f"--month={month}")
    assert ended.code == 2 and "is not a month: write it as 2026-10" in ended.err


def test_without_a_database(place: Workplace) -> None:
    """Before the first `fetch` one line says what to do."""
    place.write("")
    ended = snapshot(place)
    assert (ended.code, "run `aggregator fetch` first" in ended.line) == (1, True)
    assert [path.name for path in place.folder.iterdir()] == ["feeds.yaml"]


@pytest.mark.parametrize("opened", [new_folder, new_zip])
@pytest.mark.parametrize(
    ("raised", "expected"),
    [(OSError(28, "No space left on device"), FilesError), (KeyboardInterrupt(), KeyboardInterrupt)],
)
@pytest.mark.parametrize("exists", [True, False])
def test_an_interrupted_snapshot_leaves_nothing(
    tmp_path: Path, opened: Any, raised: BaseException, expected: type[BaseException], exists: bool
) -> None:
    """A full disk or an interrupt leaves neither files nor a draft, also in an empty folder."""
    target = tmp_path / "made"
    if exists and opened is new_folder:
        target.mkdir()
    before = everything_in(tmp_path)
    with pytest.raises(expected), opened(target) as folder:
        folder.write("a", b"x")
        raise raised
    assert everything_in(tmp_path) == before


KILLED = """
import os, signal, sys
from pathlib import Path
from aggregator.gateways import new_folder
with getattr(new_folder, sys.argv[1])(Path(sys.argv[2])) as folder:
    folder.write("a", b"partial")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("opened", "exists"), [(new_folder, False), (new_folder, True), (new_zip, False)])
def test_the_draft_of_a_killed_run_is_removed(tmp_path: Path, opened: Any, exists: bool) -> None:
    """The run after a killed one writes its snapshot and removes the draft of that."""
    target = tmp_path / "made"
    if exists:
        target.mkdir()
    command = [sys.executable, "-c", KILLED, opened.__name__, str(target)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert any(".draft-" in path for path in everything_in(tmp_path))
    with opened(target) as folder:
        folder.write("a", b"x")
    assert target.exists()
    assert not any(".draft-" in path for path in everything_in(tmp_path))


def test_the_draft_of_another_run_stays(tmp_path: Path) -> None:
    """Two runs that write to one place at once: the first to end succeeds, the other is refused."""
    target = tmp_path / "made"
    with pytest.raises(FilesError, match="cannot be written"), new_folder(target) as first:
        first.write("a", b"1")
        with new_folder(target) as second:
            second.write("a", b"2")
        first.write("b", b"1")
    assert {path.name: path.read_bytes() for path in target.iterdir()} == {"a": b"2"}
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_an_empty_folder_is_filled(october: Workplace) -> None:
    """An empty folder, such as a mount point, is not replaced but gets the files."""
    folder = october.folder / "empty"
    folder.mkdir()
    number = folder.stat().st_ino
    assert [*made(october, name="empty")] == FILES
    assert folder.stat().st_ino == number


@pytest.mark.soak
def test_memory_does_not_grow_with_the_month(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A month with eight times the stories needs nearly the same memory."""
    scale = benchmark_scripts.load("scale")
    monkeypatch.setattr(scale, "_prepare_pages", lambda *_: None)
    peaks = []
    for size in (1_000, 8_000):
        monkeypatch.setattr(scale, "STORIES_A_DAY", size / 10)
        folder = tmp_path / str(size)
        folder.mkdir()
        scale.fill(folder, size)
        with sqlite3.connect(folder / "var" / "aggregator.db") as db:
            (month,) = db.execute("SELECT month FROM stories GROUP BY 1 ORDER BY count(*) DESC").fetchone()
        tracemalloc.start()
        write_snapshot.write(
            config.load(folder / "feeds.yaml"), month, folder / "made", NOW + timedelta(days=90)
        )
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.5

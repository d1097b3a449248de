"""The commands: their output, effects and exit codes."""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import pty
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from aggregator import __version__
from aggregator.app import build
from tests.builders import NOW, rss
from tests.command import PROGRAM, Output, call, news, one_source, run
from tests.conftest import Answer, Web, Workplace
from tests.processes import until
from tests.web_server import Asked

HOUR = timedelta(hours=1)

FETCH_KEYS = {
    "visited", "unchanged", "changed", "failed", "not_due", "new_items", "updated_items", "new_stories",
    "joined_stories", "held", "documents_written", "seconds", "sources",
}  # fmt: skip
FETCH_SOURCE_KEYS = {"id", "outcome", "status", "reason", "new_items", "next_visit"}
STATUS_KEYS = {"sources", "stories", "items", "subscribers", "owed", "runs"}
STATUS_SOURCE_KEYS = {
    "id", "state", "last_success", "last_attempt", "next_visit", "failures", "reason", "items", "stories",
}  # fmt: skip


def dump(place: Workplace) -> list[str]:
    """Return everything in the database."""
    conn = sqlite3.connect(place.database)
    try:
        return list(conn.iterdump())
    finally:
        conn.close()


def files(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file below a folder with its inode and time, which change when it is written.

    SQLite's own `-wal` and `-shm` come and go with every connection, a reading one too.
    """
    return {
        str(file.relative_to(folder)): (file.stat().st_ino, file.stat().st_mtime_ns)
        for file in folder.rglob("*")
        if file.is_file() and not file.name.endswith(("-wal", "-shm"))
    }


# --- check ---------------------------------------------------------------------------------------------


def test_check_of_a_valid_file(place: Workplace, web: Web) -> None:
    """`check` of a valid file ends with 0 and prints counts; it requests and creates nothing."""
    said = run(one_source(place, web), "check")
    assert (said.code, said.err) == (0, "")
    assert said.out == "feeds.yaml is valid: 1 source enabled, 0 disabled; 1 channel, 1 digest\n"
    assert [file.name for file in place.folder.iterdir()] == ["feeds.yaml"]
    assert web.asked == []


def test_check_names_the_placeholder(place: Workplace) -> None:
    """`check` reports that the contact is still the placeholder (V7)."""
    place.write(
        "",
        head='site: {title: T, url: "https://a.example/", contact: news@example.org, authority: "a,2026"}\n',
    )
    said = call(place, "check")
    assert said.code == 0
    assert "site.contact is still the placeholder" in said.out


def test_problems_name_the_file_as_the_option_does(place: Workplace) -> None:
    """With `-c` each problem begins with the path of the file, from any folder."""
    file = place.write("sources: 5\n")
    said = call(Workplace(place.folder.parent, place.clock), "-c", str(file), "check")
    assert said.code == 78 and said.err.startswith(f"{file}:5: sources: ")


# --- fetch ---------------------------------------------------------------------------------------------


def test_cron_run_prints_nothing(place: Workplace, web: Web) -> None:
    """Without a terminal, successful runs of `fetch`, `digest run` and `publish` print nothing."""
    one_source(place, web)
    quiet = Output(0, "", "")
    assert (run(place, "fetch"), run(place, "digest", "run")) == (quiet, quiet)
    assert (call(place, "fetch", "--force"), call(place, "publish")) == (quiet, quiet)
    assert [asked.path for asked in web.asked] == ["/feed", "/feed"]
    assert b"Microscope number 1" in (place.public / "atom.xml").read_bytes()
    assert len(list((place.folder / "var/outbox").iterdir())) == 1


def test_cron_needs_no_environment(place: Workplace, web: Web) -> None:
    """The environment of cron, without locale or home, is enough for any language."""
    one_source(place, web, news(1, title="Mikroskopie für Größen · 顕微鏡"))
    bare = ("/usr/bin/env", "-i", sys.executable, "-m", "aggregator")
    assert call(place, "fetch") == Output(0, "", "")
    said = run(place, "search", "顕微鏡", program=bare)
    assert (said.code, said.err) == (0, "")
    assert "Mikroskopie für Größen · 顕微鏡" in said.out


def test_fetch_json(place: Workplace, web: Web) -> None:
    """`fetch --json` prints one object with every key of the public contract."""
    said = call(one_source(place, web), "fetch", "--json")
    assert (said.code, said.err) == (0, "")
    report = json.loads(said.out)
    assert set(report) - {"notices", "pushes"} == FETCH_KEYS
    assert (report["visited"], report["changed"], report["new_items"], report["new_stories"]) == (1, 1, 2, 2)
    assert {"atom.xml", "index.html", "sources.opml"} <= set(report["documents_written"])
    (source,) = report["sources"]
    assert set(source) == FETCH_SOURCE_KEYS
    assert (source["id"], source["outcome"], source["status"], source["new_items"]) == (
        "node",
        "changed",
        200,
        2,
    )


def test_idle_fetch(site: Workplace, web: Web) -> None:
    """If no source is due, `fetch` requests and writes nothing and reports the same keys (V6)."""
    before = files(site.folder)
    said = run(site, "fetch", "--json")
    report = json.loads(said.out)
    assert (said.code, said.err) == (0, "")
    assert set(report) - {"notices", "pushes"} == FETCH_KEYS
    assert (report["visited"], report["not_due"], report["sources"]) == (0, 1, [])
    assert web.asked == []
    assert files(site.folder) == before
    assert call(site, "-v", "fetch").out == "no source is due; 1 is scheduled for later\n"


def test_idle_fetch_detects_a_changed_file(site: Workplace, web: Web) -> None:
    """A changed feeds.yaml is published at once, even if no source is due (P1)."""
    one_source(site, web)
    site.write((site.folder / "feeds.yaml").read_text() + "channels: [{id: extra, title: Extra}]\n", head="")
    report = json.loads(call(site, "fetch", "--json").out)
    assert (report["visited"], report["not_due"]) == (0, 1)
    assert "channels/extra/atom.xml" in report["documents_written"]


def test_verbose_fetch(place: Workplace, web: Web) -> None:
    """With `-v` and no terminal `fetch` prints visits, items and the first documents."""
    said = call(one_source(place, web), "-v", "fetch")
    assert said.out.startswith("1 source visited: 1 changed, 0 unchanged, 0 failed; 0 not due")
    assert "2 new items, 0 updated: 2 new stories" in said.out
    written = said.out.splitlines()[-1]
    assert " documents written: archive/2026-10.xml, rss.xml, " in written
    total, named = int(written.split()[0]), written.count(", ") + 1
    assert written.endswith(f" and {total - named} more") and named == 6


def two_sources(place: Workplace, webs: Callable[[], Web]) -> tuple[Web, Web]:
    """Configure sources `one` and `two`, each on a server of its own."""
    servers = webs(), webs()
    for web in servers:
        web.feed("/feed", rss(news(1)), '"1"')
    listed = zip(("one", "two"), servers, strict=True)
    place.write(
        "sources:\n" + "".join(f"  - {{id: {id_}, name: N, url: '{web.url}/feed'}}\n" for id_, web in listed)
    )
    return servers


def test_fetch_of_named_sources(place: Workplace, webs: Callable[[], Web]) -> None:
    """`fetch SOURCE` visits no other source."""
    one, two = two_sources(place, webs)
    report = json.loads(call(place, "fetch", "two", "--json").out)
    assert [source["id"] for source in report["sources"]] == ["two"]
    assert (len(one.asked), len(two.asked)) == (0, 1)


def test_force(site: Workplace, web: Web) -> None:
    """`--force` visits a source that is not due, still by a conditional request (V3)."""
    report = json.loads(call(site, "fetch", "--force", "--json").out)
    assert (report["visited"], report["unchanged"], report["documents_written"]) == (1, 1, [])
    assert [asked.headers["if-none-match"] for asked in web.asked] == ['"1"']


@pytest.mark.parametrize(("broken", "well", "code"), [(3, 0, 1), (2, 0, 0), (3, 1, 0)])
def test_exit_code_when_sources_fail(
    place: Workplace, webs: Callable[[], Web], broken: int, well: int, code: int
) -> None:
    """A run fails only if all of at least three due sources fail (L3)."""
    servers = [webs() for _ in range(broken + well)]
    for web in servers[broken:]:
        web.feed("/feed", rss(news(1)), '"1"')
    place.write(
        "sources:\n"
        + "".join(f"  - {{id: s{n}, name: S, url: '{web.url}/feed'}}\n" for n, web in enumerate(servers))
    )
    said = call(place, "fetch", "--json")
    report = json.loads(said.out)
    assert (said.code, report["visited"], report["failed"]) == (code, broken + well, broken)
    lines = said.err.splitlines()
    assert lines[:broken] == [
        f"s{n} ({servers[n].url}/feed): failing: not found (404)" for n in range(broken)
    ]
    all_fail = "all 3 due sources fail (first: s0: not found (404)); `aggregator status` has advice on each"
    assert lines[broken:] == [f"aggregator: {all_fail}"] * code


def test_dead_network(place: Workplace, webs: Callable[[], Web]) -> None:
    """Servers that refuse connections fail one by one, and together they fail the run (L3)."""
    servers = [webs() for _ in range(3)]
    place.write(
        "sources:\n"
        + "".join(f"  - {{id: s{n}, name: S, url: '{web.url}/feed'}}\n" for n, web in enumerate(servers))
    )
    for web in servers:
        web.close()
    said = call(place, "fetch")
    assert (said.code, said.out) == (1, "")
    assert [line.partition(": ")[2] for line in said.err.splitlines()] == [
        *["failing: the server refused the connection"] * 3,
        "all 3 due sources fail (first: s0: the server refused the connection); check the network connection",
    ]


def test_change_of_state_is_printed_once(place: Workplace, web: Web) -> None:
    """A failing source is printed once, also under cron, and so is its recovery (V8)."""
    one_source(place, web)
    working = web.answers["/feed"]
    web.answers["/feed"] = Answer(status=404)
    failing, again = call(place, "fetch"), call(place, "fetch", "--force")
    web.answers["/feed"] = working
    well, still = call(place, "fetch", "--force"), call(place, "fetch", "--force")
    assert [said.code for said in (failing, again, well, still)] == [0, 0, 0, 0]
    assert failing.line == f"node ({web.url}/feed): failing: not found (404)"
    assert well.line == f"node ({web.url}/feed): well again"
    assert again.err == still.err == ""


def test_change_of_state_is_printed_although_publishing_fails(place: Workplace, web: Web) -> None:
    """A run that fails still prints changes of state, because later runs would not (V8)."""
    web.answers["/feed"] = Answer(status=404)
    place.write(f"sources:\n  - {{id: node, name: N, url: '{web.url}/feed'}}\n")
    place.public.write_text("in the way")
    first, second = call(place, "fetch"), call(place, "fetch", "--force")
    assert (first.code, second.code, len(web.asked)) == (1, 1, 2)
    assert (first.err + second.err).count("failing: not found (404)") == 1


# --- publish -------------------------------------------------------------------------------------------


def test_publish_repairs_files(site: Workplace) -> None:
    """`publish` writes files that are missing or altered and touches no other (PB13)."""
    atom = (site.public / "atom.xml").read_bytes()
    (site.public / "atom.xml").write_bytes(b"altered")
    (site.public / "index.html.gz").unlink()
    opml = files(site.public)["sources.opml"]
    said = call(site, "publish", "--json")
    assert (said.code, said.err) == (0, "")
    report = json.loads(said.out)
    assert sorted(report["documents_written"]) == ["atom.xml", "index.html"]
    assert report["unchanged"] >= 1
    assert (site.public / "atom.xml").read_bytes() == atom
    assert files(site.public)["sources.opml"] == opml
    assert call(site, "-v", "publish").out.startswith("0 documents written, ")


PACKED = (".gz", ".png", ".ico")
"""Suffixes of files that are compressed already."""


def test_every_document_has_its_gzip(site: Workplace) -> None:
    """Each document has a .gz of the same bytes, made without a time (P4)."""
    documents = [file for file in site.public.rglob("*") if file.is_file() and file.suffix not in PACKED]
    assert len(documents) >= 3
    for document in documents:
        packed = document.with_name(document.name + ".gz").read_bytes()
        assert gzip.decompress(packed) == document.read_bytes()
        assert packed[4:8] == b"\0\0\0\0"


# --- digest --------------------------------------------------------------------------------------------


def test_digest_preview(site: Workplace) -> None:
    """`digest preview` writes .eml and .html and does not change the database."""
    before = dump(site)
    said = run(site, "digest", "preview", "weekly", "--out", "shown")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[0] == "2 new stories, 0 updates"
    eml, html = (site.folder / line for line in said.out.splitlines()[1:])
    message = message_from_bytes(eml.read_bytes(), policy=default)
    assert "Microscope number 2" in message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "Microscope number 2" in html.read_text("utf-8")
    assert dump(site) == before


def test_digest_preview_of_another_moment(site: Workplace) -> None:
    """`digest preview --at` shows another time, by default in the zone of the site (M5)."""
    said = call(site, "digest", "preview", "weekly", "--at", "2026-10-12T07:59")
    later = call(site, "digest", "preview", "weekly", "--at", "2026-10-12T08:00")
    assert "weekly-2026-10-05.eml" in said.out
    assert "weekly-2026-10-12.eml" in later.out
    assert (site.folder / "var/preview/weekly-2026-10-12.eml").exists()


def test_digest_run_reports(site: Workplace) -> None:
    """`digest run --json` names the new edition; a second run in that week sends nothing (M4)."""
    first, second = (json.loads(call(site, "digest", "run", "--json").out) for _ in range(2))
    assert (first["composed"], first["sent"], first["owed"]) == (["weekly-2026-10-05"], 1, 0)
    assert (second["composed"], second["sent"]) == ([], 0)
    assert len(list((site.folder / "var/outbox").iterdir())) == 1


# --- reading -------------------------------------------------------------------------------------------


def test_status_json(site: Workplace) -> None:
    """`status --json` prints one object with every key of the public contract."""
    said = run(site, "status", "--json")
    assert (said.code, said.err) == (0, "")
    status = json.loads(said.out)
    assert set(status) >= STATUS_KEYS
    assert (status["stories"], status["items"], status["subscribers"], status["owed"]) == (2, 2, 1, 0)
    (source,) = status["sources"]
    assert set(source) >= STATUS_SOURCE_KEYS
    assert (source["id"], source["state"], source["failures"], source["items"]) == ("node", "ok", 0, 2)
    assert [datetime.fromisoformat(source[key]) for key in ("last_success", "last_attempt")] == [NOW, NOW]
    assert [(ran["job"], ran["outcome"]) for ran in status["runs"]] == [("fetch", "done")]


def test_status(site: Workplace, web: Web) -> None:
    """`status` prints a table of sources with the reason of a failure."""
    web.answers["/feed"] = Answer(status=404)
    site.clock.now += 2 * HOUR
    call(site, "fetch")
    head, node, _, counts, meanings, failed, *runs = call(site, "status").out.splitlines()
    assert head.split() == ["source", "state", "last", "success", "next", "visit", "items", "reason"]
    assert node.startswith("node")
    assert "not found (404)" in node
    assert "2 h ago" in node
    assert counts == "2 stories of 2 items; 0 messages queued"
    assert meanings.startswith("meanings compared between items: o")
    assert failed == "no source could be read at its last visit; each is tried again"
    assert [line.split()[0] for line in runs] == ["fetch", "fetch"]


def story_ids(place: Workplace) -> list[str]:
    """Return the ids of the stories that `search` shows."""
    found = json.loads(call(place, "search", "microscope", "--json").out)
    return [story["story"] for story in found["stories"]]


def test_search(site: Workplace) -> None:
    """`search` prints a line for each story that has all the words."""
    said = run(site, "search", "number", "2", "microscope")
    assert (said.code, said.err) == (0, "")
    (line,) = said.out.splitlines()
    assert line.endswith("2026-10-05  Microscope number 2  (A Node)")


def test_search_without_result(site: Workplace) -> None:
    """A search without result ends with 0, with a line on standard error or an empty list."""
    said = call(site, "search", "telescope")
    assert (said.code, said.line) == (0, "nothing found")
    assert json.loads(call(site, "search", "telescope", "--json").out) == {
        "query": "telescope",
        "stories": [],
    }


def test_story_show_by_any_id(site: Workplace) -> None:
    """`story show` accepts a story's id, its beginning, tag or page, or the id of an item (I4)."""
    id_ = story_ids(site)[0]
    said = run(site, "story", "show", id_)
    assert (said.code, said.err) == (0, "")
    assert id_ in said.out
    assert "published by node: Microscope number" in said.out
    (story,) = json.loads(call(site, "story", "show", id_, "--json").out)["stories"]
    page = f"https://news.example/stories/{id_}"
    names = [
        *(id_[:6], story["items"][0]["id"], f" {id_}\n", f"tag:news.example,2026:story/{id_}"),
        *(f"{page}.html", f"{page}.html?utm_source=x#main", f"https://news.example/editor/stories/{id_}"),
    ]
    assert [call(site, "story", "show", name).out for name in names] == [said.out] * len(names)
    assert call(site, "story", "show", "https://news.example/stories/").code == 2


def test_editors_commands(site: Workplace) -> None:
    """Commands of editors print what they did; an unknown id changes nothing (I7)."""
    one, other = story_ids(site)
    compared = call(site, "story", "explain", one, other)
    assert (
        compared.code == 0
        and "both are of the same source" in compared.out
        and "in two stories" in compared.out
    )
    merged = call(site, "story", "merge", one, other)
    kept, gone = (one, other) if f"part of {one}" in merged.out else (other, one)
    assert f"{gone} became part of {kept}" in merged.out
    explained = json.loads(call(site, "story", "explain", gone, "--json").out)
    assert explained["id"] == kept and [d["verb"] for d in explained["decisions"]] == ["merge"]
    assert "merge" in call(site, "story", "explain", kept).out
    assert call(site, "story", "merge", one, other).code == 2
    assert "0 items would leave" in call(site, "story", "recluster", "--dry-run").out
    item = next(item["id"] for item in explained["items"] if not item["lead"])
    split = call(site, "story", "split", item)
    assert f"split off {kept}" in split.out
    part = split.out.split()[0]
    assert "stay two" in call(site, "story", "keep-apart", kept, part).out
    assert json.loads(call(site, "story", "recluster", "--json").out)["leaves"] == []
    assert call(site, "story", "split", "nothing").code == 2
    assert call(site, "story", "explain", "nothing").code == 2


def test_story_show_of_several(site: Workplace) -> None:
    """`story show` prints several stories in the order of the arguments."""
    ids = story_ids(site)
    assert len(ids) == 2
    shown = json.loads(call(site, "story", "show", *reversed(ids), "--json").out)["stories"]
    assert [story["id"] for story in shown] == ids[::-1]


@pytest.mark.parametrize(
    "command",
    [("status",), ("search", "microscope"), ("story", "show", "ID"), ("digest", "preview", "weekly")],
)
def test_reading_commands_change_nothing(site: Workplace, command: tuple[str, ...]) -> None:
    """Commands that only read change neither the database nor published files."""
    before = dump(site), files(site.public)
    said = call(site, *(story_ids(site)[0] if word == "ID" else word for word in command))
    assert said.code == 0
    assert said.out
    assert (dump(site), files(site.public)) == before


# --- one job at a time ---------------------------------------------------------------------------------


@pytest.fixture
def busy(site: Workplace) -> Iterator[Workplace]:
    """Return a site whose lock another job holds."""
    with (site.folder / "var/lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield site


@pytest.mark.parametrize("command", [("fetch", "--force"), ("publish",), ("digest", "run")])
def test_second_job_ends_with_75(
    busy: Workplace, web: Web, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another job holds the lock, a job does nothing and ends with 75 (L1)."""
    monkeypatch.setattr("aggregator.digests.run.LOCK_WAIT_SECONDS", 1)
    before = dump(busy), files(busy.public)
    said = call(busy, *command)
    assert said.code == 75
    assert said.line == f"aggregator: another run holds the lock of {busy.folder / 'var'}; nothing was done"
    assert (dump(busy), files(busy.public), web.asked) == (*before, [])


def test_second_process_ends_with_75(busy: Workplace) -> None:
    """A process ends with 75 if another process holds the lock (L1)."""
    said = run(busy, "fetch", "--force")
    assert (said.code, "another run holds" in said.line) == (75, True)


@pytest.mark.parametrize(
    "command", [("check",), ("status",), ("search", "x"), ("digest", "preview", "weekly")]
)
def test_reading_commands_need_no_lock(busy: Workplace, command: tuple[str, ...]) -> None:
    """Commands that only read work beside a job (L1)."""
    assert call(busy, *command).code == 0


# --- the program ---------------------------------------------------------------------------------------


def test_paths_are_relative_to_the_file(place: Workplace, web: Web, tmp_path: Path) -> None:
    """With `-c` the folders are beside feeds.yaml, not in the current folder."""
    one_source(place, web)
    elsewhere = Workplace(tmp_path / "elsewhere", place.clock)
    elsewhere.folder.mkdir()
    assert call(elsewhere, "-c", "../feeds.yaml", "fetch") == Output(0, "", "")
    assert place.database.exists()
    assert list(elsewhere.folder.iterdir()) == []


def test_module_and_script_are_one_program(place: Workplace) -> None:
    """`python -m aggregator` is the same program as the console script."""
    said = run(place, "--version", program=(sys.executable, "-m", "aggregator"))
    assert said == Output(0, f"aggregator, version {__version__}\n", "")


def test_empty_clock_is_the_real_clock(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty AGGREGATOR_NOW means the real clock, which is not reported as simulated."""
    place.write("")
    monkeypatch.setenv("AGGREGATOR_NOW", "")
    app = build(place.folder / "feeds.yaml")
    assert app.clock() > datetime(2026, 1, 1, tzinfo=UTC)
    assert not app.simulated_clock


def test_an_import_without_a_new_source_says_so(place: Workplace) -> None:
    """A second import of a file adds nothing, and says why."""
    place.write("sources:\n  - {id: a, name: A, url: 'https://a.example/'}\n")
    (place.folder / "again.opml").write_text(
        '<opml version="2.0"><body><outline text="A" xmlUrl="https://a.example/"/></body></opml>',
        encoding="utf-8",
    )
    ended = call(place, "source", "import", "again.opml")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "0 sources added: the file has no feed that is not in feeds.yaml already\n"


def read_to_end(terminal: int, shown: bytearray) -> None:
    """Read what a process prints on a terminal, until it has closed it."""
    with suppress(OSError), open(terminal, "rb", buffering=0) as output:
        while part := output.read(1000):
            shown.extend(part)


@pytest.mark.parametrize(
    ("number", "before", "visits"),
    [(signal.SIGTERM, "", 1), (signal.SIGINT, "", 1), (signal.SIGINT, "trap '' INT; ", 2)],
)
def test_a_terminated_fetch_stores_the_visits_that_have_begun(
    place: Workplace, web: Web, number: signal.Signals, before: str, visits: int
) -> None:
    """After a signal that is not ignored a visit in progress is stored, and no other begins."""
    signalled = threading.Event()

    def slow(_asked: Asked) -> Answer:
        signalled.wait(60)
        return Answer(rss(news(1)))

    web.answers |= {"/one": slow, "/two": slow}
    urls = [f"  - {{id: {id_}, name: N, url: '{web.url}/{id_}'}}\n" for id_ in ("one", "two")]
    place.write("".join(["sources:\n", *urls]))
    # A shell that runs the tests in the background has them ignore SIGINT, and so their processes.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    terminal, its_terminal = pty.openpty()
    shown = bytearray()
    threading.Thread(target=read_to_end, args=[terminal, shown], daemon=True).start()
    process = subprocess.Popen(
        ["/bin/sh", "-c", f'{before}exec "$0" fetch', PROGRAM],
        cwd=place.folder,
        env={**os.environ, "AGGREGATOR_NOW": NOW.isoformat()},
        stderr=its_terminal,
    )
    os.close(its_terminal)
    until(lambda: web.asked or process.poll() is not None)
    process.send_signal(number)
    until(lambda: before or b"stopping after the visits that have begun" in shown)
    signalled.set()
    assert process.wait(60) == 0
    assert len(web.asked) == visits
    assert (place.public / "atom.xml").read_text("utf-8").count("<entry") == 1

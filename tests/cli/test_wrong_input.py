"""Wrong input, files and machines: one clear message, the right exit code, no partial work."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.builders import NOW
from tests.command import PROGRAM, Output, call, confined, news, one_source, run
from tests.conftest import HEAD, Clock, Web, Workplace

JOBS = [("fetch",), ("publish",), ("digest", "run"), ("check", "--live")]
READERS = [
    ("status",),
    ("search", "x"),
    ("story", "show", "abcd"),
    ("digest", "preview", "weekly"),
]
OTHERS_OF_THE_DATABASE = [
    ("status", "--politeness"),
    ("digest", "queue"),
    ("digest", "why", "abcd", "reader@example.org"),
    ("story", "decisions"),
    ("story", "hide", "abcd"),
    ("source", "release", "node"),
    ("subscriber", "list"),
    ("subscriber", "remove", "reader@example.org"),
    ("subscriber", "erase", "reader@example.org"),
]


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file below a folder, except SQLite's -shm and -wal files."""
    files = [
        file for file in folder.rglob("*") if file.is_file() and file.suffix not in (".db-shm", ".db-wal")
    ]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


# --- the command line ----------------------------------------------------------------------------------


@pytest.mark.parametrize("long", ["x" * 5_000, "ab c" * 1_500, "ü/" * 3_000], ids=["word", "words", "path"])
@pytest.mark.parametrize(
    "command",
    [
        ("fetch",),
        ("source", "preview"),
        ("digest", "preview"),
        ("story", "show"),
        ("subscriber", "show"),
        ("digest", "why", "a"),
        ("source", "discover"),
        ("check",),
        ("init",),
        ("-c",),
        (),
    ],
)
def test_long_input_is_not_echoed_whole(site: Workplace, command: tuple[str, ...], long: str) -> None:
    """A message quotes the ends of a long input and still says what to do."""
    said = call(site, *command, long)
    assert said.code and said.out == ""
    assert all(len(line) <= 1_100 for line in said.err.splitlines())


def test_a_problem_of_feeds_yaml_quotes_no_long_key(place: Workplace, web: Web) -> None:
    """A long key of feeds.yaml is shortened in the message, after file and line."""
    one_source(place, web)
    file = place.folder / "feeds.yaml"
    file.write_text(f"{file.read_text()}\n{'x' * 5_000}: 1\n")
    said = call(place, "check")
    assert (said.code, len(said.err) < 2_000) == (78, True)
    assert said.err.startswith("feeds.yaml:")


ADDRESSED = [
    ("digest", "acknowledge", "ada@a.example"),
    ("digest", "retry", "ada@a.example"),
    ("digest", "test", "weekly", "--to"),
    ("digest", "why", "abcd"),
    ("subscriber", "add"),
    ("subscriber", "erase"),
    ("subscriber", "export"),
    ("subscriber", "lift", "--reason", "repaired", "ada@a.example"),
    ("subscriber", "remove"),
    ("subscriber", "show"),
]
"""Commands that take an address."""

USAGE = [
    (("nope",), "nope"),
    (("fetch", "--nope"), "--nope"),
    (("story", "nope"), "nope"),
    (("digest", "preview"), "ID"),
    (("search",), "QUERY"),
    (("search", "  "), "the query is empty: name at least one word"),
    (("search", "x", "--limit", "0"), "--limit"),
    (("search", "x", "--limit", "many"), "many"),
    (("digest", "preview", "weekly", "--at", "soon"), "soon"),
    (("digest", "preview", "weekly", "--at", "2026-13-01"), "2026-13-01"),
    (("digest", "preview", "weekly", "--at", "0001-01-01"), "0001-01-01"),
    (("digest", "preview", "weekly", "--at", "9999-12-31T23:59-14:00"), "9999-12-31"),
    (("digest", "preview", "weekly", "--out", "feeds.yaml"), "feeds.yaml"),
    (("source", "discover"), "URL"),
    (("source", "preview"), "URL|ID"),
    (("check", "--json"), "--live"),
    (("digest", "preview", "weekly", "--at", ""), "'' is not a time"),
    (("status", "--politeness", "--check"), "--politeness cannot be combined with --check"),
    (("status", "--politeness", "--textfile", "metrics"), "--politeness cannot be combined with --check"),
    (("-c", "/dev/null", "check"), "/dev/null is a pipe or device: name a file"),
    (("story", "event", "abcd", "--status", "over"), "over"),
    (("story", "event", "abcd", "--kind", "party"), "party"),
    (("story", "event", "abcd", "--none", "--start", "2026-10-20"), "--none"),
    (("story", "event", "abcd", "--none", "--auto"), "--auto"),
    (("story", "event"), "ID"),
    (("-c",), "-c"),
    *(((*command, "ada@127.0.0.1"), "'ada@127.0.0.1' is not a mail address") for command in ADDRESSED),
]


@pytest.mark.parametrize(("command", "word"), USAGE)
def test_wrong_usage(site: Workplace, command: tuple[str, ...], word: str) -> None:
    """Wrong usage ends with 2, the usage, and one sentence that names the wrong word."""
    said = call(site, *command)
    assert (said.code, said.out) == (2, "")
    (sentence,) = [line for line in said.err.splitlines() if line.startswith("Error: ")]
    assert word in sentence
    assert said.err.endswith(sentence + "\n")


def test_wrong_usage_of_the_process(place: Workplace) -> None:
    """An unknown command ends the process with 2."""
    said = run(place, "nope")
    assert (said.code, said.out) == (2, "")
    assert said.err.splitlines()[-1].startswith("Error: No such command 'nope'")


UNKNOWN = [
    (("fetch", "nod"), "no source 'nod' in feeds.yaml, did you mean \"node\"?"),
    (("fetch", "node", "xyzzy"), "no source 'xyzzy' in feeds.yaml"),
    (("fetch", "off"), "source 'off' is disabled in feeds.yaml: remove `enabled: false` to visit it"),
    (("digest", "preview", "weakly"), "no digest 'weakly' in feeds.yaml, did you mean \"weekly\"?"),
    (("digest", "preview", "xyzzy"), "no digest 'xyzzy' in feeds.yaml (there are: weekly)"),
    (("source", "preview", "nod"), "no source 'nod' in feeds.yaml, did you mean \"node\"?"),
    (
        ("source", "discover", "node.example"),
        "'node.example' is not a web address: it must begin with https:// or http://",
    ),
    (
        ("source", "discover", "ftp://node.example/"),
        "'ftp://node.example/' is not a web address: it must begin with https:// or http://",
    ),
    (
        ("source", "preview", "https://me:secret@node.example/"),
        "credentials do not belong in the URL: use `user` and `password: env:NAME`",
    ),
    (
        ("source", "discover", "http://[::1/"),
        "'http://[::1/' is not a URL: its host or port is missing or not valid",
    ),
    (("story", "show", "nope"), "no story 'nope'; `aggregator search` finds stories and shows their ids"),
    (("story", "show", ""), "no story ''; `aggregator search` finds stories and shows their ids"),
    (("story", "show", "*"), "no story '*'; `aggregator search` finds stories and shows their ids"),
    (
        ("story", "event", "nope", "--start", "2026-10-20"),
        "no story 'nope': `aggregator search` finds stories; nothing was changed",
    ),
    (
        ("story", "event", "nope", "--none"),
        "no story 'nope': `aggregator search` finds stories; nothing was changed",
    ),
    (("story", "event", "nope"), "no story 'nope': `aggregator search` finds stories; nothing was changed"),
]


WRONG_EVENTS = [
    (("--start", "2026-10-22", "--end", "2026-10-20"), "the end 2026-10-20 is before the start 2026-10-22"),
    (("--start", "2026-10-20T09:00"), "--start '2026-10-20T09:00' has no time zone"),
    (("--start", "2026-10-20T09:00", "--zone", "Europe/Rom"), "--zone: 'Europe/Rom' is not a time zone"),
    (("--start", "soon"), "--start 'soon' is neither a date nor a time"),
    (("--end", "2026-10-20"), "the story has no event yet"),
    (("--place", "Turin"), "the story has no event yet"),
    (("--auto",), "no editor set the event of"),
]


@pytest.mark.parametrize(("options", "words"), WRONG_EVENTS)
def test_wrong_events(site: Workplace, web: Web, options: tuple[str, ...], words: str) -> None:
    """An event that cannot be ends the command with 2 and one line, and changes nothing (EX9)."""
    before = rows_of(site)
    found = call(site, "search", "--json", "microscope")
    said = call(site, "story", "event", json.loads(found.out)["stories"][0]["story"], *options)
    assert said.code == 2
    assert words in said.line and said.line.endswith("nothing was changed")
    assert rows_of(site) == before


def rows_of(place: Workplace) -> list[str]:
    """Return the whole content of the database."""
    conn = sqlite3.connect(place.database)
    try:
        return list(conn.iterdump())
    finally:
        conn.close()


@pytest.mark.parametrize(("command", "words"), UNKNOWN)
def test_unknown_name(site: Workplace, web: Web, command: tuple[str, ...], words: str) -> None:
    """An unknown source, digest or story ends the command with 2 and one line; no request."""
    off = '  - {id: off, name: Off, url: "https://off.example/", enabled: false}\ndigests:'
    site.write((site.folder / "feeds.yaml").read_text().replace("digests:", off), head="")
    said = call(site, *command)
    assert (said.code, said.line) == (2, f"aggregator: {words}")
    assert web.asked == []


def test_unknown_name_of_the_process(site: Workplace) -> None:
    """An unknown name ends the process with 2 and one line."""
    said = run(site, "fetch", "nod")
    assert (said.code, said.line) == (2, "aggregator: no source 'nod' in feeds.yaml, did you mean \"node\"?")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("fetch",), 2),
        (("story", "show"), 2),
        (("search",), 0),
        (("source", "discover"), 2),
        (("source", "preview"), 2),
    ],
)
def test_bytes_that_are_no_text(site: Workplace, command: tuple[str, ...], code: int) -> None:
    """Bytes that are no text count as an unknown name, or as a word without a result."""
    said = call(site, *command, os.fsdecode(b"\xff\xff\xff\xff"))
    assert said.code == code
    assert said.line


@pytest.mark.parametrize(
    "query", ['"', "AND", "*", "NEAR(a b", 'micro"scope', "title:x", "-", "^a", "(", "a" * 5000]
)
def test_search_knows_no_syntax(site: Workplace, query: str) -> None:
    """Operators of the full-text engine are plain words to `search`."""
    said = call(site, "search", "--json", "--", query)
    assert (said.code, said.err) == (0, "")
    assert json.loads(said.out) == {"query": query, "stories": []}


@pytest.mark.parametrize(
    "now", ["nonsense", "2026-13-01", " ", "1e9", "0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00"]
)
def test_invalid_clock(site: Workplace, web: Web, now: str) -> None:
    """An AGGREGATOR_NOW that is no time ends commands with 2 before they do anything."""
    before = contents(site.public)
    for command in (("fetch",), ("publish",), ("digest", "run")):
        said = call(site, *command, AGGREGATOR_NOW=now)
        assert said.code == 2
        assert said.line.startswith(f"aggregator: AGGREGATOR_NOW={now!r} is not a moment")
    assert (contents(site.public), web.asked) == (before, [])


def test_output_that_cannot_be_written(site: Workplace) -> None:
    """If standard output is a full disk, the command reports it in one line and ends with 1."""
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [PROGRAM, "status", "--json"],
            cwd=site.folder,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    said = Output(ended.returncode, "", ended.stderr)
    assert said.code == 1
    assert "No space left on device" in said.line


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("status",), 1),
        (("--help",), 1),
        (("story", "decisions"), 0),
        (("nonsense",), 2),
        (("fetch", "nonsense"), 2),
        (("-c", "nonsense", "check"), 78),
    ],
)
def test_exit_code_without_any_output(site: Workplace, args: tuple[str, ...], code: int) -> None:
    """A message that cannot be written does not change the exit code."""
    assert closed(site, ">/dev/full 2>/dev/full", *args).returncode == code


def closed(place: Workplace, redirections: str, *args: str) -> subprocess.CompletedProcess[str]:
    """Run a command of a shell that closes standard streams."""
    return subprocess.run(
        ["/bin/sh", "-c", f'"$0" "$@" {redirections}', PROGRAM, *args],
        cwd=place.folder,
        env={**os.environ, "AGGREGATOR_NOW": NOW.isoformat()},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("redirections", [">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("command", [("publish",), ("check",)])
def test_closed_streams(site: Workplace, command: tuple[str, ...], redirections: str) -> None:
    """A command works without standard streams, as some schedulers start it."""
    said = closed(site, redirections, *command)
    assert (said.returncode, said.stderr) == (0, "")


def test_closed_streams_of_a_failure(site: Workplace) -> None:
    """Without standard error the exit code still reports a failure."""
    (site.folder / "feeds.yaml").write_text("sources: {")
    assert closed(site, ">&- 2>&-", "check").returncode == 78


LATIN_1 = {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}


def in_latin_1(place: Workplace, *args: str) -> bytes:
    """Return what a command prints on a terminal with an encoding of few characters."""
    ended = subprocess.run(
        [PROGRAM, *args],
        cwd=place.folder,
        env={**os.environ, "AGGREGATOR_NOW": NOW.isoformat(), **LATIN_1},
        capture_output=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    return ended.stdout


def test_output_that_cannot_show_a_character(place: Workplace, web: Web) -> None:
    """A character that the terminal's encoding lacks is printed as a question mark."""
    one_source(place, web, news(1, title="Größe \U0001f52c"))
    assert call(place, "fetch").code == 0
    assert "Größe ?".encode("latin-1") in in_latin_1(place, "search", "Größe")


def test_documents_are_utf_8_in_any_encoding(place: Workplace, web: Web) -> None:
    """JSON and OPML for other programs do not depend on the terminal's encoding."""
    one_source(place, web, news(1, title="Größe \U0001f52c"))
    file = place.folder / "feeds.yaml"
    file.write_text(file.read_text().replace("A Node", "Größe \U0001f52c"), encoding="utf-8")
    assert call(place, "fetch").code == 0
    assert (
        json.loads(in_latin_1(place, "search", "--json", "Größe"))["stories"][0]["title"]
        == "Größe \U0001f52c"
    )
    assert "Größe \U0001f52c".encode() in in_latin_1(place, "source", "export")


def test_json_of_an_argument_in_no_encoding(place: Workplace, web: Web) -> None:
    """JSON that repeats an argument has a question mark for each byte that is not UTF-8."""
    one_source(place, web)
    assert call(place, "fetch").code == 0
    said = run(place, "search", "--json", b"Gr\xf6\xdfe")
    assert (said.code, said.err) == (0, "")
    assert json.loads(said.out)["query"] == "Gr??e"


# --- feeds.yaml ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [("check",), *JOBS, *READERS, ("fetch", "--json"), ("fetch", "nope")])
def test_invalid_file_ends_every_command(place: Workplace, web: Web, command: tuple[str, ...]) -> None:
    """A feeds.yaml that is not valid ends every command with 78 and a line for each problem."""
    one_source(place, web)
    with (place.folder / "feeds.yaml").open("a") as file:
        file.write("wbe: {}\nchannels: [{id: x}]\n")
    said = call(place, *command)
    assert (said.code, said.out) == (78, "")
    assert said.err.splitlines() == [
        'feeds.yaml:9: wbe: unknown key, did you mean "web"?',
        "feeds.yaml:10: channels[0].title: is missing",
    ]
    assert [file.name for file in place.folder.iterdir()] == ["feeds.yaml"]
    assert web.asked == []


def test_invalid_file_ends_the_process(place: Workplace) -> None:
    """A feeds.yaml that is not valid ends the process with 78; one problem is one line."""
    place.write("wbe: {}\n")
    said = run(place, "check")
    assert said.code == 78
    assert said.line.endswith('feeds.yaml:5: wbe: unknown key, did you mean "web"?')


def test_file_that_became_invalid(site: Workplace, web: Web) -> None:
    """A feeds.yaml that became invalid ends runs and changes neither database nor site."""
    (site.folder / "feeds.yaml").write_text("sources: [\n")
    before = contents(site.folder)
    for command in (("fetch", "--force"), ("publish",), ("digest", "run")):
        assert call(site, *command).code == 78
    assert (contents(site.folder), web.asked) == (before, [])


@pytest.mark.parametrize(
    ("args", "name"), [(("status",), "feeds.yaml"), (("-c", "sub/other.yaml", "fetch"), "sub/other.yaml")]
)
def test_missing_file(place: Workplace, args: tuple[str, ...], name: str) -> None:
    """Without feeds.yaml, or with a wrong `-c`, a command names the missing file."""
    said = call(place, *args)
    assert said.code == 78
    assert said.line == f"{name}:1: cannot be read: No such file or directory; `aggregator init` writes one"
    assert list(place.folder.iterdir()) == []


def test_missing_secret_of_a_source(place: Workplace, web: Web) -> None:
    """Without a source's password `fetch` changes nothing; reading and publishing still work."""
    one_source(place, web)
    text = (place.folder / "feeds.yaml").read_text()
    place.write(
        text.replace("name: A Node,", "name: A Node, user: me, password: 'env:AGGREGATOR_NOPE',"), head=""
    )
    said = call(place, "fetch")
    assert (said.code, "sources[0].password: the environment has no AGGREGATOR_NOPE" in said.line) == (
        78,
        True,
    )
    assert (web.asked, place.database.exists()) == ([], False)
    assert call(place, "fetch", AGGREGATOR_NOPE="x").code == 0
    assert [call(place, *command).code for command in (("status",), ("publish",))] == [0, 0]


def test_missing_secret_of_mail(place: Workplace, web: Web) -> None:
    """Without the relay's password only `check` and commands that send mail fail."""
    one_source(place, web)
    smtp = "mail: {from: me@news.example, smtp: {host: mx.example, user: 'env:AGGREGATOR_NOPE', password: 'file:no'}}"
    text = (place.folder / "feeds.yaml").read_text()
    place.write(text.replace("mail: {from: Imaging news <editors@news.example>}", smtp), head="")
    for command in (
        ("fetch",),
        ("publish",),
        ("status",),
        ("check", "--live"),
        ("digest", "preview", "weekly"),
    ):
        assert call(place, *command).code == 0, command
    assert (place.public / "atom.xml").exists()
    for command in (
        ("check",),
        ("digest", "run"),
        ("digest", "test", "weekly", "--to", "a@a.example"),
        ("run",),
    ):
        said = call(place, *command)
        assert (said.code, said.out) == (78, "")
        assert "mail.smtp.user: the environment has no AGGREGATOR_NOPE" in said.err
        assert "mail.smtp.password: the secret file no cannot be read: No such file" in said.err


@pytest.mark.parametrize("command", JOBS)
def test_changed_authority_is_refused(site: Workplace, web: Web, command: tuple[str, ...]) -> None:
    """No job runs with another authority, which would change every published id (V5)."""
    head = HEAD.replace("news.example,2026", "other.example,2027")
    one_source(site, web, head=head)
    before = contents(site.public)
    said = call(site, *command)
    assert contents(site.public) == before
    assert said.code == 78
    assert "site.authority is 'other.example,2027'" in said.line
    assert "'news.example,2026'" in said.line


@pytest.mark.parametrize("day", ["2027", "2026-11", "2026-10-31"])
def test_future_authority_is_refused(place: Workplace, web: Web, day: str) -> None:
    """The date of an authority must not be in the future when its first ids are made (RFC 4151)."""
    one_source(place, web, head=HEAD.replace("news.example,2026", f"news.example,{day}"))
    for command in (("fetch",), ("check",), ("check", "--live"), ("run",)):
        said = call(place, *command)
        assert (said.code, said.out) == (78, "")
        assert f"site.authority is 'news.example,{day}', but {day} is in the future" in said.line
    assert web.asked == []


@pytest.mark.parametrize("day", ["2026", "2026-10", "2026-01-01"])
def test_authority_of_the_present_is_accepted(place: Workplace, web: Web, day: str) -> None:
    """A year, a month and a day that have begun are valid dates of an authority."""
    one_source(place, web, head=HEAD.replace("news.example,2026", f"news.example,{day}"))
    assert call(place, "fetch").code == 0


def test_future_authority_in_use_is_kept(site: Workplace, web: Web) -> None:
    """An authority that the published ids have is used further, whatever its date is."""
    site.clock.now = site.clock.now.replace(year=2025)
    assert call(site, "check").code == 0
    assert call(site, "fetch", "--force").code == 0


def test_authority_restored(site: Workplace, web: Web) -> None:
    """A refused authority changes and requests nothing; restored, all commands work (V5)."""
    one_source(site, web, head=HEAD.replace("news.example,2026", "other.example,2027"))
    said = call(site, "fetch", "--force")
    assert (said.code, "set it back" in said.line, web.asked) == (78, True, [])
    one_source(site, web)
    assert call(site, "fetch", "--force").code == 0


def public_and_private(place: Workplace, web: Web, contact: str) -> Workplace:
    """Configure a source on this machine and one on a public server (a name of RFC 6761)."""
    one_source(place, web, head=HEAD.replace("editors@news.example,", f"{contact},"))
    text = (place.folder / "feeds.yaml").read_text()
    far = '  - {id: far, name: Far, url: "https://far.invalid/feed"}\n'
    place.write(text.replace("digests:", far + "digests:"), head="")
    return place


def test_placeholder_contact_visits_no_public_server(place: Workplace, web: Web) -> None:
    """With the placeholder contact a due public source stops the run before any request (V7)."""
    said = run(public_and_private(place, web, "news@example.org"), "fetch", AGGREGATOR_NOW=None)
    assert said.code == 78
    assert said.line.startswith("aggregator: feeds.yaml: site.contact is still the placeholder")
    assert "far" in said.line
    assert web.asked == []


@pytest.mark.parametrize("command", [("check", "--live"), ("source", "preview", "far")])
def test_placeholder_contact_checks_no_public_server(
    place: Workplace, web: Web, command: tuple[str, ...]
) -> None:
    """With the placeholder contact `check --live` and previews request no public server (V7)."""
    said = call(public_and_private(place, web, "news@example.org"), *command, AGGREGATOR_NOW=None)
    assert (said.code, web.asked) == (78, [])
    assert said.line.startswith("aggregator: feeds.yaml: site.contact is still the placeholder")


def test_placeholder_contact_visits_private_servers(place: Workplace, web: Web) -> None:
    """With the placeholder contact private hosts are visited (V7)."""
    public_and_private(place, web, "news@example.org")
    assert call(place, "fetch", "node", AGGREGATOR_NOW=None) == Output(0, "", "")
    assert [asked.path for asked in web.asked] == ["/feed"]
    assert "news@example.org" in web.asked[0].headers["user-agent"]


def test_simulated_clock_visits_no_public_server(place: Workplace, web: Web) -> None:
    """With a simulated clock no public server is visited, whatever the contact."""
    said = call(public_and_private(place, web, "editors@news.example"), "fetch")
    assert (said.code, "AGGREGATOR_NOW" in said.line, web.asked) == (78, True, [])


# --- the database --------------------------------------------------------------------------------------


def from_the_future(database: Path) -> None:
    """Add a migration that this version does not know."""
    conn = sqlite3.connect(database)
    conn.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
        " SELECT migration_set, 'm9999_future', applied_at FROM _sqlite_migrations LIMIT 1"
    )
    conn.commit()
    conn.close()


def of_another_program(database: Path) -> None:
    """Replace the database by one with another program's table."""
    database.unlink()
    conn = sqlite3.connect(database)
    conn.execute("CREATE TABLE bookmarks (url TEXT)")
    conn.commit()
    conn.close()


def cut_in_half(database: Path) -> None:
    """Keep only the first half of the file."""
    database.write_bytes(database.read_bytes()[: database.stat().st_size // 2])


def without_a_table(database: Path) -> None:
    """Remove a table that every command reads."""
    conn = sqlite3.connect(database)
    conn.execute("DROP TABLE channels")
    conn.commit()
    conn.close()


DATABASES: dict[str, tuple[Callable[[Path], object], str]] = {
    "newer schema": (from_the_future, "was written by a newer version of this program (it has m9999_future)"),
    "another program's": (of_another_program, "is a database of some other program"),
    "no database": (lambda file: file.write_bytes(b"Dear diary\n" * 500), "file is not a database"),
    "short": (lambda file: file.write_bytes(b"hello"), "file is not a database"),
    "cut in half": (cut_in_half, "restore a backup"),
    "without a table": (without_a_table, "is damaged (no such table: channels); restore a backup"),
}


@pytest.mark.parametrize(("spoil", "words"), DATABASES.values(), ids=DATABASES.keys())
def test_unusable_database(site: Workplace, spoil: Callable[[Path], object], words: str) -> None:
    """A database that cannot be used ends commands with 1 and one line, and is not changed."""
    spoil(site.database)
    site.clock.now = site.clock.now.replace(day=6)
    before = contents(site.public), site.database.read_bytes()
    for command in JOBS + READERS:
        said = call(site, *command)
        assert said.code == 1
        assert said.line.startswith(f"aggregator: {site.database}")
        assert words in said.line
    assert (contents(site.public), site.database.read_bytes()) == before


@pytest.mark.parametrize("command", [("fetch",), ("digest", "run")])
def test_newer_database_ends_an_idle_run(site: Workplace, command: tuple[str, ...]) -> None:
    """A run without due work, too, refuses a database of a newer version."""
    assert call(site, *command).code == 0
    from_the_future(site.database)
    said = call(site, *command)
    assert (said.code, "was written by a newer version" in said.line) == (1, True)


def test_newer_database_ends_the_process(site: Workplace) -> None:
    """A database of a newer version ends the process with 1 and advice."""
    from_the_future(site.database)
    said = run(site, "fetch", "--force")
    assert (said.code, "install that version, or restore a backup" in said.line) == (1, True)


@pytest.mark.parametrize("command", [*JOBS, *READERS])
def test_folder_in_place_of_the_database(place: Workplace, web: Web, command: tuple[str, ...]) -> None:
    """A folder in place of the database ends every command with 1 and one sentence."""
    one_source(place, web)
    place.database.mkdir(parents=True)
    said = call(place, *command)
    assert said.code == 1
    assert said.line == f"aggregator: {place.database} cannot be opened: it is a folder"
    assert list(place.database.iterdir()) == []
    assert web.asked == []


def test_message_is_not_repeated(place: Workplace, web: Web) -> None:
    """The message about a database that cannot be opened does not repeat itself."""
    one_source(place, web)
    place.database.mkdir(parents=True)
    assert call(place, "status").line.count("cannot be opened") == 1


@pytest.mark.parametrize("command", [("publish",), ("digest", "run"), *READERS, *OTHERS_OF_THE_DATABASE])
def test_nothing_fetched_yet(place: Workplace, web: Web, command: tuple[str, ...]) -> None:
    """Before the first `fetch` other commands end with 1 and advice, and create no database."""
    said = call(one_source(place, web), *command)
    assert said.code == 1
    assert said.line == f"aggregator: {place.database} does not exist yet: run `aggregator fetch` first"
    assert not place.database.exists()


@pytest.mark.parametrize("command", JOBS)
def test_file_in_place_of_the_data_folder(place: Workplace, web: Web, command: tuple[str, ...]) -> None:
    """A file in place of the data folder ends a job with 1 and one line."""
    one_source(place, web)
    (place.folder / "var").write_text("in the way")
    said = call(place, *command)
    assert (said.code, said.line) == (1, f"aggregator: {place.folder / 'var'} cannot be written: File exists")
    assert (place.folder / "var").read_text() == "in the way"


# --- folders that cannot be written ---------------------------------------------------------------------


def file_in_the_way(public: Path) -> Callable[[], object]:
    """Put a file where the folder belongs."""
    public.write_text("in the way")
    return public.unlink


def folder_in_the_way(public: Path) -> Callable[[], object]:
    """Put a folder where a document belongs."""
    (public / "atom.xml").mkdir(parents=True)
    return (public / "atom.xml").rmdir


def link_to_nowhere(public: Path) -> Callable[[], object]:
    """Put a link to a missing disk where the folder belongs."""
    public.symlink_to("/nowhere/at/all")
    return public.unlink


@pytest.mark.parametrize("obstruct", [file_in_the_way, folder_in_the_way, link_to_nowhere])
def test_public_folder_that_cannot_be_written(
    place: Workplace, web: Web, obstruct: Callable[[Path], Callable[[], object]]
) -> None:
    """What cannot be published ends the job with 1 and is published by the next run (P1)."""
    clear_away = obstruct(one_source(place, web).public)
    for command in (("fetch",), ("fetch",), ("publish",)):
        said = call(place, *command)
        assert said.code == 1
        assert said.line.startswith(f"aggregator: {place.public}/")
        assert " cannot be written: " in said.line
    assert len(json.loads(call(place, "search", "microscope", "--json").out)["stories"]) == 2
    clear_away()
    assert call(place, "fetch") == Output(0, "", "")
    assert b"Microscope number 2" in (place.public / "atom.xml").read_bytes()
    assert len(web.asked) == 1


def test_preview_that_cannot_be_written(site: Workplace) -> None:
    """A preview that cannot be written ends with 1 and one line."""
    said = call(site, "digest", "preview", "weekly", "--out", "feeds.yaml/x")
    assert (said.code, "cannot be written: Not a directory" in said.line) == (1, True)


def test_outbox_that_cannot_be_written(site: Workplace) -> None:
    """Messages that cannot be written to the outbox stay queued for the next run (M4)."""
    outbox = site.folder / "var/outbox"
    outbox.write_text("in the way")
    said = call(site, "digest", "run")
    assert (said.code, said.out) == (1, "")
    assert "cannot be written" in said.err
    assert said.err.splitlines()[-1] == "aggregator: no message could be delivered; 1 message stays queued"
    outbox.unlink()
    assert json.loads(call(site, "digest", "run", "--json").out)["sent"] == 1
    assert len(list(outbox.iterdir())) == 1


# --- a lost database -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [("fetch",), ("fetch", "--force"), ("publish",), ("digest", "run"), ("prune",), ("check",), ("run",)],
)
@pytest.mark.parametrize("empty", [False, True])
def test_lost_database_is_not_filled_again(
    site: Workplace, web: Web, command: tuple[str, ...], empty: bool
) -> None:
    """A missing or empty database beside published files is refused until it is restored."""
    kept = site.folder / "backup.db"
    assert call(site, "backup", str(kept)).code == 0
    shutil.rmtree(site.database.parent)
    if empty:
        site.database.parent.mkdir()
        site.database.touch()
    before, asked = contents(site.public), len(web.asked)
    for _ in range(2):
        said = call(site, *command)
        assert said.code == 78
        assert f"aggregator: {site.database} is {'empty' if empty else 'missing'}, but" in said.line
        assert "Restore a backup" in said.line and f"move {site.public} away" in said.line
    assert (contents(site.public), len(web.asked)) == (before, asked)
    assert site.database.exists() == empty
    site.database.parent.mkdir(exist_ok=True)
    kept.replace(site.database)
    assert call(site, "publish").code == 0
    assert contents(site.public) == before


@pytest.mark.parametrize("command", [*READERS, *OTHERS_OF_THE_DATABASE])
@pytest.mark.parametrize("size", [None, 0, 1])
def test_lost_database_ends_every_command(
    site: Workplace, command: tuple[str, ...], size: int | None
) -> None:
    """Commands that read or decide report a lost database as jobs do, and make no new one."""
    shutil.rmtree(site.database.parent)
    if size is not None:
        site.database.parent.mkdir()
        site.database.write_bytes(b"x" * size)
    said = call(site, *command)
    assert said.code == 78
    assert f"aggregator: {site.database} is {'missing' if size is None else 'empty'}, but" in said.line
    assert size is None or site.database.stat().st_size == size
    assert site.database.exists() == (size is not None)


def test_lost_database_without_public(site: Workplace) -> None:
    """After `public` was moved away a new database is created."""
    shutil.rmtree(site.database.parent)
    site.public.rename(site.folder / "old")
    assert call(site, "fetch").code == 0
    assert (site.public / "atom.xml").exists()


# --- a full disk ---------------------------------------------------------------------------------------


def test_full_disk_at_the_first_run(place: Workplace, web: Web) -> None:
    """A disk too full for the database ends the process with 1; with space it succeeds."""
    said = confined(one_source(place, web), 30_000, "fetch")
    assert said.code == 1
    assert said.line.startswith(f"aggregator: {place.database} cannot be ")
    assert not place.public.exists()
    assert call(place, "fetch") == Output(0, "", "")
    assert b"Microscope number 2" in (place.public / "atom.xml").read_bytes()


@dataclass(frozen=True)
class Stuck:
    """Hold a folder whose disk was full while publishing, and `public` before and after."""

    folder: Path
    before: dict[str, bytes]
    said: Output
    after: dict[str, bytes]


@pytest.fixture(scope="module")
def stuck(original: tuple[Path, Web], tmp_path_factory: pytest.TempPathFactory) -> Stuck:
    """Publish a new site title on a disk that has no space for atom.xml, but for its .gz."""
    place = Workplace(tmp_path_factory.mktemp("stuck"), Clock())
    news_of_a_year = [news(n) for n in range(100)]
    assert call(one_source(place, original[1], *news_of_a_year), "fetch").code == 0
    one_source(place, original[1], *news_of_a_year, head=HEAD.replace("Imaging news", "New title"))
    before = contents(place.public)
    assert len(before["atom.xml"]) > 60_000 > 10 * len(before["atom.xml.gz"])
    return Stuck(place.folder, before, confined(place, 60_000, "publish"), contents(place.public))


def test_full_disk_while_publishing(stuck: Stuck) -> None:
    """A full disk while publishing ends the process with 1 and names the file."""
    words = f"aggregator: {stuck.folder / 'public/archive/2026-10.xml'} cannot be written: File too large"
    assert (stuck.said.code, stuck.said.line) == (1, words)


def test_full_disk_leaves_whole_documents(stuck: Stuck) -> None:
    """After a full disk all former documents are complete, without temporary files."""
    assert set(stuck.after) == set(stuck.before)
    assert stuck.after["atom.xml"] == stuck.before["atom.xml"]
    assert stuck.after["atom.xml"].endswith(b"</feed>\n")
    assert all(gzip.decompress(body) for name, body in stuck.after.items() if name.endswith(".gz"))


def test_full_disk_leaves_matching_gzips(stuck: Stuck) -> None:
    """After a full disk every document and its .gz have the same content (P4)."""
    documents = {
        name: body for name, body in stuck.after.items() if not name.endswith((".gz", ".png", ".ico"))
    }
    assert len(documents) >= 3
    assert [n for n, body in documents.items() if gzip.decompress(stuck.after[n + ".gz"]) != body] == []


def test_run_after_a_full_disk(stuck: Stuck, place: Workplace) -> None:
    """With free space the next run publishes everything that is missing (P1)."""
    assert b"New title" not in stuck.after["atom.xml"]
    shutil.copytree(stuck.folder, place.folder, dirs_exist_ok=True)
    assert call(place, "fetch") == Output(0, "", "")
    healed = contents(place.public)
    assert b"New title" in healed["atom.xml"]
    assert gzip.decompress(healed["atom.xml.gz"]) == healed["atom.xml"]
    assert call(place, "publish", "--json").out.count('"documents_written": []') == 1


def test_check_tests_the_maildir(place: Workplace) -> None:
    """`check` reports a mailbox of bounces that is missing, is no folder, or lacks a part."""
    place.write(
        "sources: []\n",
        head=HEAD.replace(
            "mail: {from: Imaging news <editors@news.example>}",
            "mail: {from: Imaging news <editors@news.example>,"
            " bounces: {address: bounces@news.example, maildir: mail}}",
        ),
    )
    mail = place.folder / "mail"
    for make in (lambda: None, mail.mkdir, (mail / "cur").mkdir):
        make()
        refused = call(place, "check")
        assert refused.code == 1
        assert f"the mailbox of bounces {mail} cannot be read: No such file or directory" in refused.line
    (mail / "new").write_text("")
    assert "Not a directory" in call(place, "check").line
    (mail / "new").unlink()
    (mail / "new").mkdir()
    assert call(place, "check").code == 0

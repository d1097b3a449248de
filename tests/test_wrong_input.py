"""What people, files and machines do wrong: one clear message, the right exit code, and nothing half done."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.command import PROGRAM, Said, call, confined, news, one_source, run, visited
from tests.conftest import HEAD, Clock, Web, Workplace

JOBS = [("fetch",), ("publish",), ("digest", "run"), ("check", "--live")]
LOOKS = [
    ("status",),
    ("search", "x"),
    ("story", "show", "abcd"),
    ("digest", "preview", "weekly"),
    ("source", "letter", "node"),
]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Web]]:
    """A folder whose source was visited and published, and the server."""
    folder = tmp_path_factory.mktemp("original")
    with visited(folder) as web:
        yield folder, web


@pytest.fixture
def web(original: tuple[Path, Web]) -> Web:
    """The server, not yet asked anything."""
    web = original[1]
    web.asked.clear()
    web.answers.clear()
    return web


@pytest.fixture
def site(original: tuple[Path, Web], web: Web, place: Workplace) -> Workplace:
    """One source, visited and published."""
    shutil.copytree(original[0], place.folder, dirs_exist_ok=True)
    return one_source(place, web)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, but for those that SQLite keeps beside a database somebody looked at."""
    files = [
        file for file in folder.rglob("*") if file.is_file() and file.suffix not in (".db-shm", ".db-wal")
    ]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


# --- the command line ----------------------------------------------------------------------------------

USAGE = [
    (("nope",), "nope"),
    (("fetch", "--nope"), "--nope"),
    (("story", "nope"), "nope"),
    (("digest", "preview"), "ID"),
    (("search",), "QUERY"),
    (("search", "x", "--limit", "0"), "--limit"),
    (("search", "x", "--limit", "many"), "many"),
    (("digest", "preview", "weekly", "--at", "soon"), "soon"),
    (("digest", "preview", "weekly", "--at", "2026-13-01"), "2026-13-01"),
    (("digest", "preview", "weekly", "--at", "0001-01-01"), "0001-01-01"),
    (("digest", "preview", "weekly", "--at", "9999-12-31T23:59-14:00"), "9999-12-31"),
    (("digest", "preview", "weekly", "--out", "feeds.yaml"), "feeds.yaml"),
    (("source", "discover"), "URL"),
    (("source", "preview"), "URL|ID"),
    (("source", "letter"), "ID"),
    (("check", "--json"), "--live"),
    (("-c",), "-c"),
]


@pytest.mark.parametrize(("command", "word"), USAGE)
def test_wrong_usage(site: Workplace, command: tuple[str, ...], word: str) -> None:
    """Wrong usage ends with 2 and one sentence that names the wrong word, after how the command is used."""
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
    (("fetch", "off"), "source 'off' is disabled in feeds.yaml"),
    (("digest", "preview", "weakly"), "no digest 'weakly' in feeds.yaml, did you mean \"weekly\"?"),
    (("digest", "preview", "xyzzy"), "no digest 'xyzzy' in feeds.yaml (there are: weekly)"),
    (("source", "preview", "nod"), "no source 'nod' in feeds.yaml, did you mean \"node\"?"),
    (("source", "letter", "nod"), "no source 'nod' in feeds.yaml, did you mean \"node\"?"),
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
        "credentials do not belong into the URL: use `user` and `password: env:NAME`",
    ),
    (
        ("source", "discover", "http://[::1/"),
        "'http://[::1/' is not a URL: it names no host, or none that can be asked",
    ),
    (("story", "show", "nope"), "no story 'nope'; `aggregator search` finds stories and shows their ids"),
    (("story", "show", ""), "no story ''; `aggregator search` finds stories and shows their ids"),
    (("story", "show", "*"), "no story '*'; `aggregator search` finds stories and shows their ids"),
]


@pytest.mark.parametrize(("command", "words"), UNKNOWN)
def test_unknown_name(site: Workplace, web: Web, command: tuple[str, ...], words: str) -> None:
    """A source, digest or story that does not exist ends the command with 2 and one line; nothing was visited."""
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
        (("source", "letter"), 2),
    ],
)
def test_bytes_that_are_no_text(site: Workplace, command: tuple[str, ...], code: int) -> None:
    """Bytes that no encoding explains are an unknown name, or a word nobody used, like any other."""
    said = call(site, *command, os.fsdecode(b"\xff\xff\xff\xff"))
    assert said.code == code
    assert said.line


@pytest.mark.parametrize(
    "query", ['"', "AND", "micro*", "NEAR(a b", 'micro"scope', "title:x", "-", "^a", "(", "a" * 5000]
)
def test_search_knows_no_syntax(site: Workplace, query: str) -> None:
    """What is an operator to the full-text engine is a word to `search`: never an error."""
    said = call(site, "search", "--json", "--", query)
    assert (said.code, said.err) == (0, "")
    assert json.loads(said.out) == {"query": query, "stories": []}


@pytest.mark.parametrize(
    "now", ["nonsense", "2026-13-01", " ", "1e9", "0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00"]
)
def test_clock_that_is_no_clock(site: Workplace, web: Web, now: str) -> None:
    """An AGGREGATOR_NOW that is no moment ends every command that needs the clock with 2, before anything is done."""
    before = contents(site.public)
    for command in (("fetch",), ("publish",), ("digest", "run")):
        said = call(site, *command, AGGREGATOR_NOW=now)
        assert said.code == 2
        assert said.line.startswith(f"aggregator: AGGREGATOR_NOW={now!r} is not a moment")
    assert (contents(site.public), web.asked) == (before, [])


def test_output_that_cannot_be_written(site: Workplace) -> None:
    """When standard output is a full disk, the command says so in one line and ends with 1."""
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [PROGRAM, "status", "--json"],
            cwd=site.folder,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    said = Said(ended.returncode, "", ended.stderr)
    assert said.code == 1
    assert "No space left on device" in said.line


# --- feeds.yaml ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [("check",), *JOBS, *LOOKS, ("fetch", "--json"), ("fetch", "nope")])
def test_wrong_file_ends_every_command(place: Workplace, web: Web, command: tuple[str, ...]) -> None:
    """A wrong feeds.yaml ends every command with 78 and a line for each problem; nothing is touched."""
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


def test_wrong_file_ends_the_process(place: Workplace) -> None:
    """A wrong feeds.yaml ends the process with 78; a single problem is a single line."""
    place.write("wbe: {}\n")
    said = run(place, "check")
    assert said.code == 78
    assert said.line.endswith('feeds.yaml:5: wbe: unknown key, did you mean "web"?')


def test_file_that_became_wrong_leaves_everything(site: Workplace, web: Web) -> None:
    """A feeds.yaml that is edited badly stops the next run and leaves database and site as they were."""
    (site.folder / "feeds.yaml").write_text("sources: [\n")
    before = contents(site.folder)
    for command in (("fetch", "--force"), ("publish",), ("digest", "run")):
        assert call(site, *command).code == 78
    assert (contents(site.folder), web.asked) == (before, [])


@pytest.mark.parametrize(
    ("args", "name"), [(("status",), "feeds.yaml"), (("-c", "sub/other.yaml", "fetch"), "other.yaml")]
)
def test_missing_file(place: Workplace, args: tuple[str, ...], name: str) -> None:
    """Started in a folder without feeds.yaml, or with a wrong `-c`, a command says which file is missing."""
    said = call(place, *args)
    assert said.code == 78
    assert said.line == f"{name}:1: cannot be read: No such file or directory"
    assert list(place.folder.iterdir()) == []


def test_missing_secret_stops_only_who_needs_it(place: Workplace, web: Web) -> None:
    """Without the password of a source `fetch` stops before anything is touched, but nobody who only looks."""
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


def test_missing_password_of_mail_stops_only_what_mails(place: Workplace, web: Web) -> None:
    """Without the relay's password sources are visited and published; `check`, digests and the daemon name it."""
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
        assert "mail.smtp.password: the secret file no cannot be read" in said.err


@pytest.mark.parametrize("command", JOBS)
def test_changed_authority_is_refused(site: Workplace, web: Web, command: tuple[str, ...]) -> None:
    """V5: no job runs under another authority: every published id would change, and readers see all again."""
    head = HEAD.replace("news.example,2026", "other.example,2027")
    one_source(site, web, head=head)
    before = contents(site.public)
    said = call(site, *command)
    assert contents(site.public) == before
    assert said.code == 78
    assert "site.authority is 'other.example,2027'" in said.line
    assert "'news.example,2026'" in said.line


def test_authority_set_back_is_well_again(site: Workplace, web: Web) -> None:
    """V5: a refused authority left nothing behind: nobody was visited, and set back, all is well."""
    one_source(site, web, head=HEAD.replace("news.example,2026", "other.example,2027"))
    said = call(site, "fetch", "--force")
    assert (said.code, "set it back" in said.line, web.asked) == (78, True, [])
    one_source(site, web)
    assert call(site, "fetch", "--force").code == 0


def public_and_private(place: Workplace, web: Web, contact: str) -> Workplace:
    """A source of our own machine, and behind it one of a public server (whose name RFC 6761 lets nobody have)."""
    one_source(place, web, head=HEAD.replace("editors@news.example,", f"{contact},"))
    text = (place.folder / "feeds.yaml").read_text()
    far = '  - {id: far, name: Far, url: "https://far.invalid/feed"}\n'
    place.write(text.replace("digests:", far + "digests:"), head="")
    return place


def test_placeholder_contact_visits_nobody(place: Workplace, web: Web) -> None:
    """V7: while the contact is the placeholder, a public host among the due ones stops the run before any request."""
    said = run(public_and_private(place, web, "news@example.org"), "fetch", AGGREGATOR_NOW=None)
    assert said.code == 78
    assert said.line.startswith("aggregator: feeds.yaml: site.contact is still the placeholder")
    assert "far" in said.line
    assert web.asked == []


@pytest.mark.parametrize("command", [("check", "--live"), ("source", "preview", "far")])
def test_placeholder_contact_looks_at_nobody(place: Workplace, web: Web, command: tuple[str, ...]) -> None:
    """V7: neither `check --live` nor a preview asks a public server while the contact is the placeholder."""
    said = call(public_and_private(place, web, "news@example.org"), *command, AGGREGATOR_NOW=None)
    assert (said.code, web.asked) == (78, [])
    assert said.line.startswith("aggregator: feeds.yaml: site.contact is still the placeholder")


def test_placeholder_contact_may_visit_own_machines(place: Workplace, web: Web) -> None:
    """V7: with the placeholder contact hosts that are no public ones are visited all the same."""
    public_and_private(place, web, "news@example.org")
    assert call(place, "fetch", "node", AGGREGATOR_NOW=None) == Said(0, "", "")
    assert [asked.path for asked in web.asked] == ["/feed"]
    assert "news@example.org" in web.asked[0].headers["user-agent"]


def test_pretended_clock_visits_nobody(place: Workplace, web: Web) -> None:
    """Under a pretended clock no public server is visited either, whatever the contact is."""
    said = call(public_and_private(place, web, "editors@news.example"), "fetch")
    assert (said.code, "AGGREGATOR_NOW" in said.line, web.asked) == (78, True, [])


# --- the database --------------------------------------------------------------------------------------


def from_the_future(database: Path) -> None:
    """A migration that this version does not know."""
    conn = sqlite3.connect(database)
    conn.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
        " SELECT migration_set, 'm9999_future', applied_at FROM _sqlite_migrations LIMIT 1"
    )
    conn.commit()
    conn.close()


def of_another_program(database: Path) -> None:
    """Somebody else's table."""
    database.unlink()
    conn = sqlite3.connect(database)
    conn.execute("CREATE TABLE bookmarks (url TEXT)")
    conn.commit()
    conn.close()


def cut_in_half(database: Path) -> None:
    """The first half of the file."""
    database.write_bytes(database.read_bytes()[: database.stat().st_size // 2])


DATABASES: dict[str, tuple[Callable[[Path], object], str]] = {
    "newer schema": (from_the_future, "was written by a newer version of this program (it has m9999_future)"),
    "another program's": (of_another_program, "is a database of some other program"),
    "no database": (lambda file: file.write_bytes(b"Dear diary\n" * 500), "file is not a database"),
    "short": (lambda file: file.write_bytes(b"hello"), "file is not a database"),
    "cut in half": (cut_in_half, "restore a backup"),
}


@pytest.mark.parametrize(("spoil", "words"), DATABASES.values(), ids=DATABASES.keys())
def test_database_that_is_not_ours(site: Workplace, spoil: Callable[[Path], object], words: str) -> None:
    """A database that this version cannot work with ends every command with 1 and one line, and stays untouched."""
    spoil(site.database)
    site.clock.now = site.clock.now.replace(day=6)
    before = contents(site.public), site.database.read_bytes()
    for command in JOBS + LOOKS:
        said = call(site, *command)
        assert said.code == 1
        assert said.line.startswith(f"aggregator: {site.database}")
        assert words in said.line
    assert (contents(site.public), site.database.read_bytes()) == before


def test_newer_database_ends_the_process(site: Workplace) -> None:
    """A database of a newer version ends the process with 1 and says what to do."""
    from_the_future(site.database)
    said = run(site, "fetch", "--force")
    assert (said.code, "install that version, or restore a backup" in said.line) == (1, True)


@pytest.mark.parametrize("command", [*JOBS, *LOOKS])
def test_folder_in_place_of_the_database(place: Workplace, web: Web, command: tuple[str, ...]) -> None:
    """A folder where the database belongs ends every command with 1 and one sentence."""
    one_source(place, web)
    place.database.mkdir(parents=True)
    said = call(place, *command)
    assert said.code == 1
    assert said.line.startswith(f"aggregator: {place.database}")
    assert list(place.database.iterdir()) == []
    assert web.asked == []


def test_message_says_things_once(place: Workplace, web: Web) -> None:
    """The sentence about a database that cannot be opened does not repeat itself."""
    one_source(place, web)
    place.database.mkdir(parents=True)
    assert call(place, "status").line.count("cannot be opened") == 1


@pytest.mark.parametrize("command", [("publish",), ("digest", "run"), *LOOKS])
def test_nothing_fetched_yet(place: Workplace, web: Web, command: tuple[str, ...]) -> None:
    """Before the first `fetch` every other command ends with 1 and says what to do first; no database appears."""
    said = call(one_source(place, web), *command)
    assert said.code == 1
    assert said.line == f"aggregator: {place.database} does not exist yet: run `aggregator fetch` first"
    assert not place.database.exists()


@pytest.mark.parametrize("command", JOBS)
def test_file_in_place_of_the_data_folder(place: Workplace, web: Web, command: tuple[str, ...]) -> None:
    """A file where the data folder belongs ends a job with 1 and one line."""
    one_source(place, web)
    (place.folder / "var").write_text("in the way")
    said = call(place, *command)
    assert (said.code, said.line) == (1, f"aggregator: {place.folder / 'var'} cannot be written: File exists")
    assert (place.folder / "var").read_text() == "in the way"


# --- places that cannot be written ---------------------------------------------------------------------


def file_in_the_way(public: Path) -> Callable[[], object]:
    """A file where the folder belongs."""
    public.write_text("in the way")
    return public.unlink


def folder_in_the_way(public: Path) -> Callable[[], object]:
    """A folder where a document belongs."""
    (public / "atom.xml").mkdir(parents=True)
    return (public / "atom.xml").rmdir


def link_to_nowhere(public: Path) -> Callable[[], object]:
    """A link to a disk that is not mounted."""
    public.symlink_to("/nowhere/at/all")
    return public.unlink


@pytest.mark.parametrize("obstruct", [file_in_the_way, folder_in_the_way, link_to_nowhere])
def test_public_folder_that_cannot_be_written(
    place: Workplace, web: Web, obstruct: Callable[[Path], Callable[[], object]]
) -> None:
    """P1: what cannot be published ends the job with 1 and one line, is kept, and goes out with the next run."""
    clear_away = obstruct(one_source(place, web).public)
    for command in (("fetch",), ("fetch",), ("publish",)):
        said = call(place, *command)
        assert said.code == 1
        assert said.line.startswith(f"aggregator: {place.public}/")
        assert " cannot be written: " in said.line
    assert len(json.loads(call(place, "search", "microscope", "--json").out)["stories"]) == 2
    clear_away()
    assert call(place, "fetch") == Said(0, "", "")
    assert b"Microscope number 2" in (place.public / "atom.xml").read_bytes()
    assert len(web.asked) == 1


def test_preview_that_cannot_be_written(site: Workplace) -> None:
    """A preview that cannot be written ends with 1 and one line."""
    said = call(site, "digest", "preview", "weekly", "--out", "feeds.yaml/x")
    assert (said.code, "cannot be written: Not a directory" in said.line) == (1, True)


def test_outbox_that_cannot_be_written(site: Workplace) -> None:
    """M4: letters that cannot be put into the outbox stay owed, the job ends with 1, and the next one delivers."""
    outbox = site.folder / "var/outbox"
    outbox.write_text("in the way")
    said = call(site, "digest", "run")
    assert (said.code, said.out) == (1, "")
    assert "cannot be written" in said.err
    assert said.err.splitlines()[-1] == "aggregator: no message could be delivered; 1 stay queued"
    outbox.unlink()
    assert json.loads(call(site, "digest", "run", "--json").out)["sent"] == 1
    assert len(list(outbox.iterdir())) == 1


# --- a lost database -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [("fetch",), ("fetch", "--force"), ("publish",), ("digest", "run"), ("prune",), ("check",), ("run",)],
)
@pytest.mark.parametrize("empty", [False, True])
def test_lost_database_is_not_filled_anew(
    site: Workplace, web: Web, command: tuple[str, ...], empty: bool
) -> None:
    """Beside what was published a missing or empty database is refused; the restored one goes on as before."""
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


def test_lost_database_without_public_begins_anew(site: Workplace) -> None:
    """With `public` moved away the installation begins anew."""
    shutil.rmtree(site.database.parent)
    site.public.rename(site.folder / "old")
    assert call(site, "fetch").code == 0
    assert (site.public / "atom.xml").exists()


# --- a full disk ---------------------------------------------------------------------------------------


def test_full_disk_at_the_first_run(place: Workplace, web: Web) -> None:
    """A disk without room for the database ends the process with 1 and one line; with room all goes well."""
    said = confined(one_source(place, web), 30_000, "fetch")
    assert said.code == 1
    assert said.line.startswith(f"aggregator: {place.database}: ")
    assert not place.public.exists()
    assert call(place, "fetch") == Said(0, "", "")
    assert b"Microscope number 2" in (place.public / "atom.xml").read_bytes()


@dataclass(frozen=True)
class Stuck:
    """A folder whose disk was full while it published, and `public` before and after that."""

    folder: Path
    before: dict[str, bytes]
    said: Said
    after: dict[str, bytes]


@pytest.fixture(scope="module")
def stuck(original: tuple[Path, Web], tmp_path_factory: pytest.TempPathFactory) -> Stuck:
    """A new site title was published where atom.xml, but not its small .gz, exceeds what the disk has room for."""
    place = Workplace(tmp_path_factory.mktemp("stuck"), Clock())
    news_of_a_year = [news(n) for n in range(100)]
    assert call(one_source(place, original[1], *news_of_a_year), "fetch").code == 0
    one_source(place, original[1], *news_of_a_year, head=HEAD.replace("Imaging news", "New title"))
    before = contents(place.public)
    assert len(before["atom.xml"]) > 60_000 > 10 * len(before["atom.xml.gz"])
    return Stuck(place.folder, before, confined(place, 60_000, "publish"), contents(place.public))


def test_full_disk_while_publishing(stuck: Stuck) -> None:
    """A disk that is full while publishing ends the process with 1 and one line that says which file and why."""
    words = f"aggregator: {stuck.folder / 'public/archive/2026-10.xml'} cannot be written: File too large"
    assert (stuck.said.code, stuck.said.line) == (1, words)


def test_full_disk_leaves_whole_documents(stuck: Stuck) -> None:
    """After a full disk every document is whole: what was there before, and no draft beside it."""
    assert set(stuck.after) == set(stuck.before)
    assert stuck.after["atom.xml"] == stuck.before["atom.xml"]
    assert stuck.after["atom.xml"].endswith(b"</feed>\n")
    assert all(gzip.decompress(body) for name, body in stuck.after.items() if name.endswith(".gz"))


def test_full_disk_leaves_documents_and_gzips_agreeing(stuck: Stuck) -> None:
    """P4: however long the disk stays full, no server can serve a document and a .gz that disagree."""
    documents = {name: body for name, body in stuck.after.items() if not name.endswith(".gz")}
    assert len(documents) >= 3
    assert [n for n, body in documents.items() if gzip.decompress(stuck.after[n + ".gz"]) != body] == []


def test_full_disk_heals(stuck: Stuck, place: Workplace) -> None:
    """P1: once there is room, the next run publishes everything that the full disk kept back."""
    assert b"New title" not in stuck.after["atom.xml"]
    shutil.copytree(stuck.folder, place.folder, dirs_exist_ok=True)
    assert call(place, "fetch") == Said(0, "", "")
    healed = contents(place.public)
    assert b"New title" in healed["atom.xml"]
    assert gzip.decompress(healed["atom.xml.gz"]) == healed["atom.xml"]
    assert call(place, "publish", "--json").out.count('"documents_written": []') == 1

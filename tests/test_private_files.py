"""Files with personal data are readable by their owner only, whatever the umask."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from aggregator.errors import AggregatorError
from aggregator.gateways import files
from aggregator.store.connection import opened
from tests import command
from tests.command import call, one_source
from tests.conftest import HEAD, Web, Workplace
from tests.workplace import Clock

UMASK = "import os, sys; from aggregator.cli import main; os.umask(int(sys.argv.pop(1), 8)); main()"


def under(umask: str, place: Workplace, *args: str) -> None:
    """Run a command in this process under this umask; it must succeed."""
    before = os.umask(int(umask, 8))
    try:
        done = call(place, *args)
    finally:
        os.umask(before)
    assert (done.code, done.err) == (0, ""), done


def modes(folder: Path) -> dict[str, int]:
    """Return the permissions of a folder and of all files in it."""
    return {str(path): stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}


def open_to_others(folder: Path) -> list[str]:
    """Return the files of a folder to which other users have any right."""
    return [path for path, mode in modes(folder).items() if mode & 0o077]


@pytest.mark.parametrize("umask", ["000", "022"])
def test_no_other_user_reads_personal_data(place: Workplace, web: Web, umask: str) -> None:
    """No command leaves a file of the data folder open to others; `public` is readable."""
    one_source(place, web)
    for args in (("fetch",), ("digest", "preview", "weekly"), ("digest", "run"), ("backup", "var/mine.db")):
        under(umask, place, *args)
    assert {path.name for path in place.database.parent.iterdir()} >= {
        "aggregator.db",
        "lock",
        "outbox",
        "mine.db",
    }
    assert open_to_others(place.database.parent) == []
    assert all(mode & 0o044 == 0o044 for mode in modes(place.public).values())
    (message,) = (place.database.parent / "outbox").iterdir()
    assert "reader" not in message.name and "a.example" not in message.name


def test_what_an_older_version_left_open_is_closed(place: Workplace, web: Web) -> None:
    """Every command that opens the database removes other users' rights to its files.

    The folder itself keeps its rights: an operator may have named one that others use.
    """
    under("022", one_source(place, web), "fetch")
    under("022", place, "digest", "run")
    data = place.database.parent
    (data / "aggregator-before-migration-20260101T000000Z.db").touch()
    for args in (("fetch", "--force"), ("status",), ("digest", "run"), ("prune",)):
        for path in (data, *data.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        under("022", place, *args)
        still_open = [path for path in open_to_others(data) if not path.endswith(".eml")]
        assert still_open == [str(data)], args
        assert stat.S_IMODE((data / "outbox").stat().st_mode) == 0o700, args


def test_files_of_others_in_the_data_folder_stay(place: Workplace, web: Web) -> None:
    """A data folder that other programs use keeps its rights and their files."""
    one_source(place, web, head="paths: {data: ., public: public}\n" + HEAD)
    theirs = [place.folder / name for name in ("config.json", "templates/page.html", "notes.txt")]
    for file in theirs:
        file.parent.mkdir(exist_ok=True)
        file.write_text("theirs")
    for path in (place.folder, *theirs, place.folder / "templates"):
        path.chmod(0o755)
    before = modes(place.folder)
    for args in (("fetch",), ("fetch", "--force"), ("status",)):
        under("022", place, *args)
    assert modes(place.folder).items() >= before.items()
    assert [file.read_text() for file in theirs] == ["theirs"] * 3
    assert stat.S_IMODE((place.folder / "aggregator.db").stat().st_mode) == 0o600


def test_a_process_of_its_own_closes_what_it_writes(place: Workplace, web: Web) -> None:
    """A process of its own with an open umask, and its sandbox, leave nothing open to others."""
    done = command.run(one_source(place, web), "fetch", program=(sys.executable, "-c", UMASK, "000"))
    assert (done.code, done.err) == (0, ""), done
    assert place.database.exists() and open_to_others(place.database.parent) == []


def test_public_within_the_data_folder_can_be_served(place: Workplace, web: Web) -> None:
    """A `public` folder inside the data folder can be served, and nothing else of it."""
    one_source(place, web, head="paths: {data: var, public: var/public}\n" + HEAD)
    under("022", place, "fetch")
    rights = modes(place.database.parent)
    assert stat.S_IMODE(place.database.parent.stat().st_mode) == 0o711
    assert all(mode & 0o044 == 0o044 for path, mode in rights.items() if "/var/public" in path)
    assert stat.S_IMODE(place.database.stat().st_mode) == 0o600


@contextmanager
def as_nobody() -> Iterator[None]:
    """Act as a user who owns nothing."""
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
@pytest.mark.parametrize("name", ["", "aggregator.db", "aggregator.db-wal", "lock"])
def test_a_file_of_another_user_is_named(name: str) -> None:
    """Where a command of root left a file, the message names it and its owner."""
    with TemporaryDirectory(dir="/tmp") as folder:  # where nobody may go, unlike `tmp_path`
        data = Path(folder) / "var"
        data.mkdir()
        for each in ("aggregator.db", "aggregator.db-wal", "lock"):
            (data / each).write_bytes(b"")
        for path in (Path(folder), data, *data.iterdir()):
            os.chown(path, 65534, 65534)
        os.chown(data / name, 0, 0)
        (data / name).chmod(0o700 if name == "" else 0o600)
        problem = f"{data / name} belongs to root and cannot be written: run all commands as one user"
        opening = files.lock(data) if name == "lock" else opened(data / "aggregator.db")
        with as_nobody(), pytest.raises(AggregatorError, match=f"^{re.escape(problem)}"), opening:
            pass
        if name == "":
            with as_nobody(), pytest.raises(AggregatorError, match="belongs to root and cannot be written"):
                files.close_data(data, Path(folder) / "public")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_a_folder_that_cannot_be_searched_is_an_expected_error() -> None:
    """Where even the data folder cannot be seen, commands end with a message all the same."""
    with TemporaryDirectory(dir="/tmp") as folder:
        data = Path(folder) / "var"
        data.mkdir()
        for opening in (opened(data / "aggregator.db"), files.lock(data)):
            with as_nobody(), pytest.raises(AggregatorError, match=r"^/tmp/.*cannot be "), opening:
                pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_an_unreadable_configuration_is_a_wrong_one() -> None:
    """A feeds.yaml that this user may not read ends commands with 78, not as wrong usage."""
    with TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "feeds.yaml").touch(0o600)
        with as_nobody():
            done = call(Workplace(Path(folder), Clock()), "status")
    assert (done.code, done.err) == (78, "feeds.yaml:1: cannot be read: Permission denied\n")

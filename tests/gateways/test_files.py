"""Files out: documents (PB13, P4, P1), letters, and the lock of the data folder (L1)."""

from __future__ import annotations

import email
import gzip
import os
import re
import signal
import stat
import subprocess
import sys
from email.message import EmailMessage
from pathlib import Path

import pytest

from aggregator.errors import AnotherRunHolds, FilesError, MailError
from aggregator.gateways import files
from aggregator.model.publishing import PublishedDocument

OLD = 1_700_000_000


def document(body: bytes, path: str = "channels/events/atom.xml") -> PublishedDocument:
    """A document to write."""
    return PublishedDocument(path=path, media_type="application/atom+xml", body=body)


def target(public: Path, name: str = "atom.xml") -> Path:
    """Where `document` ends up."""
    return public / "channels" / "events" / name


def unpacked(public: Path) -> bytes:
    """What a browser that asks for gzip reads."""
    return gzip.decompress(target(public, "atom.xml.gz").read_bytes())


def aged(public: Path) -> dict[str, tuple[int, int]]:
    """Make all files old; their mtimes and inodes."""
    for file in public.rglob("*"):
        os.utime(file, (OLD, OLD))
    return stamps(public)


def stamps(public: Path) -> dict[str, tuple[int, int]]:
    """mtime and inode of every file."""
    return {f.name: (f.stat().st_mtime_ns, f.stat().st_ino) for f in public.rglob("*") if f.is_file()}


# --- documents -----------------------------------------------------------------------------------------


def test_a_document_is_written_with_its_gz_and_nothing_else(tmp_path: Path) -> None:
    """P4: folders are made, document and .gz agree, and no draft is left."""
    assert files.write_document(tmp_path, document(b"one")) is True
    assert target(tmp_path).read_bytes() == unpacked(tmp_path) == b"one"
    assert {f.name for f in target(tmp_path).parent.iterdir()} == {"atom.xml", "atom.xml.gz"}


def test_bytes_are_on_disk_before_they_are_visible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """P1: both drafts are synced before the first is renamed, and the folder behind them."""
    synced: list[tuple[str, list[str]]] = []

    def fsync(handle: int) -> None:
        folder = target(tmp_path).parent
        name = Path(f"/proc/self/fd/{handle}").readlink().name
        synced.append((name, sorted(file.name for file in folder.iterdir() if file.name[0] != ".")))

    monkeypatch.setattr(os, "fsync", fsync)
    files.write_document(tmp_path, document(b"one"))
    assert synced == [
        (".atom.xml.gz.draft", []),
        (".atom.xml.draft", []),
        ("events", ["atom.xml", "atom.xml.gz"]),
    ]


def test_the_same_bytes_leave_the_files_alone(tmp_path: Path) -> None:
    """PB13: nothing changed means neither document nor .gz is written: same mtime, same inode."""
    files.write_document(tmp_path, document(b"one"))
    before = aged(tmp_path)
    assert files.write_document(tmp_path, document(b"one")) is False
    assert stamps(tmp_path) == before


def test_other_bytes_replace_both(tmp_path: Path) -> None:
    """PB13: a changed document gets new files; a reader who has the old one open goes on reading it."""
    files.write_document(tmp_path, document(b"one"))
    before = aged(tmp_path)
    with target(tmp_path).open("rb") as reader:
        assert files.write_document(tmp_path, document(b"two")) is True
        assert reader.read() == b"one"
    assert target(tmp_path).read_bytes() == unpacked(tmp_path) == b"two"
    assert all(stamps(tmp_path)[name][0] > OLD * 10**9 for name in before)


def test_the_gz_has_no_time_in_it(tmp_path: Path) -> None:
    """P4: mtime=0, so that the same document is the same .gz wherever and whenever it was made."""
    files.write_document(tmp_path / "a", document(b"one" * 1000))
    files.write_document(tmp_path / "b", document(b"one" * 1000))
    packed = target(tmp_path / "a", "atom.xml.gz").read_bytes()
    assert packed == target(tmp_path / "b", "atom.xml.gz").read_bytes()
    assert packed[4:8] == b"\0\0\0\0"


def test_a_crash_between_the_two_renames_heals(tmp_path: Path) -> None:
    """P4, P1: where only the .gz is new, the next run puts the document in place."""
    files.write_document(tmp_path, document(b"one"))
    target(tmp_path, "atom.xml.gz").write_bytes(gzip.compress(b"two"))
    assert files.write_document(tmp_path, document(b"two")) is True
    assert target(tmp_path).read_bytes() == unpacked(tmp_path) == b"two"


def test_a_crash_before_the_first_document_heals(tmp_path: Path) -> None:
    """P4, P1: a .gz alone is completed."""
    target(tmp_path).parent.mkdir(parents=True)
    target(tmp_path, "atom.xml.gz").write_bytes(gzip.compress(b"one"))
    assert files.write_document(tmp_path, document(b"one")) is True
    assert target(tmp_path).read_bytes() == b"one"


def test_a_crash_followed_by_a_change_of_mind_heals(tmp_path: Path) -> None:
    """P4: a .gz that ran ahead is replaced also when the document it belonged to is not wanted any more."""
    files.write_document(tmp_path, document(b"one"))
    target(tmp_path, "atom.xml.gz").write_bytes(gzip.compress(b"two"))
    files.write_document(tmp_path, document(b"one"))
    assert target(tmp_path).read_bytes() == unpacked(tmp_path) == b"one"


def test_a_missing_gz_is_made(tmp_path: Path) -> None:
    """P4: a document whose .gz was deleted is no finished pair."""
    files.write_document(tmp_path, document(b"one"))
    target(tmp_path, "atom.xml.gz").unlink()
    assert files.write_document(tmp_path, document(b"one")) is True
    assert unpacked(tmp_path) == b"one"


def test_a_draft_left_over_does_no_harm(tmp_path: Path) -> None:
    """P4: what a killed run left half written is overwritten, never published."""
    target(tmp_path).parent.mkdir(parents=True)
    for name in (".atom.xml.draft", ".atom.xml.gz.draft"):
        target(tmp_path, name).write_bytes(b"half of something longer than the document")
    assert files.write_document(tmp_path, document(b"one")) is True
    assert target(tmp_path).read_bytes() == unpacked(tmp_path) == b"one"
    assert {f.name for f in target(tmp_path).parent.iterdir()} == {"atom.xml", "atom.xml.gz"}


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_files_are_readable_as_the_umask_says(tmp_path: Path, umask: int, mode: int) -> None:
    """P4: a web server of another user can read what is published, unless the operator's umask says no."""
    before = os.umask(umask)
    try:
        files.write_document(tmp_path, document(b"one"))
    finally:
        os.umask(before)
    for name in ("atom.xml", "atom.xml.gz"):
        assert stat.S_IMODE(target(tmp_path, name).stat().st_mode) == mode


def test_what_cannot_be_written_is_said_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """P1: a folder in the way is an error with a path, the drafts are gone, and the job can go on later."""
    target(tmp_path).mkdir(parents=True)
    (target(tmp_path) / "in the way").touch()
    with pytest.raises(FilesError, match=r"atom\.xml cannot be written: Is a directory"):
        files.write_document(tmp_path, document(b"one"))
    assert not list(tmp_path.rglob("*.draft"))
    (tmp_path / "file").touch()
    with pytest.raises(FilesError, match="cannot be written"):
        files.write_document(tmp_path / "file", document(b"one"))


# --- letters -------------------------------------------------------------------------------------------


def letter(message_id: str = "<weekly-2026-10-05.0f3e@news.example>", body: str = "words") -> bytes:
    """A letter as the outbox gets it."""
    message = EmailMessage()
    message["Message-ID"] = message_id
    message.set_content(body)
    return message.as_bytes()


def test_a_letter_becomes_one_file_however_often_it_is_put(tmp_path: Path) -> None:
    """M4: the same letter to the same address is the same file with the same bytes; its name bears no address."""
    for _ in range(3):
        with files.outbox(tmp_path / "outbox") as put:
            put(letter(), "ada@example.org")
    (file,) = (tmp_path / "outbox").iterdir()
    assert re.fullmatch(r"weekly-2026-10-05-[0-9a-f]{24}\.eml", file.name)
    assert email.message_from_bytes(file.read_bytes()).get_payload() == "words\n"


@pytest.mark.parametrize(
    "address",
    [
        "../../etc/passwd",
        "/etc/passwd@example.org",
        "..",
        "a/../../b@example.org",
        "a\\b@example.org",
        "a\0b@example.org",
        "a\nb@example.org",
        "~root@example.org",
        "jörg@bücher.example",
        "$(touch x)@example.org",
        "-rf@example.org",
        "x" * 400 + "@example.org",
        "",
    ],
)
def test_no_address_leads_out_of_the_outbox(tmp_path: Path, address: str) -> None:
    """M4: whatever the address, its file is in the folder and has a harmless name without the address."""
    with files.outbox(tmp_path / "outbox") as put:
        put(letter(), address)
    (file,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert file.parent == tmp_path / "outbox"
    assert file.name.startswith("weekly-2026-10-05-")
    assert file.name.isascii() and file.name.isprintable() and len(file.name) < 200


def test_each_letter_gets_a_file_of_its_own(tmp_path: Path) -> None:
    """M4: no letter overwrites another's."""
    with files.outbox(tmp_path) as put:
        for address in ("a/b@example.org", "a_b@example.org", "a!b@example.org"):
            put(letter(), address)
        put(letter("<weekly-2026-10-12.0f3e@news.example>"), "a_b@example.org")
    assert len(list(tmp_path.iterdir())) == 4


def test_an_outbox_that_cannot_be_written_keeps_every_letter_owed(tmp_path: Path) -> None:
    """M4: the trouble is a MailError, which the job takes for a relay that is away."""
    (tmp_path / "outbox").touch()
    with pytest.raises(MailError, match="every letter stays owed"), files.outbox(tmp_path / "outbox") as put:
        put(letter(), "ada@example.org")


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_the_outbox_is_closed_to_other_users(tmp_path: Path, umask: int) -> None:
    """The folder and every letter belong to their owner only, whatever the umask, also a folder that was open."""
    before = os.umask(umask)
    try:
        for folder in (tmp_path / "new", tmp_path / "old"):
            with files.outbox(folder) as put:
                put(letter(), "ada@example.org")
            folder.chmod(0o755)
            with files.outbox(folder) as put:
                put(letter(), "grace@example.org")
            assert mode(folder) == 0o700
            assert {mode(file) for file in folder.iterdir()} == {0o600}
    finally:
        os.umask(before)


# --- the data folder -----------------------------------------------------------------------------------


def mode(path: Path) -> int:
    """The permissions of a file or folder."""
    return stat.S_IMODE(path.stat().st_mode)


def test_what_was_left_open_is_closed(tmp_path: Path) -> None:
    """Folder, database and its companions, copies made before migrations, lock and outbox lose other users' rights."""
    data = tmp_path / "var"
    (data / "outbox").mkdir(parents=True)
    for name in ("aggregator.db", "aggregator.db-wal", "aggregator.db-shm", "lock"):
        (data / name).touch(0o644)
    (data / "aggregator-before-migration-20260101T000000Z.db").touch(0o644)
    (data / "of another program").touch(0o644)
    (data / "of another program").chmod(0o644)
    files.close_data(data, tmp_path / "public")
    found = {file.name: mode(file) for file in data.iterdir()}
    assert found.pop("of another program") == 0o644
    assert found.pop("outbox") == mode(data) == 0o700
    assert set(found.values()) == {0o600} and len(found) == 5


def test_public_within_the_data_folder_stays_reachable(tmp_path: Path) -> None:
    """Other users may go through the data folder to `public`, and list nothing."""
    files.close_data(tmp_path / "var", tmp_path / "var" / "public")
    assert mode(tmp_path / "var") == 0o711
    (tmp_path / "var").chmod(0o755)
    files.close_data(tmp_path / "var", tmp_path / "var" / "public")
    assert mode(tmp_path / "var") == 0o711


def test_asking_whether_a_job_is_at_work(tmp_path: Path) -> None:
    """L1: the lock of this or another process is seen, without taking it away or leaving anything behind."""
    assert not files.is_locked(tmp_path / "var")
    with files.lock(tmp_path / "var"):
        assert files.is_locked(tmp_path / "var")
    assert not files.is_locked(tmp_path / "var")
    with files.lock(tmp_path / "var"):
        pass


# --- the lock ------------------------------------------------------------------------------------------

HOLD = """
import sys, time
from pathlib import Path
from aggregator.gateways import files
with files.lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_second_process_is_turned_away_until_the_first_is_killed(tmp_path: Path) -> None:
    """L1: one job at a time, and a job that died by kill -9 holds nobody up: nothing to recover."""
    held = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE)
    try:
        assert held.stdout is not None
        assert held.stdout.readline() == b"held\n"
        with pytest.raises(AnotherRunHolds, match="nothing was done") as caught, files.lock(tmp_path):
            pass
        assert caught.value.exit_code == 75
    finally:
        held.send_signal(signal.SIGKILL)
        held.communicate()
    with files.lock(tmp_path):
        pass


def test_the_lock_is_free_again_afterwards_whatever_happened(tmp_path: Path) -> None:
    """L1: the lock ends with the block, also by an exception, and makes the folder if there is none."""
    with pytest.raises(ZeroDivisionError), files.lock(tmp_path / "var"):
        raise ZeroDivisionError
    with files.lock(tmp_path / "var"), pytest.raises(AnotherRunHolds), files.lock(tmp_path / "var"):
        pass


def test_a_data_folder_that_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    """L1: a file in the place of the folder is named."""
    (tmp_path / "var").touch()
    with pytest.raises(FilesError, match="var cannot be written"), files.lock(tmp_path / "var"):
        pass

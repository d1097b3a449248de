"""Files are written whole: documents (PB13, P4, P1), messages, and the lock (L1)."""

from __future__ import annotations

import email
import gzip
import hashlib
import os
import re
import signal
import stat
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from aggregator.errors import AnotherRunHolds, FilesError, MailError
from aggregator.gateways import files
from aggregator.gateways.drafts import Drafts
from aggregator.model.publishing import PublishedDocument

OLD = 1_700_000_000


def document(body: bytes, path: str = "channels/events/atom.xml") -> PublishedDocument:
    """Return a document with this body."""
    return PublishedDocument(path=path, media_type="application/atom+xml", body=body)


def target(public: Path, name: str = "atom.xml") -> Path:
    """Return the path of `document`."""
    return public / "channels" / "events" / name


def unpacked(public: Path) -> bytes:
    """Return the decompressed content of the `.gz`."""
    return gzip.decompress(target(public, "atom.xml.gz").read_bytes())


def aged(public: Path) -> dict[str, tuple[int, int]]:
    """Make all files old; return their mtimes and inodes."""
    for file in public.rglob("*"):
        os.utime(file, (OLD, OLD))
    return stamps(public)


def stamps(public: Path) -> dict[str, tuple[int, int]]:
    """Return mtime and inode of every file."""
    return {f.name: (f.stat().st_mtime_ns, f.stat().st_ino) for f in public.rglob("*") if f.is_file()}


# --- documents -----------------------------------------------------------------------------------------


Write = Callable[[Path, PublishedDocument], bool]


def write_in_parts(public: Path, document: PublishedDocument) -> bool:
    """Write a document in parts of two bytes; return whether its bytes changed."""
    drafts, body = Drafts(public), document.body
    parts = (body[start : start + 2] for start in range(0, len(body), 2))
    changed, document_hash = drafts.add_parts(document.path, parts)
    drafts.rename_all()
    assert document_hash == hashlib.sha256(body).digest()
    return changed


@pytest.fixture(params=[files.write_document, write_in_parts])
def write(request: pytest.FixtureRequest) -> Write:
    """Provide both ways of writing a document, whole and in parts."""
    written: Write = request.param
    return written


def test_a_document_is_written_with_its_gz_and_nothing_else(tmp_path: Path, write: Write) -> None:
    """A document and its .gz are written, folders are made, no draft is left (P4)."""
    assert write(tmp_path, document(b"one")) is True
    assert target(tmp_path).read_bytes() == unpacked(tmp_path) == b"one"
    assert {f.name for f in target(tmp_path).parent.iterdir()} == {"atom.xml", "atom.xml.gz"}


def test_bytes_are_on_disk_before_they_are_visible(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both drafts are synced before the first is renamed, and the folder after them (P1)."""
    synced: list[tuple[str, list[str]]] = []

    def fsync(handle: int) -> None:
        folder = target(tmp_path).parent
        name = Path(f"/proc/self/fd/{handle}").readlink().name
        synced.append((name, sorted(file.name for file in folder.iterdir() if file.name[0] != ".")))

    monkeypatch.setattr(os, "fsync", fsync)
    write(tmp_path, document(b"one"))
    assert synced == [
        (".atom.xml.gz.draft", []),
        (".atom.xml.draft", []),
        ("events", ["atom.xml", "atom.xml.gz"]),
    ]


def test_the_same_bytes_are_not_written(tmp_path: Path, write: Write) -> None:
    """An unchanged document is not written: mtime and inode stay (PB13)."""
    write(tmp_path, document(b"one"))
    before = aged(tmp_path)
    assert write(tmp_path, document(b"one")) is False
    assert stamps(tmp_path) == before


def test_other_bytes_replace_both(tmp_path: Path, write: Write) -> None:
    """A changed document gets new files; open readers keep the old one (PB13)."""
    write(tmp_path, document(b"one"))
    before = aged(tmp_path)
    with target(tmp_path).open("rb") as reader:
        assert write(tmp_path, document(b"two")) is True
        assert reader.read() == b"one"
    assert target(tmp_path).read_bytes() == unpacked(tmp_path) == b"two"
    assert all(stamps(tmp_path)[name][0] > OLD * 10**9 for name in before)


def test_the_gz_has_no_time_in_it(tmp_path: Path, write: Write) -> None:
    """The same document gives the same .gz at any time and place: its mtime is 0 (P4)."""
    write(tmp_path / "a", document(b"one" * 1000))
    write(tmp_path / "b", document(b"one" * 1000))
    packed = target(tmp_path / "a", "atom.xml.gz").read_bytes()
    assert packed == target(tmp_path / "b", "atom.xml.gz").read_bytes()
    assert packed[4:8] == b"\0\0\0\0"


def test_a_crash_between_the_two_renames_heals(tmp_path: Path, write: Write) -> None:
    """Where only the .gz is new, the next run writes the document (P4, P1)."""
    write(tmp_path, document(b"one"))
    target(tmp_path, "atom.xml.gz").write_bytes(gzip.compress(b"two"))
    assert write(tmp_path, document(b"two")) is True
    assert target(tmp_path).read_bytes() == unpacked(tmp_path) == b"two"


def test_a_crash_before_the_first_document_heals(tmp_path: Path, write: Write) -> None:
    """A .gz without its document is completed (P4, P1)."""
    target(tmp_path).parent.mkdir(parents=True)
    target(tmp_path, "atom.xml.gz").write_bytes(gzip.compress(b"one"))
    assert write(tmp_path, document(b"one")) is True
    assert target(tmp_path).read_bytes() == b"one"


def test_a_crash_followed_by_another_version_heals(tmp_path: Path, write: Write) -> None:
    """A .gz that is newer than its document is replaced by the next version (P4)."""
    write(tmp_path, document(b"one"))
    target(tmp_path, "atom.xml.gz").write_bytes(gzip.compress(b"two"))
    write(tmp_path, document(b"one"))
    assert target(tmp_path).read_bytes() == unpacked(tmp_path) == b"one"


def test_a_missing_gz_is_made(tmp_path: Path, write: Write) -> None:
    """A document whose .gz was deleted is written again (P4)."""
    write(tmp_path, document(b"one"))
    target(tmp_path, "atom.xml.gz").unlink()
    assert write(tmp_path, document(b"one")) is True
    assert unpacked(tmp_path) == b"one"


def test_a_draft_of_a_killed_run_is_overwritten(tmp_path: Path, write: Write) -> None:
    """A partial draft of a killed run is overwritten (P4)."""
    target(tmp_path).parent.mkdir(parents=True)
    for name in (".atom.xml.draft", ".atom.xml.gz.draft"):
        target(tmp_path, name).write_bytes(b"half of something longer than the document")
    assert write(tmp_path, document(b"one")) is True
    assert target(tmp_path).read_bytes() == unpacked(tmp_path) == b"one"
    assert {f.name for f in target(tmp_path).parent.iterdir()} == {"atom.xml", "atom.xml.gz"}


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_files_are_readable_as_the_umask_says(tmp_path: Path, write: Write, umask: int, mode: int) -> None:
    """Published files have the permissions that the umask allows (P4)."""
    before = os.umask(umask)
    try:
        write(tmp_path, document(b"one"))
    finally:
        os.umask(before)
    for name in ("atom.xml", "atom.xml.gz"):
        assert stat.S_IMODE(target(tmp_path, name).stat().st_mode) == mode


def test_a_failed_write_is_an_error_and_leaves_nothing(tmp_path: Path, write: Write) -> None:
    """A file that cannot be written is an error with its path and leaves no draft (P1)."""
    target(tmp_path).mkdir(parents=True)
    (target(tmp_path) / "in the way").touch()
    with pytest.raises(FilesError, match=r"atom\.xml cannot be written: Is a directory"):
        write(tmp_path, document(b"one"))
    assert not list(tmp_path.rglob("*.draft"))
    (tmp_path / "file").touch()
    with pytest.raises(FilesError, match="cannot be written"):
        write(tmp_path / "file", document(b"one"))


@pytest.mark.parametrize("before", [b"", b"ab", b"abcdefgh", b"abXdef", b"abcdef"])
def test_parts_are_compared_with_the_file_that_they_replace(
    tmp_path: Path, before: bytes, write: Write
) -> None:
    """A document is written if the file begins, ends or goes on otherwise (PB13)."""
    write(tmp_path, document(before))
    stamps_before = aged(tmp_path)
    assert write(tmp_path, document(b"abcdef")) is (before != b"abcdef")
    assert target(tmp_path).read_bytes() == unpacked(tmp_path) == b"abcdef"
    assert (stamps(tmp_path) == stamps_before) is (before == b"abcdef")


def test_a_part_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """An exception while parts are made leaves no draft, and the document as it was."""

    def parts() -> Iterator[bytes]:
        yield b"one, two"
        raise FileNotFoundError("a file that a part is made of")

    files.write_document(tmp_path, document(b"one"))
    drafts = Drafts(tmp_path)
    with pytest.raises(FilesError):
        drafts.add_parts(document(b"").path, parts())
    drafts.rename_all()
    assert target(tmp_path).read_bytes() == unpacked(tmp_path) == b"one"
    assert not list(tmp_path.rglob("*.draft"))


def test_a_document_in_parts_takes_little_memory(tmp_path: Path) -> None:
    """Memory does not grow with a document that is written in parts, or compared."""
    part = b"entry" * 10_000
    for expected in (True, False):
        tracemalloc.start()
        drafts = Drafts(tmp_path)
        assert drafts.add_parts("atom.xml", (part for _ in range(400)))[0] is expected
        drafts.rename_all()
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak_bytes < (tmp_path / "atom.xml").stat().st_size / 10


# --- messages -------------------------------------------------------------------------------------------


def message(message_id: str = "<weekly-2026-10-05.0f3e@news.example>", body: str = "words") -> bytes:
    """Return a message as the outbox receives it."""
    made = EmailMessage()
    made["Message-ID"] = message_id
    made.set_content(body)
    return made.as_bytes()


def test_a_message_becomes_one_file_however_often_it_is_sent(tmp_path: Path) -> None:
    """The same message to the same address is one file without the address in its name (M4)."""
    for _ in range(3):
        with files.outbox(tmp_path / "outbox") as send:
            send(message(), "ada@example.org")
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
    """The file of any address is in the folder, with a name without the address (M4)."""
    with files.outbox(tmp_path / "outbox") as send:
        send(message(), address)
    (file,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert file.parent == tmp_path / "outbox"
    assert file.name.startswith("weekly-2026-10-05-")
    assert file.name.isascii() and file.name.isprintable() and len(file.name) < 200


def test_each_message_gets_its_own_file(tmp_path: Path) -> None:
    """No message overwrites another one (M4)."""
    with files.outbox(tmp_path) as send:
        for address in ("a/b@example.org", "a_b@example.org", "a!b@example.org"):
            send(message(), address)
        send(message("<weekly-2026-10-12.0f3e@news.example>"), "a_b@example.org")
    assert len(list(tmp_path.iterdir())) == 4


def test_an_outbox_that_cannot_be_written_keeps_every_message_owed(tmp_path: Path) -> None:
    """An outbox that cannot be written raises MailError, as a relay does (M4)."""
    (tmp_path / "outbox").touch()
    with (
        pytest.raises(MailError, match="every message stays queued"),
        files.outbox(tmp_path / "outbox") as send,
    ):
        send(message(), "ada@example.org")


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_the_outbox_is_closed_to_other_users(tmp_path: Path, umask: int) -> None:
    """The folder and every message belong to their owner only, whatever the umask."""
    before = os.umask(umask)
    try:
        for folder in (tmp_path / "new", tmp_path / "old"):
            with files.outbox(folder) as send:
                send(message(), "ada@example.org")
            folder.chmod(0o755)
            with files.outbox(folder) as send:
                send(message(), "grace@example.org")
            assert mode(folder) == 0o700
            assert {mode(file) for file in folder.iterdir()} == {0o600}
    finally:
        os.umask(before)


# --- the data folder -----------------------------------------------------------------------------------


def mode(path: Path) -> int:
    """Return the permissions of a file or folder."""
    return stat.S_IMODE(path.stat().st_mode)


def test_open_files_are_closed(tmp_path: Path) -> None:
    """All files with personal data are closed to other users; the folder keeps its rights."""
    data = tmp_path / "var"
    (data / "outbox").mkdir(parents=True)
    data.chmod(0o755)
    for name in ("aggregator.db", "aggregator.db-wal", "aggregator.db-shm", "lock"):
        (data / name).touch(0o644)
    (data / "aggregator-before-migration-20260101T000000Z.db").touch(0o644)
    (data / "of another program").touch(0o644)
    (data / "of another program").chmod(0o644)
    files.close_data(data, tmp_path / "public")
    found = {file.name: mode(file) for file in data.iterdir()}
    assert found.pop("of another program") == 0o644
    assert (found.pop("outbox"), mode(data)) == (0o700, 0o755)
    assert set(found.values()) == {0o600} and len(found) == 5


def test_public_within_the_data_folder_stays_reachable(tmp_path: Path) -> None:
    """Other users can reach `public` in the data folder, and list nothing."""
    files.close_data(tmp_path / "var", tmp_path / "var" / "public")
    assert mode(tmp_path / "var") == 0o711


def test_a_running_job_is_seen(tmp_path: Path) -> None:
    """The lock of any process is seen without taking or changing it (L1)."""
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


def test_a_second_process_is_refused_until_the_first_is_killed(tmp_path: Path) -> None:
    """One job holds the lock, until its process ends, also by kill -9 (L1)."""
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


def test_the_lock_ends_with_its_block(tmp_path: Path) -> None:
    """The lock ends with the block, also by an exception (L1)."""
    with pytest.raises(ZeroDivisionError), files.lock(tmp_path / "var"):
        raise ZeroDivisionError
    with files.lock(tmp_path / "var"), pytest.raises(AnotherRunHolds), files.lock(tmp_path / "var"):
        pass


def test_a_file_in_place_of_the_data_folder_is_an_error(tmp_path: Path) -> None:
    """A file in the place of the data folder is an error with its path (L1)."""
    (tmp_path / "var").touch()
    with pytest.raises(FilesError, match="var cannot be written"), files.lock(tmp_path / "var"):
        pass


# --- compiled templates --------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_template_that_others_may_write_is_not_read(tmp_path: Path, mode: int) -> None:
    """Compiled templates are code: one that other users may change is compiled again."""
    files.write_template(tmp_path, "a", b"code")
    assert files.read_template(tmp_path, "a") == b"code"
    (tmp_path / files.TEMPLATES / "a").chmod(mode)
    assert files.read_template(tmp_path, "a") == b""


def test_a_link_is_no_template(tmp_path: Path) -> None:
    """A link to a file of this user, such as a mail that anybody may send, is not read as code."""
    (tmp_path / "mail").write_bytes(b"code")
    (tmp_path / "mail").chmod(0o600)
    (tmp_path / files.TEMPLATES).mkdir()
    (tmp_path / files.TEMPLATES / "a").symlink_to(tmp_path / "mail")
    assert files.read_template(tmp_path, "a") == b""


def test_a_pipe_and_the_target_of_a_link_are_written_and_not_replaced(tmp_path: Path) -> None:
    """A device such as /dev/stdout, or a link to a file elsewhere, stays what it is."""
    (tmp_path / "there").mkdir()
    link, pipe = tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(tmp_path / "there" / "file")
    os.mkfifo(pipe)
    with subprocess.Popen(["/bin/cat", pipe], stdout=subprocess.PIPE) as reader:
        files.write_text(pipe, "some text")
        assert reader.communicate(timeout=60)[0] == b"some text"
    files.write_text(link, "first")
    files.write_text(link, "second")
    assert pipe.is_fifo() and link.is_symlink()
    assert (tmp_path / "there" / "file").read_text("utf-8") == "second"
    with pytest.raises(FilesError, match="/dev/full cannot be written: No space left"):
        files.write_text(Path("/dev/full"), "text")


def test_standard_output_that_is_a_file_keeps_what_it_has(tmp_path: Path) -> None:
    """/dev/stdout behind `>> log` is written to, where replacing the log would lose its lines."""
    write = "files.write_text(Path('/dev/stdout'), 'metrics\\n'); print('after')"
    program = f"from pathlib import Path; from aggregator.gateways import files; {write}"
    log = tmp_path / "log"
    log.write_text("before\n", encoding="utf-8")
    for mode, lines in (("ab", "before\nmetrics\nafter\n"), ("wb", "metrics\nafter\n")):
        with log.open(mode) as output:
            subprocess.run([sys.executable, "-c", program], stdout=output, check=True)
        assert log.read_text("utf-8") == lines


def test_a_link_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    """A link to a file in a missing folder makes no folder, and links in a circle are named."""
    link, one, other = tmp_path / "link", tmp_path / "one", tmp_path / "other"
    link.symlink_to(tmp_path / "missing" / "file")
    one.symlink_to(other)
    other.symlink_to(one)
    with pytest.raises(FilesError, match=r"link cannot be written: there is no folder .*missing"):
        files.write_text(link, "text")
    with pytest.raises(FilesError, match="one cannot be written: its links lead in a circle"):
        files.write_text(one, "text")
    assert not (tmp_path / "missing").exists()


def test_two_runs_write_one_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that writes the same file meanwhile takes no draft away; the last one counts."""
    file, sync = tmp_path / "metrics.prom", files.sync_to_disk

    def another_run(path: Path) -> None:
        monkeypatch.setattr(files, "sync_to_disk", sync)
        files.write_text(file, "of the other run")
        sync(path)

    monkeypatch.setattr(files, "sync_to_disk", another_run)
    files.write_text(file, "of this run")
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("metrics.prom", "of this run")]

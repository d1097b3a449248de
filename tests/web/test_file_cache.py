"""What is kept in memory of `public/`: always what is there now, whole, and never more than there is room for."""

from __future__ import annotations

import gzip
import os
import threading
from pathlib import Path

import pytest

from aggregator.web.file_cache import CachedFile, FileCache, Folder, LargeFile
from tests.web.servers import put


def cached(cache: FileCache, path: str) -> CachedFile:
    """A document that must be there."""
    found = cache.find(path)
    assert isinstance(found, CachedFile)
    return found


def unpacked(document: CachedFile) -> bytes:
    """What the twin holds."""
    assert document.gzip
    return gzip.decompress(document.gzip.content)


def test_the_published_twin_is_served(tmp_path: Path) -> None:
    """What was packed at publishing is not packed again."""
    put(tmp_path, "atom.xml", b"news " * 500)
    document = cached(FileCache(tmp_path), "atom.xml")
    assert document.identity.content == b"news " * 500
    assert document.gzip and document.gzip.content == (tmp_path / "atom.xml.gz").read_bytes()
    assert document.identity.etag != document.gzip.etag


@pytest.mark.parametrize(
    "twin",
    [
        gzip.compress(b"old news " * 500, mtime=0),
        gzip.compress(b"news " * 499, mtime=0),
        gzip.compress(b"news " * 501, mtime=0),
        gzip.compress(b"news " * 500, mtime=0)[:-9],
        gzip.compress(b"news " * 500, mtime=0) + gzip.compress(b"more", mtime=0),
        gzip.compress(bytes(50_000_000), 1),
        b"",
        b"no gzip",
    ],
    ids=["older", "shorter", "longer", "cut", "two members", "bomb", "empty", "rubbish"],
)
def test_a_twin_of_other_bytes_is_never_served(tmp_path: Path, twin: bytes) -> None:
    """P4: between the two renames, or after somebody's mistake, the document is packed anew."""
    (tmp_path / "atom.xml").write_bytes(b"news " * 500)
    (tmp_path / "atom.xml.gz").write_bytes(twin)
    assert unpacked(cached(FileCache(tmp_path), "atom.xml")) == b"news " * 500


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """What is no file is not there, neither as a document nor as a twin."""
    os.mkfifo(tmp_path / "pipe.xml")
    os.mkfifo(tmp_path / "atom.xml.gz")
    (tmp_path / "atom.xml").write_bytes(b"news")
    assert FileCache(tmp_path).find("pipe.xml") is None
    assert unpacked(cached(FileCache(tmp_path), "atom.xml")) == b"news"


def test_a_folder_is_no_twin(tmp_path: Path) -> None:
    """Nor does it keep anything open."""
    (tmp_path / "atom.xml").write_bytes(b"news")
    (tmp_path / "atom.xml.gz").mkdir()
    before = len([*Path("/proc/self/fd").iterdir()])
    assert cached(FileCache(tmp_path), "atom.xml").gzip is None
    assert len([*Path("/proc/self/fd").iterdir()]) == before


def test_links_lead_nowhere(tmp_path: Path) -> None:
    """Neither files nor folders nor twins are reached by a symbolic link; `public` itself may be one."""
    (tmp_path / "real").mkdir()
    (tmp_path / "secret").write_bytes(gzip.compress(b"news", mtime=0))
    (tmp_path / "public").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "out").symlink_to(tmp_path / "secret")
    (tmp_path / "real" / "up").symlink_to(tmp_path)
    (tmp_path / "real" / "atom.xml").write_bytes(b"news")
    (tmp_path / "real" / "atom.xml.gz").symlink_to(tmp_path / "secret")
    cache = FileCache(tmp_path / "public")
    assert cache.find("out") is None and cache.find("up/secret") is None
    assert cached(cache, "atom.xml").gzip is None


def test_a_document_that_became_a_link_is_gone(tmp_path: Path) -> None:
    """What is kept does not outlive what it was read from."""
    put(tmp_path / "public", "atom.xml", b"news")
    (tmp_path / "secret").write_bytes(b"secret")
    cache = FileCache(tmp_path / "public")
    cached(cache, "atom.xml")
    (tmp_path / "public" / "atom.xml").unlink()
    (tmp_path / "public" / "atom.xml").symlink_to(tmp_path / "secret")
    assert cache.find("atom.xml") is None
    assert cache.size == 0


@pytest.mark.parametrize(
    "path", ["", ".", "..", "../a", "a/../b", "/etc/passwd", "a//b", ".a", "a/.b", "a.gz", "a\0", "a" * 9000]
)
def test_names_that_are_none(tmp_path: Path, path: str) -> None:
    """Nothing outside, nothing hidden, and no error for what cannot be a name."""
    assert FileCache(tmp_path).find(path) is None


def test_a_folder_is_one(tmp_path: Path) -> None:
    """Where a folder is, its page can be asked for."""
    (tmp_path / "channels").mkdir()
    assert isinstance(FileCache(tmp_path).find("channels"), Folder)


def test_memory_is_bounded_and_the_latest_used_stay(tmp_path: Path) -> None:
    """Documents are dropped when there is no room; each is read again when it is asked for."""
    for n in range(20):
        (tmp_path / f"{n}.html").write_bytes(os.urandom(1000))
    cache = FileCache(tmp_path, max_bytes=5500)
    first = cached(cache, "0.html")
    for n in range(20):
        cached(cache, f"{n}.html")
        assert cached(cache, "0.html") is first
        assert cache.size <= 5500
    assert cache.size == 5000
    assert cached(cache, "5.html").identity.content == (tmp_path / "5.html").read_bytes()


def test_what_is_gone_takes_no_room(tmp_path: Path) -> None:
    """A removed document leaves memory when it is asked for, a changed one takes the place of the old."""
    put(tmp_path, "a.html", b"one")
    cache = FileCache(tmp_path)
    before = cached(cache, "a.html").size
    put(tmp_path, "a.html", b"two")
    assert cached(cache, "a.html").identity.content == b"two" and cache.size == before
    (tmp_path / "a.html").unlink()
    assert cache.find("a.html") is None and cache.size == 0


def test_large_files_are_not_kept(tmp_path: Path) -> None:
    """A large file is read while it is sent: what was opened is what is sent, also when another takes its place."""
    (tmp_path / "film.mp4").write_bytes(b"one" * 1000)
    cache = FileCache(tmp_path, max_file_bytes=2000)
    found = cache.find("film.mp4")
    (tmp_path / "new").write_bytes(b"two" * 2000)
    (tmp_path / "new").replace(tmp_path / "film.mp4")
    assert isinstance(found, LargeFile) and cache.size == 0
    with found.file as file:
        assert (found.size, file.read()) == (3000, b"one" * 1000)


def test_a_clock_put_back_makes_no_future(tmp_path: Path) -> None:
    """RFC 9110 8.8.2.1: no Last-Modified is later than the answer itself."""
    (tmp_path / "a.html").write_bytes(b"a")
    os.utime(tmp_path / "a.html", (4e9, 4e9))
    assert "2096" not in cached(FileCache(tmp_path), "a.html").last_modified


def test_nothing_is_torn_while_documents_are_replaced(tmp_path: Path) -> None:
    """P4: every answer is of one version, plain and packed alike, however often it is replaced meanwhile."""
    versions = [bytes([65 + n]) * (30_000 + n) for n in range(20)]
    put(tmp_path, "atom.xml", versions[0])
    writing = threading.Thread(target=lambda: [put(tmp_path, "atom.xml", body) for body in versions * 3])
    writing.start()
    cache, seen = FileCache(tmp_path), 0
    while writing.is_alive() or not seen:
        document = cached(cache, "atom.xml")
        assert document.identity.content in versions
        assert unpacked(document) == document.identity.content
        seen += 1
    writing.join()
    assert cached(cache, "atom.xml").identity.content == versions[-1]

"""The cache of published files: current, consistent and limited in size."""

from __future__ import annotations

import gzip
import os
import threading
from pathlib import Path

import pytest

from aggregator.web.file_cache import CachedFile, FileCache, Folder, LargeFile
from tests.web.servers import put


def cached(cache: FileCache, path: str) -> CachedFile:
    """Return a file that must exist."""
    found = cache.find(path)
    assert isinstance(found, CachedFile)
    return found


def decompressed(document: CachedFile) -> bytes:
    """Return the content of the compressed representation."""
    assert document.gzip
    return gzip.decompress(document.gzip.content)


def test_the_published_gz_is_served(tmp_path: Path) -> None:
    """A `.gz` made at publishing is not compressed again."""
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
def test_a_gz_of_other_content_is_never_served(tmp_path: Path, twin: bytes) -> None:
    """A document is compressed again while its `.gz` has other content (P4)."""
    (tmp_path / "atom.xml").write_bytes(b"news " * 500)
    (tmp_path / "atom.xml.gz").write_bytes(twin)
    assert decompressed(cached(FileCache(tmp_path), "atom.xml")) == b"news " * 500


def test_a_fifo_is_not_opened(tmp_path: Path) -> None:
    """A special file counts as missing, as a document and as a `.gz`."""
    os.mkfifo(tmp_path / "pipe.xml")
    os.mkfifo(tmp_path / "atom.xml.gz")
    (tmp_path / "atom.xml").write_bytes(b"news")
    assert FileCache(tmp_path).find("pipe.xml") is None
    assert decompressed(cached(FileCache(tmp_path), "atom.xml")) == b"news"


def test_a_folder_is_no_gz(tmp_path: Path) -> None:
    """A folder named `.gz` is ignored and leaves no open file."""
    (tmp_path / "atom.xml").write_bytes(b"news")
    (tmp_path / "atom.xml.gz").mkdir()
    before = len([*Path("/proc/self/fd").iterdir()])
    assert cached(FileCache(tmp_path), "atom.xml").gzip is None
    assert len([*Path("/proc/self/fd").iterdir()]) == before


def test_symbolic_links_are_not_followed(tmp_path: Path) -> None:
    """Files, folders and `.gz` behind a link count as missing; `public` may be a link."""
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


def test_a_cached_file_replaced_by_a_link_is_missing(tmp_path: Path) -> None:
    """A cached file is dropped when its path becomes a symbolic link."""
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
def test_hidden_outside_and_invalid_names_are_missing(tmp_path: Path, path: str) -> None:
    """Hidden, outside and invalid names are missing without an error."""
    assert FileCache(tmp_path).find(path) is None


def test_a_folder_is_recognised(tmp_path: Path) -> None:
    """A folder is distinguished from a missing file."""
    (tmp_path / "channels").mkdir()
    assert isinstance(FileCache(tmp_path).find("channels"), Folder)


def test_the_cache_keeps_the_most_recently_used(tmp_path: Path) -> None:
    """The least recently used files are dropped above the maximum size."""
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


def test_removed_files_leave_the_cache(tmp_path: Path) -> None:
    """A removed file is dropped, and a changed one replaces the old."""
    put(tmp_path, "a.html", b"one")
    cache = FileCache(tmp_path)
    before = cached(cache, "a.html").size
    put(tmp_path, "a.html", b"two")
    assert cached(cache, "a.html").identity.content == b"two" and cache.size == before
    (tmp_path / "a.html").unlink()
    assert cache.find("a.html") is None and cache.size == 0


def test_large_files_are_not_cached(tmp_path: Path) -> None:
    """A large file stays open, so that a replacement does not change its content."""
    (tmp_path / "film.mp4").write_bytes(b"one" * 1000)
    cache = FileCache(tmp_path, max_file_bytes=2000)
    found = cache.find("film.mp4")
    (tmp_path / "new").write_bytes(b"two" * 2000)
    (tmp_path / "new").replace(tmp_path / "film.mp4")
    assert isinstance(found, LargeFile) and cache.size == 0
    with found.file as file:
        assert (found.size, file.read()) == (3000, b"one" * 1000)


def test_last_modified_is_never_in_the_future(tmp_path: Path) -> None:
    """`Last-Modified` is not later than `Date` (RFC 9110 section 8.8.2.1)."""
    (tmp_path / "a.html").write_bytes(b"a")
    os.utime(tmp_path / "a.html", (4e9, 4e9))
    assert "2096" not in cached(FileCache(tmp_path), "a.html").last_modified


def test_representations_are_consistent_during_replacement(tmp_path: Path) -> None:
    """Plain and compressed representations are always of one version (P4)."""
    versions = [bytes([65 + n]) * (30_000 + n) for n in range(20)]
    put(tmp_path, "atom.xml", versions[0])
    writing = threading.Thread(target=lambda: [put(tmp_path, "atom.xml", body) for body in versions * 3])
    writing.start()
    cache, seen = FileCache(tmp_path), 0
    while writing.is_alive() or not seen:
        document = cached(cache, "atom.xml")
        assert document.identity.content in versions
        assert decompressed(document) == document.identity.content
        seen += 1
    writing.join()
    assert cached(cache, "atom.xml").identity.content == versions[-1]

"""Documents are rendered again after the program changed, also without a new version (P1)."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aggregator import program_files, publishing
from aggregator.gateways import files
from aggregator.polling import fetch as polling_fetch
from aggregator.publishing.program_hash_cache import NAME, cached_hash
from tests import command
from tests.builders import rss
from tests.command import news, one_source
from tests.web_server import Web
from tests.workplace import Workplace


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the program with its bytecode."""
    folder = tmp_path_factory.mktemp("program") / "aggregator"
    return Path(shutil.copytree(program_files.FOLDER, folder))


@pytest.fixture
def program(original: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Let the copy count as the program; undo what a test changes in it."""
    monkeypatch.setattr(program_files, "FOLDER", str(original))
    before = {
        file: (file.read_bytes(), file.stat().st_mtime_ns)
        for file in original.rglob("*.*")
        if file.suffix in (".py", ".json", ".j2")
    }
    yield original
    for file, (content, modified) in before.items():
        if file.read_bytes() != content:
            file.write_bytes(content)
            os.utime(file, ns=(modified, modified))


@pytest.mark.parametrize(
    ("path", "decides"),
    [
        ("i18n/formatting.py", True),
        ("i18n/en/pages.json", True),
        ("publishing/corrections.py", True),
        ("publishing/templates/article.html.j2", True),
        ("store/stories.py", True),
        ("polling/visit.py", False),
        ("web/app.py", False),
    ],
)
def test_files_that_decide_about_bytes(program: Path, tmp_path: Path, path: str, decides: bool) -> None:
    """An edit changes the hash if `publishing` uses the file; undone, the hash is as before."""
    file = program / path
    content, before = file.read_bytes(), cached_hash(tmp_path)
    file.write_bytes(content + b"\n")
    assert (cached_hash(tmp_path) != before) == decides
    file.write_bytes(content)
    assert cached_hash(tmp_path) == before


def test_another_copy_has_the_same_hash(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hash goes by contents: a program that is installed again renders nothing again."""
    before = cached_hash(tmp_path)
    for file in program.rglob("*"):
        os.utime(file, (1, 1))
    monkeypatch.setattr(program_files, "FOLDER", str(shutil.move(program, tmp_path / "copy")))
    try:
        assert cached_hash(tmp_path) == before == cached_hash(None)
    finally:
        shutil.move(tmp_path / "copy", program)


def test_unchanged_files_are_not_read(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next process reads no file of the program; a damaged or open record is not used."""
    before = cached_hash(tmp_path)
    reads: list[str] = []
    usual = program_files._read
    monkeypatch.setattr(program_files, "_read", lambda name: reads.append(name) or usual(name))
    assert (cached_hash(tmp_path), reads) == (before, [])
    record = tmp_path / files.TEMPLATES / NAME
    record.write_bytes(record.read_bytes()[:40])
    assert cached_hash(tmp_path) == before
    assert len(reads) > 100
    reads.clear()
    record.chmod(0o666)
    assert cached_hash(tmp_path) == before
    assert reads


def test_entries_of_unchanged_stories_follow_the_program(place: Workplace, web: Web, program: Path) -> None:
    """After an edit of a word, entries that were kept have the new word beside new ones."""
    start = (sys.executable, "-m", "aggregator")

    def fetch() -> None:
        output = command.run(place, "fetch", "--force", program=start, PYTHONPATH=str(program.parent))
        assert output.code == 0, output.err

    one_source(place, web)
    fetch()
    assert (place.public / "index.html").read_text("utf-8").count(">Details<") == 2
    words = program / "i18n" / "en" / "pages.json"
    words.write_text(words.read_text("utf-8").replace('"Details"', '"More words"'), "utf-8")
    web.feed("/feed", rss(news(1), news(2), news(3)), '"2"')
    fetch()
    page = (place.public / "index.html").read_text("utf-8")
    assert (page.count(">More words<"), page.count(">Details<")) == (3, 0)


def test_a_job_keeps_the_hash_with_which_it_began(
    place: Workplace, web: Web, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that are replaced during the visits of a job are not those that it renders with."""
    publishing.program_hash.cache_clear()
    one_source(place, web)
    began_with = cached_hash(None)
    visit = polling_fetch._poll

    def replacing(*of: Any, **more: Any) -> Any:
        (program / "i18n" / "phrases.py").write_bytes((program / "i18n" / "phrases.py").read_bytes() + b"\n")
        return visit(*of, **more)

    monkeypatch.setattr(polling_fetch, "_poll", replacing)
    try:
        polling_fetch.run(place.app())
        assert publishing.program_hash() == began_with != cached_hash(None)
    finally:
        publishing.program_hash.cache_clear()

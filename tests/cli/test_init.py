"""`aggregator init` writes a valid and complete feeds.yaml, and overwrites nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest
from pydantic import BaseModel

from aggregator import config, initial_config
from aggregator.config import schema
from tests.command import Output, call, confined
from tests.conftest import Workplace

EXAMPLE = initial_config.EXAMPLE.read_text()
SETTING = re.compile(r"^#(?=( *)(- )?[a-z_]+:)")
"""The mark of a setting that is switched off."""


def keys() -> Iterator[str]:
    """Yield every key of feeds.yaml."""
    for part in vars(schema).values():
        if isinstance(part, type) and issubclass(part, BaseModel):
            yield from (field.alias or name for name, field in part.model_fields.items())


def blocks() -> list[tuple[int, int]]:
    """Return the first and last line of each group of settings that are switched off together."""
    lines = EXAMPLE.splitlines()
    found: list[tuple[int, int]] = []
    for off, group in groupby(range(len(lines)), key=lambda n: bool(SETTING.match(lines[n]))):
        numbers = [*group]
        starts = [n for n in numbers if off and re.match(r"#\w", lines[n])] or numbers[:1]
        ends = [n - 1 for n in starts[1:]] + numbers[-1:]
        found += zip(starts, ends, strict=True) if off else []
    return found


def switched_on(*wanted: tuple[int, int]) -> str:
    """Return the example with the settings of some blocks."""
    lines = EXAMPLE.splitlines()
    on = {n for first, last in wanted for n in range(first, last + 1)}
    return "\n".join(SETTING.sub("", line) if n in on else line for n, line in enumerate(lines))


def name(block: tuple[int, int]) -> str:
    """Return the first key of a block."""
    return EXAMPLE.splitlines()[block[0]].strip("# -").partition(" #")[0].strip()


def test_new_folder(place: Workplace) -> None:
    """A missing folder is made; `check` accepts the file and says what is a placeholder."""
    made = call(place, "init", "my site/news")
    assert (made.code, made.err) == (0, "")
    folder = place.folder / "my site" / "news"
    assert [path.name for path in folder.iterdir()] == ["feeds.yaml"]
    checked = call(place, "-c", str(folder / "feeds.yaml"), "check")
    assert (checked.code, checked.err) == (0, "")
    assert (
        "is valid: 1 source enabled" in checked.out
        and "site.contact and site.authority are still placeholders" in checked.out
    )
    assert call(place, "-c", str(folder / "feeds.yaml"), "fetch").code == 78


def test_next_steps(place: Workplace) -> None:
    """The lines for cron name the absolute folder and program, quoted for the shell and cron."""
    made = call(place, "init", "50% off").out
    (fetch, digest) = [line.strip() for line in made.splitlines() if "*/10" in line]
    folder = str(place.folder / "50% off").replace("%", r"\%")
    assert fetch.startswith(f"*/10 * * * *  cd '{folder}' && /") and fetch.endswith("/aggregator fetch")
    assert digest.endswith("/aggregator digest run")


def test_current_folder_and_other_name(place: Workplace) -> None:
    """Without DIR the file is that of -c, in the current folder; the steps name it."""
    assert call(place, "init").code == 0
    other = call(place, "-c", "other.yaml", "init")
    assert other.code == 0 and "aggregator -c other.yaml check" in other.out
    assert {path.name for path in place.folder.iterdir()} == {"feeds.yaml", "other.yaml"}


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("taken", "taken/feeds.yaml exists already"),
        ("file", "file is a file"),
        ("file/below", "file/below/feeds.yaml cannot be written"),
        ("/proc/here", "/proc/here/feeds.yaml cannot be written"),
        ("link", "link/feeds.yaml exists already"),
    ],
)
def test_nothing_is_overwritten(place: Workplace, folder: str, message: str) -> None:
    """A folder with a feeds.yaml, a file, or a place that cannot be written gives one line."""
    for name in ("taken", "link"):
        (place.folder / name).mkdir()
    (place.folder / "taken" / "feeds.yaml").write_text("mine")
    (place.folder / "link" / "feeds.yaml").symlink_to("nowhere")
    (place.folder / "file").write_text("mine")
    before = sorted(place.folder.rglob("*"))
    ended = call(place, "init", folder)
    assert (ended.code, message in ended.line) == (1, True), ended
    assert sorted(place.folder.rglob("*")) == before
    assert (place.folder / "taken" / "feeds.yaml").read_text() == "mine"


def test_full_disk_leaves_nothing(place: Workplace) -> None:
    """If the file cannot be written whole, neither it nor its folder is left."""
    ended = confined(place, 100, "init", "new")
    assert (ended.code, "new/feeds.yaml cannot be written" in ended.line) == (1, True)
    assert [*place.folder.iterdir()] == []


def test_every_key_is_explained() -> None:
    """The example has every key of feeds.yaml, and an explanation or an obvious value behind it."""
    missing = [key for key in keys() if not re.search(rf"(^|[^\w]){key}:", EXAMPLE)]
    assert missing == []
    assert max(len(line) for line in EXAMPLE.splitlines()) <= 130


@pytest.mark.parametrize("block", blocks(), ids=name)
def test_each_setting_may_be_switched_on(tmp_path: Path, block: tuple[int, int]) -> None:
    """Each block makes a valid file when its marks are removed, with the one that it needs."""
    needs = {"digests:": "mail:", "operator:": "mail:", "editors: [editor@example.org]": "web:"}
    needed = [each for each in blocks() if name(each) == needs.get(name(block))]
    file = tmp_path / "feeds.yaml"
    file.write_text(switched_on(block, *needed))
    config.load(file, secrets=False)


def test_all_settings_may_be_switched_on(tmp_path: Path) -> None:
    """All settings together are valid."""
    file = tmp_path / "feeds.yaml"
    file.write_text(switched_on(*blocks()))
    loaded = config.load(file, secrets=False)
    assert len(loaded.sources) == 3 and len(loaded.digests) == 1 and loaded.operator and loaded.mail.bounces


def test_help_without_a_folder(place: Workplace) -> None:
    """A command in an empty folder names `init`."""
    ended = call(place, "check")
    assert ended == Output(78, "", ended.err) and "aggregator init" in ended.err

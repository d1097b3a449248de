"""Every example on the pages of the documentation is run or parsed."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from aggregator.errors import ConfigError
from tests.conftest import Workplace
from tests.docs.examples import LANGUAGES, Page, compare

DOCS = Path(__file__).parents[2] / "docs"
TUTORIAL = DOCS / "tutorial.md"
PAGES = sorted(
    path
    for path in (*DOCS.rglob("*.md"), DOCS.parent / "README.md")
    if path != TUTORIAL and re.search(rf"^```({'|'.join(LANGUAGES)})$", path.read_text("utf-8"), re.MULTILINE)
)
UNCHECKED = {"", "nginx", "sh"}
"""Languages of blocks that cannot be run here; docs/check.py checks the commands in them."""


def test_tutorial(community: tuple[Workplace, list[str]]) -> None:
    """A newcomer who follows the tutorial step by step gets what it shows."""
    place, run = community
    assert [name for name in run if name != "console"] == ["file", "append", "background", "append", "cron"]
    assert run.count("console") >= 9
    assert "Training school" in (place.public / "atom.xml").read_text("utf-8")
    assert len(list((place.folder / "var" / "outbox").iterdir())) == 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS.parent).as_posix())
def test_page(
    page: Path, community: tuple[Workplace, list[str]], origins: Mapping[str, str], place: Workplace
) -> None:
    """The examples of a page work, in their order, in the community of the tutorial."""
    shutil.copytree(community[0].folder, place.folder, dirs_exist_ok=True)
    assert Page(place, origins).evaluate(page)


def test_languages_of_blocks() -> None:
    """Every block has a language that is checked, or one of few that are not."""
    fences = re.compile(r"^ *```([a-z]*)$(?:.*?)^ *```$", re.MULTILINE | re.DOTALL)
    found = {language for page in DOCS.rglob("*.md") for language in fences.findall(page.read_text("utf-8"))}
    assert found <= {*LANGUAGES, *UNCHECKED}


def test_output_is_compared_by_shape() -> None:
    """Numbers and ids may differ, `…` stands for any text; words may not differ."""
    ids: dict[str, str] = {}
    compare("x", "1 story  abcdefghijklmnop …\n…\nend\n", "12 story abcdefgh22222222 a b\nx\ny\nend\n", ids)
    assert ids == {"abcdefghijklmnop": "abcdefgh22222222"}
    for wrong in ("1 stories\n", "story\n", "1 story\nmore\n", ""):
        with pytest.raises(AssertionError, match="printed was"):
            compare("x", "1 story\n", wrong, ids)


@pytest.mark.parametrize(
    "block",
    [
        "```console\n$ aggregator chekc\n```\n",
        "```console\n$ aggregator check\nfeeds.yaml is wrong\n```\n",
        "```yaml\nweb: {urll: 'https://a.example/'}\n```\n",
        "```python\nraise ValueError('x')\n```\n",
        "```xml\n<a>\n```\n",
    ],
)
def test_a_wrong_example_fails(place: Workplace, tmp_path: Path, block: str) -> None:
    """An example with a wrong command, key, output or document fails."""
    place.write("")
    (tmp_path / "page.md").write_text(block)
    with pytest.raises((AssertionError, ConfigError, SyntaxError, ValueError)):
        Page(place, {}).evaluate(tmp_path / "page.md")

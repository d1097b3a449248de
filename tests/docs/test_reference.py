"""The reference pages list what the program has: commands, JSON keys, files, exit codes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from aggregator import errors
from aggregator.cli import cli
from docs.checks import command_pages, mentions, pages
from tests.command import call
from tests.conftest import Workplace

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = DOCS / "reference"


def rows(page: str, heading: str = "") -> Iterator[tuple[list[str], list[str]]]:
    """Yield the codes in the first and in the second column of the tables below a heading."""
    text = (REFERENCE / page).read_text("utf-8").partition(heading)[2]
    for first, second in re.findall(r"^\| ([^|]+) \| ([^|]+) \|", text.partition("\n## ")[0], re.MULTILINE):
        if names := re.findall("`([^`]+)`", first):
            yield names, re.findall("`([^`]+)`", second)


ARGUMENTS = {
    "check --live --json": (),
    "search --json": ("school",),
    "source preview --json": ("biapol",),
    "digest why --json": ("STORY", "you@your-domain.eu"),
    "story show --json": ("STORY",),
    "story explain --json": ("STORY",),
}
"""Arguments of the documented commands, where they need any."""


@pytest.fixture(scope="module")
def outputs(community: tuple[Workplace, list[str]]) -> dict[str, dict[str, object]]:
    """Run each command of the page in the community of the tutorial; return its JSON."""
    place = community[0]
    story = json.loads(call(place, "search", "--json", "school").out)["stories"][0]["story"]
    call(place, "fetch")
    found = {}
    for (command,), _ in rows("json.md", "A test compares"):
        arguments = [story if word == "STORY" else word for word in ARGUMENTS.get(command, ())]
        found[command] = json.loads(call(place, *command.split(), *arguments).out)
    found["fetch --json"] = json.loads(call(place, "fetch", "--force", "--json").out)
    return found


def test_json_keys(outputs: dict[str, dict[str, object]]) -> None:
    """Each documented command prints exactly the documented keys."""
    documented = {command: {*keys} for (command,), keys in rows("json.md", "A test compares")}
    assert {command: {*output} for command, output in outputs.items()} == documented


def test_json_keys_of_elements(outputs: dict[str, dict[str, object]]) -> None:
    """Elements of lists have exactly the documented keys."""
    documented = {(command, name): {*keys} for (name, command), keys in rows("json.md", "## Lists inside")}
    assert len(documented) >= 8
    for (command, name), keys in documented.items():
        elements = outputs[command][name]
        assert isinstance(elements, list)
        assert elements, (command, name)
        assert all({*element} == keys for element in elements), (command, name)


def test_every_command_with_json_is_listed() -> None:
    """Every command that has --json is on the page."""
    page = (REFERENCE / "json.md").read_text("utf-8")
    commands = dict(command_pages.commands(cli))
    with_json = {
        name for name, command in commands.items() if any("--json" in p.opts for p in command.params)
    }
    assert {name for name in with_json if f"`{name} " not in page and f"`{name}`" not in page} == set()


def matches(pattern: str, name: str) -> bool:
    """Return whether a documented file name such as `stories/<id>.html` means this file."""
    return re.fullmatch(re.sub(r"<[a-z]+>", "[^/]+", re.escape(pattern)), name) is not None


def test_public_files(community: tuple[Workplace, list[str]]) -> None:
    """Every published file is on the page, and every file on the page is published."""
    patterns = {name for names, _ in rows("files.md", "## `public/`") for name in names}
    public = community[0].public
    files = {path.relative_to(public).as_posix() for path in public.rglob("*") if path.is_file()}
    plain = {name for name in files if not name.endswith(".gz")}
    assert {name for name in plain if not any(matches(pattern, name) for pattern in patterns)} == set()
    assert {pattern for pattern in patterns if not any(matches(pattern, name) for name in plain)} <= {
        "opensearch.xml",  # with `web.url`
    }


def test_private_files(community: tuple[Workplace, list[str]]) -> None:
    """Everything in the data folder is on the page."""
    patterns = {name.rstrip("/") for names, more in rows("files.md", "## `var/`") for name in (*names, *more)}
    data = community[0].folder / "var"
    names = {path.name for path in data.iterdir()}
    assert {name for name in names if not any(matches(pattern, name) for pattern in patterns)} == set()


def test_exit_codes() -> None:
    """The page lists 0, 2 and the code of every error."""
    text = (REFERENCE / "exit-codes.md").read_text("utf-8")
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
    classes = [errors.AggregatorError, *errors.AggregatorError.__subclasses__()]
    assert documented == {0, 2} | {error.exit_code for error in classes}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("`aggregator fetsh`", "no command `aggregator fetsh`"),
        ("`aggregator story mrege A B`", "no command `aggregator story mrege`"),
        ("`aggregator -c other.yaml fetch --live`", "`aggregator fetch` has no option --live"),
        (
            "```sh\ncd x && .venv/bin/aggregator digest run --jsn\n```",
            "`aggregator digest run` has no option --jsn",
        ),
        ("`--jsn`", "no option --jsn"),
        ("`mail.bounces.adress`", "no key `mail.bounces.adress`"),
        ("`digests.tittle: x`", "no key `digests.tittle`"),
        ("`/statuss.json`", "no route /statuss.json"),
        ("`POST /unsubscibe/TOKEN`", "no route /unsubscibe"),
    ],
)
def test_wrong_names_are_found(text: str, problem: str) -> None:
    """A command, option, key or route that does not exist is found on any page."""
    found = list(mentions.problems(text, "page.md", mentions.program_routes(DOCS.parent)))
    assert [problem in each for each in found] == [True]


@pytest.mark.parametrize(
    "text",
    [
        "`aggregator -v story merge A B`, `--help`, `/status.json`, `/var/log`, `web.url`, `sources.opml`",
        "```\nrunuser -u aggregator -- .venv/bin/aggregator -v fetch\n```",
        "```\n*/10 * * * *  aggregator  cd /srv/aggregator && .venv/bin/aggregator prune\n```",
        "The aggregator merges stories; `aggregator.db`",
    ],
)
def test_right_names_are_accepted(text: str) -> None:
    """Commands, options, keys and routes that exist, and other names, are no problems."""
    assert list(mentions.problems(text, "page.md", mentions.program_routes(DOCS.parent))) == []


def test_commands_are_generated() -> None:
    """The page of commands has every command, and its text is the one of the program."""
    text = (REFERENCE / "commands.md").read_text("utf-8")
    assert list(command_pages.check(DOCS.parent)) == []
    assert text.count("\n## `aggregator ") == len(list(command_pages.commands(cli)))


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("`urls.py`, `web/status.py`, `benchmarks/poll.py`", []),
        ("`url.py`, `web/statuses.py`", ["url.py", "web/statuses.py"]),
        ("- in `web/`: `status.py`,\n  `headers.py`\n", []),
        ("- in `dedupe/`: `compare.py`,\n  `status.py`\n", ["dedupe/status.py"]),
    ],
)
def test_missing_modules_are_found(text: str, missing: list[str]) -> None:
    """A module that a page names exists, and one in the list of a folder exists in that folder."""
    assert pages.missing_modules(text) == missing

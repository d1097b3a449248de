"""The help of commands is complete, its examples are valid, and shells complete words."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Iterator
from os import environ

import click
import pytest
from click.shell_completion import BashComplete

from aggregator.cli import cli, examples
from aggregator.gateways import files
from tests.command import PROGRAM, call
from tests.conftest import Workplace


def commands(group: click.Group = cli, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield each command with its full name."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


COMMANDS = dict(commands())


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_complete(place: Workplace, name: str) -> None:
    """The help of a command explains each option, and has examples and exit codes."""
    command = COMMANDS[name]
    assert [p.opts for p in command.params if isinstance(p, click.Option) and not p.help] == []
    shown = call(place, *name.split(), "--help")
    assert (shown.code, shown.err) == (0, "")
    assert "Examples:\n" in shown.out and f"    aggregator {name}" in shown.out
    for code in examples.exit_codes(name):
        assert f"\n    {code:<3} " in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80


@pytest.mark.parametrize("group", ["", "digest", "source", "story", "subscriber"])
def test_lists_of_commands_are_whole(place: Workplace, group: str) -> None:
    """The line of each command in a list of commands fits its width and is not cut."""
    _, _, listed = call(place, *group.split(), "--help").out.partition("\nCommands:\n")
    assert [line for line in listed.partition("\n\n")[0].splitlines() if line.endswith("...")] == []


def test_empty_paths_are_refused() -> None:
    """Every parameter that is a path refuses an empty one, which would name the current folder."""
    taken = [
        (command, parameter)
        for command in [cli, *COMMANDS.values()]
        for parameter in command.params
        if isinstance(parameter.type, click.Path)
    ]
    assert len(taken) > 5
    for command, parameter in taken:
        with pytest.raises(click.BadParameter, match="the path is empty"):
            parameter.type_cast_value(click.Context(command), "")


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_are_valid(name: str) -> None:
    """The program accepts the arguments of each example."""
    for example in examples.EXAMPLES[name]:
        program, *words = shlex.split(example.partition(" < ")[0].partition(" > ")[0], comments=True)
        assert program == "aggregator"
        rest = " ".join(
            shlex.quote(word) for word in words if word not in ("-v", "-c", "/srv/news/feeds.yaml")
        )
        assert f"{rest} ".startswith(f"{name} ")
        command = COMMANDS[name]
        given = _present(shlex.split(rest.removeprefix(name)))
        assert command.parse_args(click.Context(command, info_name=name), given) == []


def _present(words: list[str]) -> list[str]:
    """Replace names of files by that of a file that exists."""
    return [__file__ if word.endswith((".csv", ".ini", ".opml")) else word for word in words]


def test_examples_are_of_commands() -> None:
    """No example is of a command that does not exist."""
    assert set(examples.EXAMPLES) <= set(COMMANDS)


OPTIONS = {"check": ["--live"], "fetch": ["--force"]}
"""Options with which a command always needs the lock."""


@pytest.mark.parametrize("name", [name for name in COMMANDS if examples.LOCKED in examples.exit_codes(name)])
def test_jobs_state_the_lock(place: Workplace, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that names the exit code 75 in its help ends with it while another job runs."""
    for job in ("digests.run", "discovery.live_check"):
        monkeypatch.setattr(f"aggregator.{job}.LOCK_WAIT_SECONDS", 0.1)
    place.write('digests: [{id: weekly, title: W, schedule: "mon 08:00", recipients: [a@b.example]}]\n')
    with files.lock(place.folder / "var"):
        assert call(place, *name.split(), *OPTIONS.get(name, [])).code == examples.LOCKED


SHELLS = {
    "bash": """\
eval "$(_AGGREGATOR_COMPLETE=bash_source aggregator)"
COMP_WORDS=(aggregator {words}); COMP_CWORD={count}
_aggregator_completion aggregator
printf '%s\\n' "${{COMPREPLY[@]}}"
""",
    "zsh": """\
autoload -Uz compinit; compinit -u -D
eval "$(_AGGREGATOR_COMPLETE=zsh_source aggregator)"
compadd() {{ print -l -- "${{completions[@]}}" }}
_describe() {{ print -l -- "${{(@P)3}}" }}
words=(aggregator {words}); CURRENT=$(({count} + 1))
_aggregator_completion
""",
    "fish": """\
_AGGREGATOR_COMPLETE=fish_source aggregator | source
complete -C"aggregator {words}"
""",
}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("sna", "snapshot"),
        ("story ke", "keep-apart"),
        ("fetch --fo", "--force"),
        ("story event X --kind d", "deadline"),
    ],
)
def test_words_are_completed(words: str, expected: str) -> None:
    """Commands, commands of groups, options and their values are completed."""
    *before, incomplete = words.split()
    found = BashComplete(cli, {}, "aggregator", "_AGGREGATOR_COMPLETE").get_completions(before, incomplete)
    assert [each.value for each in found] == [expected]


@pytest.mark.parametrize("shell", SHELLS)
def test_shells_complete(place: Workplace, shell: str) -> None:
    """Bash, zsh and fish complete a command as the help says."""
    if not shutil.which(shell):
        pytest.skip(f"no {shell} here")
    ended = subprocess.run(
        [shell, "-c", SHELLS[shell].format(words="story ke", count=2)],
        env={"PATH": f"{PROGRAM.parent}:{environ['PATH']}", "HOME": str(place.folder), "TERM": "dumb"},
        capture_output=True,
        text=True,
        check=False,
    )
    found = [line.partition("\t")[0].partition(":")[0] for line in ended.stdout.splitlines()]
    assert "keep-apart" in found, ended

"""End the help of each command with examples and its exit codes."""

from __future__ import annotations

import click

EXAMPLES: dict[str, tuple[str, ...]] = {
    "init": ("aggregator init", "aggregator init /srv/news"),
    "check": ("aggregator check", "aggregator check --live", "aggregator check --live --json"),
    "fetch": (
        "aggregator fetch                 # for cron, every ten minutes",
        "aggregator -v fetch",
        "aggregator fetch gerbi --force",
    ),
    "source list": ("aggregator source list",),
    "source release": ("aggregator source release gerbi",),
    "source discard": ("aggregator source discard gerbi",),
    "source discover": ("aggregator source discover https://partner.example.org/news/",),
    "source preview": (
        "aggregator source preview gerbi",
        "aggregator source preview https://partner.example.org/feed/",
    ),
    "source import": ("aggregator source import subscriptions.opml", "aggregator source import config.ini"),
    "source export": ("aggregator source export > sources.opml",),
    "search": (
        "aggregator search image analysis",
        "aggregator search '\"light sheet\" -course imag*'",
        "aggregator search --json survey",
    ),
    "story show": ("aggregator story show yx25fmm55xi2elsu",),
    "story explain": (
        "aggregator story explain yx25fmm55xi2elsu",
        "aggregator story explain yx25fmm55xi2elsu h7drjags3eyw37wm",
    ),
    "story merge": ("aggregator story merge yx25fmm55xi2elsu h7drjags3eyw37wm",),
    "story split": ("aggregator story split 4k2jq7zrd5tmw6ab --announce",),
    "story keep-apart": ("aggregator story keep-apart yx25fmm55xi2elsu h7drjags3eyw37wm",),
    "story recluster": ("aggregator story recluster --dry-run",),
    "story hide": ("aggregator story hide yx25fmm55xi2elsu",),
    "story unhide": ("aggregator story unhide yx25fmm55xi2elsu",),
    "story decisions": ("aggregator story decisions",),
    "story undo": ("aggregator story undo 12",),
    "story event": (
        "aggregator story event yx25fmm55xi2elsu",
        "aggregator story event yx25fmm55xi2elsu --start 2026-10-20 --end 2026-10-22",
        "aggregator story event yx25fmm55xi2elsu --status cancelled",
        "aggregator story event yx25fmm55xi2elsu --auto",
    ),
    "digest run": ("aggregator digest run            # for cron",),
    "digest preview": (
        "aggregator digest preview weekly",
        "aggregator digest preview weekly --at 2026-10-05T08:00 --out previews",
    ),
    "digest test": ("aggregator digest test weekly --to you@example.org",),
    "digest why": ("aggregator digest why yx25fmm55xi2elsu reader@example.org",),
    "digest queue": ("aggregator digest queue",),
    "digest retry": ("aggregator digest retry", "aggregator digest retry reader@example.org"),
    "digest acknowledge": ("aggregator digest acknowledge",),
    "bounce": ("aggregator bounce < mail.eml",),
    "subscriber list": ("aggregator subscriber list",),
    "subscriber show": ("aggregator subscriber show reader@example.org",),
    "subscriber add": (
        "aggregator subscriber add reader@example.org",
        'aggregator subscriber add reader@example.org --confirmed "asked by phone"',
    ),
    "subscriber import": ('aggregator subscriber import people.csv --consent "list of the meeting"',),
    "subscriber remove": ("aggregator subscriber remove reader@example.org",),
    "subscriber export": (
        "aggregator subscriber export --out subscribers.csv",
        "aggregator subscriber export reader@example.org",
    ),
    "subscriber erase": ("aggregator subscriber erase reader@example.org",),
    "subscriber lift": ('aggregator subscriber lift reader@example.org --reason "mailbox repaired"',),
    "publish": ("aggregator publish",),
    "snapshot": (
        "aggregator snapshot",
        "aggregator snapshot --month 2026-10 --out october",
        "aggregator snapshot --zip",
    ),
    "run": ("aggregator run", "aggregator -c /srv/news/feeds.yaml run"),
    "serve": ("aggregator serve",),
    "status": (
        "aggregator status",
        "aggregator status --check        # for monitoring",
        "aggregator status --textfile aggregator.prom",
    ),
    "backup": ("aggregator backup /backups/aggregator.db",),
    "prune": ("aggregator prune",),
    "demo": ("aggregator demo", "aggregator demo --serve"),
}
"""Examples of each command; a test parses them."""

DONE, FAILED, USAGE, LOCKED, INVALID = 0, 1, 2, 75, 78

_MEANINGS = {
    DONE: "done",
    FAILED: "the command failed; the message says why",
    USAGE: "wrong usage: an option, argument or name that does not exist",
    LOCKED: "another run holds the lock; nothing was done",
    INVALID: "feeds.yaml is not valid or missing, or the database was lost",
}
_OWN_MEANINGS = {
    ("fetch", DONE): "done; single sources that fail are normal and reported",
    ("fetch", FAILED): "the run failed, or all of at least three due sources did",
    ("check", FAILED): "with --live, all of at least three sources fail",
    ("status", FAILED): "with --check, there is a problem",
    ("serve", FAILED): "the address cannot be used",
    ("run", FAILED): "the address cannot be used, or the scheduler stopped",
}
_LOCKING = {"check", "digest run", "fetch", "prune", "publish", "story recluster"}
"""Commands that hold the lock of the data folder (L1)."""
_WITHOUT_CONFIGURATION = {"demo", "init"}

OVERVIEW = """\
\b
First steps:
  aggregator init                  # write a first feeds.yaml
  aggregator check                 # validate it
  aggregator -v fetch              # visit the sources and publish
  aggregator serve                 # open the site

\b
Results go to standard output, everything else to standard error. `aggregator
COMMAND --help` has examples of each command.

\b
Tab completion, for ~/.bashrc, ~/.zshrc or a file in
~/.config/fish/completions:
  eval "$(_AGGREGATOR_COMPLETE=bash_source aggregator)"
  eval "$(_AGGREGATOR_COMPLETE=zsh_source aggregator)"
  _AGGREGATOR_COMPLETE=fish_source aggregator | source

"""


def exit_codes(name: str) -> tuple[int, ...]:
    """Return the exit codes that a command may have."""
    codes = (DONE, FAILED, USAGE)
    locked = (LOCKED,) if name in _LOCKING else ()
    return (*codes, *locked) if name in _WITHOUT_CONFIGURATION else (*codes, *locked, INVALID)


def add(command: click.Command, name: str) -> click.Command:
    """Add examples and exit codes to the help of a command, or of the commands of a group."""
    if isinstance(command, click.Group):
        for part, inner in command.commands.items():
            add(inner, f"{name} {part}")
    elif not command.epilog:
        lines = "\n".join(f"  {line}" for line in EXAMPLES.get(name, ()))
        examples = f"\b\nExamples:\n{lines}\n\n" if lines else ""
        command.epilog = examples + exit_code_lines(name, exit_codes(name))
    return command


def exit_code_lines(name: str, codes: tuple[int, ...] = (DONE, FAILED, USAGE, LOCKED, INVALID)) -> str:
    """Return the exit codes of a command with their meanings, as a block of its help."""
    lines = "\n".join(f"  {code:<3} {_OWN_MEANINGS.get((name, code), _MEANINGS[code])}" for code in codes)
    return f"\b\nExit codes:\n{lines}"

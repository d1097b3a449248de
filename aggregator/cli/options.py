"""Options and types of parameters that commands share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from aggregator.model.config import Config
    from aggregator.ports import App


class Invocation:
    """Carry the options of the command line in click's context."""

    def __init__(self, config_file: Path, verbose: bool) -> None:
        self.config_file = config_file
        self.verbose = verbose

    @property
    def prints_summary(self) -> bool:
        """Return whether to print a summary: on a terminal or with --verbose, but not under cron."""
        return self.verbose or sys.stdout.isatty()

    def app(self, *, secrets: bool = True, mail: bool = False) -> App:
        """Build the configuration and all parts, for commands that visit, write or send.

        `secrets` resolves the passwords of sources, `mail` also those of `mail.smtp`.
        """
        from aggregator.app import build

        return build(self.config_file, secrets=secrets, mail=mail)

    def config(self) -> Config:
        """Load the configuration without secrets, for commands that only read."""
        from aggregator import config_cache

        return config_cache.load(self.config_file, secrets=False)


class FilePath(click.Path):
    """The `type` of a path; an empty one, as from an unset shell variable, is wrong usage."""

    def __init__(self, **checks: Any) -> None:
        super().__init__(path_type=Path, **checks)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path; raises click.BadParameter."""
        if value == "":
            self.fail("the path is empty; name a file or folder", param, ctx)
        return super().convert(value, param, ctx)


class ConfigFile(FilePath):
    """The `type` of feeds.yaml, which is read again by every step and names folders beside it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path; raises click.BadParameter for a pipe or device."""
        path = super().convert(value, param, ctx)
        if path.exists() and not (path.is_file() or path.is_dir()):
            self.fail(f"{path} is a pipe or device: name a file", param, ctx)
        return path


def address(text: str) -> str:
    """Return a mail address as it is stored; the `type` of a parameter of a command (SU7)."""
    from aggregator import addresses

    try:
        return addresses.parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error

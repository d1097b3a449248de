"""What every command is given: the configuration file, and how much is to be said."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from aggregator import app as wiring

if TYPE_CHECKING:
    from pathlib import Path

    from aggregator.model.config import Config
    from aggregator.ports import App


class Invocation:
    """Goes with click's context to whatever command is called."""

    def __init__(self, config_file: Path, verbose: bool) -> None:
        self.config_file = config_file
        self.verbose = verbose

    @property
    def watched(self) -> bool:
        """Whether somebody wants to read what was done: cron does not."""
        return self.verbose or sys.stdout.isatty()

    def app(self, *, secrets: bool = True, mail: bool = False) -> App:
        """The configuration and all real parts, for what visits, writes or mails (`mail`: with its secrets)."""
        return wiring.build(self.config_file, secrets=secrets, mail=mail)

    def config(self) -> Config:
        """Only the configuration, without secrets, for what looks."""
        from aggregator.config import load

        return load(self.config_file, secrets=False)

"""Write a first feeds.yaml with comments, and describe the next steps."""

from __future__ import annotations

import shlex
from pathlib import Path

from aggregator import config
from aggregator.gateways import files

EXAMPLE = Path(config.__file__).parent / "example.yaml"


def write(file: Path) -> None:
    """Write the example as the new `file`, and create its folder if it is missing.

    Raises FilesError; then nothing was written.
    """
    files.write_new(file, EXAMPLE.read_bytes())


def next_steps(file: Path, program: Path) -> str:
    """Return the next steps after a new feeds.yaml, with lines for cron and systemd."""
    folder = file.resolve().parent
    option = "" if file.name == "feeds.yaml" else f"-c {shlex.quote(file.name)} "
    call = f"{shlex.quote(str(program))} {option}".rstrip()
    cron = "\n".join(
        f"       */10 * * * *  cd {shlex.quote(str(folder))} && {call} {job}".replace("%", r"\%")
        for job in ("fetch", "digest run")
    )
    working_directory, exec_start = (text.replace("%", "%%") for text in (str(folder), call))
    change_folder = f"cd {shlex.quote(str(folder))} && " if folder != Path.cwd() else ""
    return f"""\
{file} is written. Next:
  1. Edit it: site.contact, site.authority and site.url are placeholders; enter your sources.
     `aggregator source discover URL` finds the feed of a page.
  2. {change_folder}aggregator {option}check
  3. aggregator {option}-v fetch        then open public/index.html, or: aggregator {option}serve
  4. Run it every ten minutes, by cron (crontab -e):
{cron}
     or as a daemon that also serves the site, in a systemd service:
       Type=notify
       WorkingDirectory={working_directory}
       ExecStart={exec_start} run
       Restart=on-failure
"""

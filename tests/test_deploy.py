"""The systemd units and the container file of deploy/ fit the program."""

from __future__ import annotations

import re
import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path

import pytest

from aggregator import daemon
from aggregator.errors import ConfigError, DatabaseLost
from aggregator.gateways import sandbox

DEPLOY = Path(__file__).parent.parent / "deploy"
SERVICES = ("aggregator.service", "aggregator-fetch.service")
PARENT_MEGABYTES = 400
"""What the process that visits, places, renders and serves may take."""
READING_PROCESSES = 4
"""Maximum number of processes that read documents, on any machine."""


def unit(name: str) -> dict[str, str]:
    """The section [Service] of a unit; of keys that stand there twice the last."""
    parser = RawConfigParser(strict=False, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(DEPLOY / name)
    return dict(parser["Service"])


@pytest.mark.parametrize("name", SERVICES)
def test_memory_fits_parent_and_reading_processes(name: str) -> None:
    """All processes together stay below MemoryMax, and a killed one of them does not end the unit."""
    service = unit(name)
    needed = PARENT_MEGABYTES + READING_PROCESSES * sandbox.MEGABYTES
    assert sandbox.PROCESSES <= READING_PROCESSES
    assert int(service["MemoryMax"].removesuffix("M")) >= needed
    assert service["OOMPolicy"] == "continue"
    container = re.search(r"--memory (\d+)m", (DEPLOY / "Containerfile").read_text())
    assert container and int(container[1]) >= needed


def test_the_watchdog_is_slower_than_the_scheduler() -> None:
    """WatchdogSec leaves room for several beats; the service is started again after 1, and not after 78 and 2."""
    service = unit("aggregator.service")
    assert service["Type"] == "notify" and "NotifyAccess" not in service
    assert int(service["WatchdogSec"].removesuffix("min")) * 60 >= 3 * daemon.TICK_SECONDS
    assert service["Restart"] == "on-failure"
    final = {int(code) for code in service["RestartPreventExitStatus"].split()}
    assert {ConfigError.exit_code, DatabaseLost.exit_code} <= final
    assert daemon.SchedulerStopped.exit_code not in final


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
@pytest.mark.parametrize("name", [*SERVICES, "aggregator-fetch.timer"])
def test_systemd_accepts_the_units(tmp_path: Path, name: str) -> None:
    """`systemd-analyze verify` has nothing to say, but for the program and user that this machine lacks."""
    for file in DEPLOY.glob("aggregator*"):
        text = re.sub(r"/srv/aggregator/\.venv/bin/aggregator", "/bin/true", file.read_text())
        (tmp_path / file.name).write_text(re.sub(r"^(User|Group)=.*\n", "", text, flags=re.MULTILINE))
    verified = subprocess.run(
        ["systemd-analyze", "verify", f"./{name}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")

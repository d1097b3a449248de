"""The systemd units and the container file of deploy/ fit the program."""

from __future__ import annotations

import json
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
"""Maximum memory of the process that visits, writes and serves."""
READING_PROCESSES = 4
"""Maximum number of processes that read documents, on any machine."""


def unit(name: str) -> dict[str, str]:
    """Return the section [Service] of a unit; of a repeated key the last value."""
    parser = RawConfigParser(strict=False, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(DEPLOY / name)
    return dict(parser["Service"])


@pytest.mark.parametrize("name", SERVICES)
def test_memory_fits_parent_and_reading_processes(name: str) -> None:
    """All processes together stay below MemoryMax, and killing one does not end the unit."""
    service = unit(name)
    needed = PARENT_MEGABYTES + READING_PROCESSES * sandbox.MEMORY_MEGABYTES
    assert sandbox.PROCESSES <= READING_PROCESSES
    assert int(service["MemoryMax"].removesuffix("M")) >= needed
    assert service["OOMPolicy"] == "continue"
    container = re.search(r"--memory (\d+)m", (DEPLOY / "Containerfile").read_text())
    assert container and int(container[1]) >= needed


def test_watchdog_is_slower_than_the_scheduler() -> None:
    """WatchdogSec allows several beats; systemd restarts after 1, not after 78 and 2."""
    service = unit("aggregator.service")
    assert service["Type"] == "notify" and "NotifyAccess" not in service
    assert int(service["WatchdogSec"].removesuffix("min")) * 60 >= 3 * daemon.TICK_SECONDS
    assert service["Restart"] == "on-failure"
    final = {int(code) for code in service["RestartPreventExitStatus"].split()}
    assert {ConfigError.exit_code, DatabaseLost.exit_code} <= final
    assert daemon.SchedulerStopped.exit_code not in final


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the container file, each as its word and the rest."""
    text = re.sub(r"^\s*#.*\n", "", (DEPLOY / "Containerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines if line]


def test_container_file_keeps_to_its_rules() -> None:
    """The image is slim, runs as its own user, keeps data in volumes and has a health check."""
    found = instructions()
    last = found[max(n for n, (word, _) in enumerate(found) if word == "FROM") :]
    words = [word for word, _ in last]
    assert re.fullmatch(r"PYTHON=docker\.io/library/python:3\.\d+-slim", dict(found)["ARG"])
    assert all(word not in ("ADD", "MAINTAINER") for word, _ in found)
    assert words.index("USER") < words.index("CMD") and dict(last)["USER"] not in ("root", "0")
    assert {Path(each).name for each in json.loads(dict(last)["VOLUME"])} == {"var", "public"}
    for each in (dict(last)["CMD"], dict(last)["HEALTHCHECK"].partition("CMD ")[2]):
        assert json.loads(each)[0] == "aggregator"  # without a shell, so that signals arrive
    runs = " ".join(rest for word, rest in found if word == "RUN")
    assert not re.search(r"apt-get|apk |curl|wget|gcc|sudo|chmod 777", runs)
    assert "--require-hashes" in runs and "--no-cache-dir" in runs
    assert not any(word == "RUN" and "pip" in rest for word, rest in last)


def test_container_build_gets_only_what_it_copies() -> None:
    """.dockerignore admits exactly the files that the container file copies, and they exist."""
    root = DEPLOY.parent
    copied = {
        source
        for word, rest in instructions()
        if word == "COPY" and "--from" not in rest
        for source in rest.split()[:-1]
    }
    lines = (root / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    assert {line[1:] for line in lines if line.startswith("!")} == {
        source.removeprefix("./") for source in copied
    }
    assert all((root / source).exists() for source in copied)


@pytest.mark.skipif(not shutil.which("hadolint"), reason="no hadolint here")
def test_hadolint_accepts_the_container_file() -> None:
    """`hadolint` finds nothing in the container file."""
    linted = subprocess.run(
        ["hadolint", str(DEPLOY / "Containerfile")], capture_output=True, text=True, check=False
    )
    assert (linted.returncode, linted.stdout) == (0, "")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
@pytest.mark.parametrize("name", [*SERVICES, "aggregator-fetch.timer"])
def test_systemd_accepts_the_units(tmp_path: Path, name: str) -> None:
    """`systemd-analyze verify` accepts the units, apart from the missing program and user."""
    for file in DEPLOY.glob("aggregator*"):
        text = re.sub(r"/srv/aggregator/\.venv/bin/aggregator", "/bin/true", file.read_text())
        (tmp_path / file.name).write_text(re.sub(r"^(User|Group)=.*\n", "", text, flags=re.MULTILINE))
    verified = subprocess.run(
        ["systemd-analyze", "verify", f"./{name}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")

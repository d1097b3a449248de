"""The wheel has what the program needs and nothing else; its metadata fit the project."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from aggregator import __version__, extras

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build a wheel of the present files."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (file,) = out.iterdir()
    return zipfile.ZipFile(file)


def test_wheel_has_all_files_of_the_package(wheel: zipfile.ZipFile) -> None:
    """Every file below `aggregator` is in the wheel, and besides them only metadata."""
    there = {
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "aggregator").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    names = set(wheel.namelist())
    info = {name for name in names if ".dist-info/" in name}
    assert names - info == there
    suffixes = {Path(name).suffix for name in there}
    assert {".py", ".typed", ".json", ".toml", ".txt", ".yaml", ".j2", ".css"} <= suffixes
    assert any(name.endswith("/licenses/LICENSE") for name in info)


def test_metadata(wheel: zipfile.ZipFile) -> None:
    """Name, version, command, licence and description are those of the project."""
    files = {name.rpartition("/")[2]: wheel.read(name) for name in wheel.namelist() if ".dist-info/" in name}
    metadata = message_from_bytes(files["METADATA"], policy=policy.compat32)
    assert (metadata["Name"], metadata["Version"]) == (extras.DISTRIBUTION, __version__)
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload().startswith("# aggregator")
    assert "aggregator = aggregator.cli:main" in files["entry_points.txt"].decode()
    required = [each for each in metadata.get_all("Requires-Dist") or () if "extra ==" not in each]
    assert {canonicalize_name(Requirement(each).name) for each in required} == {
        canonicalize_name(Requirement(each).name) for each in PROJECT["dependencies"]
    }


def test_the_version_has_one_place() -> None:
    """The version has one place, and CHANGELOG.md begins with it or with unreleased changes."""
    assert PROJECT["dynamic"] == ["version"] and "version" not in PROJECT
    heading = re.search(r"^## \[?([^\]\n]+)\]?", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert heading and heading[1] in ("Unreleased", __version__)


def test_changelog_has_the_usual_shape() -> None:
    """Versions have a date, and their changes the headings of Keep a Changelog."""
    for line in (ROOT / "CHANGELOG.md").read_text().splitlines():
        if line.startswith("## "):
            assert re.fullmatch(r"## (\[Unreleased\]|\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d)", line), line
        if line.startswith("### "):
            assert line[4:] in ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"), line


def test_classifiers_fit_the_python_versions() -> None:
    """The oldest Python in the classifiers is the one that is required."""
    versions = [c.rpartition(" ")[2] for c in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", c)]
    assert f">={versions[0]}" == PROJECT["requires-python"]

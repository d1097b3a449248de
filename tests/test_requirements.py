"""What is installed is named once more in requirements.txt, with hashes: the two lists and pyproject.toml agree."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKED = {
    canonicalize_name(entry[1]): (entry[2], entry[0])
    for entry in re.finditer(
        r"^([\w.-]+)==([^\s;]+).*\n(?: +--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+",
        (ROOT / "requirements.txt").read_text(),
        re.MULTILINE,
    )
}


def test_every_requirement_has_hashes() -> None:
    """Each line of requirements.txt is a comment, an exact version, or a hash of one; no index is named."""
    text = (ROOT / "requirements.txt").read_text()
    rest = text
    for _, entry in LOCKED.values():
        rest = rest.replace(entry, "")
    assert all(line.startswith("#") for line in rest.splitlines())
    assert "://" not in text


def test_all_that_is_asked_for_is_locked() -> None:
    """Dependencies and build requirements are in requirements.txt, in a version that pyproject.toml allows."""
    for asked in (*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"]):
        requirement = Requirement(asked)
        version, _ = LOCKED[canonicalize_name(requirement.name)]
        assert version in requirement.specifier, asked


def test_both_lists_name_the_same_versions() -> None:
    """A version of constraints.txt is the one of requirements.txt: `make lock` was run."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    known = dict(line.split("==") for line in lines if not line.startswith("#"))
    for name, version in known.items():
        locked = LOCKED.get(canonicalize_name(name))
        assert locked is None or locked[0] == version, name


def test_the_build_is_pinned() -> None:
    """What builds the program is one exact version."""
    assert all("==" in requirement for requirement in PROJECT["build-system"]["requires"])

"""requirements.txt, constraints.txt and pyproject.toml agree."""

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
    """requirements.txt has only comments, exact versions and hashes, and no index."""
    text = (ROOT / "requirements.txt").read_text()
    rest = text
    for _, entry in LOCKED.values():
        rest = rest.replace(entry, "")
    assert all(line.startswith("#") for line in rest.splitlines())
    assert "://" not in text


def test_every_requirement_is_locked() -> None:
    """Every dependency and build requirement is locked in an allowed version."""
    for text in (*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"]):
        requirement = Requirement(text)
        version, _ = LOCKED[canonicalize_name(requirement.name)]
        assert version in requirement.specifier, text


def test_both_lists_name_the_same_versions() -> None:
    """Versions of constraints.txt are those of requirements.txt (`make lock` was run)."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    known = dict(line.split("==") for line in lines if not line.startswith("#"))
    for name, version in known.items():
        locked = LOCKED.get(canonicalize_name(name))
        assert locked is None or locked[0] == version, name


def test_the_build_is_pinned() -> None:
    """Build requirements have exact versions."""
    assert all("==" in requirement for requirement in PROJECT["build-system"]["requires"])

"""Resolve the references to secrets in feeds.yaml: `env:NAME` and `file:PATH`."""

from __future__ import annotations

import os
from pathlib import Path

from aggregator.config import values, yaml_lines
from aggregator.config.yaml_lines import Tree, mapping_at, numbered_mappings


class SecretValues:
    """The values of secrets, and a problem for each reference without a value.

    With `resolve=False` no secret is read, with `mail=False` none of the mail relay.
    """

    def __init__(self, folder: Path, *, resolve: bool, mail: bool) -> None:
        self.folder = folder
        self.resolve = resolve
        self.mail = mail
        self.problems: list[tuple[yaml_lines.Path, str]] = []

    def get(self, reference: str | None, path: yaml_lines.Path) -> str | None:
        """Return the secret that `reference` names, or `reference` itself where it is plain text.

        `path` is its place in the file. None and a problem where there is no such secret.
        """
        match = values.SECRET.fullmatch(reference) if reference else None
        if not match:
            return reference
        if not self.resolve or (path[0] == "mail" and not self.mail):
            return None
        place, name = match.groups()
        if place == "env":
            value = os.environ.get(name)
            if not value:
                self.problems.append((path, f"the environment has no {name}"))
            return value
        try:
            return (self.folder / name).read_text("utf-8").strip()
        except (OSError, ValueError) as error:
            self.problems.append((path, f"the secret file {name} cannot be read: {error}"))
            return None


def check_secrets(tree: Tree, secrets: SecretValues) -> None:
    """Collect the problems of all secrets of a file that has other problems as well."""
    for n, part in numbered_mappings(tree.value, "sources"):
        for key in ("user", "password"):
            if isinstance(part.get(key), str):
                secrets.get(part[key], ("sources", n, key))
    smtp = mapping_at(mapping_at(tree.value, "mail"), "smtp")
    for key in ("user", "password"):
        if isinstance(smtp.get(key), str):
            secrets.get(smtp[key], ("mail", "smtp", key))

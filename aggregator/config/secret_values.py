"""Resolve the references to secrets in feeds.yaml: `env:NAME` and `file:PATH`."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from aggregator.config import yaml_lines
    from aggregator.config.yaml_lines import Tree
    from aggregator.model.config import Config, Credentials

REFERENCE = re.compile(r"(env|file):(.+)", re.DOTALL)


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
        match = REFERENCE.fullmatch(reference) if reference else None
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
        file = self.folder / name
        try:
            return file.read_text("utf-8").strip()
        except (OSError, ValueError) as error:
            self.problems.append((path, f"the secret file {file} cannot be read: {_reason(error)}"))
            return None


def _reason(error: OSError | ValueError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "it is not UTF-8 text"


def resolved(config: Config, secrets: SecretValues) -> Config:
    """Return a configuration with the values of its references to secrets."""
    credentials = {}
    for n, source in enumerate(config.sources):
        written = config.credentials.get(source.id)
        if written is not None:
            with_values = _resolved(written, secrets, n)
            if with_values.user:
                credentials[source.id] = with_values
    mail, relay = config.mail, config.mail.smtp
    if relay is not None:
        relay = replace(
            relay,
            user=secrets.get(relay.user, ("mail", "smtp", "user")),
            password=secrets.get(relay.password, ("mail", "smtp", "password")),
        )
        mail = replace(mail, smtp=relay)
    bounces = config.mail.bounces
    if bounces is not None and bounces.imap is not None:
        imap = replace(
            bounces.imap,
            user=secrets.get(bounces.imap.user, ("mail", "bounces", "imap", "user")),
            password=secrets.get(bounces.imap.password, ("mail", "bounces", "imap", "password")),
        )
        mail = replace(mail, bounces=replace(bounces, imap=imap))
    return replace(config, credentials=credentials, mail=mail)


def _resolved(written: Credentials, secrets: SecretValues, n: int) -> Credentials:
    user = secrets.get(written.user, ("sources", n, "user"))
    password = secrets.get(written.password, ("sources", n, "password"))
    return replace(written, user=user or "", password=password or "")


def check_secrets(tree: Tree, secrets: SecretValues) -> None:
    """Collect the problems of all secrets of a file."""
    from aggregator.config.yaml_lines import mapping_at, numbered_mappings

    for n, part in numbered_mappings(tree.value, "sources"):
        for key in ("user", "password"):
            if isinstance(part.get(key), str):
                secrets.get(part[key], ("sources", n, key))
    mail = mapping_at(tree.value, "mail")
    servers = (
        (mapping_at(mail, "smtp"), ("mail", "smtp")),
        (mapping_at(mapping_at(mail, "bounces"), "imap"), ("mail", "bounces", "imap")),
    )
    for server, path in servers:
        for key in ("user", "password"):
            if isinstance(server.get(key), str):
                secrets.get(server[key], (*path, key))

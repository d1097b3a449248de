"""Load feeds.yaml as a Config, or raise all of its problems at once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from aggregator.config.secret_values import SecretValues, check_secrets, resolved
from aggregator.errors import ConfigError, Problem

if TYPE_CHECKING:
    from aggregator.config import yaml_lines
    from aggregator.config.yaml_lines import ProblemAt
    from aggregator.model.config import Config


def load(file: Path, *, secrets: bool = True, mail: bool = True) -> Config:
    """Return the configuration in `file`; raise ConfigError with every problem.

    With `secrets=False`, for commands that only read, references to secrets are not resolved. With `mail=False`, for
    commands that send no mail, those of the mail relay are not. Only the file and its secrets are read.
    """
    values = SecretValues(file.parent, resolve=secrets, mail=mail)
    return resolved(parse(file, values), values)


def parse(file: Path, secrets: SecretValues | None = None) -> Config:
    """Return the configuration in `file` with references instead of secrets.

    Raises ConfigError with every problem, `secrets` without a value among them.
    """
    from aggregator.config import build, references, validation, yaml_lines

    raw = _read(file)
    tree = yaml_lines.read(raw.decode("utf-8"))
    if tree.value is None and not tree.problems:
        tree.problems.append((1, (), "is empty; `site` and `sources` are needed"))
    part, shape_problems = validation.validated(tree)
    unreadable = {path for _, path, _ in tree.problems}
    problems = [*tree.problems, *(problem for problem in shape_problems if problem[1] not in unreadable)]
    problems += references.problems(tree)
    if secrets:
        check_secrets(tree, secrets)
        problems += [(tree.line(path), path, message) for path, message in secrets.problems]
    config = build.build(file, raw, part) if part else None
    if config and data_is_public(config):
        path = ("paths", "data")
        problems.append((tree.line(path), path, "must not lie in `public`, which everybody can read"))
    if problems or config is None:
        raise _error(file, problems)
    return config


def data_is_public(config: Config) -> bool:
    """Return whether everybody can read the data folder."""
    return config.data.resolve().is_relative_to(config.public.resolve())


def _read(file: Path) -> bytes:
    """Return the bytes of a UTF-8 text file; raise ConfigError for any other."""
    try:
        raw = file.read_bytes()
        raw.decode("utf-8")
    except OSError as error:
        advice = "; `aggregator init` writes one" if isinstance(error, FileNotFoundError) else ""
        raise _error(file, [(1, (), f"cannot be read: {error.strerror}{advice}")]) from error
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise _error(file, [(line, (), "is not UTF-8 text")]) from error
    return raw


def _error(file: Path, found: Iterable[ProblemAt]) -> ConfigError:
    """Return one error with each problem once, in the order of lines."""
    problems = sorted({(line, _dotted(path), message) for line, path, message in found})
    return ConfigError(
        tuple(
            Problem(file=file.name or str(file), line=line, path=path, message=" ".join(text.split()))
            for line, path, text in problems
        )
    )


def _dotted(path: yaml_lines.Path) -> str:
    """Write a path as in `sources[2].every`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text

"""Cache the parsed configuration, so that no run parses an unchanged feeds.yaml again."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from aggregator import __version__, config, permissions
from aggregator.config.load import data_is_public, parse
from aggregator.config.secret_values import SecretValues, resolved
from aggregator.gateways import typedjson
from aggregator.model.config import Config
from aggregator.store.idle_check import data_folder

FILE = "parsed-feeds.json"
"""In the data folder: a hash of file and parser, then the values without secrets."""
_unstored: dict[Path, Config] = {}
"""The file that was parsed last, until it is stored: with references instead of secrets."""


def load(file: Path, *, secrets: bool = True, mail: bool = True) -> Config:
    """Return the cached configuration of `file`, or parse it; as `config.load`."""
    stored = _read(file)
    if stored is not None:
        values = SecretValues(file.parent, resolve=secrets, mail=mail)
        complete = resolved(stored, values)
        if not values.problems and not data_is_public(complete):
            return complete
    values = SecretValues(file.parent, resolve=secrets, mail=mail)  # without problems of stored values
    parsed = parse(file, values)
    _unstored.clear()
    _unstored[file] = parsed
    return resolved(parsed, values)


def store(current: Config) -> None:
    """Cache a configuration without its secrets, if feeds.yaml or the program changed.

    The calling job holds the lock.
    """
    path = current.data / FILE
    key = _key(current.file, current.file_hash)
    with suppress(OSError):
        if path.read_bytes()[: len(key)] == key:
            return
    parsed = _unstored.pop(current.file, None) or parse(current.file)
    if parsed.file_hash != current.file_hash:  # edited since this run began
        return
    draft = path.with_name(f".{FILE}.draft")
    with suppress(OSError):  # the next run parses feeds.yaml again
        permissions.make_file(draft)
        draft.write_bytes(key + b"\n" + typedjson.encode(parsed, Config))
        draft.replace(path)


def _read(file: Path) -> Config | None:
    """Return the cached configuration of these bytes of `file`; None where there is none.

    The data folder is guessed from the text. A wrong guess is harmless, because the hash must fit.
    """
    try:
        raw = file.read_bytes()
        path = file.resolve().parent / data_folder(raw) / FILE
        if path.stat().st_mode & permissions.OTHERS:  # other users may have written it
            path.unlink()
        key, _, values = path.read_bytes().partition(b"\n")
        if key != _key(file, hashlib.sha256(raw).hexdigest()):
            return None
        stored: Config = typedjson.decode(values, Config)
    except (OSError, ValueError):
        return None
    return replace(stored, file=file)


def _key(file: Path, file_hash: str) -> bytes:
    """Return a hash of what a parsed configuration depends on: file, folder, program."""
    parser = (
        *sorted(Path(config.__file__).parent.glob("*.py")),
        Path(__file__).parent / "model" / "config.py",
    )
    code = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in parser]
    known = (__version__, code, str(file.resolve().parent), file_hash)
    return hashlib.sha256(repr(known).encode()).hexdigest().encode()

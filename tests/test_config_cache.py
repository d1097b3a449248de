"""The configuration as last parsed, in the data folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from aggregator import config, config_cache, permissions
from aggregator.errors import ConfigError
from aggregator.model.config import Config

WRITTEN = """
site: {title: News, url: 'https://news.example/', contact: a@news.example, authority: 'news.example,2026',
       timezone: Europe/Berlin}
paths: {data: state, public: out}
sources:
- {id: a, name: A, url: 'https://a.example/feed', user: reader, password: 'env:A_PASSWORD', every: 2h}
- id: b
  name: B
  url: https://b.example/
  kind: page
  page: [{item: article, article: {content: main}}, {structured: true}]
topics: {data: [FAIR, /ome.?zarr/]}
channels: [{id: events, title: Events, include: {kinds: [event]}, exclude: {languages: [de]}}]
digests: [{id: weekly, title: Weekly, schedule: mon 08:00, kinds: [job], recipients: [b@c.example]}]
operator: {to: op@news.example}
mail: {from: news@news.example, smtp: {host: mail.example, user: u, password: 'env:SMTP'}, rate: 60}
publish: {hub: 'https://hub.example/'}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a feeds.yaml with every part, whose parsed values are stored."""
    monkeypatch.setenv("A_PASSWORD", "hunter2")
    monkeypatch.setenv("SMTP", "hunter3")
    path = tmp_path / "feeds.yaml"
    path.write_text(WRITTEN)
    permissions.make_folder(tmp_path / "state")
    config_cache.store(config_cache.load(path))
    return path


@pytest.fixture
def unparsable(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every attempt to parse feeds.yaml fail."""

    def fail(*_args: object, **_options: object) -> None:
        raise AssertionError("parsed again")

    monkeypatch.setattr(config_cache, "parse", fail)


@pytest.mark.parametrize("options", [{}, {"mail": False}, {"secrets": False}])
def test_stored_values_are_those_of_the_file(file: Path, options: dict[str, bool]) -> None:
    """A stored configuration equals the parsed one, in every type as well."""
    parsed, stored = config.load(file, **options), config_cache.load(file, **options)
    assert stored == parsed
    assert repr(stored) == repr(parsed)
    assert stored.credentials == parsed.credentials
    assert stored.mail.smtp == parsed.mail.smtp


@pytest.mark.usefixtures("unparsable")
def test_an_unchanged_file_is_not_parsed(file: Path) -> None:
    """A stored configuration is used while feeds.yaml has the same bytes."""
    assert [source.id for source in config_cache.load(file).sources] == ["a", "b"]


@pytest.mark.parametrize("load", [config.load, config_cache.load])
def test_no_secret_is_stored(file: Path, load: Callable[[Path], Config]) -> None:
    """References to secrets are stored, but not their values; only the owner may read them."""
    stored = file.parent / "state" / config_cache.FILE
    stored.unlink()
    config_cache.store(load(file))
    assert b"env:A_PASSWORD" in stored.read_bytes()
    assert b"hunter" not in stored.read_bytes()
    assert stored.stat().st_mode & 0o777 == 0o600


def test_a_file_edited_before_its_values_are_stored_is_parsed_again(file: Path) -> None:
    """Values are stored as those of the bytes that were parsed, not of an edit meanwhile."""
    file.write_text(WRITTEN.replace("every: 2h", "every: 3h"))
    loaded = config_cache.load(file)
    file.write_text(WRITTEN.replace("every: 2h", "every: 4h"))
    config_cache.store(loaded)
    assert config_cache.load(file) == config.load(file) != loaded


def test_a_changed_secret_is_used(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets are resolved at each run; a missing one is reported at its line."""
    monkeypatch.setenv("A_PASSWORD", "other")
    assert config_cache.load(file).credentials["a"].password == "other"
    monkeypatch.delenv("A_PASSWORD")
    with pytest.raises(ConfigError, match=r"feeds.yaml:6: sources\[0\].password: .*A_PASSWORD"):
        config_cache.load(file)


@pytest.mark.parametrize("damage", [b"", b"\n[]", b"%s\n", b"%s\n[1]", b"%s\n{", b"%s\n\xff"])
def test_a_damaged_file_is_ignored(file: Path, damage: bytes) -> None:
    """Stored values that are not of the declared types are not used."""
    stored = file.parent / "state" / config_cache.FILE
    stored.write_bytes(damage.replace(b"%s", stored.read_bytes().partition(b"\n")[0]))
    assert config_cache.load(file) == config.load(file)


def test_a_wrong_edit_is_refused(file: Path) -> None:
    """After an edit the file is parsed and its problems are reported."""
    file.write_text(WRITTEN.replace("every: 2h", "evry: 2h"))
    with pytest.raises(ConfigError, match="evry"):
        config_cache.load(file)


@pytest.mark.usefixtures("unparsable")
def test_values_that_others_may_write_are_not_used(file: Path) -> None:
    """A stored configuration that other users may open is not used."""
    (file.parent / "state" / config_cache.FILE).chmod(0o666)
    with pytest.raises(AssertionError, match="parsed again"):
        config_cache.load(file)


def test_data_that_became_public_is_refused(file: Path) -> None:
    """A data folder that lies in `public` by a symbolic link of later is still refused."""
    (file.parent / "out").symlink_to(file.parent)
    with pytest.raises(ConfigError, match="public"):
        config_cache.load(file)

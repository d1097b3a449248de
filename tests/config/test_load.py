"""A file loads as a Config, or is refused with every problem at its line and key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from datetime import timedelta
from email.utils import getaddresses
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from aggregator.config import load
from aggregator.errors import ConfigError
from aggregator.model.config import Channel, Config, Credentials, Selection, Smtp, TopicRule

SITE = (
    'site: {title: Imaging news, url: "https://news.example", contact: me@news.example,'
    ' authority: "a.example,2026"}\n'
)
ONE = 'sources:\n  - {id: a, name: A, url: "https://a.example/", %s}\n'

# The example of the public contract.
EXAMPLE = """\
site:
  title: Bioimaging news
  url: https://news.example.org/        # where `public` is served; base of every self link
  contact: news@example.org             # in the User-Agent and in mails
  language: en
  timezone: Europe/Berlin
  authority: news.example.org,2026      # of the permanent tag: ids; never changed after the first run
paths: {data: var, public: public}      # relative to this file; data holds aggregator.db and outbox/
fetch: {every: 1h, timeout: 20s, max_bytes: 10MB, concurrency: 16, allow_private: []}   # allow_private: hosts, …
sources:
  - id: gerbi
    name: German BioImaging
    url: https://gerbi-gmb.de/feed/
    # kind: feed | jsonfeed | page | ical   (default: feed, with JSON Feed recognised)
  - id: euro-bioimaging
    name: Euro-BioImaging
    url: https://www.eurobioimaging.eu/news/
    kind: page
    page: {item: "article", link: "a", title: "h3", date: ".date", summary: "p"}   # CSS selectors
topics:                                  # rules beside the sources' own `topics`: any word or /regex/
  data: [FAIR, metadata, OMERO, /ome.?zarr/]
channels:                                # include/exclude: sources, topics, kinds, languages
  - {id: all, title: Bioimaging news}
  - {id: events, title: Events and courses, include: {kinds: [event, course]}}
digests:
  - {id: weekly, title: Bioimaging weekly, channels: [all], schedule: "mon 08:00", recipients: []}
publish: {hub: null}                     # WebSub hub
web: {url: null, listen: 127.0.0.1:8000, trusted_proxies: []}   # without web.url mails offer unsubscribing by mailto
mail:
  from: Bioimaging news <news@example.org>
  # smtp: {host, port, security: starttls|tls|none, user, password: env:SMTP_PASSWORD}
"""


def read(folder: Path, text: str | bytes) -> Config:
    """Load a file with this content."""
    file = folder / "feeds.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return load(file)


def problems(folder: Path, text: str | bytes) -> list[str]:
    """Return the problems of a file with this content, one a line."""
    with pytest.raises(ConfigError) as refused:
        read(folder, text)
    lines = str(refused.value).split("\n")
    assert lines == [str(problem) for problem in refused.value.problems]
    return lines


# --- valid files ---------------------------------------------------------------------------------------


def test_the_example_of_the_contract_loads(tmp_path: Path) -> None:
    """The example of the public contract is valid, and its values are in the Config."""
    config = read(tmp_path, EXAMPLE)
    assert [source.kind for source in config.sources] == ["feed", "page"]
    (layout,) = config.sources[1].page
    assert (layout.item, layout.date, layout.summary) == ("article", (".date",), ("p",))
    assert config.topics == (TopicRule(topic="data", words=("FAIR", "metadata", "OMERO", "/ome.?zarr/")),)
    assert config.channels[1].include == Selection(kinds=("event", "course"))
    assert config.digests[0].schedule == "0 8 * * 1"
    assert config.mail.sender == "Bioimaging news <news@example.org>"


def test_shipped_file_loads() -> None:
    """The shipped feeds.yaml is valid, and its contact counts as the placeholder (V7)."""
    config = load(Path(__file__).parents[2] / "feeds.yaml")
    assert len(config.sources) > 50
    assert config.placeholders == ("contact", "authority")


@pytest.mark.parametrize(
    ("keys", "url"),
    [
        (
            "kind: zenodo, zenodo: {community: nfdi4bioimage}",
            "https://zenodo.org/api/records?communities=nfdi4bioimage&sort=newest&size=25",
        ),
        ("kind: zenodo, url: https://invenio.example/api/records", "https://invenio.example/api/records"),
        (
            "kind: wordpress, url: https://a.example/blog",
            "https://a.example/blog/wp-json/wp/v2/posts?per_page=20&_embed=author,wp:term",
        ),
        (
            "kind: wordpress, url: 'https://a.example/?page_id=7'",
            "https://a.example/?rest_route=/wp/v2/posts&per_page=20&_embed=author,wp:term",
        ),
        (
            "kind: wordpress, url: 'https://a.example/wp-json/wp/v2/event'",
            "https://a.example/wp-json/wp/v2/event",
        ),
    ],
)
def test_urls_of_apis_are_made(tmp_path: Path, keys: str, url: str) -> None:
    """The URL of an API is made from a community or site; a URL of an API is kept."""
    config = read(tmp_path, SITE + f"sources:\n  - {{id: x, name: X, {keys}}}\n")
    assert config.sources[0].url == url


def test_defaults(tmp_path: Path) -> None:
    """Keys that a file omits have the values of the contract's example."""
    config = read(tmp_path, SITE + ONE % "note: x")
    assert (config.data, config.public) == (tmp_path / "var", tmp_path / "public")
    assert (config.fetch.every, config.fetch.timeout) == (timedelta(hours=1), timedelta(seconds=20))
    assert (config.fetch.max_bytes, config.fetch.concurrency) == (10_000_000, 16)
    assert config.fetch.allow_private == ()
    assert (config.site.language, config.site.timezone) == ("en", ZoneInfo("UTC"))
    source = config.sources[0]
    assert (source.kind, source.enabled, source.full_text, source.every) == ("feed", True, False, None)
    assert config.mail.smtp is None
    assert config.placeholders == ()


def test_a_file_with_a_site_only_is_valid(tmp_path: Path) -> None:
    """A file with nothing but `site` is valid."""
    config = read(tmp_path, SITE)
    assert config.sources == config.digests == config.topics == ()
    assert config.site.url == "https://news.example/"


def test_channel_all_is_implied(tmp_path: Path) -> None:
    """A channel `all` of every story exists without being declared, first of the list.

    Its title is the site's, unless the file declares it.
    """
    implied = Channel(id="all", title="Imaging news")
    own = read(tmp_path, SITE + "channels: [{id: x, title: X}, {id: all, title: Everything}]\n")
    assert read(tmp_path, SITE).channels == (implied,)
    assert [c.id for c in read(tmp_path, SITE + "channels: [{id: x, title: X}]\n").channels] == ["all", "x"]
    assert [c.title for c in own.channels] == ["X", "Everything"]


def test_zone_and_language_are_inherited(tmp_path: Path) -> None:
    """Sources inherit the site's zone (T2), digests its zone and language."""
    head = SITE.replace("contact", "timezone: Europe/Lisbon, language: pt, contact")
    digests = 'digests:\n  - {id: w, title: W, schedule: "mon 08:00"}\n'
    config = read(
        tmp_path,
        head + ONE % "note: x" + '  - {id: b, name: B, url: "https://b.example/", timezone: UTC}\n' + digests,
    )
    assert [source.timezone.key for source in config.sources] == ["Europe/Lisbon", "UTC"]
    assert (config.digests[0].timezone.key, config.digests[0].language) == ("Europe/Lisbon", "pt")
    assert config.digests[0].channels == ("all",)


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    """Folders are relative to feeds.yaml, not to the working folder; absolute ones stay."""
    config = read(tmp_path, SITE + "paths: {data: ../d, public: /srv/www}\n")
    assert (config.data.resolve(), config.public) == (tmp_path.parent / "d", Path("/srv/www"))


def test_contact_of_the_shipped_file_is_a_placeholder(tmp_path: Path) -> None:
    """A placeholder is recognised by its value, not by the file that has it (V7)."""
    assert read(tmp_path, SITE.replace("me@news.example", "news@example.org")).placeholders == ("contact",)


def test_the_hash_of_a_file_is_of_its_bytes(tmp_path: Path) -> None:
    """The same bytes have the same hash, and a changed comment gives another (P1)."""
    names = [read(tmp_path, text).file_hash for text in (SITE, SITE, SITE + "# x\n")]
    assert names[0] == names[1] != names[2]


@pytest.mark.parametrize("text", [b"\xef\xbb\xbf" + SITE.encode(), SITE.replace("\n", "\r\n").encode()])
def test_files_of_windows_editors_load(tmp_path: Path, text: bytes) -> None:
    """A byte order mark and CRLF line ends change nothing."""
    assert read(tmp_path, text).site == read(tmp_path, SITE).site


def test_anchors_and_aliases_are_resolved(tmp_path: Path) -> None:
    """An alias has the value of its anchor, for lists and texts."""
    config = read(
        tmp_path,
        SITE
        + ONE % "note: &n same, only: &o [FAIR]"
        + '  - {id: b, name: B, url: "https://b.example/", note: *n, only: *o}\n',
    )
    assert [(source.note, source.only) for source in config.sources] == [("same", ("FAIR",))] * 2


def test_texts_that_look_like_other_types_stay_texts(tmp_path: Path) -> None:
    """`no` and `on` are texts (YAML 1.2), and an unquoted date stays as it was written."""
    config = read(tmp_path, SITE + "topics: {countries: [no, on, 2026-10-05]}\n")
    assert config.topics[0].words == ("no", "on", "2026-10-05")


@pytest.mark.parametrize(
    "title", ["Actualités\u00a0: imagerie\u202f!", "顕微鏡", "Women 👩\u200d🔬 imaging", "क्\u200dष"]
)
def test_titles_of_any_language(tmp_path: Path, title: str) -> None:
    """A title may contain no-break spaces, joiners and any script."""
    text = SITE.replace("Imaging news", f'"{title}"') + ONE.replace("name: A", f'name: "{title}"') % "note: x"
    config = read(tmp_path, text)
    assert (config.site.title, config.sources[0].name) == (title, title)


@pytest.mark.parametrize("title", ["Imaging", "Imaging, news & more", 'The "Imaging" <news>'])
def test_default_sender_is_one_mailbox(tmp_path: Path, title: str) -> None:
    """Without `mail` the sender is one mailbox: the site's title and contact."""
    sender = read(tmp_path, SITE.replace("Imaging news", json.dumps(title))).mail.sender
    assert getaddresses([sender]) == [(title, "me@news.example")]


# --- secrets -------------------------------------------------------------------------------------------

SECRETS = SITE + ONE % 'user: "env:FEED_USER", password: "file:keys/feed"' + (
    'mail: {from: me@a.example, smtp: {host: mx.example, user: me, password: "env:SMTP_PASSWORD"}}\n'
)  # fmt: skip


@pytest.fixture
def secrets_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that holds the secrets of SECRETS, as the environment does."""
    monkeypatch.setenv("FEED_USER", "bob")
    monkeypatch.setenv("SMTP_PASSWORD", "hunter2")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/feed").write_text("swordfish\n")
    return tmp_path


def test_secrets_come_from_environment_and_files(secrets_folder: Path) -> None:
    """`env:` reads the environment, `file:` a file beside feeds.yaml without its line end."""
    config = read(secrets_folder, SECRETS)
    assert config.credentials == {
        "a": Credentials(origin="https://a.example", user="bob", password="swordfish")
    }
    assert config.mail.smtp == Smtp(
        host="mx.example", port=587, security="starttls", user="me", password="hunter2"
    )


def test_secrets_are_not_shown(secrets_folder: Path) -> None:
    """No representation of a configuration shows a secret."""
    config = read(secrets_folder, SECRETS)
    assert config.credentials["a"].password == "swordfish"
    for shown in (repr(config), str(config), f"{config.mail}", f"{config.credentials}"):
        assert "swordfish" not in shown
        assert "hunter2" not in shown


def test_commands_that_only_read_need_no_secrets(tmp_path: Path) -> None:
    """Commands that only read load a file without its secrets."""
    file = tmp_path / "feeds.yaml"
    file.write_text(SECRETS)
    config = load(file, secrets=False)
    assert config.credentials == {}
    assert config.mail.smtp is not None
    assert config.mail.smtp.password is None


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_port_follows_security(tmp_path: Path, security: str, port: int) -> None:
    """The relay's port is the usual one of its security, unless the file sets it."""
    text = SITE + "mail: {from: me@a.example, smtp: {host: mx.example, security: %s%s}}\n"
    for written, expected in (("", port), (", port: 2525", 2525)):
        smtp = read(tmp_path, text % (security, written)).mail.smtp
        assert smtp is not None
        assert smtp.port == expected


def test_missing_secrets_are_problems_of_their_lines(tmp_path: Path) -> None:
    """A missing secret is reported with its line, also beside problems of other kinds."""
    expected = [
        "feeds.yaml:3: sources[0].user: the environment has no FEED_USER",
        "feeds.yaml:4: mail.smtp.password: the environment has no SMTP_PASSWORD",
    ]
    secret_file = (
        "feeds.yaml:3: sources[0].password: the secret file"
        f" {tmp_path}/keys/feed cannot be read: No such file or directory"
    )
    assert problems(tmp_path, SECRETS) == [secret_file, *expected]
    assert set(problems(tmp_path, SECRETS + "wbe: {}\n")) == {
        secret_file,
        *expected,
        'feeds.yaml:5: wbe: unknown key, did you mean "web"?',
    }


def test_written_secret_is_refused_and_not_repeated(tmp_path: Path) -> None:
    """A secret written into the file is refused, and the message does not show it."""
    text = (
        SITE
        + ONE % "user: bob, password: hunter2"
        + "mail: {from: a@b.example, smtp: {host: h, user: bob, password: hunter2}}\n"
    )
    message = "secrets do not belong in this file: write env:NAME or file:PATH"
    assert problems(tmp_path, text) == [
        f"feeds.yaml:3: sources[0].password: {message}",
        f"feeds.yaml:4: mail.smtp.password: {message}",
    ]


@pytest.mark.parametrize(
    ("relay", "expected"),
    [
        ("user: bob, password: 'env:P', security: none", "security: none would send the password in clear"),
        ("password: 'env:P'", "user: is missing beside `password`"),
        ("user: bob", "password: is missing beside `user`"),
    ],
)
def test_a_password_in_clear_or_without_a_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, relay: str, expected: str
) -> None:
    """A password is refused for a relay without encryption, or without a user."""
    monkeypatch.setenv("P", "secret")
    text = SITE + ONE % "priority: 0" + f"mail: {{from: a@b.example, smtp: {{host: h, {relay}}}}}\n"
    (problem,) = problems(tmp_path, text)
    assert problem.startswith(f"feeds.yaml:4: mail.smtp.{expected}")


# --- wrong files ---------------------------------------------------------------------------------------

# Text after SITE (line 1), and its problems.
WRONG: dict[str, tuple[str, list[str]]] = {
    "unknown key": (
        ONE % "evry: 1h, zzz: 1" + "wbe: {}\n",
        [
            '3: sources[0].evry: unknown key, did you mean "every"?',
            "3: sources[0].zzz: unknown key",
            '4: wbe: unknown key, did you mean "web"?',
        ],
    ),
    "duplicate keys": (
        ONE % "name: B" + "sources: []\n",
        [
            "3: sources[0].name: duplicate key, first given in line 3",
            "4: sources: duplicate key, first given in line 2",
        ],
    ),
    "missing keys": (
        "sources:\n  - id: a\n  - {name: B}\n",
        [
            "3: sources[0].name: is missing",
            "3: sources[0].url: is missing",
            "4: sources[1].id: is missing",
            "4: sources[1].url: is missing",
        ],
    ),
    "bad URL": (
        'sources:\n  - id: a\n    name: A\n    url: "ftp://a.example/"\nweb: {url: news}\n',
        [
            "5: sources[0].url: 'ftp://a.example/' is not a web address: it must begin with https:// or http://",
            "6: web.url: 'news' is not a web address: it must begin with https:// or http://",
        ],
    ),
    "bad schedule": (
        'digests:\n  - {id: w, title: W, schedule: "mon 25:00"}\n',
        [
            "3: digests[0].schedule: 'mon 25:00' is not a schedule: write \"mon 08:00\", \"daily 07:30\""
            " or five cron fields"
        ],
    ),
    "bad zone": (
        ONE % "timezone: Berlin",
        ["3: sources[0].timezone: 'Berlin' is not a time zone: write an IANA name such as Europe/Berlin"],
    ),
    "bad words": (
        ONE % 'kind: rss, language: Deutsch, only: ["/(/"]',
        [
            "3: sources[0].kind: 'rss' is not one of feed, jsonfeed, page, ical, wordpress, zenodo",
            "3: sources[0].language: 'Deutsch' is not valid: write a language tag such as en or de-AT",
            "3: sources[0].only[0]: '/(/' is not a regular expression: missing ), unterminated subpattern"
            " at position 0",
        ],
    ),
    "bad numbers": (
        ONE % "priority: high, enabled: maybe" + "fetch: {concurrency: 1.5}\n",
        [
            "3: sources[0].enabled: should be true or false, not a text",
            "3: sources[0].priority: should be a whole number, not a text",
            "4: fetch.concurrency: should be a whole number, not a fraction",
        ],
    ),
    "bad ids": (
        'sources:\n  - {id: A B, name: A, url: "https://a.example/"}\n',
        ["3: sources[0].id: 'A B' is not valid: write 1 to 64 of a-z, 0-9 and -, without - at the beginning"],
    ),
    "bad topics": (
        ONE % "topics: [Data]" + "topics: {Big Data: [x]}\n",
        [
            "3: sources[0].topics[0]: 'Data' is not valid: write 1 to 64 of a-z, 0-9 and -, without - at the beginning",
            "4: topics.Big Data: 'Big Data' is not valid: write 1 to 64 of a-z, 0-9 and -, without - at the beginning",
        ],
    ),
    "lengths": (
        "sources:\n"
        f"  - {{id: a, name: {'x' * 301}, url: 'https://a.example/'}}\n"
        "  - {id: b, name: '', url: 'https://b.example/'}\n"
        "  - {id: c, name: ' \u200b\u00a0', url: 'https://c.example/'}\n"
        "digests:\n  - {id: weekly, title: Weekly, channels: [], schedule: 'mon 08:00'}\n",
        [
            "3: sources[0].name: is too long: at most 300 characters, not 301",
            "4: sources[1].name: is empty",
            "5: sources[2].name: ' \\u200b\\xa0' is blank: write a text that readers can see",
            "7: digests[0].channels: is empty",
        ],
    ),
    "out of range": (
        ONE % "priority: 200" + "fetch: {concurrency: 0, max_bytes: 10}\n",
        [
            "3: sources[0].priority: is too large: at most 100",
            "4: fetch.concurrency: is too small: at least 1",
            "4: fetch.max_bytes: is too small: at least 1000",
        ],
    ),
    "durations out of range": (
        ONE % "every: 5s" + "fetch: {every: 5w, timeout: 0s}\n",
        [
            "3: sources[0].every: is too small: at least 1m",
            "4: fetch.every: is too large: at most 31d",
            "4: fetch.timeout: is too small: at least 1s",
        ],
    ),
    "wrong types": (
        "sources: {id: a}\nchannels: all\nfetch: fast\npaths: {data: 5}\ntopics: [data]\n",
        [
            "2: sources: should be a list, not a group of keys",
            "3: channels: should be a list, not a text",
            "4: fetch: should be a group of keys, not a text",
            "5: paths.data: should be a text, not a number",
            "6: topics: should be a group of keys, not a list",
        ],
    ),
    "already used": (
        ONE % "note: x" + '  - {id: a, name: B, url: "https://a.example/"}\n',
        [
            "4: sources[1].id: 'a' is already used in line 3",
            "4: sources[1].url: 'https://a.example/' is already used in line 3",
        ],
    ),
    "undefined names": (
        "channels:\n"
        "  - {id: x, title: X, include: {sources: [b], topics: [dta]}, exclude: {sources: [zzz]}}\n"
        "digests:\n"
        '  - {id: w, title: W, channels: [al, x], schedule: "mon 08:00"}\n'
        "topics: {data: [FAIR]}\n",
        [
            "3: channels[0].exclude.sources[0]: 'zzz' is not defined",
            "3: channels[0].include.sources[0]: 'b' is not defined",
            "3: channels[0].include.topics[0]: 'dta' is not defined, did you mean \"data\"?",
            "5: digests[0].channels[0]: 'al' is not defined, did you mean \"all\"?",
        ],
    ),
    "bad kinds": (
        "channels: [{id: x, title: X, include: {kinds: [evnt]}}]\n",
        [
            "2: channels[0].include.kinds[0]: 'evnt' is not one of news, event, course, job, call, paper,"
            ' newsletter, release, did you mean "event"?'
        ],
    ),
    "page without selectors": (
        ONE % "kind: page",
        ["3: sources[0].page: is missing: a page source needs selectors"],
    ),
    "selectors without page": (
        ONE % "page: {item: a}",
        ["3: sources[0].page: only goes with `kind: page`"],
    ),
    "zenodo without a community": (
        'sources:\n  - id: z\n    name: Z\n    kind: zenodo\n',
        ["5: sources[0].zenodo: is missing: a zenodo source needs `zenodo: {community: …}` or a `url`"],
    ),
    "a community without zenodo": (
        ONE % "zenodo: {community: x}",
        [
            "3: sources[0].zenodo: only goes with `kind: zenodo`",
            "3: sources[0].zenodo: says where the records are, and so does `url`: remove one of them",
        ],
    ),
    "a source without url": (
        'sources:\n  - {id: z, name: Z}\n',
        ["3: sources[0].url: is missing"],
    ),
    "one community twice": (
        'sources:\n  - {id: y, name: Y, kind: zenodo, zenodo: {community: x}}\n'
        '  - {id: z, name: Z, kind: zenodo, zenodo: {community: x}}\n',
        ["4: sources[1].url: 'https://zenodo.org/api/records?communities=x&sort=newest&size=25'"
            " is already used in line 3"],
    ),
    "full text without licence (P3)": (
        ONE % "full_text: true",
        ["3: sources[0].full_text: needs the source's `licence` or `permission` to republish its text"],
    ),
    "password without user": (
        ONE % 'password: "file:feeds.yaml"',
        ["3: sources[0].user: is missing beside `password`"],
    ),
    "recipients without sender": (
        'digests:\n  - {id: w, title: W, schedule: "mon 08:00", recipients: [a@b.example]}\n',
        ["2: mail: is missing: digests with recipients need `mail.from`"],
    ),
    "an operator without sender": (
        "operator: {to: a@b.example}\n",
        ["2: mail: is missing: `operator` needs `mail.from`"],
    ),
    "a wrong operator": (
        'digests:\n  - {id: operator, title: W, schedule: "mon 08:00"}\n'
        "mail: {from: a@b.example}\noperator: {to: nobody, schedule: never, language: de}\n",
        [
            "3: digests[0].id: is taken by the mail of `operator`: choose another",
            "5: operator.language: unknown key; keys here are to, schedule",
            "5: operator.schedule: 'never' is not a schedule: write \"mon 08:00\", \"daily 07:30\" or five cron"
            " fields",
            "5: operator.to: 'nobody' is not a mail address: An email address must have an @-sign.",
        ],
    ),
    "an operator without addresses": (
        "mail: {from: a@b.example}\noperator: {to: []}\n",
        ["3: operator.to: is empty: at least one is needed"],
    ),
    "bad mail": (
        "mail: {from: nobody, smtp: {host: h, security: ssl, port: 0}}\n",
        [
            "2: mail.from: 'nobody' is not a mail address: An email address must have an @-sign.",
            "2: mail.smtp.port: is too small: at least 1",
            "2: mail.smtp.security: 'ssl' is not one of starttls, tls, none",
        ],
    ),
    "bad place to listen": (
        "web: {listen: nine}\n",
        ["2: web.listen: 'nine' is not an address to listen at: write host:port, such as 127.0.0.1:8000"],
    ),
    "no hub": (
        "publish: {hub: hub.example, automatic: [source]}\n",
        [
            "2: publish.automatic[0]: 'source' is not one of sources, topics, did you mean \"sources\"?",
            "2: publish.hub: 'hub.example' is not a web address: it must begin with https:// or http://",
        ],
    ),
    "through an alias": (
        "sources:\n"
        '  - &one {id: a, name: A, url: "https://a.example/", evry: 1h}\n'
        "topics: {t: &w [FAIR]}\n"
        "channels: *w\n",
        [
            '3: sources[0].evry: unknown key, did you mean "every"?',
            "4: channels[0]: should be a group of keys, not a text",
        ],
    ),
    "alias of itself": (
        "publish: &p {hub: *p}\n",
        ["2: publish.hub: an alias contains itself"],
    ),
    "unknown tag": (
        ONE % "note: !secret x",
        ["3: sources[0].note: not readable: could not determine a constructor for the tag '!secret'"],
    ),
    "key that is no word": (
        "? [a, b]\n: c\n",
        ["2: a key must be a word"],
    ),
    "unclosed bracket": (
        "sources:\n  - {id: a\n",
        ["4: not readable as YAML: while parsing a flow mapping expected ',' or '}', but got '<stream end>'"],
    ),
    "tab": (
        "sources:\n\t- a\n",
        [
            "3: not readable as YAML: while scanning for the next token found character '\\t' that cannot"
            " start any token"
        ],
    ),
    "two documents": (
        "---\na: b\n",
        [
            "2: not readable as YAML: expected a single document in the stream but found another document"
        ],
    ),
    "undefined alias": (
        "topics: {a: *nope}\n",
        ["2: not readable as YAML: found undefined alias 'nope'"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), WRONG.values(), ids=WRONG.keys())
def test_wrong_file(tmp_path: Path, text: str, expected: list[str]) -> None:
    """A wrong file is refused with all its problems, in the order of its lines.

    Each is exactly `file:line: path: message`.
    """
    assert problems(tmp_path, SITE + text) == [f"feeds.yaml:{line}" for line in expected]


def test_the_message_of_the_contract(tmp_path: Path) -> None:
    """The message of the public contract is given word for word."""
    plain = '  - {id: %s, name: A, url: "https://%s.example/"}\n'
    text = SITE + "#\n" * 6 + "sources:\n" + plain % ("a", "a") + plain % ("b", "b")
    text += '  - id: c\n    evry: 1h\n    name: C\n    url: "https://c.example/"\n'
    assert problems(tmp_path, text) == ['feeds.yaml:12: sources[2].evry: unknown key, did you mean "every"?']


def test_problems_of_all_kinds_come_together(tmp_path: Path) -> None:
    """Problems of text, shape, references and secrets are reported in one run."""
    text = (
        'site: {titel: x, title: X, title: Y, url: x, contact: nobody, authority: x, timezone: Mars}\n'
        + ONE % 'kind: page, user: u, password: "env:AGGREGATOR_NOPE"'
        + "channels: [{id: x, title: X, include: {sources: [b]}}]\n"
    )  # fmt: skip
    assert [line.split(": ")[1] for line in problems(tmp_path, text)] == [
        *(f"site.{key}" for key in ("authority", "contact", "timezone", "titel", "title", "url")),
        *(f"sources[0].{key}" for key in ("page", "password")),
        "channels[0].include.sources[0]",
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "1: is empty; `site` and `sources` are needed"),
        (b"# nothing\n", "1: is empty; `site` and `sources` are needed"),
        (b"- a\n", "1: should be a group of keys, not a list"),
        (b"hello\n", "1: should be a group of keys, not a text"),
        (b"sources: []\n", "1: site: is missing"),
        (SITE.encode() + b"\n# caf\xe9\n", "3: is not UTF-8 text"),
        (SITE.encode("utf-16"), "1: is not UTF-8 text"),
    ],
)
def test_an_empty_or_unreadable_file_is_refused(tmp_path: Path, content: bytes, expected: str) -> None:
    """A file that is empty, no mapping or not UTF-8 is refused with its line."""
    assert problems(tmp_path, content) == [f"feeds.yaml:{expected}"]


def test_a_long_value_is_shortened_wherever_its_problem_is_shown(tmp_path: Path) -> None:
    """A problem alone, as the daemon logs it, is as short as in the message of a command."""
    for value in ("x" * 5_000, "x " * 5_000):
        text = EXAMPLE.replace("timezone: Europe/Berlin", f"timezone: '{value}'")
        (line,) = problems(tmp_path, text)
        assert "timezone" in line and len(line) < 1_100


def test_control_character_has_its_line(tmp_path: Path) -> None:
    """A character that YAML does not allow is reported in the line where it stands."""
    (line,) = problems(tmp_path, SITE + "topics:\n  a: [\x07]\n")
    assert line.startswith("feeds.yaml:3: not readable as YAML: unacceptable character #x0007")


def test_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file and a folder in its place are refused with a reason."""
    (tmp_path / "folder.yaml").mkdir()
    missing = "No such file or directory; `aggregator init` writes one"
    for name, words in (("nope.yaml", missing), ("folder.yaml", "Is a directory")):
        with pytest.raises(ConfigError) as refused:
            load(tmp_path / name)
        assert str(refused.value) == f"{name}:1: cannot be read: {words}"
    for folder in (".", "/"):
        with pytest.raises(ConfigError) as refused:
            load(Path(folder))
        assert str(refused.value) == f"{folder}:1: cannot be read: Is a directory"


REFUSED_AT = {
    "timezone": ["timezone: [Berlin]", "timezone: {a: b}", "timezone: 1"],
    "only[0]": ["only: [null]", "only: [[FAIR]]", 'only: ["//"]'],
    "name": ['name: "A\\aB"', 'name: "A\\0B"', 'name: ""', "name: null"],
    "page.item": [f"kind: page, page: {{item: {selector}}}" for selector in ('""', '"a@href"', '"svg|a"')],
    "password": ['user: u, password: "file:a\\0b"', 'user: u, password: "file:."'],
    "note": ["note: !!bool maybe", "note: !!timestamp soon", "note: !!python/name:os.system x"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("path", "written"), [(path, text) for path, texts in REFUSED_AT.items() for text in texts]
)
def test_a_value_that_would_break_a_run_is_refused(tmp_path: Path, path: str, written: str) -> None:
    """A value that no run could use is refused at its key, in one line."""
    text = ONE % written if path != "name" else ONE.replace("name: A, ", "") % written
    assert {line.split(": ")[1] for line in problems(tmp_path, SITE + text)} == {f"sources[0].{path}"}


@pytest.mark.parametrize("folder", ["a\\0b", "~/var", "$HOME/var"])
@pytest.mark.parametrize("key", ["paths.data", "paths.public", "mail.bounces.maildir"])
def test_impossible_folder_is_refused(tmp_path: Path, key: str, folder: str) -> None:
    """A folder that no file system can have or only a shell would find is a problem."""
    part, _, name = key.rpartition(".")
    text = {
        "paths": f'paths: {{{name}: "{folder}"}}\n',
        "mail.bounces": f'mail: {{from: a@b.eu, bounces: {{address: x@b.eu, {name}: "{folder}"}}}}\n',
    }[part]
    (line,) = problems(tmp_path, SITE + text)
    assert line.startswith(f"feeds.yaml:2: {key}: ")


def test_endless_nesting_is_refused(tmp_path: Path) -> None:
    """A file that is nested 500 levels deep is refused."""
    (line,) = problems(tmp_path, SITE + "topics: " + "[" * 500 + "]" * 500 + "\n")
    assert line.startswith("feeds.yaml:")


@pytest.mark.parametrize("text", ["", SITE + "wbe: {}\n", SITE + "topics: {a: *nope}\n"])
def test_reading_touches_nothing(tmp_path: Path, text: str) -> None:
    """Loading a file creates nothing beside it, whether it is valid or not."""
    problems(tmp_path, text)
    read(tmp_path, SITE)
    assert [file.name for file in tmp_path.iterdir()] == ["feeds.yaml"]


# --- laws ----------------------------------------------------------------------------------------------

WHOLE: dict[str, Any] = {
    "site": {
        "title": "T",
        "url": "https://t.example/",
        "contact": "a@t.example",
        "authority": "t.example,2026",
        "timezone": "UTC",
        "language": "en",
    },
    "paths": {"data": "d", "public": "p"},
    "fetch": {
        "every": "1h",
        "timeout": "20s",
        "max_bytes": "10MB",
        "concurrency": 4,
        "allow_private": ["::1"],
    },
    "sources": [
        {
            "id": "a",
            "name": "A",
            "url": "https://a.example/",
            "kind": "page",
            "page": {"item": "li"},
            "only": ["x"],
            "timezone": "UTC",
            "topics": ["x"],
            "user": "u",
            "password": "env:HOME",
        }
    ],
    "topics": {"x": ["y"]},
    "channels": [{"id": "c", "title": "C", "include": {"sources": ["a"], "kinds": ["event"]}}],
    "digests": [
        {"id": "w", "title": "W", "schedule": "mon 08:00", "channels": ["c"], "recipients": ["a@b.example"]}
    ],
    "web": {"url": None, "listen": "127.0.0.1:1", "trusted_proxies": []},
    "mail": {"from": "a@b.example", "smtp": {"host": "h", "port": 25, "security": "none"}},
}


def places(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of everything inside a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield (*here, key)
        yield from places(part, (*here, key))


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@example(place=("site", "timezone"), value=[1])
@example(place=("topics", "x"), value=[None])
@example(place=("fetch", "allow_private"), value=[{}])
@example(place=("site",), value={"a\nb": None})
@given(place=st.sampled_from(list(places(WHOLE))), value=anything)
def test_any_value_anywhere_is_accepted_or_refused(
    tmp_path: Path, place: tuple[Any, ...], value: Any
) -> None:
    """With any value at any key, a file loads or is refused with lines and one-line messages."""
    tree = deepcopy(WHOLE)
    part: Any = tree
    for step in place[:-1]:
        part = part[step]
    part[place[-1]] = value
    try:
        assert read(tmp_path, json.dumps(tree)).channels
    except ConfigError as refused:
        assert refused.problems
        assert all(problem.line >= 1 and "\n" not in str(problem) for problem in refused.problems)

"""`digest preview` writes and `digest test` sends what is due now; nothing is stored."""

from __future__ import annotations

from datetime import timedelta

import pytest

from aggregator.digests import preview
from aggregator.errors import UnknownName
from tests import command
from tests.builders import NOW, rss
from tests.digests.scenario import READERS, WEEK, all_rows, news, parsed, plan, poll, run, write
from tests.smtp_server import Relay
from tests.web_server import Web
from tests.workplace import Clock, Workplace


def test_a_preview_is_the_next_edition_and_changes_no_row(place: Workplace, web: Web, clock: Clock) -> None:
    """The preview has the bytes that are sent later; no row changes and nothing is queued."""
    web.feed("/feed", rss(news(1), news(2)))
    write(place, {"node": web}, plan(readers=READERS))
    poll(place)
    before = all_rows(place)
    shown = preview.write(place.app(), "weekly", None, place.folder / "out")
    assert shown.summary == "2 new stories, 0 updates"
    assert all_rows(place) == before
    assert not (place.folder / "var" / "outbox").exists()
    assert [file.name for file in shown.files] == ["weekly-2026-10-05.eml", "weekly-2026-10-05.html"]
    assert run(place).sent == 3
    sent = [file.read_bytes() for file in (place.folder / "var" / "outbox").glob("*.eml")]
    assert shown.files[0].read_bytes() in sent
    assert "News number 1" in shown.files[1].read_text("utf-8")


def test_a_preview_can_be_of_another_day(place: Workplace, web: Web) -> None:
    """`--at` sets the period; by default the files are in the data folder."""
    web.feed("/feed", rss(news(1)))
    write(place, {"node": web}, plan(readers=()))
    poll(place)
    shown = preview.write(place.app(), "weekly", NOW + WEEK, None)
    assert shown.files[0] == place.folder / "var" / "preview" / "weekly-2026-10-12.eml"
    mail = parsed(shown.files[0].read_bytes())
    assert mail["To"] == "editors@news.example"
    assert mail["Subject"] == "Weekly news, 12 October 2026"


def test_a_preview_of_an_unknown_digest_names_the_known_ones(place: Workplace, web: Web) -> None:
    """An unknown id is an error that names the nearest id or all ids."""
    write(place, {"node": web})
    web.feed("/feed", rss(news(1)))
    poll(place)
    with pytest.raises(UnknownName, match='did you mean "weekly"'):
        preview.write(place.app(), "weekli", None, None)
    with pytest.raises(UnknownName, match="there are: weekly"):
        preview.write(place.app(), "zzz", None, None)


def test_an_edition_that_would_be_empty_is_named_so(
    place: Workplace, web: Web, relay: Relay, story_id: str, clock: Clock
) -> None:
    """Right after an edition, preview and test report that nothing would be sent (M2)."""
    clock.now += timedelta(hours=1)
    for args in (("test", "weekly", "--to", "me@x.example"), ("preview", "weekly")):
        result = command.call(place, "digest", *args)
        assert result.code == 0
        assert "0 new stories, 0 updates: the edition would be empty" in result.out
        assert "`aggregator digest run` would send no message" in result.out


# --- sent to one address -------------------------------------------------------------------------------


def test_a_test_message_goes_to_one_address_and_changes_no_row(
    place: Workplace, web: Web, relay: Relay, story_id: str, clock: Clock
) -> None:
    """The edition that is due is sent, marked, with a Message-ID of its own; no row changes."""
    web.feed("/feed", rss(news(2), news(1)))
    poll(place)
    clock.now += timedelta(days=7)
    before, sent_before = all_rows(place), len(relay.messages)
    result = command.call(place, "digest", "test", "weekly", "--to", "Me@x.example")
    assert result.code == 0
    assert result.out == f"sent to Me@x.example through 127.0.0.1:{relay.port}: 1 new story, 0 updates\n"
    assert all_rows(place) == before
    (received,) = relay.messages[sent_before:]
    mail = parsed(received.body)
    assert mail["To"] == received.address == "Me@x.example"
    assert mail["Subject"] == "[Test] Weekly news, 12 October 2026"
    assert str(mail["Message-ID"]).startswith("<test-weekly-2026-10-12.")


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("weekli", "--to", "me@x.example"), 2, 'did you mean "weekly"'),
        (("weekly", "--to", "me"), 2, "is not a mail address"),
        (("weekly", "--to", "me@x.example\nBcc: you@x.example"), 2, "is not a mail address"),
        (("weekly",), 2, "--to"),
        (("weekly", "--to", "gone@x.example"), 1, "was not accepted: 550 5.1.1 nobody"),
    ],
)
def test_a_test_message_that_cannot_be_sent_is_one_sentence(
    place: Workplace, relay: Relay, story_id: str, args: tuple[str, ...], code: int, words: str
) -> None:
    """An unknown digest or wrong address exits with 2, a refusal with 1; no row changes."""
    relay.script = lambda step, address: "550 5.1.1 nobody" if address.startswith("gone") else None
    before = all_rows(place)
    result = command.call(place, "digest", "test", *args)
    assert result.code == code
    assert words in result.err
    assert all_rows(place) == before


def test_a_test_message_without_a_relay_is_a_file(place: Workplace, web: Web) -> None:
    """Without `mail.smtp` the message is a file in the outbox folder."""
    write(place, {"node": web})
    web.feed("/feed", rss(news(1)))
    poll(place)
    assert command.call(place, "digest", "test", "weekly", "--to", "me@x.example").code == 0
    (file,) = (place.folder / "var" / "outbox").iterdir()
    assert file.name.startswith("test-weekly-2026-10-05-")

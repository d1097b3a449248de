"""The commands of subscribers: wrong input, consent, file modes, secrets (DP2 to DP5)."""

from __future__ import annotations

import csv
import io
import json
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from aggregator.store.connection import opened
from tests import command
from tests.digests.scenario import all_rows, rows, run
from tests.subscribers.visitor import configure, mailbox
from tests.workplace import Workplace

ADA = "ada@a.example"
FAIR = ("--consent", "list at the fair, 2026-09-01")


@pytest.fixture
def ready(place: Workplace) -> Workplace:
    """Return a workplace with two digests and an empty database."""
    configure(place)
    assert (
        command.call(
            place, "subscriber", "add", "bob@b.example", "--digest", "daily", "--confirmed", "x"
        ).code
        == 0
    )
    return place


def imported(place: Workplace, text: str | bytes, *args: str) -> command.Output:
    """Import a file."""
    raw = text if isinstance(text, bytes) else text.encode()
    (place.folder / "people.csv").write_bytes(raw)
    return command.call(place, "subscriber", "import", "people.csv", *(args or FAIR))


@pytest.mark.parametrize(
    "text",
    [
        "address,digests,language\nada@a.example,weekly daily,de\nGrace@B.example,daily,\n",
        "\ufeffAddress;Digests;Language\r\nada@a.example;weekly,daily;DE\r\ngrace@b.example;daily;en\r\n",
        "name\taddress\tlanguage\tdigests\nAda\tada@a.example\tde\tweekly;daily\nG\tgrace@B.example\ten\tdaily\n\n",
        'ada@a.example,"weekly daily",de\n\ngrace@b.example,daily\nGRACE@b.example,daily\n',
    ],
)
def test_a_file_is_imported_with_its_consent(ready: Workplace, text: str) -> None:
    """Columns may be named in any order and separated as spreadsheets do (DP3)."""
    assert imported(ready, text).out == "2 subscribers imported\n"
    shown = json.loads(command.call(ready, "subscriber", "show", ADA, "--json").out)
    assert shown["subscriber"]["digests"] == ["daily", "weekly"]
    assert shown["subscriber"]["language"] == "de"
    assert shown["history"][-1]["how"] == "import" and shown["history"][-1]["evidence"] == FAIR[1]
    assert imported(ready, text).out == "0 subscribers imported\n2 not imported: subscribed already\n"


@pytest.mark.parametrize(
    ("then", "received"),
    [
        (("add", ADA, "--digest", "daily", "--confirmed", "x"), ["You are subscribed: Imaging news"]),
        (("remove", ADA), []),
        (("import",), []),
    ],
)
def test_nobody_is_asked_to_confirm_after_a_decision(
    ready: Workplace, then: tuple[str, ...], received: list[str]
) -> None:
    """Consent given otherwise, or removal, ends a queued message that asks to confirm."""
    assert command.call(ready, "subscriber", "add", ADA, "--digest", "daily").code == 0
    done = (
        imported(ready, f"{ADA},daily\n") if then == ("import",) else command.call(ready, "subscriber", *then)
    )
    assert done.code == 0
    run(ready)
    assert [message["Subject"] for message in mailbox(ready, ADA)] == received


def test_every_broken_line_is_named_and_nothing_imported(ready: Workplace) -> None:
    """All problems of a file are reported with their lines (DP3)."""
    before = all_rows(ready)
    done = imported(
        ready,
        "address,digests,language\nok@a.example,daily,en\nnope,daily,en\n\nok2@a.example,dayly,fr\n,daily,\n",
    )
    assert done.code == 2 and done.out == ""
    lines = [line for line in done.err.splitlines() if line.startswith("people.csv:")]
    assert [line.split(":")[1] for line in lines] == ["3", "5", "5", "6"]
    assert 'did you mean "daily"' in done.err and "4 problems" in done.err
    assert all_rows(ready) == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"address\nm\xfcller@a.example,daily\nx@x.example\n", "people.csv:2: is not UTF-8"),
        ("address\n\0\n", "NUL"),
        ("", "has no address"),
        ('address,digests\n"ada@a.example,daily\n', "quotation mark"),
        ("address\nada@a.example\n", "names no digest"),
        (
            f"address,note,digests\nada@a.example,{'x' * 200_000},daily\n",
            "people.csv:2: is no CSV: field larger",
        ),
        ("address,digests,Address\nada@a.example,daily,bob@b.example\n", "names the column 'address' twice"),
        (
            "ada@127.0.0.1,daily\n",
            "people.csv has a problem; nothing was imported\npeople.csv:1: 'ada@127.0.0.1'",
        ),
    ],
)
def test_what_is_no_list_is_refused(ready: Workplace, text: str | bytes, said: str) -> None:
    """A file that is no CSV of addresses gets one clear sentence."""
    done = imported(ready, text)
    assert done.code == 2 and said in done.err


@pytest.mark.parametrize(
    "args",
    [
        ("import", "people.csv"),
        ("import", "people.csv", "--consent", " "),
        ("import", "missing.csv", *FAIR),
        ("import", "/proc/self/mem", *FAIR),
        ("import", "people.csv", *FAIR, "--digest", "nope"),
        ("add", "nope"),
        ("add", ADA),
        ("add", ADA, "--digest", "nope"),
        ("add", ADA, "--digest", "daily", "--confirmed", " "),
        ("show", ADA),
        ("remove", ADA),
        ("erase", ADA),
        ("export", ADA),
    ],
)
def test_wrong_input_changes_nothing(ready: Workplace, args: tuple[str, ...]) -> None:
    """Each wrong command says so in a sentence and changes nothing."""
    (ready.folder / "people.csv").write_text("ada@a.example\n", encoding="utf-8")
    before = all_rows(ready)
    done = command.call(ready, "subscriber", *args)
    assert done.code == 2 and done.err and not done.out
    assert all_rows(ready) == before


def test_an_operator_adds_by_confirmation_or_with_a_reason(ready: Workplace) -> None:
    """`add` asks for confirmation unless consent was given otherwise (DP3)."""
    done = command.call(ready, "subscriber", "add", ADA, "--digest", "weekly", "--language", "de")
    assert "is pending" in done.out
    assert command.call(ready, "subscriber", "add", ADA, "--digest", "weekly").code == 2  # within 24 hours
    run(ready)
    assert [m["Subject"] for m in mailbox(ready, ADA)] == ["Bitte bestätigen: Imaging news"]
    done = command.call(
        ready, "subscriber", "add", ADA, "--digest", "weekly", "--confirmed", "letter of May 3"
    )
    assert "is active" in done.out
    assert "letter of May 3" in command.call(ready, "subscriber", "show", "ADA@a.example").out
    assert "is unsubscribed" in command.call(ready, "subscriber", "remove", ADA).out
    assert "1 not imported: left" in imported(ready, f"{ADA},weekly\n").out


def test_no_welcome_is_sent_after_unsubscribing(ready: Workplace) -> None:
    """Removing an address also ends its welcome message that is still queued (SU8)."""
    add = ("subscriber", "add", ADA, "--digest", "weekly", "--confirmed", "by phone")
    assert command.call(ready, *add).code == command.call(ready, "subscriber", "remove", ADA).code == 0
    run(ready)
    assert mailbox(ready, ADA) == []
    ready.clock.now += timedelta(minutes=1)
    assert command.call(ready, *add).code == 0
    run(ready)
    assert [m["Subject"] for m in mailbox(ready, ADA)] == ["You are subscribed: Imaging news"]


def test_removing_twice_keeps_the_first_day(ready: Workplace) -> None:
    """Removing an address that left already changes nothing."""
    assert command.call(ready, "subscriber", "remove", "bob@b.example").code == 0
    before = all_rows(ready)
    ready.clock.now += timedelta(days=1)
    assert "is unsubscribed" in command.call(ready, "subscriber", "remove", "bob@b.example").out
    assert all_rows(ready) == before


def test_exports_are_read_again_and_private(ready: Workplace, tmp_path: Path) -> None:
    """An export is an import of another installation, without those who left (DP2, DP4)."""
    imported(ready, f"{ADA},weekly daily,de\n")
    command.call(ready, "subscriber", "remove", "bob@b.example")
    out = ready.folder / "all.csv"
    assert command.call(ready, "subscriber", "export", "--out", str(out)).code == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert out.read_text("utf-8") == command.call(ready, "subscriber", "export").out
    assert "1 not imported: not active in the file" in imported(ready, out.read_bytes()).out
    stored = json.loads(command.call(ready, "subscriber", "export", ADA).out)
    assert stored["state"] == "active" and stored["history"][-1]["how"] == "import"
    assert command.call(ready, "subscriber", "erase", ADA).code == 0
    assert ADA not in repr(all_rows(ready))
    assert command.call(ready, "subscriber", "list").out.count("@") == 1


def test_a_recipient_of_feeds_yaml_is_removed_there(ready: Workplace) -> None:
    """`subscriber remove` of an address that only feeds.yaml lists says so and changes nothing."""
    configure(ready, digests=f"  - {{id: daily, title: D, schedule: 'daily 08:00', recipients: [{ADA}]}}\n")
    before = all_rows(ready)
    done = command.call(ready, "subscriber", "remove", ADA)
    assert (done.code, all_rows(ready)) == (2, before)
    assert (
        "but feeds.yaml lists it as a recipient of daily: remove it there; nothing was changed" in done.line
    )


def test_a_recipient_of_feeds_yaml_is_not_erased(ready: Workplace) -> None:
    """Nothing is erased while feeds.yaml names the address; the message says where."""
    configure(ready, digests=f"  - {{id: daily, title: D, schedule: 'daily 08:00', recipients: [{ADA}]}}\n")
    imported(ready, f"{ADA},daily\n")
    before = all_rows(ready)
    done = command.call(ready, "subscriber", "erase", "ADA@a.example")
    assert done.code == 2
    assert "is not erased: feeds.yaml lists it as a recipient of daily; remove it there" in done.err
    assert all_rows(ready) == before
    configure(ready, digests="  - {id: daily, title: D, schedule: 'daily 08:00', recipients: []}\n")
    assert command.call(ready, "subscriber", "erase", "ADA@a.example").code == 0
    assert rows(ready, "SELECT count(*) FROM subscribers WHERE key LIKE 'ada%'") == [(0,)]


def test_add_remove_and_add_within_one_second(ready: Workplace) -> None:
    """Each welcome is a message of its own, also within one second."""
    for _ in range(3):
        assert (
            command.call(ready, "subscriber", "add", ADA, "--digest", "daily", "--confirmed", "by phone").code
            == 0
        )
        assert command.call(ready, "subscriber", "remove", ADA).code == 0
    names = rows(ready, "SELECT message_id FROM deliveries WHERE purpose = 'welcome'")
    assert len(set(names)) == len(names) == 4


def test_no_cell_of_an_export_is_a_formula(ready: Workplace) -> None:
    """Cells that spreadsheets would calculate get an apostrophe, which an import removes again."""
    people = ("=cmd@a.example", "+tag@a.example", "-x@a.example", ADA)
    quoted = ("subscriber", "add", "'=quoted@a.example", "--digest", "daily", "--confirmed", "by phone")
    assert command.call(ready, *quoted).code == 0
    assert imported(ready, "".join(f"{address},daily\n" for address in people)).code == 0
    with opened(ready.database) as store:
        store.db.execute("UPDATE subscribers SET address = address, reason = '@SUM(1)' WHERE key = ?", [ADA])
    exported = command.call(ready, "subscriber", "export").out
    listed = list(csv.DictReader(io.StringIO(exported)))
    assert not [cell for row in listed for cell in row.values() if cell[:1] in tuple("=+-@")]
    assert {"'+tag@a.example", "''=quoted@a.example", ADA} <= {row["address"] for row in listed}
    assert "'@SUM(1)" in {row["reason"] for row in listed}
    again = imported(ready, exported)
    assert (again.code, again.out.splitlines()[0]) == (0, "0 subscribers imported")
    assert rows(ready, "SELECT count(*) FROM subscribers") == [(6,)]


def test_old_messages_lose_their_addresses(ready: Workplace) -> None:
    """After `retention.deliveries` a message counts without its address (DP2)."""
    run(ready)
    assert "bob@b.example" in repr(rows(ready, "SELECT address FROM deliveries"))
    ready.clock.now += timedelta(days=91)
    assert command.call(ready, "prune").code == 0
    ((address, count),) = rows(ready, "SELECT address, count(*) FROM deliveries")
    assert address.startswith("erased-") and count == 1


def test_a_lost_key_only_ends_old_links(ready: Workplace) -> None:
    """With another key, messages have links that work; a damaged file is refused."""
    key = ready.folder / "var" / "link.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    before = rows(ready, "SELECT hash FROM tokens")
    key.unlink()
    run(ready)
    assert rows(ready, "SELECT hash FROM tokens") != before
    key.write_bytes(b"short")
    done = command.call(ready, "subscriber", "add", "bob@b.example", "--digest", "weekly", "--confirmed", "x")
    assert done.code == 1 and "link.key" in done.err


def test_polling_needs_no_password_of_mail(ready: Workplace) -> None:
    """`fetch` and commands of subscribers run without SMTP_PASSWORD (DP4)."""
    file = ready.folder / "feeds.yaml"
    smtp = "smtp: {host: 127.0.0.1, port: 9, user: u, password: 'env:SMTP_PASSWORD'}"
    file.write_text(
        file.read_text("utf-8").replace("<editors@news.example>", f"<editors@news.example>, {smtp}"), "utf-8"
    )
    for args in (("fetch",), ("subscriber", "list"), ("subscriber", "remove", "bob@b.example")):
        assert command.call(ready, *args, SMTP_PASSWORD=None).code == 0
    done = command.call(ready, "digest", "run", "--json", SMTP_PASSWORD=None)
    assert done.code == 78 and "SMTP_PASSWORD" in done.err


def test_an_address_beyond_ascii_is_compared_without_case(ready: Workplace) -> None:
    """`Ünal@a.example` and `ünal@A.EXAMPLE` are one address in every table (SU7, DP2)."""
    assert (
        command.call(
            ready, "subscriber", "add", "Ünal@a.example", "--digest", "daily", "--confirmed", "x"
        ).code
        == 0
    )
    assert command.call(ready, "digest", "run").code == 0
    assert "messages" in command.call(ready, "subscriber", "export", "ünal@a.example").out
    assert command.call(ready, "subscriber", "erase", "ünal@A.EXAMPLE").code == 0
    assert "nal@" not in repr(all_rows(ready))

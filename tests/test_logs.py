"""A log record is one line, whatever text it contains."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from aggregator import logs
from tests.hostile_strings import VECTORS, terminal_faults


class Screen(io.StringIO):
    """A standard error that may be a terminal."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Leave the loggers as they were."""
    root, ours = logging.getLogger(), logging.getLogger("aggregator")
    before = root.handlers[:], root.level, ours.level
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])


def logged(monkeypatch: pytest.MonkeyPatch, text: str, *, terminal: bool) -> str:
    """Return the output of a warning and an exception with this text."""
    screen = Screen(terminal=terminal)
    monkeypatch.setattr("sys.stderr", screen)
    logs.start_logging(logging.INFO)
    try:
        raise ValueError(text)
    except ValueError:
        logging.getLogger("aggregator.x").warning("%s", text, exc_info=True)
    logging.getLogger("aggregator.x").info("it said %s", text, extra={"source": "node"})
    return screen.getvalue()


@pytest.mark.parametrize("vector", VECTORS)
@pytest.mark.parametrize("terminal", [True, False])
def test_nothing_in_a_record_moves_a_terminal(
    monkeypatch: pytest.MonkeyPatch, vector: str, terminal: bool
) -> None:
    """A record has no control characters or bidi overrides, and forges no other record."""
    shown = logged(monkeypatch, vector, terminal=terminal)
    assert terminal_faults(shown) == []
    if terminal:
        assert shown.splitlines()[-1].partition(" ")[2].startswith("node: it said")
    else:
        records = [json.loads(line) for line in shown.split("\n")[:-1]]
        assert [set(record) - {"trace"} for record in records] == [
            {"time", "level", "message"},
            {"time", "level", "message", "source"},
        ]


def test_a_line_of_the_log_is_an_object_with_its_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a terminal a record is a JSON object with its fields and the trace."""
    first, second = map(json.loads, logged(monkeypatch, "text", terminal=False).splitlines())
    assert (first["level"], first["message"]) == ("warning", "text")
    assert first["trace"].endswith("ValueError: text")
    assert (second["level"], second["message"], second["source"]) == ("info", "it said text", "node")
    assert second["time"].endswith("+00:00")

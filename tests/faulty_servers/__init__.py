"""Run servers with some hundred faults, each a case with its expected result."""

from tests.faulty_servers.answers import ANSWERS
from tests.faulty_servers.connections import CONNECTIONS, FRAMING
from tests.faulty_servers.documents import DOCUMENTS
from tests.faulty_servers.server import HEALTHY_TITLE, OPENSSL, SERVER_SECONDS, Case, Servers

GROUPS: dict[str, tuple[Case, ...]] = {
    "connections": CONNECTIONS,
    "framing": FRAMING,
    "answers": ANSWERS,
    "documents": DOCUMENTS,
}
"""Cases by kind; those of a group that are not `alone` share a run."""
FAULTS: tuple[Case, ...] = tuple(case for group in GROUPS.values() for case in group)
ALWAYS = frozenset(
    """
    bomb-gzip bomb-brotli bomb-zstd-window bomb-five-deep charset-cp037-hides-entities
    deep-elements many-categories many-references
    long-text nine-megabytes-digits nine-megabytes-items broken-and-large
    json-deep-lists json-many-empty-lists page-deep
    """.split()
)
"""Of the cases with a run of their own, those tested without `--soak`."""

__all__ = ["ALWAYS", "FAULTS", "GROUPS", "HEALTHY_TITLE", "OPENSSL", "SERVER_SECONDS", "Case", "Servers"]

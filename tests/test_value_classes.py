"""Test the dataclasses of values."""

from __future__ import annotations

import dataclasses
import pickle
from dataclasses import field, replace

import pytest

from aggregator.model.value_classes import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Hold one field of each sort."""

    number: int
    names: tuple[str, ...] = ()
    secret: str = field(default="x", repr=False)
    account: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """Hold one field."""

    number: int


def generated(number: int, account: str = "") -> object:
    """Return a value whose class has the generated methods."""
    kind = dataclasses.make_dataclass(
        "Shared",
        [(each.name, each.type, _field_again(each)) for each in dataclasses.fields(Shared)],
        frozen=True,
        slots=True,
        kw_only=True,
    )
    return kind(number=number, account=account)


def _field_again(each: dataclasses.Field[object]) -> object:
    return field(default=each.default, repr=each.repr, compare=each.compare)


def test_values_print_and_hash_as_with_generated_methods() -> None:
    """A value prints and hashes as one whose methods the standard library generates."""
    value = Shared(number=1, account="a")
    assert repr(value) == repr(generated(1, "a"))
    assert hash(value) == hash(generated(1, "b"))


def test_values_are_equal_by_their_fields() -> None:
    """Values are equal if their classes and all compared fields are."""
    assert Shared(number=1, account="a") == Shared(number=1, account="b")
    assert Shared(number=1) != Shared(number=2)
    assert Shared(number=1) != Other(number=1)
    assert Other(number=1) == Other(number=1)
    assert Other(number=1) != 1


def test_values_are_replaced_and_pickled() -> None:
    """A replaced value has the new field; a pickled one is equal."""
    assert replace(Shared(number=1, names=("a",)), number=2) == Shared(number=2, names=("a",))
    assert pickle.loads(pickle.dumps(Shared(number=1))) == Shared(number=1)


def test_values_have_only_named_fields() -> None:
    """A value takes its fields by name only, and has no others."""
    with pytest.raises(TypeError):
        Shared(1)  # type: ignore[misc]
    with pytest.raises(AttributeError):
        object.__setattr__(Other(number=1), "more", 1)

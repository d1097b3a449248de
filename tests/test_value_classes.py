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


@dataclass(slots=True)
class Mutable:
    """Hold fields that are given by position, and one that follows from them."""

    number: int
    names: list[str] = field(default_factory=list)
    double: int = 0

    def __post_init__(self) -> None:
        self.double = 2 * self.number


@dataclass(frozen=True, kw_only=True, eq=False)
class Unique:
    """Hold a field of an instance that equals no other."""

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


def test_values_have_their_own_defaults() -> None:
    """A default is made for each instance, a given one is kept, and `__post_init__` runs last."""
    given = ["a"]
    first, second, third = Mutable(1), Mutable(2), Mutable(3, given)
    first.names.append("b")
    assert (second.names, second.double) == ([], 4)
    assert third.names is given


def test_values_that_change_have_no_hash() -> None:
    """A class that is not frozen compares by its fields and cannot be hashed."""
    assert Mutable(1) == Mutable(1) != Mutable(2)
    with pytest.raises(TypeError):
        hash(Mutable(1))


def test_values_may_equal_only_themselves() -> None:
    """With `eq=False` an instance equals only itself and can be hashed."""
    value = Unique(number=1)
    assert value != Unique(number=1)
    assert {value: 1}[value] == 1


@pytest.mark.parametrize("values", [{}, {"number": 1, "unknown": 2}])
def test_wrong_fields_are_refused(values: dict[str, int]) -> None:
    """A missing field without default and an unknown field are refused, also in later instances."""
    for _ in range(2):
        with pytest.raises(TypeError):
            Other(**values)

"""Frozen data made quickly are the data that the slow way makes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import pytest

from runner.values import replace


@dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int = 2
    label: str = field(default="", repr=False, compare=False)

    @property
    def sum(self):
        return self.x + self.y


@dataclass(frozen=True, slots=True, kw_only=True)
class Place(Point):
    z: int = 3


@pytest.mark.parametrize("value", [Point(1), Place(x=1, label="here")])
def test_a_replaced_value_is_that_of_dataclasses(value):
    made = replace(value, x=7, label="there")
    assert type(made) is type(value)
    assert dataclasses.asdict(made) == dataclasses.asdict(dataclasses.replace(value, x=7, label="there"))
    assert made.sum == 9
    assert made == dataclasses.replace(value, x=7)
    assert hash(made) == hash(dataclasses.replace(value, x=7))
    assert (value.x, value.label) != (made.x, made.label)


def test_it_is_frozen_and_has_no_room_for_more():
    made = replace(Point(1), y=5)
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.x = 2
    with pytest.raises((AttributeError, TypeError)):
        object.__setattr__(made, "more", 1)


def test_a_field_that_does_not_exist_is_a_mistake():
    with pytest.raises(TypeError, match="colour"):
        replace(Point(1), colour="red")

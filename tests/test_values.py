"""Frozen data made quickly are the data that the slow way makes."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import dataclass, field
from typing import ClassVar, Generic, TypeVar

import pytest

from runner.values import frozen, mutable, replace

T = TypeVar("T")


class Sum:
    __slots__ = ()

    @property
    def sum(self):
        return self.x + self.y


@dataclass(frozen=True, slots=True)
class SlowPoint(Sum):
    x: int
    y: int = 2
    label: str = field(default="", repr=False, compare=False)
    tags: list[str] = field(default_factory=list, compare=False)


@frozen
class Point(Sum):
    x: int
    y: int = 2
    label: str = field(default="", repr=False, compare=False)
    tags: list[str] = field(default_factory=list, compare=False)


@frozen(kw_only=True)
class Place(Point):
    z: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowPlace(SlowPoint):
    z: int


@frozen
class Told:
    secret: str

    def __repr__(self):
        return "<Told>"


@frozen
class Nothing:
    pass


@frozen
class Box(Generic[T]):
    inside: T
    lid: bool = field(default=True, kw_only=True)


GIVEN = [
    (Point, SlowPoint, (1,), {}),
    (Point, SlowPoint, (1, 5, "here", ["a"]), {}),
    (Point, SlowPoint, (), {"y": 3, "x": 4}),
    (Place, SlowPlace, (1,), {"z": 3, "label": "there"}),
]


@pytest.mark.parametrize(("quick", "slow", "values", "named"), GIVEN)
def test_it_is_what_dataclasses_make(quick, slow, values, named):
    made, wanted = quick(*values, **named), slow(*values, **named)
    assert dataclasses.asdict(made) == dataclasses.asdict(wanted)
    assert repr(made) == repr(wanted).replace("Slow", "")
    assert made.sum == wanted.sum
    assert made == quick(*values, **named)
    assert hash(made) == hash(quick(*values, **named))
    assert made != replace(made, x=77)
    assert made == replace(made, label="is not compared")
    assert made != wanted
    assert quick.__match_args__ == slow.__match_args__
    assert dataclasses.replace(made, y=9) == replace(made, y=9)
    assert copy.copy(made) == made
    assert pickle.loads(pickle.dumps(made)) == made  # noqa: S301 - our own


@pytest.mark.parametrize("named", [{}, {"y": 1}, {"x": 1, "colour": "red"}])
@pytest.mark.parametrize("cls", [Point, SlowPoint])
def test_what_is_missing_or_too_much_is_a_mistake(cls, named):
    with pytest.raises(TypeError, match=r"Point\.__init__\(\) .*(x|colour)"):
        cls(**named)


def test_what_is_for_names_alone_is_not_taken_by_place():
    assert Box(1, lid=False).inside == 1
    with pytest.raises(TypeError):
        Box(1, False)


def test_defaults_that_are_made_are_made_for_each():
    assert Point(1).tags is not Point(1).tags


def test_what_the_class_defines_itself_stays():
    assert repr(Told("hush")) == "<Told>"


def test_it_may_have_no_fields():
    assert Nothing() == Nothing()
    assert repr(Nothing()) == "Nothing()"
    assert len({Nothing(), Nothing()}) == 1


@pytest.mark.parametrize("make", [lambda: Point(1), lambda: replace(Point(1), y=5), lambda: Place(x=1, z=2)])
def test_it_is_frozen_and_has_no_room_for_more(make):
    made = make()
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.x = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        del made.x
    with pytest.raises((AttributeError, TypeError)):
        object.__setattr__(made, "more", 1)
    assert not hasattr(made, "__dict__")


@pytest.mark.parametrize("value", [Point(1), Place(x=1, label="here", z=2), Box("b"), SlowPoint(1)])
def test_a_replaced_value_is_that_of_dataclasses(value):
    name = dataclasses.fields(value)[0].name
    made, wanted = replace(value, **{name: 7}), dataclasses.replace(value, **{name: 7})
    assert type(made) is type(value)
    assert made == wanted
    assert hash(made) == hash(wanted)
    assert getattr(value, name) != 7


def test_a_field_that_does_not_exist_is_a_mistake():
    with pytest.raises(TypeError, match="colour"):
        replace(Point(1), colour="red")


def test_a_default_that_can_be_changed_is_a_mistake():
    with pytest.raises(TypeError, match=r"Bag\.tags"):

        @frozen
        class Bag:
            tags: list[str] = []  # noqa: RUF012


def test_what_belongs_to_the_class_has_no_annotation():
    @frozen
    class Circle:
        radius: int
        corners = 0

    assert [each.name for each in dataclasses.fields(Circle)] == ["radius"]
    assert Circle(1).corners == 0
    with pytest.raises(TypeError, match=r"Square\.corners"):

        @frozen
        class Square:
            corners: ClassVar[int] = 4


def test_a_field_without_a_default_does_not_follow_one_that_has_one():
    @frozen
    class Odd:
        x: int = 1
        y: int

    with pytest.raises(TypeError, match="Odd"):
        Odd(1)


def test_classes_with_as_many_fields_are_not_mixed_up():
    """What fills them is compiled once, and knows each one's names and defaults."""

    @frozen
    class Left:
        a: int
        self_: str = "left"

    @frozen
    class Right:
        b: int
        value: str = "right"

    assert (Left(1), Right(2)) == (Left(a=1, self_="left"), Right(b=2, value="right"))
    assert Left.__init__.__code__.co_code == Right.__init__.__code__.co_code
    assert replace(Left(1), a=3) == Left(3)
    assert replace(Right(2), value="r") == Right(2, "r")
    with pytest.raises(TypeError, match="'b'"):
        Right()


@pytest.mark.parametrize("more", [{"__post_init__": print}, {"later": field(init=False)}])
def test_what_is_filled_by_more_than_its_parameters_is_a_mistake(more):
    with pytest.raises(TypeError, match="Filled is to be filled"):
        frozen(type("Filled", (), {"__annotations__": {"x": "int", "later": "int"}, "x": 1, **more}))


@mutable
class Basket:
    owner: str
    things: list[str] = field(default_factory=list)
    secret: str = field(default="", repr=False, compare=False)


@dataclass(slots=True)
class SlowBasket:
    owner: str
    things: list[str] = field(default_factory=list)
    secret: str = field(default="", repr=False, compare=False)


def test_what_may_be_changed_is_what_dataclasses_make():
    made, wanted = Basket("me"), SlowBasket("me")
    for each in (made, wanted):
        each.things.append("egg")
        each.owner = "you"
        each.secret = "hush"
        with pytest.raises(AttributeError):
            each.more = 1
        with pytest.raises(TypeError, match="unhashable"):
            hash(each)
    assert dataclasses.asdict(made) == dataclasses.asdict(wanted)
    assert repr(made) == repr(wanted).replace("Slow", "")
    assert made == Basket("you", ["egg"]) != Basket("you")
    assert Basket("you").things == []

"""Sequences that keep of each value what is its own: equal to what was put in, and small."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.packing import Packed, PackedDict, packed
from runner.values import frozen

MANY = 600
"""More than are kept as they are."""


@frozen
class Inner:
    der: bytes
    more: object = None


@frozen
class Outer:
    name: str
    inner: Inner
    members: tuple[object, ...] = ()
    place: object = None


@frozen
class Other:
    name: str


def alike(number: int) -> Outer:
    inner = Inner(b"\x30\x0e a beginning" + number.to_bytes(2, "big"))
    return Outer(f"out/of/one/folder/{number}", inner, (Inner(b"%d" % number), "same"))


LEAVES = st.none() | st.integers(0, 3) | st.text("ab/", max_size=20) | st.binary(max_size=12)
INNERS = st.builds(Inner, st.sampled_from([b"", b"0123456789", b"0123456789ab"]), LEAVES)
OUTERS = st.builds(
    Outer,
    st.text("ab", max_size=3).map("a/long/beginning/".__add__) | st.text(max_size=3),
    INNERS,
    st.lists(INNERS | LEAVES, max_size=2).map(tuple),
    LEAVES,
)


@given(st.lists(OUTERS | st.builds(Other, st.text(max_size=2)) | LEAVES, max_size=30), st.integers(1, 40))
def test_whatever_is_put_in_comes_out_again(values, times):
    every = [alike(number) for number in range(260)] + values * times
    assert [*Packed(every)] == every


def test_values_that_are_alike_are_equal_and_not_the_same():
    every = [alike(number) for number in range(MANY)]
    kept = Packed(every)
    assert len(kept) == MANY
    assert kept[MANY - 1] == every[-1]
    assert kept[MANY - 1] is not every[-1]
    assert kept[0] is every[0], "a few are kept as they are"
    assert [*kept[500:510]] == every[500:510]
    assert kept == Packed(every)
    assert hash(kept) == hash(Packed(every))
    assert kept != Packed(every[1:])
    assert kept != every
    assert repr(kept[500:501]) == f"Packed([{every[500]!r}])"
    assert packed(kept) is kept


@pytest.mark.parametrize(
    "change",
    [
        lambda each: Outer(each.name, each.inner, (*each.members, 1)),
        lambda each: Outer(each.name, Other("x"), each.members),  # type: ignore[arg-type]
        lambda each: Outer("short", each.inner, each.members),
        lambda each: Outer(each.name.encode(), each.inner, each.members),  # type: ignore[arg-type]
        lambda each: Outer(each.name, each.inner, each.members, "elsewhere"),
        lambda _: Other("x"),
        lambda _: ("x", 1),
    ],
)
def test_one_that_is_unlike_the_rest_is_kept_too(change):
    every = [alike(number) for number in range(MANY)]
    every[400] = change(every[400])
    assert [*Packed(every)] == every
    assert type(Packed(every)[400]) is type(every[400])


def test_values_of_which_none_is_like_another_are_kept_as_they_are():
    every = [Outer("x", Inner(b""), tuple(range(number % 97))) for number in range(2 * MANY)]
    every[300::2] = [Other(str(number)) for number in range(450)]
    assert [*Packed(every)] == every


def test_by_keys_and_back():
    every = [alike(number) for number in range(MANY)]
    named = Packed(every).by(each.name for each in every)
    assert list(named) == [each.name for each in every]
    assert named[every[300].name] == every[300]
    del named[every[0].name]
    assert every[0].name not in named
    with pytest.raises(KeyError):
        named[every[0].name]
    assert [*named.in_order([every[5].name, every[3].name])] == [every[5], every[3]]


def test_a_dictionary_takes_values_as_they_come():
    every = [alike(number) for number in range(MANY)]
    found: PackedDict[str, Outer] = PackedDict()
    for each in every:
        found[each.name] = each
    assert dict(found) == {each.name: each for each in every}


def test_joined_values_are_made_of_both():
    every = [alike(number) for number in range(MANY)]
    pairs = Packed(every).joined(range(MANY), lambda each, number: (number, each.name))
    assert pairs[7] == (7, every[7].name)
    assert [*pairs] == [(number, each.name) for number, each in enumerate(every)]
    with pytest.raises(ValueError, match="shorter"):
        Packed(every).joined([1], lambda each, _: each)


def test_two_sequences_become_one():
    some, more = Packed(map(alike, range(3))), Packed([Other("x")])
    assert [*some + more] == [*map(alike, range(3)), Other("x")]
    assert some + Packed() is some


def test_what_is_kept_is_small():
    """The objects themselves take 420 octets; a tuple, two ends of octets and the end of a name are left."""
    tracemalloc.start()
    try:
        small = Packed(map(alike, range(1000)))
        before, _ = tracemalloc.get_traced_memory()
        large = Packed(map(alike, range(5000)))
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(large) - len(small) == 4000
    assert (after - before) / 5000 < 300

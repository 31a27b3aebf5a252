"""Spans of time and shares of a lifetime."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.manifest.durations import parse_duration, parse_renew_before
from runner.manifest.placing import RenewBefore


@pytest.mark.parametrize(
    ("text", "seconds"), [("0s", 0), ("30s", 30), ("5m", 300), ("2h", 7200), ("30d", 2_592_000), ("2w", 1_209_600)]
)
def test_a_duration_is_a_whole_number_and_a_unit(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "s", "-1s", "1.5h", "30 s", "1h30m", "30S", "30y", "٣s", "9" * 11 + "s"])
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match="is no duration"):
        parse_duration(text)


def test_a_duration_has_an_end():
    with pytest.raises(ValueError, match="longer than a hundred years"):
        parse_duration("5300w")


@given(st.integers(0, 5000), st.sampled_from("smhdw"))
def test_each_unit_is_so_many_of_the_next_smaller(number, unit):
    sizes = {"s": 1, "m": 60, "h": 60 * 60, "d": 24 * 60 * 60, "w": 7 * 24 * 60 * 60}
    assert parse_duration(f"{number}{unit}") == number * sizes[unit]


def test_renewal_is_so_long_before_the_end_or_a_share_of_the_life():
    assert parse_renew_before("30d") == RenewBefore(before=timedelta(days=30))
    assert parse_renew_before("33%") == RenewBefore(share=0.33)
    assert parse_renew_before("12.5%") == RenewBefore(share=0.125)


@pytest.mark.parametrize("text", ["0%", "100%", "%", "-5%", "1e1%", "0.0%"])
def test_a_share_is_more_than_nothing_and_less_than_all(text):
    with pytest.raises(ValueError, match="is no share of a lifetime"):
        parse_renew_before(text)

"""Spans of time as manifests write them: `30s`, `5m`, `2h`, `30d`, `2w`, and a share of a lifetime, `33%`."""

from __future__ import annotations

import re
from datetime import timedelta

from runner.manifest.placing import RenewBefore

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"([0-9]{1,10})([smhdw])")
_SHARE = re.compile(r"([0-9]{1,2}(?:\.[0-9]{1,6})?)%")
_LONGEST = 100 * 366 * 86_400
"""Seconds; longer than any certificate, and well inside what datetime can count."""


def parse_duration(text: str) -> float:
    """Seconds. ValueError says how a duration is written."""
    found = _DURATION.fullmatch(text.strip())
    if not found:
        raise ValueError(f"{text!r} is no duration: write a whole number and s, m, h, d or w, for example 30s")
    seconds = int(found[1]) * _UNITS[found[2]]
    if seconds > _LONGEST:
        raise ValueError(f"{text!r} is longer than a hundred years")
    return float(seconds)


def parse_renew_before(text: str) -> RenewBefore:
    """`30d` or `33%`. ValueError says how it is written."""
    if not text.strip().endswith("%"):
        return RenewBefore(before=timedelta(seconds=parse_duration(text)))
    found = _SHARE.fullmatch(text.strip())
    share = float(found[1]) / 100 if found else 0.0
    if not share:
        raise ValueError(f"{text!r} is no share of a lifetime: write more than 0% and less than 100%, for example 33%")
    return RenewBefore(share=share)


def parse_timeout(text: str) -> float:
    """A duration that is not zero, in seconds. ValueError says what is wrong."""
    seconds = parse_duration(text)
    if not seconds:
        raise ValueError("no answer comes in no time; for example 30s")
    return seconds

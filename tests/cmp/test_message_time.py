"""messageTime is what the other end says, and no clock of ours (attack 24): it neither spoils nor saves anything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from support.ambient import NOON
from support.answering import CA, Talk, by_secret, by_signature, granted, issued, later, order

from runner.asn1.x509 import Validity
from runner.cmp.dialogue import Offered, Wait
from runner.errors import CmpBatchError

LONG_AGO, AT_THE_END = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
TIMES = [None, LONG_AGO, NOON - timedelta(days=400), NOON + timedelta(days=40_000), AT_THE_END]


@pytest.mark.parametrize("time", TIMES)
def test_whatever_the_time_says_a_good_answer_is_good(time):
    talk = Talk(parties=by_secret(CA))
    assert talk.hears("ip", granted(None, "waiting"), message_time=time) == Wait(0, "")
    assert talk.polls().hears("pollRep", later(30), message_time=time) == Wait(30, "")
    assert isinstance(talk.polls().hears("ip", granted(issued()), message_time=time), Offered)


@pytest.mark.parametrize(
    ("now", "time"), [(NOON + timedelta(days=36_500), NOON), (NOON - timedelta(days=36_500), NOON)]
)
def test_a_time_at_which_a_certificate_was_good_makes_it_no_better(now, time):
    """The CA's own signature, and its certificate, judged by our clock: they are over, or have not begun."""
    talk = Talk(order=order("cr"), parties=by_signature(CA), by=CA, now=now)
    with pytest.raises(CmpBatchError):
        talk.hears("cp", granted(issued()), message_time=time)


def test_what_is_issued_is_judged_by_our_clock():
    over = issued(validity=Validity(not_before=NOON - timedelta(days=9), not_after=NOON - timedelta(days=1)))
    action = Talk(parties=by_secret(CA)).hears("ip", granted(over), message_time=NOON - timedelta(days=5))
    assert isinstance(action, Offered)
    assert action.problem is not None

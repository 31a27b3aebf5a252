"""Every message may be answered later than the run that sent it lives, and every wait has its limits.

RFC 9483 §4.4: whatever was sent, the CA may put its answer off as a whole. A process ends while it waits; the next one
polls on in the same transaction and finishes, or is ended by the limits, which count over all runs.
"""

from __future__ import annotations

import pytest

from runner.asn1.cmp import PKIMessage
from runner.asn1.structures import decode
from runner.execute.results import Outcome
from runner.state.inventory import Stage

HOUR = 3600
KEY = 'key: "generate://pkcs8@rsa:2048/out/web", output: out/web'
WEB = f'enrollments:\n  - {{name: web, subject: "CN=web", {KEY}, backup: true}}\n'
ASKED = 'enrollments:\n  - {{name: one, subject: "CN=one", key: "generate://pkcs8@ec:p256/one", output: one{more}}}\n'
UPDATE = """\
updates:
  - {name: one, certificate: out/web-0.crt, key: out/web.prv, new_key: "generate://pkcs8@ec:p256/two", output: two}
"""
LATE = {
    "ir": (ASKED.format(more=", request: ir"), Outcome.ISSUED),
    "cr": (ASKED.format(more=", request: cr"), Outcome.ISSUED),
    "p10cr": (ASKED.format(more=", request: p10cr"), Outcome.ISSUED),
    "certConf": (ASKED.format(more=""), Outcome.ISSUED),
    "kur": (UPDATE, Outcome.UPDATED),
    "rr": ("revocations:\n  - {name: one, certificate: out/web-0.crt, reason: superseded}\n", Outcome.REVOKED),
    "genm": ("fetches:\n  - {name: one, what: caCerts, output: ca-certs.pem}\n", Outcome.FETCHED),
    "krr": ("recoveries:\n  - {name: one, subject: CN=web, output: back/web}\n", Outcome.RECOVERED),
}
"""Message that is answered late → the entry that sends it, how that ends."""


@pytest.fixture
def late(ruled):
    """`late(kind, polls)` → a Stage where the one entry's message of that kind is answered after so many polls."""

    def start(kind, polls):
        stage = ruled(delays=(kind,), delay_polls=polls, check_after=HOUR, implicit_confirm=kind != "certConf")
        if kind in ("kur", "rr", "krr"):
            assert asked(stage, WEB).outcomes() == {"web": "issued"}
        stage.ca.sent.clear()
        return asked(stage, LATE[kind][0])

    return start


def asked(stage, items):
    """A manifest whose authority says whom keys are backed up for: it is asked, and speaks of CMP 2021 then."""
    stage.write(items, max_wait="10s").edit(
        "trust: [ca.pem]", "trust: [ca.pem], encryption_certificate: {ask: true}, protocol_encryption_key: rsa:2048"
    )
    return stage


def transactions(stage):
    return {decode(PKIMessage, octets).header.transaction_id for _, _, octets in stage.ca.sent}


@pytest.mark.parametrize("kind", LATE)
def test_the_next_process_polls_on_and_finishes(late, kind):
    stage = late(kind, polls=2)
    assert stage.result().outcome is Outcome.PENDING
    assert stage.inventory.open["one"].stage is Stage.WAITING
    stage.loop.jump(HOUR)
    assert stage.result().outcome is Outcome.PENDING
    stage.loop.jump(HOUR)
    assert stage.result().outcome is LATE[kind][1]
    assert stage.ca.kinds.count(kind) == 1
    assert stage.ca.kinds.count("pollReq") == 3
    assert len(transactions(stage)) == 1
    assert "one" not in stage.inventory.open


@pytest.mark.parametrize("limit", ["max_polls: 2", "give_up_after: 90m"])
@pytest.mark.parametrize("kind", LATE)
def test_limits_end_it_over_several_runs(late, kind, limit):
    stage = late(kind, polls=9)
    stage.edit("max_wait: 10s", f"max_wait: 10s, {limit}")
    assert stage.result().outcome is Outcome.PENDING
    outcomes = []
    for _ in range(2):
        stage.loop.jump(HOUR)
        outcomes.append(stage.result().outcome)
    assert outcomes[-1] is Outcome.FAILED
    sent = len(stage.ca.sent)
    stage.loop.jump(HOUR)
    result = stage.result()
    assert (result.outcome, len(stage.ca.sent)) == (Outcome.FAILED, sent)
    assert limit.partition(":")[0] in result.failure.why

"""What a wire does to an operation, at each of its messages: reset, cut in half, sent twice, busy; then a better day.

Each fault befalls one message of one run that does not retry by itself; the next run has to make it good.
"""

from __future__ import annotations

import pytest
from support.peers import Reply

from runner.asn1.cmp import PKIMessage
from runner.asn1.structures import decode


def reset_before(lab, request):
    """The request did not reach the CA."""
    return Reply(hangs_up=True)


def reset_after(lab, request):
    """The CA acted, and its answer did not reach us."""
    lab.respond(request)
    return Reply(hangs_up=True)


def cut_in_half(lab, request):
    answer = lab.respond(request)
    return Reply(answer[: len(answer) // 2], claims=len(answer))


def truncated_and_closed(lab, request):
    """Half of it, and the server says that this is all."""
    answer = lab.respond(request)
    return Reply(answer[: len(answer) // 2])


def sent_twice(lab, request):
    """Both answers in one body."""
    answer = lab.respond(request)
    return Reply(answer + answer)


def busy(lab, request):
    return Reply(b"<html>later</html>", status=503, media_type="text/html")


def broken(lab, request):
    lab.respond(request)
    return Reply(b"<html>oops</html>", status=500, media_type="text/html")


def empty(lab, request):
    lab.respond(request)
    return Reply(b"")


def noise(lab, request):
    lab.respond(request)
    return Reply(b"\x30\x80\x00")


FAULTS = [reset_before, reset_after, cut_in_half, truncated_and_closed, sent_twice, busy, broken, empty, noise]


class Faulty:
    """Does something to the `which`-th message; what was answered last is answered once more where it `repeats`."""

    def __init__(self, which, fault):
        self.which, self.fault = which, fault
        self.kinds = []

    def __call__(self, lab, request, number):
        self.kinds.append(decode(PKIMessage, request).body.name)
        if len(self.kinds) == self.which:
            return self.fault(lab, request)
        return lab.respond(request)


@pytest.mark.parametrize("which", [1, 2], ids=["ir", "certConf"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_of_the_wire_costs_nothing_but_another_run(site, fault, which):
    made = site()
    made.peer.behave = Faulty(which, fault)
    first = made.apply()["status"]
    assert first in (3, 5), made.said
    made.nothing_is_torn()
    made.converge()
    assert len(made.issued) == 1
    assert made.issued[0].state.value == "confirmed"
    assert made.pair_matches()
    assert not made.inventory.open


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_of_a_revocation_too(site, fault):
    made = site()
    made.apply()
    made.write("revocations: [{name: rev, certificate: out/web-0.crt, credential: psk}]\n")
    made.peer.behave = Faulty(1, fault)
    assert made.apply()["status"] in (3, 5), made.said
    made.converge()
    assert made.issued[0].state.value == "revoked"


def test_an_old_answer_once_more_is_not_taken_for_a_new_one(site):
    """The answer to the ir comes again where the answer to certConf should."""
    answers = []

    def repeating(lab, request, number):
        answers.append(lab.respond(request))
        return answers[0] if len(answers) == 2 else answers[-1]

    made = site()
    made.peer.behave = repeating
    assert made.apply()["status"] == 5
    assert not made.path("out/web-0.crt").exists()
    made.converge()
    assert len(made.issued) == 1
    assert made.pair_matches()


def test_busy_and_then_not_is_nothing_to_speak_of(site):
    made = site()
    made.path("m.yaml").write_text(made.path("m.yaml").read_text().replace("retries: 0", "retries: 2"))
    made.peer.behave = Faulty(1, busy)
    assert made.apply()["status"] == 0
    assert made.peer.behave.kinds == ["ir", "ir", "certConf"]
    assert len(made.issued) == 1

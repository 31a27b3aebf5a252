"""Several certificates in one message: each has a fate of its own, in enrolment, confirmation, polling, revocation."""

from __future__ import annotations

import hashlib

import pytest
from support import requester as peer

from runner.asn1.cmp import FAIL_INFO, PKI_STATUS, CertStatus, PKIStatusInfo, PollReq, RevDetails
from runner.asn1.crmf import CertTemplate


def several(newcomer, *names, kind="ir", first=0, implicit=False, signer=None):
    """One message with a request for each name; a name in capitals has no proof of possession."""
    keys = [peer.new_key() for _ in names]
    requests = tuple(
        peer.cert_req(
            key, peer.template(key, f"CN={name}"), cert_req_id=first + n, popo=None if name.isupper() else "signature"
        )
        for n, (key, name) in enumerate(zip(keys, names, strict=True))
    )
    return newcomer.begin().ask(kind, requests, general_info=(peer.IMPLICIT,) if implicit else ())


def fates(said) -> dict:
    """By certReqId: the status, and the failInfo where there is one."""
    return {
        response.cert_req_id: " ".join(
            [PKI_STATUS[response.status.status], *(FAIL_INFO[bit] for bit in response.status.fail_info)]
        )
        for response in said.content.response
    }


def certificates(said) -> dict:
    return {
        response.cert_req_id: response.certified_key_pair.cert_or_enc_cert.value
        for response in said.content.response
        if response.certified_key_pair
    }


def statuses(said, *, reject=()):
    return tuple(
        CertStatus(
            cert_hash=hashlib.sha256(der).digest(),
            cert_req_id=n,
            status_info=PKIStatusInfo(status=2) if n in reject else None,
        )
        for n, der in certificates(said).items()
    )


def states(lab) -> list:
    return [certificate.state.value for certificate in lab._office.ledger.certificates()]


@pytest.mark.parametrize("kind", ["ir", "cr"])
def test_several_are_issued_and_confirmed_at_once(lab, newcomer, kind):
    said = several(newcomer, "a", "b", "c", kind=kind, first=5)
    assert fates(said) == {5: "accepted", 6: "accepted", 7: "accepted"}
    assert newcomer.ask("certConf", statuses(said)).kind == "pkiconf"
    assert states(lab) == ["confirmed"] * 3


def test_what_is_rejected_does_not_spoil_the_rest(lab, newcomer):
    said = several(newcomer, "a", "B", "c")
    assert fates(said) == {0: "accepted", 1: "rejection badPOP", 2: "accepted"}
    assert newcomer.send(newcomer.sent).content == said.content
    assert newcomer.ask("certConf", statuses(said)).kind == "pkiconf"
    assert states(lab) == ["confirmed"] * 2


def test_one_certconf_may_take_and_reject(lab, newcomer):
    said = several(newcomer, "a", "b")
    assert newcomer.ask("certConf", statuses(said, reject={1})).kind == "pkiconf"
    assert states(lab) == ["confirmed", "revoked"]


def test_certconfs_one_after_the_other(lab, newcomer):
    said = several(newcomer, "a", "b")
    one, two = statuses(said)
    assert newcomer.ask("certConf", (one,)).kind == "pkiconf"
    assert states(lab) == ["confirmed", "unconfirmed"]
    assert newcomer.ask("certConf", (one, two)).fail_info == ["certConfirmed"]
    assert newcomer.ask("certConf", (two,)).kind == "pkiconf"
    assert states(lab) == ["confirmed"] * 2


def test_an_empty_certconf_rejects_what_is_not_confirmed(lab, newcomer):
    said = several(newcomer, "a", "b", "c")
    newcomer.ask("certConf", statuses(said)[:1])
    assert newcomer.ask("certConf", ()).kind == "pkiconf"
    assert states(lab) == ["confirmed", "revoked", "revoked"]


def test_one_wrong_hash_confirms_none(lab, newcomer):
    said = several(newcomer, "a", "b")
    one, two = statuses(said)
    wrong = CertStatus(cert_hash=one.cert_hash, cert_req_id=two.cert_req_id)
    assert newcomer.ask("certConf", (one, wrong)).fail_info == ["badCertId"]
    assert states(lab) == ["unconfirmed"] * 2


def test_implicit_confirmation_is_for_all(lab, newcomer):
    assert several(newcomer, "a", "b", implicit=True).implicit
    assert states(lab) == ["confirmed"] * 2


def test_some_wait_and_some_do_not(ruled):
    newcomer = ruled(waiting_polls=1, check_after=0, waiting_names=("slow",))
    said = several(newcomer, "quick", "slow one", "slow two", "BAD")
    assert fates(said) == {0: "accepted", 1: "waiting", 2: "waiting", 3: "rejection badPOP"}
    assert newcomer.ask("certConf", statuses(said)).kind == "pkiconf"
    assert [told.cert_req_id for told in newcomer.poll(-1).content] == [1, 2]
    assert fates(newcomer.poll(2)) == {2: "accepted"}
    said = newcomer.poll(1)
    assert fates(said) == {1: "accepted"}
    assert newcomer.ask("certConf", statuses(said)).kind == "pkiconf"
    assert states(newcomer.lab) == ["confirmed", "unconfirmed", "confirmed"]
    assert newcomer.poll(0).fail_info == ["badRequest"], "it never waited"


def test_what_waits_comes_piece_by_piece(ruled):
    newcomer = ruled(waiting_polls=1, check_after=0, staggered=True)
    several(newcomer, "a", "b", "c")
    everything = tuple(PollReq(cert_req_id=n) for n in range(3))
    assert newcomer.ask("pollReq", everything).kind == "pollRep"
    assert fates(newcomer.ask("pollReq", everything)) == {0: "accepted"}
    assert newcomer.send(newcomer.sent).kind == "ip"
    assert fates(newcomer.ask("pollReq", everything[1:])) == {1: "accepted"}
    assert fates(newcomer.poll(-1)) == {2: "accepted"}


def test_restarts_between_the_pieces(kept):
    rules = {"waiting_polls": 1, "check_after": 0, "staggered": True}
    newcomer = peer.newcomer_to(kept(**rules))
    several(newcomer, "a", "b")
    for expected in ("pollRep", "ip", "ip"):
        newcomer.lab = kept(**rules)
        said = newcomer.poll(-1)
        assert said.kind == expected
    assert fates(said) == {1: "accepted"}


def test_a_pollreq_names_nothing_twice_and_nothing_else(ruled):
    newcomer = ruled(waiting_polls=1)
    several(newcomer, "a", "b")
    for asked in ((0, 0), (0, 2), (0, -1), ()):
        content = tuple(PollReq(cert_req_id=n) for n in asked)
        assert newcomer.ask("pollReq", content).fail_info == ["badRequest"]


def test_answers_in_another_order_and_one_left_out(ruled):
    said = several(ruled(reordered=True), "a", "b", "c")
    assert list(fates(said)) == [2, 1, 0]
    newcomer = ruled(withheld=True)
    assert list(fates(several(newcomer, "a", "b", "c"))) == [0, 1]
    assert list(fates(several(newcomer, "a"))) == [0]


def test_a_ca_that_takes_one_at_a_time(ruled):
    newcomer = ruled(batches=False)
    assert several(newcomer, "a", "b").refusal == ("error", "rejection", ["badRequest"])
    assert several(newcomer, "a").status == "accepted"


def test_all_rejected_leave_no_trace(newcomer):
    assert set(fates(several(newcomer, "A", "B")).values()) == {"rejection badPOP"}
    newcomer.last = None
    assert newcomer.ask("ir", (peer.cert_req(peer.new_key()),)).status == "accepted"


def revoke(requester, *serials):
    details = tuple(
        RevDetails(cert_details=CertTemplate(issuer=requester.lab.ca_name.der, serial_number=serial))
        for serial in serials
    )
    return requester.begin().ask("rr", details)


def verdicts(said) -> list:
    return [
        " ".join([PKI_STATUS[info.status], *(FAIL_INFO[bit] for bit in info.fail_info)]) for info in said.content.status
    ]


def test_several_are_revoked(lab, newcomer):
    serials = [newcomer.holder(f"CN=h{n}").serial for n in range(3)]
    said = revoke(newcomer, *serials)
    assert verdicts(said) == ["accepted"] * 3
    assert [named.serial_number for named in said.content.rev_certs] == serials
    assert states(lab) == ["revoked"] * 3
    assert newcomer.send(newcomer.sent).content == said.content


def test_some_are_revoked(lab, newcomer):
    one, two = (newcomer.holder(f"CN=h{n}").serial for n in range(2))
    newcomer.revoke(two)
    said = revoke(newcomer, one, 4711, two, one)
    assert verdicts(said) == ["accepted", "rejection badCertId", "rejection certRevoked", "rejection certRevoked"]
    assert newcomer.send(newcomer.sent).content == said.content
    assert states(lab) == ["revoked"] * 2


def test_an_rr_of_several_where_one_at_a_time_is_taken(ruled):
    newcomer = ruled(batches=False)
    assert revoke(newcomer, 1, 2).refusal == ("error", "rejection", ["badRequest"])


def test_a_ccr_is_refused_in_a_ccp(newcomer):
    said = several(newcomer, "a", "b", kind="ccr")
    assert said.kind == "ccp"
    assert fates(said) == {0: "rejection notAuthorized", 1: "rejection notAuthorized"}

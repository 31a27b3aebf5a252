"""Transactions over time: the same octets again, other octets, polling, and restarts in the middle."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from support import requester as peer

from runner.asn1.cmp import ErrorMsgContent, PKIStatusInfo, PollReq
from runner.lab import ledger


def issued(lab) -> int:
    return len(list(lab._office.ledger.certificates()))


def test_the_same_octets_get_the_same_certificate_under_a_fresh_nonce(lab, newcomer):
    first = newcomer.enrol(peer.new_key())
    again = newcomer.send(newcomer.sent)
    assert again.der == first.der
    assert again.info == first.info
    assert again.header.sender_nonce != first.header.sender_nonce
    assert issued(lab) == 1
    assert newcomer.confirm(again).kind == "pkiconf"


def test_whichever_of_two_answers_arrived_is_confirmed(newcomer):
    first = newcomer.enrol(peer.new_key())
    newcomer.send(newcomer.sent)
    newcomer.last = first
    assert newcomer.confirm(first).kind == "pkiconf"


def test_mods_and_implicit_confirmation_are_told_again(newcomer):
    from runner.asn1.x509 import Extension

    key = peer.new_key()
    odd = Extension(extn_id="1.2.3.4.5", extn_value=b"\x05\x00")
    first = newcomer.enrol(key, peer.template(key, extensions=(odd,)), implicit=True)
    again = newcomer.send(newcomer.sent)
    assert again.implicit
    assert again.status == "grantedWithMods"
    assert again.content == first.content


def test_other_octets_with_the_same_transaction_id_are_refused(lab, newcomer):
    newcomer.enrol(peer.new_key())
    newcomer.last = None
    for _ in range(2):
        said = newcomer.ask("ir", (peer.cert_req(peer.new_key()),))
        assert said.refusal == ("error", "rejection", ["transactionIdInUse"])
        newcomer.last = None
    assert newcomer.ask("genm", ()).fail_info == ["transactionIdInUse"]
    assert issued(lab) == 1


def test_a_rejected_request_leaves_its_transaction_id_free(newcomer):
    key = peer.new_key()
    assert newcomer.enrol(key, signer=peer.new_key()).fail_info == ["badPOP"]
    newcomer.last = None
    assert newcomer.ask("ir", (peer.cert_req(key),)).status == "accepted"


def test_the_same_certconf_is_answered_again_and_another_one_is_told(newcomer):
    said = newcomer.enrol(peer.new_key())
    newcomer.confirm(said)
    conf = newcomer.last
    assert newcomer.send(newcomer.sent).kind == "pkiconf"
    for seen in (newcomer.last, conf):
        newcomer.last = seen
        assert newcomer.confirm(said).refusal == ("error", "rejection", ["certConfirmed"])


def test_the_request_again_after_its_confirmation(newcomer):
    said = newcomer.enrol(peer.new_key())
    request = newcomer.sent
    newcomer.confirm(said)
    conf = newcomer.sent
    assert newcomer.send(request).der == said.der
    assert newcomer.send(conf).kind == "pkiconf"


def test_a_stale_nonce_is_refused(lab, newcomer):
    said = newcomer.enrol(peer.new_key())
    for nonce in (None, bytes(16), said.header.recip_nonce):
        wrong = newcomer.ask("certConf", (), recip_nonce=nonce)
        assert wrong.refusal == ("error", "rejection", ["badRecipientNonce"])
    assert newcomer.confirm(said).kind == "pkiconf"


def test_somebody_else_does_not_go_on_with_a_transaction(lab, newcomer):
    said = newcomer.enrol(peer.new_key())
    transaction = newcomer.transaction_id
    holder = newcomer.holder()
    holder.transaction_id, holder.last = transaction, said
    assert holder.confirm(said).refusal == ("error", "rejection", ["notAuthorized"])
    assert holder.ask("error", ErrorMsgContent(pki_status_info=PKIStatusInfo(status=2))).fail_info == ["notAuthorized"]


def test_a_revocation_again_is_the_same_revocation(newcomer):
    holder = newcomer.holder()
    first = holder.revoke(holder.serial)
    again = holder.send(holder.sent)  # signed by what is revoked now
    assert again.content == first.content
    assert holder.revoke(holder.serial).refusal == ("error", "rejection", ["certRevoked"])


def test_old_transactions_are_forgotten(lab, newcomer, monkeypatch):
    monkeypatch.setattr(ledger, "MAX_TRANSACTIONS", 3)
    said = newcomer.enrol(peer.new_key())
    transaction, request = newcomer.transaction_id, newcomer.sent
    for _ in range(3):
        newcomer.enrol(peer.new_key())
    newcomer.transaction_id, newcomer.last = transaction, said
    assert newcomer.confirm(said).refusal == ("error", "rejection", ["badRequest"])
    assert newcomer.send(request).der != said.der, "the lab cannot know that it was answered once"
    assert len(lab._office.ledger._transactions) == 3


def test_a_transaction_that_moves_is_not_old(newcomer, monkeypatch):
    monkeypatch.setattr(ledger, "MAX_TRANSACTIONS", 3)
    said = newcomer.enrol(peer.new_key())
    transaction, request = newcomer.transaction_id, newcomer.sent
    for _ in range(4):
        newcomer.enrol(peer.new_key())
        assert newcomer.send(request).der == said.der
    newcomer.transaction_id = transaction
    assert newcomer.confirm(said).kind == "pkiconf"


def test_a_request_waits_for_as_many_polls_as_the_rules_say(ruled, clock):
    newcomer = ruled(waiting_polls=2, check_after=30)
    said = newcomer.enrol(peer.new_key())
    assert said.refusal == ("ip", "waiting", [])
    assert said.content.response[0].certified_key_pair is None
    assert issued(newcomer.lab) == 0
    for _ in range(2):
        (told,) = newcomer.poll().content
        assert (told.cert_req_id, told.check_after) == (0, 30)
        clock.advance(30)
    said = newcomer.poll()
    assert said.refusal == ("ip", "accepted", [])
    assert newcomer.confirm(said).kind == "pkiconf"


def test_a_poll_that_comes_too_soon_is_told_what_remains_and_does_not_count(ruled, clock):
    newcomer = ruled(waiting_polls=1, check_after=30)
    newcomer.enrol(peer.new_key())
    newcomer.poll()
    for remains in (30, 20, 10):
        assert newcomer.poll().content[0].check_after == remains
        clock.advance(10)
    assert newcomer.poll().kind == "ip"


@pytest.mark.parametrize("kind", ["cr", "kur", "p10cr"])
def test_every_kind_of_enrolment_waits(kept, kind):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    holder = peer.newcomer_to(kept()).holder()
    holder.lab = kept(waiting_polls=1, check_after=0)
    key = peer.new_key()
    request = x509.CertificateSigningRequestBuilder(x509.Name([])).add_extension(
        x509.SubjectAlternativeName([x509.DNSName("p10.example")]), critical=True
    )
    csr = request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    content = csr if kind == "p10cr" else (peer.cert_req(key),)
    said = holder.ask(kind, content, general_info=(peer.IMPLICIT,))
    assert said.status == "waiting"
    assert not said.implicit
    identifier = said.content.response[0].cert_req_id
    assert holder.poll(identifier).kind == "pollRep"
    said = holder.poll(identifier)
    assert said.refusal == ({"kur": "kup"}.get(kind, "cp"), "accepted", [])
    assert said.implicit


def test_a_poll_may_be_about_the_whole_message_but_not_about_another_certificate(ruled):
    newcomer = ruled(waiting_polls=9)
    newcomer.enrol(peer.new_key())
    assert newcomer.poll(-1).content[0].cert_req_id == 0
    assert newcomer.poll(1).refusal == ("error", "rejection", ["badRequest"])
    assert newcomer.ask("pollReq", ()).refusal == ("error", "rejection", ["badRequest"])


def test_repeated_octets_while_waiting_change_nothing(ruled):
    newcomer = ruled(waiting_polls=1, check_after=0)
    newcomer.enrol(peer.new_key())
    request = newcomer.sent
    assert newcomer.send(request).status == "waiting"
    newcomer.poll()
    poll = newcomer.sent
    assert newcomer.send(request).status == "waiting"
    for _ in range(3):
        assert newcomer.send(poll).kind == "pollRep"
    delivered = newcomer.poll()
    last = newcomer.sent
    assert newcomer.send(last).der == delivered.der
    assert newcomer.send(request).der == delivered.der
    assert issued(newcomer.lab) == 1


def test_who_lost_the_certificate_polls_again(ruled):
    newcomer = ruled(waiting_polls=1, check_after=0)
    newcomer.enrol(peer.new_key())
    reply = newcomer.poll()
    delivered = newcomer.poll()
    newcomer.last = reply  # the certificate never arrived
    assert newcomer.poll().fail_info == ["badRecipientNonce"]
    by_number = newcomer.ask("pollReq", (PollReq(cert_req_id=0),), recip_nonce=None)
    assert by_number.der == delivered.der
    assert newcomer.confirm(by_number).kind == "pkiconf"


def test_a_request_that_waits_is_judged_when_its_time_has_come(kept):
    newcomer = peer.newcomer_to(kept(waiting_polls=1, check_after=0))
    newcomer.enrol(peer.new_key())
    newcomer.poll()
    newcomer.lab = kept(reject_names=("web",))
    for _ in range(2):
        assert newcomer.poll().refusal == ("ip", "rejection", ["notAuthorized"])
    assert issued(newcomer.lab) == 0


def test_a_request_is_judged_before_it_waits(ruled):
    newcomer = ruled(waiting_polls=1)
    assert newcomer.enrol(peer.new_key(), signer=peer.new_key()).refusal == ("ip", "rejection", ["badPOP"])


def test_a_certconf_does_not_come_while_waiting(ruled):
    newcomer = ruled(waiting_polls=1)
    newcomer.enrol(peer.new_key())
    assert newcomer.ask("certConf", ()).refusal == ("error", "rejection", ["badRequest"])


def test_an_error_ends_the_wait(ruled):
    newcomer = ruled(waiting_polls=1, check_after=0)
    newcomer.enrol(peer.new_key())
    request = newcomer.sent
    said = newcomer.ask("error", ErrorMsgContent(pki_status_info=PKIStatusInfo(status=2)))
    assert said.kind == "pkiconf"
    assert newcomer.send(newcomer.sent).kind == "pkiconf"
    assert newcomer.send(request).refusal == ("error", "rejection", ["badRequest"])
    assert newcomer.poll().refusal == ("error", "rejection", ["badRequest"])


def test_restarts_in_the_middle(kept):
    newcomer = peer.newcomer_to(kept())
    said = newcomer.enrol(peer.new_key())
    request = newcomer.sent
    newcomer.lab = kept()
    assert newcomer.send(request).der == said.der
    newcomer.lab = kept()
    newcomer.last = said
    assert newcomer.confirm(said).kind == "pkiconf"
    confirmation = newcomer.sent
    newcomer.lab = kept()
    assert newcomer.send(confirmation).kind == "pkiconf"
    assert issued(newcomer.lab) == 1
    newcomer.last = None
    assert newcomer.ask("ir", (peer.cert_req(peer.new_key()),)).fail_info == ["transactionIdInUse"]


def test_restarts_while_waiting(kept, clock):
    newcomer = peer.newcomer_to(kept(waiting_polls=2, check_after=30))
    newcomer.enrol(peer.new_key())
    for remains in (30, 20):
        newcomer.lab = kept(waiting_polls=2, check_after=30)
        assert newcomer.poll().content[0].check_after == remains
        clock.advance(10)
    newcomer.lab = kept(waiting_polls=1, check_after=30)
    clock.advance(10)
    said = newcomer.poll()
    assert said.status == "accepted"
    newcomer.lab = kept()
    assert newcomer.confirm(said).kind == "pkiconf"


def test_a_holder_is_known_after_a_restart_and_a_revocation_is_not_forgotten(kept):
    holder = peer.newcomer_to(kept()).holder()
    holder.lab = kept()
    said = holder.enrol(peer.new_key(), kind="cr", implicit=True)
    assert said.status == "accepted"
    holder.revoke(holder.serial)
    request = holder.sent
    holder.lab = kept()
    assert holder.send(request).refusal == ("rp", "accepted", [])
    assert holder.enrol(peer.new_key(), kind="cr").fail_info == ["certRevoked"]


def test_requests_from_several_threads_get_their_own_certificates(lab, newcomer):
    def one(_):
        return peer.newcomer_to(lab).enrol(peer.new_key()).certificate.serial_number

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(one, range(40)))) == 40

"""Dialogues through the RA: each message of a device reaches the CA, each answer comes back under its protection."""

from __future__ import annotations

from dataclasses import replace

from support.requester import cert_req, new_key, newcomer_to

from runner.asn1.cmp import InfoTypeAndValue, PKIMessage
from runner.asn1.structures import decode
from runner.lab.rules import LabRules
from runner.pki.names import parse_name
from runner.ra.amending import Amendment, Wishes
from runner.ra.forwarding import ORIG_PKI_MESSAGE
from runner.ra.relay import take
from runner.ra.rules import Rules


def message(octets):
    return decode(PKIMessage, octets)


def test_a_device_enrols_and_confirms(house):
    device, key = house.device(), new_key()
    said = device.enrol(key)
    assert said.status == "accepted"
    assert said.certificate.public_key() == key.public_key()
    assert device.confirm(said).kind == "pkiconf"


def test_marks_stay_and_protection_is_ours(house):
    device = house.device()
    said = device.enrol(new_key())
    sent, forwarded = message(device.sent), message(house.upstream[0])
    assert forwarded.header.transaction_id == sent.header.transaction_id
    assert forwarded.header.sender_nonce == sent.header.sender_nonce
    assert forwarded.header.sender != sent.header.sender
    answered = message(house.downstream[0])
    assert said.header.sender_nonce == answered.header.sender_nonce
    assert said.header.recip_nonce == sent.header.sender_nonce


def test_the_body_goes_on_as_it_came(house):
    device = house.device()
    device.enrol(new_key())
    assert message(house.upstream[0]).body == message(device.sent).body


def test_implicit_confirm_is_the_devices_to_ask_for(house):
    device = house.device()
    assert device.enrol(new_key(), implicit=True).implicit
    assert not device.enrol(new_key()).implicit
    assert [each.over for each in house.relayed.values()] == [True, False]


def test_a_device_polls(house):
    house.lab._office.rules = LabRules(waiting_polls=1)
    device = house.device()
    assert device.enrol(new_key()).status == "waiting"
    assert device.poll().kind == "pollRep"
    house.clock.advance(2)
    said = device.poll()
    assert (said.kind, said.status) == ("ip", "accepted")
    assert device.confirm(said).kind == "pkiconf"


def test_the_same_octets_get_the_same_answer_and_reach_the_ca_once(house):
    device = house.device()
    device.enrol(new_key())
    first = house.relayed[device.transaction_id].answer
    assert house.respond(device.sent) == first
    assert len(house.upstream) == 1


def test_octets_whose_answer_was_lost_go_on_as_the_same_octets(house):
    device = house.device()
    octets = device.message("ir", (cert_req(new_key()),))
    house.respond(octets)
    house.relayed[device.transaction_id] = replace(house.relayed[device.transaction_id], answer=b"")
    house.respond(octets)
    assert house.upstream[0] == house.upstream[1]


def test_another_request_of_the_same_transaction_is_refused(house):
    device = house.device()
    device.enrol(new_key())
    device.last = None
    assert device.ask("ir", (cert_req(new_key()),)).refusal == ("ip", "rejection", ["transactionIdInUse"])
    assert len(house.upstream) == 1


def test_somebody_else_cannot_go_on_with_a_transaction(house):
    device = house.device()
    said = device.enrol(new_key())
    other = house.signer(newcomer_to(house.lab).holder("CN=holder"))
    other.transaction_id, other.last = device.transaction_id, said
    answer = message(house.respond(other.message("certConf", ())))
    assert answer.body.name == "error"
    assert house.refused[-1] == "somebody else opened this transaction"


def test_a_certconf_without_a_transaction_is_refused(house):
    assert house.device().ask("certConf", ()).refusal == ("error", "rejection", ["badRequest"])
    assert not house.upstream


def test_after_the_end_nothing_goes_on(house):
    device = house.device()
    said = device.enrol(new_key(), implicit=True)
    assert device.confirm(said).refusal == ("error", "rejection", ["badRequest"])


def test_a_changed_request_goes_out_as_ra_verified(house):
    wishes = Wishes(parse_name("C=FI, O=Plant, CN=line-7"), key_usage=("digitalSignature",))
    house.set(amendment=Amendment(override=wishes))
    device = house.device()
    device.enrol(new_key())
    (asked,) = message(house.upstream[0]).body.value
    assert asked.popo.name == "raVerified"
    assert asked.cert_req.cert_template.subject == wishes.subject.der
    assert (
        asked.cert_req.cert_template.public_key == message(device.sent).body.value[0].cert_req.cert_template.public_key
    )


def test_a_template_fills_in_what_is_open_and_nothing_else(house):
    house.set(amendment=Amendment(defaults=Wishes(parse_name("CN=default"), key_usage=("keyAgreement",))))
    device = house.device()
    device.enrol(new_key())
    (asked,) = message(house.upstream[0]).body.value
    assert asked.cert_req.cert_template.subject == parse_name("C=FI, O=Plant, CN=web-1").der
    assert asked.cert_req.cert_template.extensions


def test_the_original_goes_along_where_it_is_wanted(house):
    house.office = replace(house.office, original=True)
    device = house.device()
    device.enrol(new_key())
    items = {item.info_type: item.info_value for item in message(house.upstream[0]).header.general_info}
    assert device.sent in items[ORIG_PKI_MESSAGE]


def test_a_secret_that_is_good_once_opens_one_transaction(house):
    house.set(rules=Rules(once=True))
    device = house.device()
    said = device.enrol(new_key())
    assert device.confirm(said).kind == "pkiconf"
    assert device.enrol(new_key()).refusal == ("ip", "rejection", ["notAuthorized"])
    assert "reference number was used before" in house.refused[-1]


def test_general_messages_pass(house):
    device = house.device()
    item = InfoTypeAndValue(info_type="1.3.6.1.5.5.7.4.17")
    assert device.ask("genm", (item,)).kind == "genp"


def test_an_update_keeps_its_protection(house):
    device, key = house.signer(newcomer_to(house.lab).holder("CN=holder")), new_key()
    octets = device.message("kur", (cert_req(key),))
    taken = take(octets, house.office, None, (), house.clock.now(), house.entropy)
    outer = message(taken.relayed.upstream)
    assert outer.body.name == "nested"
    assert octets in taken.relayed.upstream
    assert outer.header.transaction_id == message(octets).header.transaction_id
    assert outer.header.sender_nonce == message(octets).header.sender_nonce

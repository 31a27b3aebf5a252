"""Messages that an RA before us nested, and nested batches whose answer is not whole."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from support.requester import Requester, Secret, Signature, cert_req, new_key, spki
from support.site import PeerSite

from runner.asn1.cmp import PKIMessage
from runner.asn1.der import tlv
from runner.asn1.structures import decode
from runner.lab.authority import open_lab
from runner.lab.rules import LabRules
from runner.pki.certificates import to_pem
from runner.system import SystemClock, SystemEntropy

TUNNEL = """
tunnels:
  - {name: line, credential: desk, requests: inbox, output: outbox, psks: {file: devices.psk}, trust: [ca.pem],
     approve: {names: [any]}, FORWARD}
"""


@pytest.fixture
def line(tmp_path, capsys, peer):
    """A tunnel with an RA credential; its devices know the CA's own secret, so that they may go nested."""
    (tmp_path / "site" / "inbox").mkdir(parents=True)
    site = PeerSite(tmp_path / "site", capsys.readouterr, peer)
    site.file("devices.psk").write_text(peer.lab.psk)
    certificate, key = peer.lab.make_ra("RA")
    site.file("ra.crt").write_bytes(to_pem(certificate))
    site.file("ra.prv").write_bytes(key)

    def ask(forward):
        credentials = 'desk: {ra_certificate: ra.crt, key: "file:ra.prv"}\n  psk: {psk: {file: psk}}'
        return site.ask(TUNNEL.replace("FORWARD", forward), credentials=credentials)

    site.forwarding = ask
    return site


def device(line):
    reference, _, secret = line.peer.lab.psk.partition(":")
    return Requester(line.peer.lab, Secret(reference.encode(), secret.encode()))


def lower_ra(line, lab=None):
    """An RA that the CA certified, which the tunnel trusts; or one of another CA's."""
    certificate, key = (lab or line.peer.lab).make_ra("lower RA")
    return Requester(line.peer.lab, Signature(certificate, load_pem_private_key(key, None)))


def nested_by(ra, asked, octets):
    ra.transaction_id = asked.transaction_id
    nonce = decode(PKIMessage, octets).header.sender_nonce
    return ra.message("nested", tlv(0x30, octets), sender_nonce=nonce)


def answer_to(line, name):
    return decode(PKIMessage, (line.file("outbox") / f"{name}.answer.der").read_bytes())


@pytest.mark.parametrize("forward", ["forward: replace", "forward: nested"])
def test_what_a_lower_ra_nested_goes_to_the_ca_and_its_answer_comes_back(line, forward):
    line.forwarding(forward)
    asked, key = device(line), new_key()
    inner = asked.message("ir", (cert_req(key),))
    outer = nested_by(lower_ra(line), asked, inner)
    (line.file("inbox") / "dev.der").write_bytes(outer)
    done = line.apply()
    assert done.outcomes == {"line/dev.der": "forwarded"}, done.items
    (sent,) = line.peer.requests
    assert decode(PKIMessage, sent).body.name == "nested"
    assert inner in sent
    answer, header = answer_to(line, "dev.der"), decode(PKIMessage, inner).header
    assert (answer.body.name, answer.header.transaction_id) == ("ip", header.transaction_id)
    assert answer.header.recip_nonce == header.sender_nonce
    assert spki(key) in answer.body.value.response[0].certified_key_pair.cert_or_enc_cert.value


def test_a_lower_ra_that_is_not_trusted_is_refused(line):
    line.forwarding("forward: nested")
    asked, stranger = device(line), lower_ra(line, open_lab(None, SystemClock(), SystemEntropy()))
    outer = nested_by(stranger, asked, asked.message("ir", (cert_req(new_key()),)))
    (line.file("inbox") / "dev.der").write_bytes(outer)
    done = line.apply()
    assert done.items["line/dev.der"]["fail_info"] == ["signerNotTrusted"]
    assert line.peer.requests == []


def test_the_device_behind_a_lower_ra_is_judged_by_its_own_protection(line):
    line.forwarding("forward: nested")
    asked = device(line)
    asked.protection.secret = b"a guess"
    outer = nested_by(lower_ra(line), asked, asked.message("ir", (cert_req(new_key()),)))
    (line.file("inbox") / "dev.der").write_bytes(outer)
    assert line.apply().items["line/dev.der"]["fail_info"] == ["badMessageCheck"]
    assert line.peer.requests == []


def test_a_request_that_the_answer_to_its_batch_left_out_goes_again(line):
    line.forwarding("forward: nested, batch: 3")
    keys = {}
    for number in range(3):
        keys[f"{number}.der"] = new_key()
        octets = device(line).message("ir", (cert_req(keys[f"{number}.der"]),))
        (line.file("inbox") / f"{number}.der").write_bytes(octets)
    line.peer.lab._office.rules = LabRules(withheld=True)
    outcomes = line.apply().outcomes
    assert sorted(outcomes.values()) == ["forwarded", "forwarded", "unknown"]
    assert len(list(line.file("outbox").glob("*.answer.der"))) == 2
    line.peer.lab._office.rules = LabRules()
    assert sorted(line.apply().outcomes.values()) == ["forwarded", "unchanged", "unchanged"]
    for name, key in keys.items():
        assert spki(key) in answer_to(line, name).body.value.response[0].certified_key_pair.cert_or_enc_cert.value
    assert line.issued == 4  # the RA's own beside them


def test_answers_in_another_order_find_their_requests(line):
    line.forwarding("forward: nested, batch: 3")
    line.peer.lab._office.rules = LabRules(reordered=True)
    keys = [new_key() for _ in range(3)]
    for number, key in enumerate(keys):
        (line.file("inbox") / f"{number}.der").write_bytes(device(line).message("ir", (cert_req(key),)))
    assert set(line.apply().outcomes.values()) == {"forwarded"}
    for number, key in enumerate(keys):
        answer = answer_to(line, f"{number}.der")
        assert spki(key) in answer.body.value.response[0].certified_key_pair.cert_or_enc_cert.value

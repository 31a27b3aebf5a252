"""An RA's credential (-R) at the lab CA: its word for a proof, keys made for it, and keys that it recovers."""

from __future__ import annotations

import shutil

import pytest
from cryptography import x509
from support.archive import is_a_pair
from support.site import CREDENTIALS, entries, entry

from runner.asn1.cmp import PKIMessage
from runner.asn1.structures import decode
from runner.lab.rules import LabRules
from runner.pki.certificates import to_pem
from runner.pki.names import name_in_general_name, parse_name

DESK = f"{CREDENTIALS}\n  desk: {{ra_certificate: ra.crt, key: 'file:ra.prv'}}"


@pytest.fixture
def at_desk(at_peer):
    """A site with an RA that the lab trusts."""
    der, pem = at_peer.peer.lab.make_ra("desk")
    at_peer.file("ra.crt").write_bytes(to_pem(der))
    at_peer.file("ra.prv").write_bytes(pem)
    return at_peer


def popo_of(request):
    return decode(PKIMessage, request).body.value[0].popo.name


def test_an_ra_vouches_for_a_key_that_signs_nothing(at_desk):
    more = ", credential: desk, proof_of_possession: ra-verified"
    items = entries(entry("generate://pkcs8@x25519/out/web", more=more))
    done = at_desk.ask(items, credentials=DESK).apply()
    assert done.outcomes == {"web": "issued"}, done.items
    assert popo_of(at_desk.peer.requests[0]) == "raVerified"


def test_the_word_of_somebody_else_is_not_believed(at_desk):
    """An end entity's certificate under ra_certificate is one's own claim: the CA decides."""
    made = at_desk.ask(entries(entry("generate://pkcs8@ec:p256/op", name="op", output="op"))).apply()
    assert made.outcomes == {"op": "issued"}
    credentials = f"{CREDENTIALS}\n  desk: {{ra_certificate: op-0.crt, key: 'file:op.prv'}}"
    items = entries(entry(more=", credential: desk, proof_of_possession: ra-verified"))
    done = at_desk.ask(items, credentials=credentials).apply()
    assert done.outcomes == {"web": "failed"}
    assert not at_desk.file("out/web-0.crt").exists()


def test_a_key_is_made_for_an_ra(at_desk, openssl):
    items = entries(entry(more=", credential: desk, key_generation: central"))
    done = at_desk.ask(items, credentials=DESK).apply()
    assert done.outcomes == {"web": "issued"}, done.items
    at_desk.file("out/web.crt").write_bytes(at_desk.file("out/web-0.crt").read_bytes())
    assert is_a_pair(at_desk, openssl, "out/web")


def test_an_ra_recovers_a_key_by_its_certificate(at_desk):
    more = "encryption_certificate: {ask: true}\n    protocol_encryption_key: rsa:2048\n    version: 3"
    items = entries(entry("generate://pkcs8@rsa:2048/out/web", more=", backup: true"))
    done = at_desk.ask(items, credentials=DESK, more=more).apply()
    assert done.outcomes == {"web": "issued"}, done.items
    recovery = "recoveries:\n  - {name: back, credential: desk, certificate: out/web-0.crt, output: back/web}\n"
    done = at_desk.ask(recovery, credentials=DESK, more=more).apply()
    assert done.outcomes == {"back": "recovered"}, done.items
    assert at_desk.file("back/web-0.prv").read_bytes() == at_desk.file("out/web.prv").read_bytes()


def by(request):
    """Whom a message to the CA is by."""
    header = decode(PKIMessage, request).header
    return name_in_general_name(header.sender)


def test_an_ra_enrolls_and_revokes_for_others(at_desk):
    done = at_desk.ask(entries(entry(more=", credential: desk")), credentials=DESK).apply()
    assert done.outcomes == {"web": "issued"}, done.items
    gone = "revocations:\n  - {name: gone, certificate: out/web-0.crt, credential: desk, reason: keyCompromise}\n"
    done = at_desk.ask(gone, credentials=DESK).apply()
    assert done.outcomes == {"gone": "revoked"}, done.items
    assert {by(request) for request in at_desk.peer.requests} == {parse_name("CN=desk").der}
    revoked = [each for each in at_desk.peer.lab._office.ledger.certificates() if each.revoked_at is not None]
    made = x509.load_pem_x509_certificate(at_desk.file("out/web-0.crt").read_bytes())
    assert [each.serial for each in revoked] == [made.serial_number]


def test_an_ra_polls_for_what_it_asked_for_before(at_desk):
    at_desk.peer.lab._office.rules = LabRules(waiting_polls=1, check_after=0)
    items = entries(entry(more=", credential: desk"))
    done = at_desk.ask(items, credentials=DESK, more="polling: {max_wait: 0s}").apply()
    assert done.outcomes == {"web": "pending"}, done.items
    shutil.rmtree(at_desk.file(".cmp-batch"))
    identifier = decode(PKIMessage, at_desk.peer.requests[0]).header.transaction_id.hex()
    late = f'polls:\n  - {{name: late, id: "{identifier}", output: out/late, credential: desk}}\n'
    done = at_desk.ask(late, credentials=DESK, more="polling: {max_wait: 20s}").apply()
    assert done.outcomes == {"late": "issued"}, done.items
    assert by(at_desk.peer.requests[-1]) == parse_name("CN=desk").der

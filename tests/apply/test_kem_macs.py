"""KEM-based MACs in their three flows (RFC 9810 §5.1.3.4), through manifests, end to end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import mlkem
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from support.kemserver import KemServer
from support.peers import Reply
from support.recipients import certificate_for, key_of
from support.site import CREDENTIALS, entries, entry

from runner.asn1.cmp import PKIMessage
from runner.asn1.structures import decode
from runner.asn1.x509 import Extension, Validity
from runner.lab.asked import Asked
from runner.pki.certificates import to_pem
from runner.pki.names import parse_name

KEM_BASED_MAC = "1.2.840.113533.7.66.16"
CM_CA = Extension(extn_id="2.5.29.37", critical=False, extn_value=bytes.fromhex("300a06082b0601050507031b"))


def issued(lab, key, extensions=()):
    """A certificate of the lab's for a key."""
    office = lab._office
    info = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    validity = Validity(not_before=office.now() - timedelta(hours=1), not_after=office.now() + timedelta(days=30))
    return office.issuer.issue(Asked(parse_name("CN=kem").der, info, extensions, validity), office.free_serial())


def client(at_peer, items=None):
    """A site whose credential is a KEM's certificate and key."""
    key = key_of("ml-kem-768")
    at_peer.file("kem.pem").write_bytes(to_pem(issued(at_peer.peer.lab, key)))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    at_peer.file("kem.prv").write_bytes(pem)
    credentials = f"{CREDENTIALS}\n  kem: {{kem_certificate: kem.pem, key: 'file:kem.prv'}}"
    items = items or entries(entry(more=", credential: kem, request: ir"))
    return at_peer.ask(items, credentials=credentials)


def server(at_peer, announces=False, **faults):
    """A CA with a KEM key of its own."""
    key = key_of("ml-kem-1024")
    certificate = issued(at_peer.peer.lab, key, (CM_CA,))
    at_peer.peer.behave = KemServer(key, certificate, announces, **faults)
    at_peer.file("server-kem.pem").write_bytes(to_pem(certificate))
    return at_peer.peer.behave


def test_the_client_has_the_kem_key(at_peer):
    at_peer.peer.behave = KemServer()
    done = client(at_peer).apply()
    assert (done.status, done.outcomes) == (0, {"web": "issued"}), done.items
    heard = at_peer.peer.behave.heard
    assert [message.body.name for message in heard] == ["genm", "ir", "certConf"]
    assert len({message.header.transaction_id for message in heard}) == 1
    assert {message.header.protection_alg.algorithm for message in heard[1:]} == {KEM_BASED_MAC}
    assert heard[1].header.recip_nonce == b"a nonce of the server"
    assert heard[0].extra_certs


def test_a_secret_serves_one_transaction(at_peer):
    at_peer.peer.behave = KemServer()
    more = ", credential: kem, request: ir"
    two = entries(entry(more=more), entry("generate://pkcs8@ec:p256/out/b", name="b", output="out/b", more=more))
    assert client(at_peer, two).apply().summary == {"issued": 2}
    secrets = list(at_peer.peer.behave.secrets.values())
    assert len(set(secrets)) == len(secrets) == 2


def test_whoever_encapsulated_is_not_the_ca(at_peer):
    """A MAC under the secret of our own key could be anybody's: answers are believed by their signature alone."""
    at_peer.peer.behave = KemServer(own=_Nobody())
    done = client(at_peer).apply()
    assert done.outcomes == {"web": "unknown"}
    assert "this exchange has none" in done.error("web")


class _Nobody:
    """Makes the server answer under the client's secret."""


def test_what_was_cut_off_goes_on_with_the_same_secret(at_peer):
    honest = KemServer()

    def loses(lab, request, number):
        answer = honest(lab, request, number)
        return Reply(hangs_up=True) if decode(PKIMessage, request).body.name == "ir" else answer

    at_peer.peer.behave = loses
    site = client(at_peer)
    assert site.apply().outcomes == {"web": "unknown"}
    at_peer.peer.behave = honest
    assert site.apply().outcomes == {"web": "issued"}
    assert len(honest.secrets) == 1


def test_the_server_has_a_kem_key_that_we_know(at_peer):
    kem = server(at_peer)
    done = at_peer.ask(more="kem_certificate: server-kem.pem").apply()
    assert (done.status, done.outcomes) == (0, {"web": "issued"}), done.items
    first, second = kem.heard
    assert "1.3.6.1.5.5.7.4.24" in {item.info_type for item in first.header.general_info}
    assert first.header.transaction_id == second.header.transaction_id
    assert "1.3.6.1.5.5.7.4.24" not in {item.info_type for item in second.header.general_info}


def test_a_secret_for_the_server_s_key_serves_one_transaction(at_peer):
    kem = server(at_peer)
    two = entries(entry(), entry("generate://pkcs8@ec:p256/out/b", name="b", output="out/b"))
    assert at_peer.ask(two, more="kem_certificate: server-kem.pem").apply().summary == {"issued": 2}
    items = [item for message in kem.heard for item in message.header.general_info]
    sent = [item.info_value for item in items if item.info_type == "1.3.6.1.5.5.7.4.24"]
    assert len(set(sent)) == len(sent) == 2


def test_the_server_announces_its_kem_key(at_peer):
    kem = server(at_peer, announces=True)
    done = at_peer.ask(limits="timeout: 5s, retries: 1").apply()
    assert (done.status, done.outcomes) == (0, {"web": "issued"}), done.items
    assert [message.body.name for message in kem.heard] == ["ir", "ir", "certConf"]
    assert kem.heard[0].header.transaction_id != kem.heard[1].header.transaction_id


def test_a_stranger_s_announcement_is_nothing(at_peer):
    kem = server(at_peer, announces=True)
    kem.certificate = certificate_for(key_of("ml-kem-1024").public_key()).der
    done = at_peer.ask(limits="timeout: 5s, retries: 1").apply()
    assert done.outcomes == {"web": "failed"}
    assert [message.body.name for message in kem.heard] == ["ir"]


def test_an_end_entity_s_announcement_is_nothing(at_peer):
    kem = server(at_peer, announces=True)
    kem.certificate = issued(at_peer.peer.lab, key_of("ml-kem-1024"))
    assert at_peer.ask(limits="timeout: 5s, retries: 1").apply().outcomes == {"web": "failed"}
    assert len(kem.heard) == 1


@pytest.mark.parametrize("fault", ["spoils", "other_transaction"])
def test_a_mac_that_is_not_that_of_this_transaction(at_peer, fault):
    server(at_peer, **{fault: True})
    done = at_peer.ask(more="kem_certificate: server-kem.pem").apply()
    assert done.outcomes == {"web": "unknown"}
    assert "the message's MAC is wrong" in done.error("web")


def test_a_certificate_that_is_no_kem_s(at_peer):
    done = at_peer.ask(more="kem_certificate: ca.pem").apply()
    assert done.status == 1
    assert "is no KEM certificate" in done.err
    assert at_peer.peer.requests == []
    assert mlkem

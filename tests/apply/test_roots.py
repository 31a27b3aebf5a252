"""Roots that an ip brings (caPubs): added where the manifest says so, and each reason why one is not."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from support.answering import say
from support.hierarchy import entity, issue, root
from support.requester import pbm
from support.site import entries, entry

from runner.asn1.cmp import PKI_BODY, PKIMessage
from runner.asn1.der import tlv
from runner.asn1.structures import Chosen, decode, encode
from runner.pki.certificates import certificates_in, to_pem
from runner.values import replace

INSTALL = "install_trust: out/roots.pem"
NOW = datetime.now(UTC).replace(microsecond=0)
VALID = (NOW - timedelta(days=1), NOW + timedelta(days=365))


def anchors(site, name="out/roots.pem"):
    return [each.der for each in certificates_in(site.file(name).read_bytes())]


def brings(*roots, kinds=("ip",), by=None):
    """The honest lab, whose answers bring these certificates in caPubs, under the secret or signed."""

    def behave(lab, request, _number):
        answer = decode(PKIMessage, lab.respond(request))
        if answer.body.name not in kinds:
            return encode(answer)
        content = replace(answer.body.value, ca_pubs=tuple(each.der for each in roots))
        nonce = {"sender_nonce": answer.header.sender_nonce}
        if by is not None:
            return say(answer.body.name, content, request=decode(PKIMessage, request), by=by, **nonce)
        body = Chosen(answer.body.name, content)
        part = tlv(0x30, encode(answer.header) + PKI_BODY.encode(body))
        secret = lab.psk.partition(":")[2].encode()
        bits = pbm(secret, answer.header.protection_alg.parameters, part)
        return encode(PKIMessage(header=answer.header, body=body, protection=bits))

    return behave


def told(done, name="web"):
    return " ".join(done.items[name]["warnings"])


def test_the_root_of_the_lab_is_added_shown_and_trusted_from_then_on(site, openssl):
    """`trust` may name the file before it is there."""
    lab = f"authorities: {{lab: {{url: lab:, {INSTALL}, trust: [out/roots.pem]}}}}\n"
    site.write(lab + entries(entry()))
    planned = site.plan()
    assert "roots that an ip brings (caPubs) are added to" in planned.out
    done = site.apply()
    assert done.outcomes == {"web": "issued"}
    (found,) = certificates_in(site.file("out/roots.pem").read_bytes())
    assert found.fingerprint in told(done)
    command = [openssl, "verify", "-CAfile", "out/roots.pem", "out/web-0.crt"]
    subprocess.run(command, cwd=site.folder, capture_output=True, check=True)
    assert site.apply().outcomes == {"web": "unchanged"}


def test_roots_are_added_to_those_that_are_there(at_peer):
    ours, theirs = root("Ours", valid=VALID), root("Theirs", valid=VALID)
    at_peer.file("out").mkdir()
    at_peer.file("out/roots.pem").write_bytes(to_pem(ours.der))
    at_peer.peer.behave = brings(theirs)
    done = at_peer.ask(more=INSTALL).apply()
    assert done.outcomes == {"web": "issued"}
    assert anchors(at_peer) == [ours.der, theirs.der]
    assert f"{theirs.ours.fingerprint}) was added to" in told(done)


def test_many_at_once_lose_none(at_peer):
    found = [root(f"Root {n}", valid=VALID) for n in range(4)]
    count = iter(found)

    def behave(lab, request, number):
        kind = decode(PKIMessage, request).body.name
        return brings(*([next(count)] if kind == "ir" else ()))(lab, request, number)

    at_peer.peer.behave = behave
    rows = entries(*(entry(f"generate://pkcs8@ec:p256/out/w{n}", name=f"w{n}", output=f"out/w{n}") for n in range(4)))
    done = at_peer.ask(rows, more=INSTALL).apply()
    assert set(done.outcomes.values()) == {"issued"}
    assert sorted(anchors(at_peer)) == sorted(each.der for each in found)


def test_nothing_is_added_where_the_manifest_does_not_say_so(at_peer):
    at_peer.peer.behave = brings(root("Theirs", valid=VALID))
    done = at_peer.ask().apply()
    assert "nothing trusts it unless" in told(done)
    assert not at_peer.file("out/roots.pem").exists()


def unfit():
    good, other = root("Good", valid=VALID), root("Good", valid=VALID)
    over = root("Over", valid=(NOW - timedelta(days=9), NOW - timedelta(days=1)))
    forged = issue("Good", other, key=good.key, ca=True, valid=VALID)
    return {
        "over": (over, "it is not valid today"),
        "signed by another key of its name": (forged, "it is no self-signed CA certificate"),
    }


@pytest.mark.parametrize(("offered", "why"), unfit().values(), ids=unfit())
def test_what_is_no_root_to_trust_is_told_and_not_added(at_peer, offered, why):
    at_peer.peer.behave = brings(offered)
    done = at_peer.ask(more=INSTALL).apply()
    assert done.outcomes == {"web": "issued"}
    assert f"was not added to {at_peer.file('out/roots.pem')}: {why}" in told(done)
    assert not at_peer.file("out/roots.pem").exists()


def test_an_intermediate_is_no_root_and_no_word_is_lost_on_it(at_peer):
    at_peer.peer.behave = brings(issue("Sub", root("Top", valid=VALID), ca=True, valid=VALID))
    assert told(at_peer.ask(more=INSTALL).apply()) == ""
    assert not at_peer.file("out/roots.pem").exists()


def test_roots_in_a_cp_are_not_added(at_peer):
    at_peer.peer.behave = brings(root("Theirs", valid=VALID), kinds=("cp",))
    done = at_peer.ask(entries(entry(more=", request: cr")), more=INSTALL).apply()
    assert done.outcomes == {"web": "issued"}
    assert "it came in the answer to cr; only an ip brings roots" in told(done)
    assert not at_peer.file("out/roots.pem").exists()


CAS_AND_RAS = (x509.ExtendedKeyUsage([x509.ObjectIdentifier("1.3.6.1.5.5.7.3.27")]), False)


@pytest.fixture
def officer(at_peer):
    """Who signs an ip: (his root, himself). The manifest trusts that root, the ip brings whatever `offered` says."""
    top = root("Officers", valid=VALID)
    himself = entity("Officer", top, valid=VALID, more=(CAS_AND_RAS,))
    at_peer.file("officers.pem").write_bytes(to_pem(top.der))
    at_peer.file("officer.pem").write_bytes(to_pem(himself.der))
    return top, himself


def asked_of(at_peer, officer, *offered, signer):
    at_peer.peer.behave = brings(*offered, by=officer)
    site = at_peer.ask(more=f"install_trust: out/roots.pem{signer}")
    text = site.path.read_text().split("\n", 1)[1]
    return site.write(text.replace("trust: [ca.pem]", "trust: [ca.pem, officers.pem]")).apply()


SIGNER = "\n    trust_signer: officer.pem"


def test_a_signature_brings_roots_where_its_certificate_is_named(at_peer, officer):
    theirs = root("Theirs", valid=VALID)
    done = asked_of(at_peer, officer[1], theirs, signer=SIGNER)
    assert done.outcomes == {"web": "issued"}, done.items
    assert anchors(at_peer) == [theirs.der]


def test_nobody_brings_his_own_root(at_peer, officer):
    done = asked_of(at_peer, officer[1], officer[0], signer=SIGNER)
    assert done.outcomes == {"web": "issued"}, done.items
    assert "nobody vouches for himself" in told(done)
    assert not at_peer.file("out/roots.pem").exists()


@pytest.mark.parametrize("signer", ["", SIGNER])
def test_a_signature_of_somebody_else_brings_none(at_peer, officer, signer):
    other = entity("Other officer", officer[0], valid=VALID, more=(CAS_AND_RAS,))
    done = asked_of(at_peer, other, root("Theirs", valid=VALID), signer=signer)
    assert done.outcomes == {"web": "issued"}, done.items
    assert "neither a shared secret protected the message nor a signature of trust_signer" in told(done)
    assert not at_peer.file("out/roots.pem").exists()


def test_a_file_that_holds_something_else_stops_everything_beforehand(at_peer):
    at_peer.file("out").mkdir()
    at_peer.file("out/roots.pem").write_text("my shopping list")
    done = at_peer.ask(more=INSTALL).apply()
    assert done.status == 1
    assert at_peer.peer.requests == []
    assert at_peer.file("out/roots.pem").read_text() == "my shopping list"


def test_a_place_outside_the_folder_is_refused(at_peer):
    done = at_peer.ask(more="install_trust: ../roots.pem").apply()
    assert done.status == 1
    assert at_peer.peer.requests == []


def test_trust_signer_alone_says_nothing(at_peer):
    assert "trust_signer says nothing by itself" in at_peer.ask(more="trust_signer: ca.pem").plan().err

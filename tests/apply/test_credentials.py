"""How credentials protect and present themselves, as the manifest says it: seen in the messages, judged by the lab."""

from __future__ import annotations

import hashlib
from hmac import digest as hmac_digest

import pytest
from support.site import FRESH, entries, entry

from runner.asn1.algorithms import HASHES, HMACS, PASSWORD_BASED_MAC, PBMParameter
from runner.asn1.cmp import PKIMessage
from runner.asn1.parameters import PBMAC1, PBKDF2Params, PBMAC1Params
from runner.asn1.structures import decode
from runner.cmp.message import read_message
from runner.pki.names import name_from_der, name_in_general_name


def requests(site):
    return [decode(PKIMessage, octets) for octets in site.peer.requests]


def header(site, credential, *, more="", items=FRESH, outcome="issued"):
    """The header of the first request of an apply with that credential."""
    done = site.ask(items, credentials=credential, more=more).apply()
    assert done.outcomes == {"web": outcome}
    return requests(site)[0].header


def sender(site, *args, **more):
    return name_from_der(name_in_general_name(header(site, *args, **more).sender)).text


PSK = "psk: {psk: {file: psk}"


@pytest.mark.parametrize("owf", ["sha1", "sha224", "sha256", "sha384", "sha512"])
@pytest.mark.parametrize(
    "hmac", ["hmac-sha1", "hmac-sha1-pkcs5", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"]
)
def test_every_pair_of_hashes_protects(at_peer, owf, hmac):
    told = header(
        at_peer, f"{PSK}, mac: {{owf: {owf}, hmac: {hmac}, iterations: 100, salt_length: 24}}}}"
    ).protection_alg
    assert told.algorithm == PASSWORD_BASED_MAC
    parameters = decode(PBMParameter, told.parameters)
    assert (HASHES[parameters.owf.algorithm], HMACS[parameters.mac.algorithm]) == (owf, hmac.split("-")[1])
    assert (parameters.iteration_count, len(parameters.salt)) == (100, 24)


def pbmac1(message):
    """The measures of a message under PBMAC1, and whether Python's own PBKDF2 and HMAC come to the same MAC."""
    outer = decode(PBMAC1Params, message.header.protection_alg.parameters)
    inner = decode(PBKDF2Params, outer.key_derivation_func.parameters)
    return inner, outer.message_auth_scheme


@pytest.mark.parametrize(("hmac", "length"), [("sha256", 64), ("sha512", 32)])
def test_pbmac1_protects_as_python_computes_it(at_peer, hmac, length):
    measures = f"{{algorithm: pbmac1, owf: sha512, hmac: hmac-{hmac}, iterations: 2000, key_length: {length}}}"
    at_peer.ask(FRESH, credentials=f"{PSK}, mac: {measures}}}").apply()
    octets, message = at_peer.peer.requests[0], requests(at_peer)[0]
    assert message.header.protection_alg.algorithm == PBMAC1
    inner, scheme = pbmac1(message)
    assert (inner.iteration_count, inner.key_length, HMACS[inner.prf.algorithm]) == (2000, length, "sha512")
    secret = at_peer.peer.lab.psk.partition(":")[2].encode()
    key = hashlib.pbkdf2_hmac("sha512", secret, inner.salt, 2000, length)
    assert HMACS[scheme.algorithm] == hmac
    assert hmac_digest(key, read_message(octets).protected, hmac) == message.protection


def test_pbmac1_with_gmac_derives_a_key_of_its_length(at_peer):
    measures = "{algorithm: pbmac1, hmac: aes128-gmac, iterations: 2000, key_length: 64}"
    at_peer.ask(FRESH, credentials=f"{PSK}, mac: {measures}}}").apply()
    assert pbmac1(requests(at_peer)[0])[0].key_length == 16


def test_iterations_beside_the_psk_are_those_of_its_mac(at_peer):
    told = header(at_peer, f"{PSK}, iterations: 321, mac: {{hmac: hmac-sha512}}}}").protection_alg
    assert decode(PBMParameter, told.parameters).iteration_count == 321


def test_a_reference_number_and_a_key_in_hexadecimal(at_peer):
    reference, _, key = at_peer.peer.lab.psk.partition(":")
    at_peer.file("psk").write_text(f"{reference.encode().hex()}:{key.encode().hex()}\n")
    assert header(at_peer, f"{PSK}, encoding: hex}}").sender_kid == reference.encode()


def test_a_key_without_its_reference_number(at_peer):
    reference, _, key = at_peer.peer.lab.psk.partition(":")
    at_peer.file("psk").write_text(key)
    assert header(at_peer, f"{PSK}, reference: {reference}}}").sender_kid == reference.encode()


def test_what_is_not_hexadecimal_is_told_without_a_word_of_it(at_peer):
    at_peer.file("psk").write_text("4711:swordfish")
    done = at_peer.ask(FRESH, credentials=f"{PSK}, encoding: hex}}").apply()
    assert (done.status, at_peer.peer.requests) == (1, [])
    assert "not written in hexadecimal" in done.err
    assert "swordfish" not in done.err


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("", "CN=lab"),
        (", sender: reference", "CN=lab"),
        (", sender: subject", "CN=web"),
        (", sender: none", ""),
        (', sender: "C=FI, CN=we"', "C=FI, CN=we"),
    ],
)
def test_the_sender_is_as_asked(at_peer, said, name):
    assert sender(at_peer, f"{PSK}{said}}}") == name


def test_the_sender_is_as_the_profile_has_it_unless_the_credential_says(at_peer):
    assert sender(at_peer, f"{PSK}}}", more="profile: 3gpp") == "CN=web"
    at_peer.peer.requests.clear()
    again = entries(entry("generate://pkcs8@ec:p256/out/two", name="web", output="out/two"))
    assert sender(at_peer, f"{PSK}, sender: reference}}", more="profile: 3gpp", items=again) == "CN=lab"


@pytest.mark.parametrize(("said", "kid"), [("lab", b"lab"), ("0x6c6162", b"lab"), ("none", None)])
def test_the_sender_kid_is_as_asked(at_peer, said, kid):
    at_peer.ask(FRESH, credentials=f"{PSK}, sender_kid: {said}}}").apply()
    assert requests(at_peer)[0].header.sender_kid == kid


@pytest.mark.parametrize(("often", "counts"), [("always", [1, 1]), ("first", [1, 0])])
def test_further_certificates_go_along(at_peer, often, counts):
    at_peer.ask(FRESH, credentials=f"{PSK}, extra_certs: ca.pem}}", more=f"send_extra_certs: {often}").apply()
    sent = [message.extra_certs for message in requests(at_peer)]
    assert [len(each) for each in sent] == counts
    assert sent[0] == (at_peer.peer.lab.ca_certificate,)


def test_a_signer_sends_its_own_certificate_first(at_peer):
    at_peer.ask(FRESH).apply()
    at_peer.peer.requests.clear()
    op = 'op: {certificate: out/web-0.crt, key: "file:out/web.prv", extra_certs: [ca.pem]}'
    row = entries(entry("generate://pkcs8@ec:p256/out/two", name="two", output="out/two", more=", credential: op"))
    for often, counts in (("always", [2, 2]), ("first", [2, 0])):
        text = row.replace("two", often)
        done = at_peer.ask(text, credentials=f"{PSK}}}\n  {op}", more=f"send_extra_certs: {often}").apply()
        assert done.summary == {"issued": 1}
        sent = [message.extra_certs for message in requests(at_peer)]
        assert [len(each) for each in sent] == counts
        assert sent[0][1] == at_peer.peer.lab.ca_certificate
        at_peer.peer.requests.clear()


@pytest.mark.parametrize("said", [True, False])
def test_the_time_is_said_unless_it_is_not_wanted(at_peer, said):
    told = header(at_peer, f"{PSK}}}", more=f"message_time: {str(said).lower()}")
    assert (told.message_time is not None) is said


@pytest.mark.parametrize(
    ("profile", "kind", "implicit"),
    [("siemens", PBMAC1, True), ("keon", PASSWORD_BASED_MAC, False), ("openssl", PASSWORD_BASED_MAC, False)],
)
def test_a_profile_sets_what_is_not_said(at_peer, profile, kind, implicit):
    at_peer.ask(FRESH, credentials=f"{PSK}}}", more=f"profile: {profile}").apply()
    told = requests(at_peer)[0].header
    assert told.protection_alg.algorithm == kind
    assert bool(told.general_info) is implicit
    if profile == "keon":
        assert HASHES[decode(PBMParameter, told.protection_alg.parameters).owf.algorithm] == "sha1"


def test_what_is_said_wins_over_the_profile(at_peer):
    more = "profile: siemens\n    implicit_confirm: false"
    at_peer.ask(FRESH, credentials=f"{PSK}, iterations: 700}}", more=more).apply()
    (message, *_) = requests(at_peer)
    assert (pbmac1(message)[0].iteration_count, message.header.general_info) == (700, ())


def test_plan_shows_what_is_in_effect(at_peer):
    more = "profile: insta\n    tolerate: [other-version]\n    accept: mac"
    at_peer.ask(FRESH, credentials=f"{PSK}, iterations: 700}}", more=more)
    shown = at_peer.plan("--verbose").out
    assert "authority ca: profile insta" in shown
    assert "tolerate          missing-recip-nonce, other-version, signer-without-digital-signature" in shown
    assert "accept            mac\n" in shown
    assert "mac               pbm, sha256, hmac-sha1, 700 iterations (psk)" in shown
    assert "authority" not in at_peer.plan().out


def test_an_unknown_tolerance_is_told_with_the_nearest(at_peer):
    done = at_peer.ask(FRESH, more="tolerate: [missing-recip-nonse]").plan()
    assert done.status == 1
    assert "unknown tolerance 'missing-recip-nonse'" in done.err
    assert "did you mean 'missing-recip-nonce'?" in done.err


def test_an_answer_credential_must_be_a_shared_key(at_peer):
    at_peer.file("op.crt").write_bytes(at_peer.peer.ca)
    at_peer.file("op.key").write_text("")
    credentials = f'{PSK}}}\n  op: {{certificate: op.crt, key: "file:op.key"}}'
    done = at_peer.ask(FRESH, credentials=credentials, more="answer_credential: op").plan()
    assert "'op' is no shared secret" in done.err

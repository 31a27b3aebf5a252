"""Questions about a key's parameters and about languages (RFC 9810 §5.3.19.8, §5.3.19.13), asked of the lab."""

from __future__ import annotations

import subprocess

import pytest
from support.answering import say
from support.requester import Secret

from runner.asn1.cmp import InfoTypeAndValue, PKIMessage
from runner.asn1.infotypes import INFO_TYPES
from runner.asn1.structures import decode

LAB = "authorities:\n  lab: {url: 'lab:'}\n"


def asked(site, more):
    return site.write(f"{LAB}fetches:\n  - {{name: ask, {more}}}\n")


def told(done):
    assert done.outcomes == {"ask": "fetched"}, done.items
    return done.items["ask"]["status_text"]


@pytest.mark.parametrize(
    ("algorithm", "words"),
    [
        ("rsa", "1.2.840.113549.1.1.1, without parameters"),
        ("1.2.840.113549.1.1.1", "1.2.840.113549.1.1.1, without parameters"),
        ("ec", "1.2.840.10045.2.1, 1.2.840.10045.3.1.7"),
        ("dsa", "the CA has no keyPairParamRep to tell"),
    ],
)
def test_what_keys_of_an_algorithm_are_to_be_like(site, algorithm, words):
    assert told(asked(site, f"what: keyPairParamReq, algorithm: {algorithm}").apply()) == words
    assert site.verbs() == {"ask": ("keep", ["done"])}


def test_which_of_our_languages_the_ca_speaks(site):
    assert told(asked(site, "what: suppLangTags, languages: [fi, en]").apply()) == "en"
    asked(site, "what: suppLangTags, languages: [fi]")
    assert site.verbs() == {"ask": ("fetch", ["asked"])}


@pytest.mark.parametrize(
    ("more", "element"),
    [
        ("what: keyPairParamReq, algorithm: ec", "id-ecPublicKey"),
        ("what: suppLangTags, languages: [fi, en]", "UTF8STRING        :fi"),
    ],
)
def test_the_question_is_what_openssl_reads(at_peer, openssl, more, element):
    at_peer.ask(f"fetches:\n  - {{name: ask, {more}}}\n").apply()
    command = [openssl, "asn1parse", "-inform", "DER"]
    read = subprocess.run(command, input=at_peer.peer.requests[0], capture_output=True, check=True).stdout
    assert element in read.decode("latin-1")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("what: keyPairParamReq", "needs algorithm"),
        ("what: suppLangTags", "needs languages"),
        ("what: keyPairParamReq, algorithm: steel", "steel"),
        ("what: caCerts, algorithm: ec", "does not go together"),
        ("what: suppLangTags, languages: [fi], output: out.txt", "does not go together"),
    ],
)
def test_what_cannot_be_asked(site, more, words):
    done = asked(site, more).run("validate", site.path)
    assert done.status == 1
    assert words in done.out


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("30090607 2a8648ce3d0201", "1.2.840.10045.2.1, without parameters"),
        ("300c0607 2a8648ce3d0201 020107", "1.2.840.10045.2.1, 020107"),
    ],
)
def test_what_other_cas_may_say(at_peer, value, line):
    def answers(lab, request, _number):
        reference, _, secret = lab.psk.encode().partition(b":")
        item = InfoTypeAndValue(info_type=INFO_TYPES["keyPairParamRep"], info_value=bytes.fromhex(value))
        return say("genp", (item,), request=decode(PKIMessage, request), by=Secret(reference, secret))

    at_peer.peer.behave = answers
    done = at_peer.ask("fetches:\n  - {name: ask, what: keyPairParamReq, algorithm: ec}\n").apply()
    assert told(done) == line

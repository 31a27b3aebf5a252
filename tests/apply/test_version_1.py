"""`version: 1`: an enrolment and a revocation with a CA of 1999, over TCP as RFC 2510 has it and over HTTP.

The CA's certificates are signed by `cryptography`, its MACs made with hashlib; it shares the codec with us alone.
"""

from __future__ import annotations

import socketserver
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from support.ambient import NOON
from support.answering import CA, REFERENCE, SECRET, error, granted, issued, revoked, say
from support.peers import Reply

from runner.asn1.algorithms import PBMParameter
from runner.asn1.cmp import FAIL_INFO, PKIMessage
from runner.asn1.structures import decode
from runner.asn1.x509 import Extension
from runner.pki.names import parse_name

PKI_MSG, FINAL, PKI_REP = b"\x00", b"\x03", b"\x05"
"""Flags of RFC 2510 §5.2: what we send, negPollRep and finalMsgRep."""
SHA1, HMAC_SHA1 = "1.3.14.3.2.26", "1.3.6.1.5.5.8.1.2"


@pytest.fixture(autouse=True)
def _then(shift):
    """The day on which its certificates are valid."""
    shift(NOON - datetime.now(UTC))


@dataclass
class Ca:
    """It grants what it is asked for; `conf` is what it says to a conf."""

    conf: object = b""
    heard: list = field(default_factory=list)

    def answer(self, octets: bytes) -> bytes:
        message = decode(PKIMessage, octets)
        self.heard.append(message)
        if message.body.name == "ir":
            template = message.body.value[0].cert_req.cert_template
            der = issued(subject=template.subject, subject_public_key_info=template.public_key, extensions=NO_CA)
            return say("ip", granted(der), request=message)
        if message.body.name == "rr":
            return say("rp", revoked(), request=message)
        return self.conf(message) if callable(self.conf) else self.conf

    @property
    def kinds(self):
        return [message.body.name for message in self.heard]


NO_CA = (Extension(extn_id="2.5.29.19", critical=True, extn_value=bytes.fromhex("3000")),)


class _Line(socketserver.StreamRequestHandler):
    def handle(self):
        length = int.from_bytes(self.rfile.read(4), "big")
        body = self.rfile.read(length)
        assert body[:1] == PKI_MSG
        answer = self.server.ca.answer(body[1:])
        body = PKI_REP + answer if answer else FINAL + bytes(4)
        self.wfile.write(len(body).to_bytes(4, "big") + body)


@pytest.fixture
def tcp():
    """A CA that speaks RFC 2510 over TCP; its URL."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Line) as server:
        server.ca = Ca()
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
        thread.start()
        yield server.ca, f"tcp://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def written(site, url, items, more=""):
    site.file("ca.pem").write_bytes(CA.certificate.public_bytes(Encoding.PEM))
    site.file("psk").write_text(f"{REFERENCE.decode()}:{SECRET.decode()}\n")
    name = parse_name(CA.ours.subject.text).text
    return site.write(f"""
authorities:
  ca: {{url: "{url}", name: "{name}", trust: [ca.pem], credential: psk, version: 1,
       limits: {{timeout: 5s, retries: 0}}{more}}}
credentials:
  psk: {{psk: {{file: psk}}}}
{items}
""")


WEB = """enrollments:
  - {name: web, subject: CN=web, key: "generate://pkcs8@ec:p256/out/web", output: out/web}
"""


def test_conf_over_tcp_is_answered_by_no_message(site, tcp, openssl):
    ca, url = tcp
    done = written(site, url, WEB, ", tcp: {framing: rfc2510}").apply()
    assert (done.status, done.outcomes) == (0, {"web": "issued"}), done
    assert ca.kinds == ["ir", "pkiconf"]
    assert {message.header.pvno for message in ca.heard} == {1}
    assert ca.heard[1].header.sender_nonce == ca.heard[0].header.sender_nonce
    assert site.file("out/web-0.crt").exists()
    assert site.apply().outcomes == {"web": "unchanged"}


def test_the_mac_is_that_of_rfc_2510_where_nothing_else_is_said(site, tcp):
    ca, url = tcp
    written(site, url, WEB, ", tcp: {framing: rfc2510}").apply()
    parameters = decode(PBMParameter, ca.heard[0].header.protection_alg.parameters)
    assert (parameters.owf.algorithm, parameters.mac.algorithm) == (SHA1, HMAC_SHA1)


def over_http(at_peer, conf):
    ca = Ca(conf)

    def behave(_lab, octets, _number):
        answer = ca.answer(octets)
        return answer if isinstance(answer, Reply | bytes) else Reply()

    at_peer.peer.behave = behave
    return ca


def denies(message):
    return say("error", error("rejection", "too late", bits=(FAIL_INFO.index("badRequest"),)), request=message)


@pytest.mark.parametrize(
    ("conf", "outcome"),
    [
        (b"", "issued"),
        (lambda message: say("pkiconf", None, request=message), "issued"),
        (lambda message: say("pkiconf", None, request=message, by=None), "issued"),
        (lambda message: say("pkiconf", None, request=message, recip_nonce=b"n" * 16), "issued"),
        (b"\x30\x03\x02\x01\x00", "issued"),
        (denies, "failed"),
        (lambda message: say("error", error(bits=(2,)), request=message, by=None), "unknown"),
    ],
    ids=["nothing", "pkiconf", "unprotected", "of another", "noise", "an authentic no", "somebody's no"],
)
def test_whatever_answers_conf_over_http_but_a_no_is_as_good_as_nothing(at_peer, conf, outcome):
    ca = over_http(at_peer, conf)
    done = written(at_peer, at_peer.peer.url, WEB).apply()
    assert done.outcomes == {"web": outcome}, done
    assert ca.kinds == ["ir", "pkiconf"]


def test_conf_that_did_not_arrive_is_sent_again(at_peer):
    ca = over_http(at_peer, lambda _: Reply(hangs_up=True))
    assert written(at_peer, at_peer.peer.url, WEB).apply().outcomes == {"web": "unknown"}
    ca.conf = b""
    assert at_peer.apply().outcomes == {"web": "issued"}
    assert ca.kinds == ["ir", "pkiconf", "pkiconf"]
    assert ca.heard[1] == ca.heard[2]


def test_a_certificate_that_is_not_ours_is_not_confirmed(at_peer):
    ca = over_http(at_peer, b"")
    honest = ca.answer

    def other_key(octets):
        message = decode(PKIMessage, octets)
        return say("ip", granted(issued()), request=message) if message.body.name == "ir" else honest(octets)

    ca.answer = other_key
    done = written(at_peer, at_peer.peer.url, WEB).apply()
    assert done.outcomes == {"web": "failed"}
    assert "for another key" in done.error("web")
    assert ca.kinds == []


REVOKE = """revocations:
  - {name: old, authority: ca, issuer: "CN=Plant CA", serial: 4711, reason: keyCompromise}
"""


def test_a_revocation_says_its_reason_in_a_field(at_peer):
    ca = over_http(at_peer, b"")
    done = written(at_peer, at_peer.peer.url, REVOKE).apply()
    assert done.outcomes == {"old": "revoked"}, done
    (details,) = ca.heard[0].body.value
    assert (ca.heard[0].header.pvno, details.revocation_reason) == (1, {1})


def test_what_version_1_does_not_have_is_refused(site):
    done = written(site, "http://ca.example", WEB, ", implicit_confirm: true, batching: {size: 4}").run(
        "validate", site.path
    )
    assert done.status == 1
    for key in ("implicit_confirm", "batching"):
        assert f"{key}: CMP version 1 does not have it" in done.out

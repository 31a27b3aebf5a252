"""kill -9 at every durable act of a tunnel: no request of others is lost, none is enrolled twice."""

from __future__ import annotations

import pytest
from cryptography import x509
from support.requester import Requester, Secret, cert_req, new_key, spki

from runner.asn1.cmp import PKIMessage
from runner.asn1.crmf import CERT_REQ_MESSAGES
from runner.asn1.structures import decode
from runner.ra.reading import read_submission

MANIFEST = """\
apiVersion: cmp-batch/v1
authorities:
  ca: {url: "URL", trust: [ca.pem], credential: psk, limits: {retries: 0}}
credentials:
  psk: {psk: {env: CA_PSK}, iterations: 100, ra: true}
"""
DESK = """\
  desk: {ra_certificate: out/desk-0.crt, key: "file:out/desk.prv"}
enrollments:
  - name: desk
    subject: CN=RA
    key: "generate://pkcs8@ec:p256/out/desk"
    output: out/desk
"""
TUNNEL = """\
tunnels:
  - {name: line, credential: CREDENTIAL, requests: in, output: answers, psks: {file: psks}, trust: [ca.pem],
     forward: FORWARD, approve: {names: [any]}}
"""


def prepared(site, form, forward="replace"):
    """A tunnel whose RA has its certificate, and a request that waits."""
    made = site()
    made.path("psks").write_text("dev:device secret\n")
    made.path("in").mkdir()
    text = MANIFEST.replace("URL", made.peer.url)
    if forward == "nested":
        text += DESK
        made.path("m.yaml").write_text(text)
        assert made.apply()["status"] == 0, made.said
    made.before = len(made.issued)
    credential = "desk" if forward == "nested" else "psk"
    tunnel = TUNNEL.replace("FORWARD", forward).replace("CREDENTIAL", credential)
    made.path("m.yaml").write_text(text + tunnel)
    made.device = Requester(made.peer.lab, Secret(b"dev", b"device secret"))
    made.key = new_key()
    if form == "crmf":
        octets = CERT_REQ_MESSAGES.encode((cert_req(made.key),))
    elif forward == "nested":
        reference, _, secret = made.peer.lab.psk.partition(":")
        made.path("psks").write_text(made.peer.lab.psk)
        made.device = Requester(made.peer.lab, Secret(reference.encode(), secret.encode()))
        octets = made.device.message("ir", (cert_req(made.key),))
    else:
        octets = made.device.message("ir", (cert_req(made.key),))
    made.path("in/dev.der").write_bytes(octets)
    return made


CASES = {
    "ir": ("cmp", "replace", ["sent", "issued", "confirmed", "forwarded"]),
    "crmf": ("crmf", "replace", ["sent", "issued", "confirmed", "forwarded"]),
    "nested": ("cmp", "nested", ["sent", "confirmed", "forwarded"]),
}


def all_is_well(made, form):
    assert len(made.issued) == made.before + 1
    assert not made.inventory.open
    assert made.inventory.held["line/dev.der"].outcome == "forwarded"
    certificate = x509.load_pem_x509_certificate(made.path("answers/dev.der.crt").read_bytes())
    assert certificate.public_key() == made.key.public_key()
    if form == "cmp":
        answer = decode(PKIMessage, made.path("answers/dev.der.answer.der").read_bytes())
        asked = read_submission(made.path("in/dev.der").read_bytes()).header
        assert (answer.header.transaction_id, answer.header.recip_nonce) == (asked.transaction_id, asked.sender_nonce)
        assert spki(made.key) in answer.body.value.response[0].certified_key_pair.cert_or_enc_cert.value


@pytest.mark.parametrize("case", CASES)
def test_kill_9_at_every_durable_act(site, case):
    form, forward, stages = CASES[case]
    rehearsal = prepared(site, form, forward).apply()
    assert rehearsal["status"] == 0
    moments = rehearsal["moments"]
    found = [words.removeprefix("after commit ") for words in moments if words.startswith("after commit ")]
    assert found == stages
    for number in (n for n, words in enumerate(moments) if words.startswith("before") or "commit" in words):
        made = prepared(site, form, forward)
        assert made.apply(kill_at=number)["status"] == -9, made.said
        made.converge()
        all_is_well(made, form)


@pytest.mark.parametrize("case", ["ir", "nested"])
def test_a_request_whose_file_went_away_is_still_finished(site, case):
    form, forward, _ = CASES[case]
    moments = prepared(site, form, forward).apply()["moments"]
    made = prepared(site, form, forward)
    assert made.apply(kill_at=moments.index("after commit confirmed"))["status"] == -9
    octets = made.path("in/dev.der").read_bytes()
    made.path("in/dev.der").unlink()
    made.converge()
    made.path("in/dev.der").write_bytes(octets)
    assert made.apply()["status"] == 0
    all_is_well(made, form)


BATCH = """\
tunnels:
  - {name: line, credential: desk, requests: in, output: answers, psks: {file: psks}, trust: [ca.pem],
     forward: nested, batch: 3, approve: {names: [any]}}
"""


def batched(site):
    """Three requests that go to the CA in one message; their keys, by file."""
    made = prepared(site, "nested", "nested")
    text = made.path("m.yaml").read_text()
    made.path("m.yaml").write_text(text[: text.index("tunnels:")] + BATCH)
    made.path("in/dev.der").unlink()
    reference, _, secret = made.peer.lab.psk.partition(":")
    made.keys = {f"{number}.der": new_key() for number in range(3)}
    for name, key in made.keys.items():
        device = Requester(made.peer.lab, Secret(reference.encode(), secret.encode()))
        made.path(f"in/{name}").write_bytes(device.message("ir", (cert_req(key),)))
    return made


def test_kill_9_in_the_midst_of_a_batch(site):
    """Each is in the journal by itself: whatever the batch became, everybody has one certificate and its answer."""
    moments = batched(site).apply()["moments"]
    commits = [number for number, words in enumerate(moments) if "commit" in words]
    assert any("sent" in moments[number] for number in commits)
    for number in commits:
        made = batched(site)
        assert made.apply(kill_at=number)["status"] == -9, made.said
        made.converge()
        assert len(made.issued) == made.before + 3
        assert not made.inventory.open
        for name, key in made.keys.items():
            answer = decode(PKIMessage, made.path(f"answers/{name}.answer.der").read_bytes())
            assert spki(key) in answer.body.value.response[0].certified_key_pair.cert_or_enc_cert.value

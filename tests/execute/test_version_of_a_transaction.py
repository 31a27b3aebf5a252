"""The version of CMP is chosen with the first message, for the whole transaction: 3 where hashAlg may be needed.

RFC 9810 §7: cmp2021 where a certificate's signature names no hash, so that certConf has to (§5.3.18). A transaction
goes on in the version in which it began, whatever the manifest says by then.
"""

from __future__ import annotations

import pytest
from support.stage import ONE

from runner.asn1.cmp import PKIMessage
from runner.asn1.structures import decode
from runner.execute.results import Outcome

HOUR = 3600
P10CR = ONE.replace("output:", "request: p10cr, output:")
UPDATE = """\
updates:
  - {name: two, certificate: out/web-0.crt, key: out/web.prv, new_key: "generate://pkcs8@ec:p256/two", output: out/two}
"""


def versions(stage):
    return {decode(PKIMessage, octets).header.pvno for _, _, octets in stage.ca.sent}


def certconf(stage):
    told = [decode(PKIMessage, octets).body for _, kind, octets in stage.ca.sent if kind == "certConf"]
    return [status for body in told for status in body.value]


@pytest.mark.parametrize("items", [ONE, P10CR], ids=["cr", "p10cr"])
@pytest.mark.parametrize(
    ("kind", "pvno"),
    [
        ("ml-dsa-44", 3),
        ("ml-dsa-65", 3),
        ("ml-dsa-87", 3),
        ("ed25519", 2),
        ("ed448", 2),
        ("ec:p256", 2),
        ("rsa:2048", 2),
    ],
)
def test_a_ca_whose_signatures_name_no_hash_is_spoken_to_in_version_3(ruled, kind, pvno, items):
    stage = ruled(ca_key=kind, implicit_confirm=False).write(items)
    assert stage.result().outcome is Outcome.ISSUED
    assert versions(stage) == {pvno}
    (status,) = certconf(stage)
    assert (status.hash_alg is not None) is (pvno == 3)


def test_an_update_and_a_revocation(ruled):
    stage = ruled(ca_key="ml-dsa-44")
    stage.result()
    stage.ca.sent.clear()
    stage.write(UPDATE)
    assert stage.result().outcome is Outcome.UPDATED
    assert versions(stage) == {3}
    stage.ca.sent.clear()
    stage.write("revocations:\n  - {name: gone, certificate: out/web-0.crt}\n")
    assert stage.result().outcome is Outcome.REVOKED
    assert versions(stage) == {2}


def test_who_was_told_version_1_stays_with_it(ruled):
    stage = ruled(ca_key="ml-dsa-44").write(ONE)
    stage.edit("trust: [ca.pem]", "trust: [ca.pem], version: 1")
    assert stage.result().outcome is Outcome.ISSUED
    assert versions(stage) == {1}


def test_where_the_ca_is_not_known_it_is_told_what_to_say(ruled):
    """Nothing names a certificate of the CA: version 2 is spoken, and cannot say which hash certConf has.

    The lab believes none that is not said, and refuses; it has issued the certificate by then.
    """
    stage = ruled(ca_key="ml-dsa-44", implicit_confirm=False, signed_answers=False)
    stage.edit("trust: [ca.pem], ", "")
    result = stage.result()
    assert (result.outcome, versions(stage)) == (Outcome.FAILED, {2})
    assert "version: 3" in result.failure.next_step
    stage.edit("credential: psk", "version: 3, credential: psk")
    assert stage.result().outcome is Outcome.ISSUED


@pytest.mark.parametrize("version", [2, 3])
def test_a_transaction_goes_on_in_the_version_in_which_it_began(ruled, version):
    stage = ruled(waiting_polls=1, check_after=HOUR, implicit_confirm=False).write(ONE, max_wait="10s")
    stage.edit("trust: [ca.pem]", f"trust: [ca.pem], version: {version}")
    assert stage.result().outcome is Outcome.PENDING
    stage.edit(f"version: {version}", f"version: {5 - version}")
    stage.loop.jump(HOUR)
    assert stage.result().outcome is Outcome.ISSUED
    assert versions(stage) == {version}

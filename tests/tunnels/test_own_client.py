"""Our own `apply` as a device behind `tunnel serve`: what it asks for goes through the RA to the CA, and comes back."""

from __future__ import annotations

import pytest
from support.site import Site

from runner.asn1.cmp import PKIMessage
from runner.asn1.structures import decode

MANIFEST = """
authorities:
  ra: {{url: "{url}", name: "CN=RA", trust: [ca.pem], credential: {credential}, limits: {{retries: 0, timeout: 20s}}}}
credentials:
  secret: {{psk: {{file: psk}}, iterations: 1000}}
  own: {{certificate: out/dev-0.crt, key: "file:out/dev.prv"}}
{items}
"""
DEVICE = 'enrollments:\n  - {name: dev, subject: CN=dev-1, key: "generate://pkcs8@ec:p256/out/dev", output: out/dev}\n'


class Device(Site):
    """The folder of a device, whose authority is a tunnel."""

    url = ""

    def ask(self, items, credential="secret"):
        return self.write(MANIFEST.format(url=self.url, items=items, credential=credential))


@pytest.fixture
def device(tmp_path, capsys, served):
    (tmp_path / "device").mkdir()
    made = Device(tmp_path / "device", capsys.readouterr)
    made.url = served.start().url
    made.file("ca.pem").write_bytes(served.peer.ca)
    made.file("psk").write_text("dev:device secret\n")
    return made


def bodies(peer):
    return [decode(PKIMessage, octets).body.name for octets in peer.requests]


def test_a_life_through_the_ra(device, served):
    """Enrolled by a secret, confirmed, updated with a new key, revoked: each message once at the CA."""
    done = device.ask(DEVICE).apply()
    assert (done.status, done.outcomes) == (0, {"dev": "issued"}), done.items
    assert bodies(served.peer) == ["ir", "certConf"]
    update = (
        'updates:\n  - {name: again, certificate: out/dev-0.crt, key: "file:out/dev.prv", '
        'new_key: "generate://pkcs8@ec:p256/out/new", output: out/new}\n'
    )
    done = device.ask(DEVICE + update, "own").apply()
    assert done.outcomes["again"] == "updated", done.items
    revoke = 'revocations:\n  - {name: old, certificate: out/new-0.crt, key: "file:out/new.prv", reason: superseded}\n'
    done = device.ask(DEVICE + update + revoke, "own").apply()
    assert done.outcomes["old"] == "revoked", done.items


def test_what_the_ra_refuses_is_told_in_its_own_words(device, served):
    served.stop()
    device.url = served.start('["CN=gate-*"]').url
    done = device.ask(DEVICE).apply()
    assert (done.status, done.outcomes) == (3, {"dev": "failed"})
    assert "not among those that are certified through here" in done.error("dev")
    assert bodies(served.peer) == []


def test_a_device_that_was_cut_off_goes_on(device, served):
    """The CA is away when certConf comes: the next apply of the device finishes the transaction."""
    honest = served.peer.behave
    served.peer.behave = lambda lab, octets, number: honest(lab, octets, number) if number != 1 else b"nonsense"
    first = device.ask(DEVICE).apply()
    assert (first.status, first.outcomes) == (5, {"dev": "unknown"}), first.items
    assert first.items["dev"]["fail_info"] == ["systemUnavail"]
    served.peer.behave = honest
    done = device.ask(DEVICE).apply()
    assert done.outcomes == {"dev": "issued"}, done.items
    assert bodies(served.peer) == ["ir", "certConf", "certConf"]
    assert len(list(served.peer.lab._office.ledger.certificates())) == 2  # the RA's own, and this one

"""--prune on a real disk and with a CA: what the manifests do not have any more is revoked or forgotten, once."""

from __future__ import annotations

import pytest

from runner.pki.crls import parse_crl

TWO = """\
enrollments:
  - {name: web, subject: "C=FI, CN=web", key: "generate://pkcs8@ec:p256/out/web", output: out/web}
  - {name: gone, subject: "C=FI, CN=gone", key: "generate://pkcs8@ec:p256/out/gone", output: out/gone, on_remove: WHAT}
"""
ONE = TWO[: TWO.index("  - {name: gone")]


@pytest.fixture
def after(stage):
    """`after("revoke")` → a stage that has issued two, whose manifest has lost one since."""

    def made(what):
        stage.write(TWO.replace("WHAT", what))
        assert stage.outcomes() == {"web": "issued", "gone": "issued"}
        return stage.write(ONE)

    return made


def test_nothing_is_pruned_by_default(after):
    stage = after("revoke")
    sent = len(stage.ca.sent)
    assert stage.verbs() == {"web": "keep"}
    assert stage.outcomes() == {"web": "unchanged"}
    assert len(stage.ca.sent) == sent
    assert "gone" in stage.inventory.held


def test_it_is_revoked_under_the_credential_that_it_had(after):
    stage = after("revoke")
    serial = stage.certificate("out/gone-0.crt").serial
    assert stage.verbs(prune=True) == {"web": "keep", "gone": "revoke"}
    assert stage.outcomes(prune=True) == {"web": "unchanged", "gone": "revoked"}
    assert stage.ca.kinds[-1] == "rr"
    assert serial in parse_crl(stage.ca.lab.crl).revoked
    assert stage.verbs(prune=True) == {"web": "keep"}
    assert stage.path("out/gone-0.crt").exists()


def test_it_is_known_as_revoked_if_its_entry_comes_back(after):
    stage = after("revoke")
    stage.apply(prune=True)
    stage.write(TWO.replace("WHAT", "revoke"))
    assert stage.codes()["gone"] == ["revoked"]


def test_it_is_forgotten(after):
    stage = after("forget")
    sent = len(stage.ca.sent)
    assert stage.outcomes(prune=True) == {"web": "unchanged", "gone": "unchanged"}
    assert "gone" not in stage.inventory.held
    assert len(stage.ca.sent) == sent
    assert stage.path("out/gone.prv").exists()
    assert stage.verbs(prune=True) == {"web": "keep"}


def test_what_the_entry_said_last_is_remembered(stage):
    stage.write(TWO.replace("WHAT", "keep"))
    stage.apply()
    stage.write(TWO.replace("WHAT", "revoke"))
    assert stage.outcomes() == {"web": "unchanged", "gone": "unchanged"}
    assert stage.inventory.held["gone"].on_remove == "revoke"
    stage.write(ONE)
    assert stage.verbs(prune=True)["gone"] == "revoke"


def test_a_refusal_leaves_it_held(after):
    stage = after("revoke")
    stage.environ["CA_PSK"] = "nobody:wrong"
    assert stage.outcomes(prune=True)["gone"] in ("failed", "unknown")
    assert "gone" in stage.inventory.held

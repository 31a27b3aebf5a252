"""Files put right and pairs taken in, on a real disk: the plan names it, apply mends it, then all is quiet."""

from __future__ import annotations

import shutil
from datetime import timedelta

import pytest

from runner.execute.observe import observe
from runner.plan.standing import crl_notes
from runner.state.inventory import Held

ALL = """\
enrollments:
  - name: web
    subject: C=FI, CN=web
    key: generate://pkcs8@ec:p256/out/web
    output:
      prefix: out/web
      full_chain: out/full.pem
      trust: out/trust.pem
      pkcs12: {file: out/web.p12, passphrase: {env: P12}}
"""
QUIET = {"web": "keep"}


@pytest.fixture
def held(stage):
    """A stage where everything was issued and installed."""
    stage.environ["P12"] = "hunter2"
    stage.write(ALL)
    assert stage.outcomes() == {"web": "issued"}
    assert stage.verbs() == QUIET
    return stage


def chmod(name, mode):
    return lambda stage: stage.path(name).chmod(mode)


def cut(name):
    return lambda stage: stage.path(name).write_bytes(b"-----BEGIN NOTHING-----\n")


def delete(name):
    return lambda stage: stage.path(name).unlink()


def der(stage):
    """The certificate in another format than asked for."""
    stage.path("out/web-0.crt").write_bytes(stage.certificate("out/web-0.crt").der)


DAMAGES = {
    "mode of the certificate": (chmod("out/web-0.crt", 0o600), ["mode"]),
    "mode of the key": (chmod("out/web.prv", 0o644), ["mode"]),
    "mode of the store": (chmod("out/web.p12", 0o644), ["mode"]),
    "mode of the chain": (chmod("out/full.pem", 0o600), ["mode"]),
    "format": (der, ["format"]),
    "chain lost": (delete("out/full.pem"), ["file-missing"]),
    "chain cut": (cut("out/full.pem"), ["file-different"]),
    "bundle cut": (cut("out/trust.pem"), ["file-different"]),
    "CA lost": (delete("out/web-0.ca"), ["file-missing"]),
    "CA cut": (cut("out/web-0.ca"), ["file-different"]),
    "store lost": (delete("out/web.p12"), ["file-missing"]),
    "store cut": (cut("out/web.p12"), ["store-different"]),
    "certificate lost": (delete("out/web-0.crt"), ["certificate-missing"]),
    "certificate cut": (cut("out/web-0.crt"), ["certificate-damaged"]),
}


@pytest.mark.parametrize(("damage", "codes"), DAMAGES.values(), ids=DAMAGES)
def test_what_was_damaged_is_named_and_mended_without_the_ca(held, damage, codes):
    asked, key = len(held.ca.sent), held.path("out/web.prv").read_bytes()
    damage(held)
    assert (held.verbs(), held.codes()) == ({"web": "reinstall"}, {"web": codes})
    result = held.result()
    assert result.outcome.value == "unchanged"
    assert result.warnings
    assert held.verbs() == QUIET
    assert len(held.ca.sent) == asked
    assert held.path("out/web.prv").read_bytes() == key


def test_everything_at_once(held):
    for damage, _ in list(DAMAGES.values())[:7]:
        damage(held)
    assert held.verbs() == {"web": "reinstall"}
    held.apply()
    assert held.verbs() == QUIET


def test_a_pair_without_state_is_adopted_and_then_ours(held):
    shutil.rmtree(held.state.parent)
    held.edit("\n      pkcs12: {file: out/web.p12, passphrase: {env: P12}}", "")
    held.path("out/web.p12").unlink()
    before, asked = held.inventory, len(held.ca.sent)
    assert (held.verbs(), held.codes(), before.held) == ({"web": "adopt"}, {"web": ["not-in-state"]}, {})
    assert held.outcomes() == {"web": "unchanged"}
    assert held.verbs() == QUIET
    assert len(held.ca.sent) == asked
    mine = held.inventory.held["web"]
    assert isinstance(mine, Held)
    assert (mine.outcome, mine.certificate) == ("adopted", held.certificate("out/web-0.crt").der)
    assert mine.chain == held.certificate("out/web-0.ca").der
    held.path("out/web-0.ca").unlink()
    assert held.codes() == {"web": ["file-missing"]}


def test_a_pair_that_is_adopted_gets_its_files_right_in_the_same_run(held):
    shutil.rmtree(held.state.parent)
    held.edit("\n      pkcs12: {file: out/web.p12, passphrase: {env: P12}}", "")
    held.path("out/full.pem").unlink()
    held.path("out/web-0.crt").chmod(0o600)
    assert held.codes() == {"web": ["not-in-state", "file-missing", "mode"]}
    held.apply()
    assert held.verbs() == QUIET


def test_another_root_means_another_certificate(held):
    """The authority's trust was exchanged: what leads to the old root is requested anew."""
    from support.planning import ca

    from runner.pki.certificates import to_pem

    held.path("ca.pem").write_bytes(to_pem(ca("Another root")))
    assert held.codes() == {"web": ["issuer"]}


def test_a_crl_that_the_ca_signed_is_believed(held):
    held.write(ALL, trust="crl: ca.crl,").path("ca.crl").write_bytes(held.ca.lab.crl)
    assert held.verbs() == QUIET
    shutil.copy(held.path("out/web-0.crt"), held.path("copy.crt"))
    held.write(ALL + "revocations:\n  - {name: gone, certificate: copy.crt}\n", trust="crl: ca.crl,")
    assert held.outcomes() == {"web": "unchanged", "gone": "revoked"}
    shutil.rmtree(held.state.parent)  # from here on only the CRL knows
    held.write(ALL, trust="crl: ca.crl,").path("out/web.p12").unlink()
    assert held.codes() == {"web": ["not-in-state", "file-missing"]}
    held.path("ca.crl").write_bytes(held.ca.lab.crl)
    assert (held.verbs(), held.codes()) == ({"web": "enroll"}, {"web": ["revoked"]})


def test_a_crl_that_somebody_else_signed_is_not_believed(held):
    from support.planning import crl

    name = held.certificate("out/web-0.crt").issuer.text.rpartition("CN=")[2]
    forged = crl([held.certificate("out/web-0.crt").serial], issuer=name)
    held.write(ALL, trust="crl: ca.crl,").path("ca.crl").write_bytes(forged)
    assert held.verbs() == QUIET
    (note,) = held.plan().notes
    assert "is not used: nothing that the authority is trusted by has signed" in note
    held.path("ca.crl").write_bytes(b"no CRL")
    assert "there is no CRL in it" in held.plan().notes[0] or "neither DER nor PEM" in held.plan().notes[0]


def test_a_crl_that_is_out_of_date_is_believed_and_told(held):
    held.write(ALL, trust="crl: ca.crl,").path("ca.crl").write_bytes(held.ca.lab.crl)
    assert held.plan().notes == ()
    facts = observe(held.document(), held.guard)
    (note,) = crl_notes(facts, held.clock.now() + timedelta(days=400))
    assert "is out of date since" in note

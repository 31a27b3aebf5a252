"""KEM-based MACs in their three flows with the lab CA, which was built from RFC 9810 apart from the client."""

from __future__ import annotations

import pytest
from support.archive import is_a_pair
from support.site import entries, entry

from runner.asn1.cmp import PKIMessage
from runner.asn1.structures import decode
from runner.cli.main import main

KEM_BASED_MAC = "1.2.840.113533.7.66.16"
OPERATOR = entry("generate://pkcs8@{kind}/out/op", name="op", output="out/op")
CREDENTIAL = 'credentials: {op: {kem_certificate: out/op-0.crt, key: "file:out/op.prv"}}\n'


def lab(more=""):
    return f'authorities: {{lab: {{url: "lab:"{more}}}}}\n'


def talked(site, text, folder="trace"):
    """What came of it, and (body type, protectionAlg) of every message, one after the other."""
    done = site.write(text).apply("--trace", site.folder / folder)
    files = sorted((site.folder / folder).glob("*.der"), key=lambda path: (path.name[:6], "answer" in path.name))
    messages = [decode(PKIMessage, path.read_bytes()) for path in files]
    return done, [(m.body.name, getattr(m.header.protection_alg, "algorithm", None)) for m in messages]


@pytest.mark.parametrize("kind", ["ml-kem-768", "ml-kem-1024"])
def test_who_has_a_kem_certificate_protects_by_what_the_lab_encapsulates(site, openssl, kind):
    operator = OPERATOR.replace("{kind}", kind)
    done, _ = talked(site, lab() + entries(operator), "first")
    assert done.outcomes == {"op": "issued"}, done.items
    done, messages = talked(site, lab() + CREDENTIAL + entries(operator, entry(more=", credential: op")))
    assert done.outcomes == {"op": "unchanged", "web": "issued"}, done.items
    kinds = [kind for kind, _ in messages]
    assert kinds == ["genm", "genp", "cr", "cp", "certConf", "pkiconf"]
    assert [algorithm for _, algorithm in messages[:2]] == [None, None]
    ours, answers = messages[2::2], messages[3::2]
    assert {algorithm for _, algorithm in ours} == {KEM_BASED_MAC}
    assert KEM_BASED_MAC not in {algorithm for _, algorithm in answers}
    site.file("out/web.crt").write_bytes(site.file("out/web-0.crt").read_bytes())
    assert is_a_pair(site, openssl, "out/web")


def test_a_kem_certificate_revokes_itself_and_no_other(site):
    operator = OPERATOR.replace("{kind}", "ml-kem-768")
    assert talked(site, lab() + entries(operator, entry()), "first")[0].summary == {"issued": 2}
    revoked = "revocations:\n  - {name: %s, certificate: out/%s-0.crt, credential: op, reason: superseded}\n"
    done, _ = talked(site, lab() + CREDENTIAL + revoked % ("web", "web"), "second")
    assert done.outcomes == {"web": "failed"}
    assert "notAuthorized" in done.error("web")
    done, messages = talked(site, lab() + CREDENTIAL + revoked % ("op", "op"))
    assert done.outcomes == {"op": "revoked"}, done.items
    assert ("rr", KEM_BASED_MAC) in messages


def test_a_revoked_kem_certificate_gets_no_ciphertext(site):
    operator = OPERATOR.replace("{kind}", "ml-kem-768")
    talked(site, lab() + entries(operator), "first")
    revoked = "revocations:\n  - {name: op, certificate: out/op-0.crt, reason: keyCompromise}\n"
    assert talked(site, lab() + revoked, "second")[0].outcomes == {"op": "revoked"}
    done, _ = talked(site, lab() + CREDENTIAL + entries(entry(more=", credential: op")))
    assert done.outcomes["web"] == "failed"
    assert "certRevoked" in done.error("web")


def test_the_lab_has_a_kem_key_that_the_manifest_names(site, capsys):
    folder = site.folder / ".cmp-batch" / "lab"
    assert main(["lab", "kem", "--dir", str(folder)]) == 0
    assert capsys.readouterr().out == f"KEM certificate {folder / 'kem.pem'}\n"
    done, messages = talked(site, lab(", kem_certificate: .cmp-batch/lab/kem.pem") + entries(entry()))
    assert done.outcomes == {"web": "issued"}, done.items
    assert [algorithm for kind, algorithm in messages if kind in ("ip", "pkiconf")] == [KEM_BASED_MAC] * 2


def test_the_lab_announces_its_kem_key(site):
    done, messages = talked(site, lab(", lab: {announce_kem: true}") + entries(entry()))
    assert done.outcomes == {"web": "issued"}, done.items
    assert [kind for kind, _ in messages] == ["ir", "error", "ir", "ip", "certConf", "pkiconf"]
    assert messages[1][1] is None
    assert {algorithm for kind, algorithm in messages if kind in ("ip", "pkiconf")} == {KEM_BASED_MAC}


def test_both_have_kem_keys(site, capsys):
    folder = site.folder / ".cmp-batch" / "lab"
    assert main(["lab", "kem", "--dir", str(folder)]) == 0
    operator = OPERATOR.replace("{kind}", "ml-kem-768")
    authority = lab(", kem_certificate: .cmp-batch/lab/kem.pem")
    talked(site, authority + entries(operator), "first")
    done, messages = talked(site, authority + CREDENTIAL + entries(operator, entry(more=", credential: op")))
    assert done.outcomes["web"] == "issued", done.items
    assert {algorithm for _, algorithm in messages[2:]} == {KEM_BASED_MAC}


def test_what_waits_and_what_is_put_off_keeps_its_secret(site):
    """The secret is the transaction's, over several processes."""
    operator = OPERATOR.replace("{kind}", "ml-kem-768")
    talked(site, lab() + entries(operator), "first")
    manners = ", lab: {waiting_polls: 2, check_after: 0, delays: [certConf]}, polling: {max_wait: %s}"
    items = CREDENTIAL + entries(operator, entry(more=", credential: op"))
    assert talked(site, lab(manners % "0s") + items, "second")[0].outcomes["web"] == "pending"
    done, _ = talked(site, lab(manners % "10s") + items)
    assert done.outcomes["web"] == "issued", done.items

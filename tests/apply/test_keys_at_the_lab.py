"""Keys made, kept, given back and proved at the lab CA, which was built from the standards alone: client against lab.

Two implementations that share the codec meet here; `openssl` judges the pairs on the disk.
"""

from __future__ import annotations

import pytest
from support.archive import is_a_pair
from support.site import entries, entry

from runner.asn1.cmp import PKIMessage
from runner.asn1.structures import decode

LAB = "authorities: {lab: {url: lab:, version: %d%s}}\n"


def lab(version=3, more=""):
    return LAB % (version, more)


def traced(site, text):
    """What came of it, and the body types that went over the wire."""
    done = site.write(text).apply("--trace", site.folder / "trace")
    files = sorted((site.folder / "trace").glob("*.der"))
    return done, {decode(PKIMessage, path.read_bytes()).body.name for path in files}


def pair(site, openssl, name="web"):
    site.file(f"out/{name}.crt").write_bytes(site.file(f"out/{name}-0.crt").read_bytes())
    return is_a_pair(site, openssl, f"out/{name}")


@pytest.mark.parametrize("kind", ["ec:p256", "rsa:2048", "ed25519", "ec:p521"])
def test_the_lab_makes_a_key(site, openssl, kind):
    items = entries(entry(f"generate://pkcs8@{kind}/out/web", more=", key_generation: central"))
    done, bodies = traced(site, lab() + items)
    assert done.outcomes == {"web": "issued"}, done.items
    assert bodies == {"ir", "ip", "certConf", "pkiconf"}
    assert pair(site, openssl)
    assert site.apply().outcomes == {"web": "unchanged"}


def test_the_lab_makes_a_key_of_its_choice(site, openssl):
    items = entries(entry(more=", key_generation: central-any"))
    done, _ = traced(site, lab() + items)
    assert done.outcomes == {"web": "issued"}, done.items
    assert pair(site, openssl)


@pytest.mark.parametrize("version", [2, 3])
def test_the_lab_makes_a_key_for_a_protocol_encryption_key(site, openssl, version):
    items = entries(entry("generate://pkcs8@rsa:2048/out/web", more=", key_generation: central"))
    done, _ = traced(site, lab(version, ", protocol_encryption_key: rsa:2048") + items)
    assert done.outcomes == {"web": "issued"}, done.items
    assert pair(site, openssl)


@pytest.mark.parametrize(
    ("kind", "version"),
    [("rsa:2048", 2), ("rsa:2048", 3), ("ec:p256", 3), ("x25519", 3), ("x448", 3), ("ml-kem-768", 3)],
)
def test_the_lab_challenges(site, kind, version):
    items = entries(entry(f"generate://pkcs8@{kind}/out/web", more=", proof_of_possession: challenge"))
    done, bodies = traced(site, lab(version) + items)
    assert done.outcomes == {"web": "issued"}, done.items
    assert bodies == {"ir", "popdecc", "popdecr", "ip", "certConf", "pkiconf"}


@pytest.mark.parametrize("version", [2, 3])
def test_what_was_backed_up_comes_back(site, openssl, version):
    """The key is lost; the lab gives it back to whom it belongs, and it is the same key."""
    backed = entries(entry("generate://pkcs8@rsa:2048/out/web", more=", backup: true"))
    done, bodies = traced(site, lab(version) + backed)
    assert done.outcomes == {"web": "issued"}, done.items
    assert bodies >= {"genm", "genp"}
    assert any("was backed up for" in words for words in done.items["web"]["warnings"])
    recovery = "recoveries:\n  - {name: back, subject: CN=web, output: back/web}\n"
    authority = lab(version, ", protocol_encryption_key: rsa:2048")
    drilled = site.write(authority + recovery).run("recovery-drill", site.path)
    assert drilled.status == 0, drilled.out
    done = site.apply()
    assert done.outcomes == {"back": "recovered"}, done.items
    assert is_a_pair(site, openssl, "back/web-0")
    assert site.file("back/web-0.prv").read_bytes() == site.file("out/web.prv").read_bytes()


@pytest.mark.parametrize("kind", ["x25519", "ml-kem-768"])
def test_keys_that_only_decrypt_are_backed_up(site, kind):
    backed = entries(entry(f"generate://pkcs8@{kind}/out/web", more=", backup: true"))
    recovery = "recoveries:\n  - {name: back, subject: CN=web, output: back/web, depends_on: [web]}\n"
    done, _ = traced(site, lab(3, ", protocol_encryption_key: rsa:2048") + backed + recovery)
    assert done.outcomes == {"web": "issued", "back": "recovered"}, done.items
    assert site.file("back/web-0.prv").read_bytes() == site.file("out/web.prv").read_bytes()


def test_the_lab_keeps_what_it_made_where_that_is_asked(site):
    made = entries(entry(more=", key_generation: central, backup: true"))
    recovery = "recoveries:\n  - {name: back, subject: CN=web, output: back/web, depends_on: [web]}\n"
    done, _ = traced(site, lab(3, ", protocol_encryption_key: rsa:2048") + made + recovery)
    assert done.outcomes == {"web": "issued", "back": "recovered"}, done.items
    assert site.file("back/web-0.prv").read_bytes() == site.file("out/web.prv").read_bytes()


def test_a_new_key_is_certified_in_a_recovery(site, openssl):
    backed = entries(entry("generate://pkcs8@rsa:2048/out/web", more=", backup: true"))
    recovery = "recoveries:\n  - {name: back, subject: CN=web, output: back/web, depends_on: [web],\n"
    recovery += '     new_key: "generate://pkcs8@ec:p256/back/signing"}\n'
    done, _ = traced(site, lab(3, ", protocol_encryption_key: rsa:2048") + backed + recovery)
    assert done.outcomes == {"web": "issued", "back": "recovered"}, done.items
    assert is_a_pair(site, openssl, "back/web-1")


def test_there_is_nothing_to_give_back(site):
    recovery = "recoveries:\n  - {name: back, subject: CN=nobody, output: back/web}\n"
    done, _ = traced(site, lab(3, ", protocol_encryption_key: rsa:2048") + recovery)
    assert done.outcomes == {"back": "failed"}
    assert not site.file("back").exists() or not list(site.file("back").iterdir())

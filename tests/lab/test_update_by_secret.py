"""kur from whoever knows the shared secret, as RAs of some products send it: only where the manners say so."""

from __future__ import annotations

import pytest
from support import requester as peer

from runner.asn1.crmf import OLD_CERT_ID, CertId, Control
from runner.asn1.structures import encode
from runner.pki.names import directory_name


def updates(newcomer, serial, issuer=None):
    named = CertId(issuer=directory_name(issuer or newcomer.lab.ca_name.der), serial_number=serial)
    control = Control(type=OLD_CERT_ID, value=encode(named))
    key = peer.new_key()
    return newcomer.enrol(key, peer.template(key, None), kind="kur", implicit=True, controls=(control,))


def test_it_is_not_taken_by_default(newcomer):
    said = updates(newcomer, newcomer.holder().serial)
    assert (said.kind, said.fail_info) == ("kup", ["wrongIntegrity"])


def test_it_is_taken_where_the_manners_say_so(ruled):
    newcomer = ruled(kur_by_secret=True)
    said = updates(newcomer, newcomer.holder("C=FI, O=Plant, CN=gate").serial)
    assert said.status == "accepted"
    assert said.certificate.subject.rfc4514_string() == "CN=gate,O=Plant,C=FI"


@pytest.mark.parametrize("wrong", ["no oldCertId", "unknown", "another CA", "revoked", "unconfirmed"])
def test_what_it_names_has_to_be_a_good_certificate(ruled, wrong):
    newcomer = ruled(kur_by_secret=True)
    serial = newcomer.holder().serial
    if wrong == "no oldCertId":
        said = newcomer.enrol(peer.new_key(), kind="kur")
    elif wrong == "another CA":
        said = updates(newcomer, serial, newcomer.holder().lab._office.issuer.name[:-1] + b"!")
    elif wrong == "revoked":
        newcomer.revoke(serial)
        said = updates(newcomer, serial)
    else:
        open_one = newcomer.enrol(peer.new_key()).certificate.serial_number
        said = updates(newcomer, open_one if wrong == "unconfirmed" else 4711)
    assert (said.kind, said.fail_info) == ("kup", ["badCertId"])


def test_a_certificate_s_holder_updates_no_other_also_then(ruled):
    newcomer = ruled(kur_by_secret=True)
    mine, other = newcomer.holder(), newcomer.holder()
    assert updates(mine, other.serial).fail_info == ["badCertId"]

"""The switches: each does what docs/lab.md says of it, and `--manner` reads them."""

from __future__ import annotations

import hashlib
import re
from dataclasses import fields, replace
from pathlib import Path

import pytest
from cryptography import x509
from support import requester as peer

from runner.asn1.archive import ENCRYPTED_KEY
from runner.asn1.cmp import PKIMessage, RevDetails
from runner.asn1.crmf import CertTemplate
from runner.asn1.structures import decode
from runner.errors import BadInput
from runner.lab.manners import Manners, parse_manners
from runner.pki.extensions import EXTENDED_KEY_USAGES, extended_key_usage

DOCS = Path(__file__).resolve().parents[2] / "docs" / "lab.md"


def state(said, requester) -> str:
    return requester.lab._office.ledger.certificate(said.certificate.serial_number).state.value


def test_every_manner_is_documented_with_its_default():
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| `([^`]*)` \|$", DOCS.read_text(encoding="utf-8"), re.MULTILINE))
    assert rows == {field.name: _written(field.default) for field in fields(Manners)}


def _written(value) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("manner", [field.name for field in fields(Manners)])
def test_what_is_documented_can_be_written(manner):
    default = getattr(Manners(), manner)
    assert parse_manners([f"{manner}={_written(default)}"]) == Manners()


def test_values():
    words = ["waiting_polls=2", "delays=rr, genm", "versions=1", "signed_answers=yes", "reject_with=badTime"]
    made = Manners(waiting_polls=2, delays=("rr", "genm"), versions=(1,), signed_answers=True, reject_with="badTime")
    assert parse_manners(words) == made


@pytest.mark.parametrize(
    "word", ["manners=1", "", "waiting_polls=many", "waiting_polls=-1", "batches=maybe", "versions=x", "reject_with=no"]
)
def test_what_is_no_manner(word):
    with pytest.raises(BadInput):
        parse_manners([word])


def test_implicit_confirmation_that_nobody_asked_for(ruled):
    newcomer = ruled(implicit_unasked=True)
    said = newcomer.enrol(peer.new_key())
    assert said.implicit
    assert state(said, newcomer) == "confirmed"


def test_short_and_backdated(ruled, clock):
    made = ruled(lifetime=600, backdate=60).enrol(peer.new_key()).certificate
    assert (made.not_valid_after_utc - made.not_valid_before_utc).total_seconds() == 600
    assert (clock.now() - made.not_valid_before_utc).total_seconds() == 60


def test_granted_with_mods(ruled):
    key = peer.new_key()
    usage = extended_key_usage((EXTENDED_KEY_USAGES["serverAuth"],))
    said = ruled(grant_mods=True).enrol(key, peer.template(key, extensions=(usage,)))
    assert said.status == "grantedWithMods"
    assert "extendedKeyUsage" in said.info.status_string[0]
    with pytest.raises(x509.ExtensionNotFound):
        said.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)


def test_names_that_are_rejected_in_other_words(ruled):
    newcomer, key = ruled(reject_names=("web-?",), reject_with="badTime"), peer.new_key()
    assert newcomer.enrol(key).refusal == ("ip", "rejection", ["badTime"])
    assert newcomer.enrol(key, peer.template(key, "CN=web")).status == "accepted"


def test_signed_answers_to_a_secret(ruled):
    newcomer = ruled(signed_answers=True)
    said = newcomer.enrol(peer.new_key())
    assert said.header.protection_alg == peer.ECDSA_SHA256
    assert newcomer.confirm(said).header.protection_alg == peer.ECDSA_SHA256


def test_errors_that_nobody_vouches_for(ruled):
    newcomer = ruled(unprotected_errors=True)
    said = decode(PKIMessage, newcomer.lab.respond(newcomer.message("certConf", ())))
    assert said.body.name == "error"
    assert (said.protection, said.header.protection_alg) == (None, None)
    assert newcomer.enrol(peer.new_key()).status == "accepted"


def test_no_ca_pubs(ruled):
    assert ruled(ca_pubs=False).enrol(peer.new_key()).content.ca_pubs == ()


def test_encrypted_certificates_unasked(ruled):
    newcomer = ruled(encrypted_certificates=True)
    said = newcomer.begin().ask("ir", (peer.cert_req(peer.new_key()),), pvno=3, general_info=(peer.IMPLICIT,))
    enclosed = said.content.response[0].certified_key_pair.cert_or_enc_cert
    assert enclosed.name == "encryptedCert"
    assert ENCRYPTED_KEY.decode(enclosed.value).name == "envelopedData"
    assert not said.implicit
    said = newcomer.enrol(peer.new_key())
    assert said.content.response[0].certified_key_pair.cert_or_enc_cert.name == "certificate", "EC needs CMP 2021"


@pytest.mark.parametrize("implicit", [True, False])
def test_what_was_updated_is_revoked_once_the_update_is_confirmed(ruled, implicit):
    newcomer = ruled(revoke_updated=True)
    holder = newcomer.holder()
    said = holder.enrol(peer.new_key(), kind="kur", implicit=implicit)
    old = newcomer.lab._office.ledger.certificate(holder.serial)
    assert (old.state.value == "revoked") is implicit
    if not implicit:
        assert holder.confirm(said).kind == "pkiconf"
        assert holder.send(holder.sent).kind == "pkiconf"
    old = newcomer.lab._office.ledger.certificate(holder.serial)
    assert (old.state.value, old.reason) == ("revoked", 4)


def test_one_version_alone(ruled):
    newcomer = ruled(versions=(1,))
    said = newcomer.enrol(peer.new_key())
    assert (said.kind, said.header.pvno) == ("error", 1)
    assert said.fail_info == ["badRequest"], "CMP 1999 has no unsupportedVersion"
    said = ruled(versions=(2,)).ask("ir", (peer.cert_req(peer.new_key()),), pvno=3)
    assert (said.fail_info, said.header.pvno) == (["unsupportedVersion"], 2)


def old(newcomer, key=None, **options):
    return newcomer.begin().ask("ir", (peer.cert_req(key or peer.new_key(), **options),), pvno=1)


def test_cmp_1999(lab, newcomer):
    said = old(newcomer)
    assert (said.status, said.header.pvno, said.header.recip_kid) == ("accepted", 1, newcomer.protection.reference)
    conf = newcomer.message("pkiconf", None, pvno=1, sender_nonce=said.header.recip_nonce)
    assert lab.respond(conf) == b""
    assert state(said, newcomer) == "confirmed"
    assert lab.respond(conf) == b""


def test_a_conf_is_of_cmp_1999_and_for_what_was_issued(newcomer):
    newcomer.enrol(peer.new_key())
    assert newcomer.ask("pkiconf", None).fail_info == ["badRequest"]
    assert newcomer.begin().ask("pkiconf", None, pvno=1).kind == "error"


def test_cmp_1999_neither_polls_nor_confirms_implicitly(ruled):
    newcomer = ruled(waiting_polls=1)
    request = (peer.cert_req(peer.new_key()),)
    said = newcomer.ask("ir", request, pvno=1, general_info=(peer.IMPLICIT,))
    assert (said.status, said.implicit) == ("accepted", False)


def test_reasons_of_cmp_1999(lab, newcomer):
    serial = newcomer.holder().serial
    named = CertTemplate(issuer=lab.ca_name.der, serial_number=serial)
    details = RevDetails(cert_details=named, revocation_reason=frozenset({1}))
    assert newcomer.begin().ask("rr", (details,), pvno=1).status == "accepted"
    assert lab._office.ledger.certificate(serial).reason == 1


def test_old_words_for_refusals(newcomer):
    key = peer.new_key()
    wanted = replace(peer.template(key), serial_number=7)
    assert old(newcomer, key, wanted=wanted).fail_info == ["badRequest"]
    assert old(newcomer, key, popo=None).fail_info == ["badPOP"]
    assert newcomer.begin().ask("rr", (), pvno=1).fail_info == ["badRequest"]


def test_pbmac1(lab, newcomer):
    from runner.asn1.cmp import PKI_BODY, PKIHeader
    from runner.asn1.der import elements, open_sequence, tlv
    from runner.asn1.parameters import PBMAC1, PBKDF2Params, PBMAC1Params
    from runner.asn1.structures import Chosen, encode

    def algorithm(salt):
        inner = PBKDF2Params(salt=salt, iteration_count=1000, key_length=32, prf=_oid("1.2.840.113549.2.9"))
        outer = PBMAC1Params(
            key_derivation_func=_oid("1.2.840.113549.1.5.12", encode(inner)),
            message_auth_scheme=_oid("1.2.840.113549.2.9"),
        )
        return _oid(PBMAC1, encode(outer))

    def mac(salt, data):
        import hmac

        return hmac.new(
            hashlib.pbkdf2_hmac("sha256", newcomer.protection.secret, salt, 1000, 32), data, "sha256"
        ).digest()

    fields = {**newcomer.protection.header, "protection_alg": algorithm(b"our own salt")}
    header = PKIHeader(
        pvno=2, recipient=b"\xa4\x02\x30\x00", transaction_id=bytes(16), sender_nonce=bytes(16), **fields
    )
    body = Chosen("ir", (peer.cert_req(peer.new_key()),))
    protection = mac(b"our own salt", tlv(0x30, encode(header) + PKI_BODY.encode(body)))
    octets = lab.respond(encode(PKIMessage(header=header, body=body, protection=protection)))
    answer = decode(PKIMessage, octets)
    assert answer.body.name == "ip"
    assert answer.header.protection_alg.algorithm == PBMAC1
    told = decode(PBMAC1Params, answer.header.protection_alg.parameters)
    salt = decode(PBKDF2Params, told.key_derivation_func.parameters).salt
    assert salt != b"our own salt"
    assert answer.protection == mac(salt, tlv(0x30, b"".join(elements(octets, *open_sequence(octets), 4)[:2])))


def _oid(oid, parameters=None):
    from runner.asn1.algorithms import AlgorithmIdentifier

    return AlgorithmIdentifier(algorithm=oid, parameters=parameters)

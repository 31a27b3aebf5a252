"""The contents of general messages: the order and tags that the standard gives, and what others wrote."""

from __future__ import annotations

from datetime import UTC, datetime

from runner.asn1.algorithms import AlgorithmIdentifier
from runner.asn1.crmf import CertTemplate
from runner.asn1.infotypes import (
    CA_KEY_UPD_CONTENT,
    CRL_STATUS_LIST,
    INFO_TYPE_NAMES,
    INFO_TYPES,
    CAKeyUpdAnnContent,
    CertReqTemplateContent,
    Challenge,
    CRLStatus,
    KemCiphertextInfo,
    OOBCertHash,
    Rand,
    RootCaKeyUpdateContent,
)
from runner.asn1.parameters import KemBMParameter, KemOtherInfo, PBKDF2Params
from runner.asn1.structures import Chosen, decode, encode

OLD, NEW, LINK = b"\x30\x01\x01", b"\x30\x01\x02", b"\x30\x01\x03"
ALGORITHM = AlgorithmIdentifier(algorithm="1.2.3")


def test_info_types_are_numbered_as_in_rfc_9810():
    assert INFO_TYPES["caProtEncCert"] == "1.3.6.1.5.5.7.4.1"
    assert INFO_TYPES["certProfile"] == "1.3.6.1.5.5.7.4.21"
    assert INFO_TYPE_NAMES["1.3.6.1.5.5.7.4.24"] == "KemCiphertextInfo"
    assert len(INFO_TYPE_NAMES) == len(INFO_TYPES) == 22


def test_the_two_contents_of_a_root_update_differ_in_their_order():
    announced = CAKeyUpdAnnContent(old_with_new=OLD, new_with_old=LINK, new_with_new=NEW)
    updated = RootCaKeyUpdateContent(new_with_new=NEW, new_with_old=LINK, old_with_new=OLD)
    assert encode(announced) == b"\x30\x09" + OLD + LINK + NEW
    assert encode(updated) == b"\x30\x0d" + NEW + b"\xa0\x03" + LINK + b"\xa1\x03" + OLD
    for name, content in (("cAKeyUpdAnnV2", announced), ("cAKeyUpdAnnV3", updated)):
        chosen = Chosen(name, content)
        assert CA_KEY_UPD_CONTENT.decode(CA_KEY_UPD_CONTENT.encode(chosen)) == chosen
    assert CA_KEY_UPD_CONTENT.encode(Chosen("cAKeyUpdAnnV3", updated))[0] == 0xA0


def test_siemens_template_answer_decodes(vectors):
    octets = (vectors / "siemens-ra-creds" / "CertTemplate.der").read_bytes()
    content = decode(CertReqTemplateContent, octets)
    assert content.cert_template.subject is not None
    assert [control.type for control in content.key_spec] == ["1.3.6.1.5.5.7.5.1.11"]
    assert encode(content) == octets


def test_small_contents_survive_their_octets():
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    for content in (
        Challenge(owf=ALGORITHM, witness=b"w", challenge=b""),
        Challenge(witness=b"w", challenge=b"c"),
        Rand(integer=4711, sender=bytes.fromhex("a4023000")),
        KemCiphertextInfo(kem=ALGORITHM, ct=b"c"),
        CertReqTemplateContent(cert_template=CertTemplate(subject=b"\x30\x00")),
        OOBCertHash(hash_alg=ALGORITHM, hash_val=b"h"),
        KemBMParameter(kdf=ALGORITHM, kem_context=b"c", length=32, mac=ALGORITHM),
        PBKDF2Params(salt=b"salt", iteration_count=1000),
        PBKDF2Params(salt=b"salt", iteration_count=1000, key_length=32, prf=ALGORITHM),
    ):
        assert decode(type(content), encode(content)) == content
    statuses = (
        CRLStatus(source=Chosen("dpn", b"\xa0\x02\x82\x00"), this_update=moment),
        CRLStatus(source=Chosen("issuer", b"\x30\x04\xa4\x02\x30\x00")),
    )
    assert CRL_STATUS_LIST.decode(CRL_STATUS_LIST.encode(statuses)) == statuses


def test_kem_other_info_is_as_rfc_9810_writes_it():
    info = KemOtherInfo(static_string=("CMP-KEM",), transaction_id=b"\x01\x02", kem_context=b"\x03")
    assert encode(info) == bytes.fromhex("301430090c07434d502d4b454d04020102a003040103")

"""Enveloped and signed data: what others wrote decodes and encodes to the same octets; so does what we make."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.asn1.algorithms import AlgorithmIdentifier
from runner.asn1.archive import (
    ENCRYPTED_KEY,
    PKI_ARCHIVE_OPTIONS,
    POPO_PRIV_KEY,
    EncryptedValue,
    PKIPublicationInfo,
    SinglePubInfo,
)
from runner.asn1.cms import (
    ATTRIBUTES,
    DATA,
    RECIPIENT_INFO,
    Attribute,
    AuthEnvelopedData,
    ContentInfo,
    EncryptedContentInfo,
    EnvelopedData,
    IssuerAndSerialNumber,
    KEMRecipientInfo,
    KeyAgreeRecipientInfo,
    KeyTransRecipientInfo,
    OriginatorPublicKey,
    OtherRecipientInfo,
    PasswordRecipientInfo,
    RecipientEncryptedKey,
    RecipientKeyIdentifier,
)
from runner.asn1.crmf import PKMACValue
from runner.asn1.primitives import OCTET_STRING
from runner.asn1.signed import EncKeyWithID, OneAsymmetricKey
from runner.asn1.structures import Chosen, decode, encode
from runner.errors import Malformed

octets = st.binary(max_size=40)
numbers = st.integers(-(2**70), 2**70)
oids = st.sampled_from(["1.2.840.113549.1.1.1", "2.16.840.1.101.3.4.1.45", "1.3.132.1.11.1"])
algorithms = st.builds(AlgorithmIdentifier, algorithm=oids, parameters=st.none() | octets.map(OCTET_STRING.encode))
names = st.builds(IssuerAndSerialNumber, issuer=st.just(b"\x30\x00"), serial_number=numbers)
by_name = names.map(lambda name: Chosen("issuerAndSerialNumber", name))
identifiers = by_name | octets.map(lambda value: Chosen("subjectKeyIdentifier", value))
originator_keys = st.builds(OriginatorPublicKey, algorithm=algorithms, public_key=octets).map(
    lambda key: Chosen("originatorKey", key)
)
key_identifiers = st.builds(RecipientKeyIdentifier, subject_key_identifier=octets).map(
    lambda value: Chosen("rKeyId", value)
)
ktri = st.builds(
    KeyTransRecipientInfo, version=numbers, rid=identifiers, key_encryption_algorithm=algorithms, encrypted_key=octets
)
kari = st.builds(
    KeyAgreeRecipientInfo,
    version=numbers,
    originator=identifiers | originator_keys,
    ukm=st.none() | octets,
    key_encryption_algorithm=algorithms,
    recipient_encrypted_keys=st.lists(
        st.builds(RecipientEncryptedKey, rid=by_name | key_identifiers, encrypted_key=octets), min_size=1, max_size=2
    ).map(tuple),
)
pwri = st.builds(
    PasswordRecipientInfo,
    version=numbers,
    key_derivation_algorithm=st.none() | algorithms,
    key_encryption_algorithm=algorithms,
    encrypted_key=octets,
)
ori = st.builds(OtherRecipientInfo, ori_type=oids, ori_value=octets.map(OCTET_STRING.encode))
recipients = (
    ktri.map(lambda value: Chosen("ktri", value))
    | kari.map(lambda value: Chosen("kari", value))
    | pwri.map(lambda value: Chosen("pwri", value))
    | ori.map(lambda value: Chosen("ori", value))
)
contents = st.builds(
    EncryptedContentInfo,
    content_type=oids,
    content_encryption_algorithm=algorithms,
    encrypted_content=st.none() | octets,
)
envelopes = st.builds(
    EnvelopedData, version=numbers, recipient_infos=recipients.map(lambda one: (one,)), encrypted_content_info=contents
)
values = st.builds(
    EncryptedValue,
    intended_alg=st.none() | algorithms,
    symm_alg=st.none() | algorithms,
    enc_symm_key=st.none() | octets,
    key_alg=st.none() | algorithms,
    value_hint=st.none() | octets,
    enc_value=octets,
)
macs = st.builds(PKMACValue, alg_id=algorithms, value=octets)


@given(envelopes)
def test_an_envelope_survives_its_octets(envelope):
    assert decode(EnvelopedData, encode(envelope)) == envelope


@given(values.map(lambda v: Chosen("encryptedValue", v)) | envelopes.map(lambda e: Chosen("envelopedData", e)))
def test_an_encrypted_key_survives_its_octets(key):
    assert ENCRYPTED_KEY.decode(ENCRYPTED_KEY.encode(key)) == key
    option = Chosen("encryptedPrivKey", key)
    assert PKI_ARCHIVE_OPTIONS.decode(PKI_ARCHIVE_OPTIONS.encode(option)) == option


@given(
    octets.map(lambda v: Chosen("thisMessage", v))
    | st.integers(0, 1).map(lambda v: Chosen("subsequentMessage", v))
    | octets.map(lambda v: Chosen("dhMAC", v))
    | macs.map(lambda v: Chosen("agreeMAC", v))
    | envelopes.map(lambda v: Chosen("encryptedKey", v))
)
def test_a_proof_by_decryption_survives_its_octets(proof):
    assert POPO_PRIV_KEY.decode(POPO_PRIV_KEY.encode(proof)) == proof


@given(envelopes, st.data())
def test_no_octets_do_worse_than_malformed(envelope, data):
    harmed = bytearray(encode(envelope))
    harmed[data.draw(st.integers(0, len(harmed) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        decode(EnvelopedData, bytes(harmed))
    except Malformed:
        return


@pytest.mark.parametrize(
    ("file", "kind"),
    [("rfc9629_EnveopedDataRSAKEM.der", EnvelopedData), ("rfc9936_AuthEnveopedDataMLKEM.der", AuthEnvelopedData)],
)
def test_the_envelopes_of_the_standards_encode_to_the_same_octets(vectors, file, kind):
    octets = (vectors / "pyasn1" / file).read_bytes()
    info = decode(ContentInfo, octets)
    envelope = decode(kind, info.content)
    recipient = decode(KEMRecipientInfo, envelope.recipient_infos[0].value.ori_value)
    assert recipient.version == 0
    assert encode(recipient) == envelope.recipient_infos[0].value.ori_value
    assert encode(ContentInfo(content_type=info.content_type, content=encode(envelope))) == octets


def test_tags_are_those_of_rfc_4211():
    assert POPO_PRIV_KEY.encode(Chosen("subsequentMessage", 1)) == bytes.fromhex("810101")
    assert PKI_ARCHIVE_OPTIONS.encode(Chosen("archiveRemGenPrivKey", True)) == bytes.fromhex("8201ff")
    value = EncryptedValue(enc_symm_key=b"k", enc_value=b"v")
    assert ENCRYPTED_KEY.encode(Chosen("encryptedValue", value)) == bytes.fromhex("30088202006b03020076")
    assert PKI_ARCHIVE_OPTIONS.encode(Chosen("encryptedPrivKey", Chosen("encryptedValue", value))) == bytes.fromhex(
        "a00a30088202006b03020076"
    )
    publication = PKIPublicationInfo(action=1, pub_infos=(SinglePubInfo(pub_method=2),))
    assert encode(publication) == bytes.fromhex("300a02010130053003020102")


def test_recipients_bear_the_tags_of_rfc_5652():
    algorithm = AlgorithmIdentifier(algorithm="1.2.3")
    info = PasswordRecipientInfo(
        version=0, key_derivation_algorithm=algorithm, key_encryption_algorithm=algorithm, encrypted_key=b"k"
    )
    assert RECIPIENT_INFO.encode(Chosen("pwri", info)) == bytes.fromhex(
        "a310020100a00406022a03300406022a0304016b"
    ).replace(b"\xa3\x10", bytes((0xA3, 3 + 6 + 6 + 3)))


def test_content_in_segments_is_joined():
    whole = EncryptedContentInfo(
        content_type=DATA,
        content_encryption_algorithm=AlgorithmIdentifier(algorithm="1.2.3"),
        encrypted_content=b"abcd",
    )
    segmented = encode(whole).replace(bytes.fromhex("800461626364"), bytes.fromhex("a0080402616204026364"))
    segmented = bytes((0x30, segmented[1] + 4)) + segmented[2:]
    assert decode(EncryptedContentInfo, segmented) == whole


def test_attributes_are_written_in_the_order_of_der():
    one = Attribute(attr_type="1.2.840.113549.1.9.4", attr_values=(b"\x05\x00",))
    other = Attribute(attr_type="1.2.840.113549.1.9.3", attr_values=(b"\x05\x00",))
    assert ATTRIBUTES.encode((one, other)) == ATTRIBUTES.encode((other, one))
    assert ATTRIBUTES.decode(ATTRIBUTES.encode((one, other))) == (other, one)


def test_a_private_key_shows_nothing_of_itself():
    key = OneAsymmetricKey(
        version=0, private_key_algorithm=AlgorithmIdentifier(algorithm="1.2.3"), private_key=b"most secret"
    )
    assert "secret" not in repr(EncKeyWithID(private_key=key))
    assert decode(OneAsymmetricKey, encode(key)) == key

"""Values of every ASN.1 structure for hypothesis: whatever a PKIMessage can hold, drawn type by type."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st

from runner.asn1.algorithms import AlgorithmIdentifier
from runner.asn1.cmp import (
    CertifiedKeyPair,
    CertRepMessage,
    CertResponse,
    CertStatus,
    ErrorMsgContent,
    InfoTypeAndValue,
    KeyRecRepContent,
    PKIHeader,
    PKIMessage,
    PKIStatusInfo,
    PollRep,
    PollReq,
    RevDetails,
    RevRepContent,
)
from runner.asn1.crmf import (
    CertId,
    CertReqMsg,
    CertRequest,
    CertTemplate,
    Control,
    POPOSigningKey,
    POPOSigningKeyInput,
    RegInfo,
)
from runner.asn1.der import tlv
from runner.asn1.primitives import MAX_INTEGER_OCTETS
from runner.asn1.structures import Chosen
from runner.asn1.x509 import Extension

_LARGEST = (1 << 8 * MAX_INTEGER_OCTETS - 1) - 1

integers = st.integers(-1, 300) | st.integers(-_LARGEST - 1, _LARGEST)
octets = st.binary(max_size=24)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
flags = st.frozensets(st.integers(0, 40) | st.integers(0, 63 * 8 - 1), max_size=6)
oids = st.one_of(
    st.tuples(st.integers(0, 1), st.integers(0, 39)),
    st.tuples(st.just(2), st.integers(0, 2**40)),
).flatmap(lambda two: st.lists(st.integers(0, 2**40), max_size=6).map(lambda more: ".".join(map(str, (*two, *more)))))
times = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=0)
)
primitives = st.builds(tlv, st.sampled_from([0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0C, 0x18, 0x80, 0x9E]), octets)
elements = st.recursive(
    primitives,
    lambda inner: st.builds(
        lambda tag, parts: tlv(tag, b"".join(parts)),
        st.sampled_from([0x30, 0x31, *range(0xA0, 0xBB)]),
        st.lists(inner, max_size=3),
    ),
    max_leaves=5,
)
sequences = st.builds(lambda parts: tlv(0x30, b"".join(parts)), st.lists(primitives, max_size=3))


def some(element, most=3):
    return st.lists(element, max_size=most).map(tuple)


def maybe(element):
    return st.none() | element


algorithms = st.builds(AlgorithmIdentifier, algorithm=oids, parameters=maybe(elements))
extensions = st.builds(Extension, extn_id=oids, critical=st.booleans(), extn_value=octets)
infos = st.builds(InfoTypeAndValue, info_type=oids, info_value=maybe(elements))
headers = st.builds(
    PKIHeader,
    pvno=integers,
    sender=elements,
    recipient=elements,
    message_time=maybe(times),
    protection_alg=maybe(algorithms),
    sender_kid=maybe(octets),
    recip_kid=maybe(octets),
    transaction_id=maybe(octets),
    sender_nonce=maybe(octets),
    recip_nonce=maybe(octets),
    free_text=some(texts),
    general_info=some(infos),
)
statuses = st.builds(PKIStatusInfo, status=integers, status_string=some(texts), fail_info=flags)
templates = st.builds(
    CertTemplate,
    version=maybe(integers),
    serial_number=maybe(integers),
    signing_alg=maybe(algorithms),
    issuer=maybe(sequences),
    validity=maybe(sequences),
    subject=maybe(sequences),
    public_key=maybe(sequences),
    issuer_uid=maybe(octets),
    subject_uid=maybe(octets),
    extensions=some(extensions),
)
controls = st.builds(Control, type=oids, value=elements)
requests = st.builds(CertRequest, cert_req_id=integers, cert_template=templates, controls=some(controls))
signing_keys = st.builds(
    POPOSigningKey,
    poposk_input=maybe(st.builds(POPOSigningKeyInput, auth_info=elements, public_key=sequences)),
    algorithm=algorithms,
    signature=octets,
)
proofs = st.one_of(
    st.just(Chosen("raVerified", None)),
    st.builds(Chosen, st.just("signature"), signing_keys),
    st.builds(Chosen, st.sampled_from(["keyEncipherment", "keyAgreement"]), elements),
)
cert_req_messages = some(
    st.builds(
        CertReqMsg, cert_req=requests, popo=maybe(proofs), reg_info=some(st.builds(RegInfo, type=oids, value=elements))
    ),
    most=2,
)
key_pairs = st.builds(
    CertifiedKeyPair,
    cert_or_enc_cert=st.builds(Chosen, st.just("certificate"), sequences)
    | st.builds(Chosen, st.just("encryptedCert"), elements),
    private_key=maybe(elements),
    publication_info=maybe(elements),
)
responses = st.builds(
    CertResponse, cert_req_id=integers, status=statuses, certified_key_pair=maybe(key_pairs), rsp_info=maybe(octets)
)
cert_reps = st.builds(CertRepMessage, ca_pubs=some(sequences), response=some(responses, most=2))
contents = {
    **dict.fromkeys(("ir", "cr", "kur", "krr", "ccr"), cert_req_messages),
    **dict.fromkeys(("ip", "cp", "kup", "ccp"), cert_reps),
    **dict.fromkeys(("popdecc", "popdecr", "ckuann", "cann", "rann", "crlann", "nested"), elements),
    "p10cr": sequences,
    "krp": st.builds(
        KeyRecRepContent,
        status=statuses,
        new_sig_cert=maybe(sequences),
        ca_certs=some(sequences),
        key_pair_hist=some(key_pairs),
    ),
    "rr": some(
        st.builds(
            RevDetails,
            cert_details=templates,
            revocation_reason=flags,
            bad_since_date=maybe(times),
            crl_entry_details=some(extensions),
        )
    ),
    "rp": st.builds(
        RevRepContent,
        status=some(statuses),
        rev_certs=some(st.builds(CertId, issuer=elements, serial_number=integers)),
        crls=some(sequences),
    ),
    "pkiconf": st.none(),
    "genm": some(infos),
    "genp": some(infos),
    "error": st.builds(
        ErrorMsgContent, pki_status_info=statuses, error_code=maybe(integers), error_details=some(texts)
    ),
    "certConf": some(
        st.builds(
            CertStatus,
            cert_hash=octets,
            cert_req_id=integers,
            status_info=maybe(statuses),
            hash_alg=maybe(algorithms),
        )
    ),
    "pollReq": some(st.builds(PollReq, cert_req_id=integers)),
    "pollRep": some(st.builds(PollRep, cert_req_id=integers, check_after=integers, reason=some(texts))),
}
"""What each body type of PKIBody holds."""


def messages(kind: str):
    """PKIMessages with a body of one type."""
    return st.builds(
        PKIMessage,
        header=headers,
        body=st.builds(Chosen, st.just(kind), contents[kind]),
        protection=maybe(octets),
        extra_certs=some(sequences),
    )


@st.composite
def spoiled(draw, octets: bytes) -> bytes:
    """`octets` with a few of them changed, taken out, doubled or cut off."""
    made = bytearray(octets)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(made) - 1, 0)))
        what = draw(st.sampled_from(["set", "take", "put", "cut", "double"]))
        if what == "set":
            made[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
        elif what == "take":
            del made[at : at + draw(st.integers(1, 8))]
        elif what == "put":
            made[at:at] = draw(st.binary(min_size=1, max_size=8))
        elif what == "cut":
            del made[at:]
        else:
            made[at:at] = made[at : at + draw(st.integers(1, 40))]
    return bytes(made)

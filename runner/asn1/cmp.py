"""Certificate Management Protocol messages, RFC 9810 Appendix A (and RFC 4210): EXPLICIT tags.

Bodies that are rarely met (announcements, challenges, nested messages) are kept as octets, and read by bodies.py.
GeneralNames, Names, keys and certificates are octets throughout.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from runner.asn1.algorithms import AlgorithmIdentifier
from runner.asn1.crmf import CERT_REQ_MESSAGES, CertId, CertTemplate
from runner.asn1.primitives import (
    ANY,
    BIT_STRING,
    GENERALIZED_TIME,
    INTEGER,
    NAMED_BITS,
    NULL,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    OPAQUE_SEQUENCE,
    UTF8_STRING,
)
from runner.asn1.structures import Choice, Chosen, Explicit, SequenceOf, sequence
from runner.asn1.x509 import EXTENSIONS, Extension

CMP_1999, CMP_2000, CMP_2021 = 1, 2, 3
"""pvno: RFC 2510, RFC 4210, RFC 9480."""
IMPLICIT_CONFIRM = "1.3.6.1.5.5.7.4.13"
CONFIRM_WAIT_TIME = "1.3.6.1.5.5.7.4.14"
CERT_PROFILE = "1.3.6.1.5.5.7.4.21"

PKI_STATUS = (
    "accepted",
    "grantedWithMods",
    "rejection",
    "waiting",
    "revocationWarning",
    "revocationNotification",
    "keyUpdateWarning",
)
"""PKIStatus by number (RFC 9810 §5.2.3)."""
FAIL_INFO = (
    "badAlg",
    "badMessageCheck",
    "badRequest",
    "badTime",
    "badCertId",
    "badDataFormat",
    "wrongAuthority",
    "incorrectData",
    "missingTimeStamp",
    "badPOP",
    "certRevoked",
    "certConfirmed",
    "wrongIntegrity",
    "badRecipientNonce",
    "timeNotAvailable",
    "unacceptedPolicy",
    "unacceptedExtension",
    "addInfoNotAvailable",
    "badSenderNonce",
    "badCertTemplate",
    "signerNotTrusted",
    "transactionIdInUse",
    "unsupportedVersion",
    "notAuthorized",
    "systemUnavail",
    "systemFailure",
    "duplicateCertReq",
)
"""PKIFailureInfo by bit (RFC 9810 §5.2.3)."""

PKI_FREE_TEXT = SequenceOf(UTF8_STRING, limit=32)
CERTIFICATES = SequenceOf(OPAQUE_SEQUENCE, limit=32)
"""SEQUENCE OF CMPCertificate, each as its octets."""


@sequence
class InfoTypeAndValue:
    """InfoTypeAndValue ::= SEQUENCE { infoType OBJECT IDENTIFIER, infoValue ANY OPTIONAL }."""

    info_type: Annotated[str, OBJECT_IDENTIFIER]
    info_value: Annotated[bytes | None, ANY] = None


@sequence
class PKIHeader:
    """PKIHeader (RFC 9810 §5.1.1): who, to whom, when, and the marks that bind a transaction together."""

    pvno: Annotated[int, INTEGER]
    sender: Annotated[bytes, ANY]
    recipient: Annotated[bytes, ANY]
    message_time: Annotated[datetime | None, Explicit(0, GENERALIZED_TIME)] = None
    protection_alg: Annotated[AlgorithmIdentifier | None, Explicit(1, AlgorithmIdentifier)] = None
    sender_kid: Annotated[bytes | None, Explicit(2, OCTET_STRING)] = None
    recip_kid: Annotated[bytes | None, Explicit(3, OCTET_STRING)] = None
    transaction_id: Annotated[bytes | None, Explicit(4, OCTET_STRING)] = None
    sender_nonce: Annotated[bytes | None, Explicit(5, OCTET_STRING)] = None
    recip_nonce: Annotated[bytes | None, Explicit(6, OCTET_STRING)] = None
    free_text: Annotated[tuple[str, ...], Explicit(7, PKI_FREE_TEXT)] = ()
    general_info: Annotated[tuple[InfoTypeAndValue, ...], Explicit(8, SequenceOf(InfoTypeAndValue))] = ()


@sequence
class PKIStatusInfo:
    """PKIStatusInfo: SEQUENCE { status INTEGER, statusString PKIFreeText OPTIONAL, failInfo OPTIONAL }."""

    status: Annotated[int, INTEGER]
    status_string: Annotated[tuple[str, ...], PKI_FREE_TEXT] = ()
    fail_info: Annotated[frozenset[int], NAMED_BITS] = frozenset()


CERT_OR_ENC_CERT = Choice(certificate=Explicit(0, OPAQUE_SEQUENCE), encryptedCert=Explicit(1, ANY))


@sequence
class CertifiedKeyPair:
    """CertifiedKeyPair: SEQUENCE { certOrEncCert, privateKey [0] OPTIONAL, publicationInfo [1] OPTIONAL }."""

    cert_or_enc_cert: Annotated[Chosen, CERT_OR_ENC_CERT]
    private_key: Annotated[bytes | None, Explicit(0, ANY)] = None
    publication_info: Annotated[bytes | None, Explicit(1, ANY)] = None


@sequence
class CertResponse:
    """CertResponse: SEQUENCE { certReqId, status PKIStatusInfo, certifiedKeyPair OPTIONAL, rspInfo OPTIONAL }."""

    cert_req_id: Annotated[int, INTEGER]
    status: PKIStatusInfo
    certified_key_pair: CertifiedKeyPair | None = None
    rsp_info: Annotated[bytes | None, OCTET_STRING] = None


@sequence
class CertRepMessage:
    """CertRepMessage: SEQUENCE { caPubs [1] SEQUENCE OF OPTIONAL, response SEQUENCE OF CertResponse }."""

    ca_pubs: Annotated[tuple[bytes, ...], Explicit(1, CERTIFICATES)] = ()
    response: Annotated[tuple[CertResponse, ...], SequenceOf(CertResponse)]


@sequence
class KeyRecRepContent:
    """KeyRecRepContent (RFC 9810 §5.3.8): status, newSigCert [0], caCerts [1], keyPairHist [2]."""

    status: PKIStatusInfo
    new_sig_cert: Annotated[bytes | None, Explicit(0, OPAQUE_SEQUENCE)] = None
    ca_certs: Annotated[tuple[bytes, ...], Explicit(1, CERTIFICATES)] = ()
    key_pair_hist: Annotated[tuple[CertifiedKeyPair, ...], Explicit(2, SequenceOf(CertifiedKeyPair))] = ()


@sequence
class RevDetails:
    """RevDetails: SEQUENCE { certDetails CertTemplate, crlEntryDetails Extensions OPTIONAL }.

    RFC 2510 has two more between them: revocationReason ReasonFlags OPTIONAL, badSinceDate GeneralizedTime OPTIONAL.
    """

    cert_details: CertTemplate
    revocation_reason: Annotated[frozenset[int], NAMED_BITS] = frozenset()
    bad_since_date: Annotated[datetime | None, GENERALIZED_TIME] = None
    crl_entry_details: Annotated[tuple[Extension, ...], EXTENSIONS] = ()


@sequence
class RevRepContent:
    """RevRepContent: SEQUENCE { status SEQUENCE OF, revCerts [0] OPTIONAL, crls [1] OPTIONAL }."""

    status: Annotated[tuple[PKIStatusInfo, ...], SequenceOf(PKIStatusInfo)]
    rev_certs: Annotated[tuple[CertId, ...], Explicit(0, SequenceOf(CertId))] = ()
    crls: Annotated[tuple[bytes, ...], Explicit(1, CERTIFICATES)] = ()


@sequence
class CertStatus:
    """CertStatus: SEQUENCE { certHash OCTET STRING, certReqId, statusInfo OPTIONAL, hashAlg [0] OPTIONAL }."""

    cert_hash: Annotated[bytes, OCTET_STRING]
    cert_req_id: Annotated[int, INTEGER]
    status_info: PKIStatusInfo | None = None
    hash_alg: Annotated[AlgorithmIdentifier | None, Explicit(0, AlgorithmIdentifier)] = None


@sequence
class PollReq:
    """One element of PollReqContent: SEQUENCE { certReqId INTEGER }."""

    cert_req_id: Annotated[int, INTEGER]


@sequence
class PollRep:
    """One element of PollRepContent: SEQUENCE { certReqId, checkAfter INTEGER (seconds), reason OPTIONAL }."""

    cert_req_id: Annotated[int, INTEGER]
    check_after: Annotated[int, INTEGER]
    reason: Annotated[tuple[str, ...], PKI_FREE_TEXT] = ()


@sequence
class ErrorMsgContent:
    """ErrorMsgContent: SEQUENCE { pKIStatusInfo, errorCode OPTIONAL, errorDetails OPTIONAL }."""

    pki_status_info: PKIStatusInfo
    error_code: Annotated[int | None, INTEGER] = None
    error_details: Annotated[tuple[str, ...], PKI_FREE_TEXT] = ()


_GENERAL = SequenceOf(InfoTypeAndValue)
PKI_BODY = Choice(
    ir=Explicit(0, CERT_REQ_MESSAGES),
    ip=Explicit(1, CertRepMessage),
    cr=Explicit(2, CERT_REQ_MESSAGES),
    cp=Explicit(3, CertRepMessage),
    p10cr=Explicit(4, OPAQUE_SEQUENCE),
    popdecc=Explicit(5, ANY),
    popdecr=Explicit(6, ANY),
    kur=Explicit(7, CERT_REQ_MESSAGES),
    kup=Explicit(8, CertRepMessage),
    krr=Explicit(9, CERT_REQ_MESSAGES),
    krp=Explicit(10, KeyRecRepContent),
    rr=Explicit(11, SequenceOf(RevDetails)),
    rp=Explicit(12, RevRepContent),
    ccr=Explicit(13, CERT_REQ_MESSAGES),
    ccp=Explicit(14, CertRepMessage),
    ckuann=Explicit(15, ANY),
    cann=Explicit(16, ANY),
    rann=Explicit(17, ANY),
    crlann=Explicit(18, ANY),
    pkiconf=Explicit(19, NULL),
    nested=Explicit(20, ANY),
    genm=Explicit(21, _GENERAL),
    genp=Explicit(22, _GENERAL),
    error=Explicit(23, ErrorMsgContent),
    certConf=Explicit(24, SequenceOf(CertStatus)),
    pollReq=Explicit(25, SequenceOf(PollReq)),
    pollRep=Explicit(26, SequenceOf(PollRep)),
)
"""PKIBody (RFC 9810 §5.1.2); Chosen.name is the standard's name of the body type."""


@sequence
class PKIMessage:
    """PKIMessage: SEQUENCE { header, body, protection [0] BIT STRING OPTIONAL, extraCerts [1] OPTIONAL }."""

    header: PKIHeader
    body: Annotated[Chosen, PKI_BODY]
    protection: Annotated[bytes | None, Explicit(0, BIT_STRING)] = None
    extra_certs: Annotated[tuple[bytes, ...], Explicit(1, CERTIFICATES)] = ()

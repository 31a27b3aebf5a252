"""Parameters of the algorithms that CMP and CMS use: key derivation, MACs, key transport, authenticated encryption.

RFC 8018 §A (PBKDF2, PBMAC1), RFC 9810 §5.1.3 (DHBMParameter, KemBMParameter, KemOtherInfo), RFC 4055 §4.1 (OAEP),
RFC 5084 §3.2 and RFC 9044 §2 (GCM, GMAC), RFC 5753 §7.2 (ECC-CMS-SharedInfo). What they do is in runner.pki.
"""

from __future__ import annotations

from typing import Annotated

from runner.asn1.algorithms import DER_NULL, AlgorithmIdentifier
from runner.asn1.primitives import INTEGER, OCTET_STRING, UTF8_STRING
from runner.asn1.structures import Explicit, SequenceOf, sequence

PBKDF2 = "1.2.840.113549.1.5.12"
PBMAC1 = "1.2.840.113549.1.5.14"
DH_BASED_MAC = "1.2.840.113533.7.66.30"
KEM_BASED_MAC = "1.2.840.113533.7.66.16"
RSAES_OAEP = "1.2.840.113549.1.1.7"
P_SPECIFIED = "1.2.840.113549.1.1.9"
GMACS = {
    "2.16.840.1.101.3.4.1.9": 16,
    "2.16.840.1.101.3.4.1.29": 24,
    "2.16.840.1.101.3.4.1.49": 32,
}
"""AES-GMAC (RFC 9044) → octets of its key."""
ML_KEMS = {
    "2.16.840.1.101.3.4.4.1": "ML-KEM-512",
    "2.16.840.1.101.3.4.4.2": "ML-KEM-768",
    "2.16.840.1.101.3.4.4.3": "ML-KEM-1024",
}
"""ML-KEM parameter sets (RFC 9935)."""
HKDFS = {
    "1.2.840.113549.1.9.16.3.28": "sha256",
    "1.2.840.113549.1.9.16.3.29": "sha384",
    "1.2.840.113549.1.9.16.3.30": "sha512",
}
"""HKDF by its hash (RFC 8619)."""
KDF2 = "1.3.133.16.840.9.44.1.1"
KDF3 = "1.3.133.16.840.9.44.1.2"


@sequence
class PBKDF2Params:
    """PBKDF2-params (RFC 8018 §A.2). A salt from elsewhere (otherSource) is refused by not being read.

    SEQUENCE { salt CHOICE { specified OCTET STRING, otherSource AlgorithmIdentifier }, iterationCount INTEGER,
               keyLength INTEGER OPTIONAL, prf AlgorithmIdentifier DEFAULT algid-hmacWithSHA1 }
    """

    salt: Annotated[bytes, OCTET_STRING]
    iteration_count: Annotated[int, INTEGER]
    key_length: Annotated[int | None, INTEGER] = None
    prf: AlgorithmIdentifier = AlgorithmIdentifier(algorithm="1.2.840.113549.2.7", parameters=DER_NULL)


@sequence
class PBMAC1Params:
    """PBMAC1-params ::= SEQUENCE { keyDerivationFunc, messageAuthScheme AlgorithmIdentifier } (RFC 8018 §A.5)."""

    key_derivation_func: AlgorithmIdentifier
    message_auth_scheme: AlgorithmIdentifier


@sequence
class DHBMParameter:
    """DHBMParameter ::= SEQUENCE { owf AlgorithmIdentifier, mac AlgorithmIdentifier } (RFC 9810 §5.1.3.2)."""

    owf: AlgorithmIdentifier
    mac: AlgorithmIdentifier


@sequence
class KemBMParameter:
    """KemBMParameter (RFC 9810 §5.1.3.4).

    SEQUENCE { kdf AlgorithmIdentifier, kemContext [0] OCTET STRING OPTIONAL, len INTEGER (1..MAX),
               mac AlgorithmIdentifier }
    """

    kdf: AlgorithmIdentifier
    kem_context: Annotated[bytes | None, Explicit(0, OCTET_STRING)] = None
    length: Annotated[int, INTEGER]
    mac: AlgorithmIdentifier


@sequence
class KemOtherInfo:
    """KemOtherInfo (RFC 9810 §5.1.3.4), what binds a KEM-based MAC key to CMP and to a transaction.

    SEQUENCE { staticString PKIFreeText, transactionID OCTET STRING, kemContext [0] OCTET STRING OPTIONAL }
    """

    static_string: Annotated[tuple[str, ...], SequenceOf(UTF8_STRING, limit=1)]
    transaction_id: Annotated[bytes, OCTET_STRING]
    kem_context: Annotated[bytes | None, Explicit(0, OCTET_STRING)] = None


@sequence
class RSAESOAEPParams:
    """RSAES-OAEP-params (RFC 4055 §4.1), every field with its DEFAULT left as None.

    SEQUENCE { hashFunc [0] DEFAULT sha1, maskGenFunc [1] DEFAULT mgf1SHA1, pSourceFunc [2] DEFAULT pSpecifiedEmpty }
    """

    hash_func: Annotated[AlgorithmIdentifier | None, Explicit(0, AlgorithmIdentifier)] = None
    mask_gen_func: Annotated[AlgorithmIdentifier | None, Explicit(1, AlgorithmIdentifier)] = None
    p_source_func: Annotated[AlgorithmIdentifier | None, Explicit(2, AlgorithmIdentifier)] = None


@sequence
class GCMParameters:
    """GCMParameters (RFC 5084 §3.2) and GMACParameters (RFC 9044 §2), which look the same.

    SEQUENCE { nonce OCTET STRING, length INTEGER (12 | 13 | 14 | 15 | 16) DEFAULT 12 }
    """

    nonce: Annotated[bytes, OCTET_STRING]
    length: Annotated[int, INTEGER] = 12


@sequence
class ECCCMSSharedInfo:
    """ECC-CMS-SharedInfo (RFC 5753 §7.2).

    SEQUENCE { keyInfo AlgorithmIdentifier, entityUInfo [0] OCTET STRING OPTIONAL, suppPubInfo [2] OCTET STRING }
    """

    key_info: AlgorithmIdentifier
    entity_u_info: Annotated[bytes | None, Explicit(0, OCTET_STRING)] = None
    supp_pub_info: Annotated[bytes, Explicit(2, OCTET_STRING)]

"""Which MAC protects what we send, as plain data from the manifest, and its AlgorithmIdentifier (RFC 9045, RFC 9579).

What arrives chooses for itself, within the caps of macs.py.
"""

from __future__ import annotations

from runner.asn1.algorithms import DER_NULL, HASHES, HMACS, PASSWORD_BASED_MAC, AlgorithmIdentifier, PBMParameter
from runner.asn1.parameters import GMACS, PBKDF2, PBMAC1, GCMParameters, PBKDF2Params, PBMAC1Params
from runner.asn1.structures import encode
from runner.values import frozen

KINDS = ("pbm", "pbmac1")
OWFS = {name: oid for oid, name in HASHES.items()}
"""Hash names of the manifest → object identifiers."""
HMAC_SHA1_OF_2510 = "1.3.6.1.5.5.8.1.2"
_HMAC_OIDS = {f"hmac-{name}": oid for oid, name in HMACS.items() if oid != HMAC_SHA1_OF_2510}
MACS = {
    **_HMAC_OIDS,
    "hmac-sha1": HMAC_SHA1_OF_2510,
    "hmac-sha1-pkcs5": _HMAC_OIDS["hmac-sha1"],
    **{f"aes{size * 8}-gmac": oid for oid, size in GMACS.items()},
}
"""MAC names of the manifest → object identifiers. `hmac-sha1` goes by its RFC 2510 name, as CMP servers expect."""
_TAG_OCTETS = 16
GMAC_NONCE_OCTETS = 12


@frozen
class MacParameters:
    """How we protect: `kind` of KINDS, `owf` (for pbmac1: the hash of its PRF) of OWFS, `mac` of MACS.

    The defaults are those of RFC 9045 §4; `salt_length` is in octets.
    """

    kind: str = "pbm"
    owf: str = "sha256"
    mac: str = "hmac-sha256"
    iterations: int = 10_000
    salt_length: int = 16
    key_length: int = 32
    """Octets of the key that PBMAC1 derives; an AES-GMAC has its own."""


def mac_algorithm(parameters: MacParameters, salt: bytes, nonce: bytes = b"") -> AlgorithmIdentifier:
    """The protectionAlg for `salt` (fresh octets, parameters.salt_length of them).

    AES-GMAC takes a `nonce` of 12 octets besides, which must never serve two messages: see `with_nonce`.
    """
    if parameters.kind == "pbmac1":
        return _pbmac1(parameters, salt, nonce)
    mac = _mac(parameters, nonce)
    owf = AlgorithmIdentifier(algorithm=OWFS[parameters.owf])
    made = PBMParameter(salt=salt, owf=owf, iteration_count=parameters.iterations, mac=mac)
    return AlgorithmIdentifier(algorithm=PASSWORD_BASED_MAC, parameters=encode(made))


def _pbmac1(parameters: MacParameters, salt: bytes, nonce: bytes) -> AlgorithmIdentifier:
    mac = _mac(parameters, nonce)
    prf = AlgorithmIdentifier(algorithm=_HMAC_OIDS[f"hmac-{parameters.owf}"], parameters=DER_NULL)
    kdf = PBKDF2Params(
        salt=salt,
        iteration_count=parameters.iterations,
        key_length=GMACS.get(mac.algorithm, parameters.key_length),
        prf=prf,
    )
    made = PBMAC1Params(
        key_derivation_func=AlgorithmIdentifier(algorithm=PBKDF2, parameters=encode(kdf)), message_auth_scheme=mac
    )
    return AlgorithmIdentifier(algorithm=PBMAC1, parameters=encode(made))


def _mac(parameters: MacParameters, nonce: bytes) -> AlgorithmIdentifier:
    """The inner MAC; in PBMAC1 the HMACs bear their PKCS #5 identifiers, with NULL (RFC 8018 §B.1.1)."""
    oid = MACS[parameters.mac]
    if oid in GMACS:
        return AlgorithmIdentifier(algorithm=oid, parameters=encode(GCMParameters(nonce=nonce, length=_TAG_OCTETS)))
    if parameters.kind == "pbmac1":
        oid = _HMAC_OIDS[f"hmac-{HMACS[oid]}"]
        return AlgorithmIdentifier(algorithm=oid, parameters=DER_NULL)
    return AlgorithmIdentifier(algorithm=oid)


def needs_nonce(parameters: MacParameters) -> bool:
    """Whether each message needs a nonce of its own (AES-GMAC, where a second use would give the key away)."""
    return MACS[parameters.mac] in GMACS


def with_nonce(parameters: MacParameters, salt: bytes, sender_nonce: bytes) -> AlgorithmIdentifier:
    """The protectionAlg for one message: salt and derived key stay, the nonce is cut from its senderNonce."""
    return mac_algorithm(parameters, salt, sender_nonce[:GMAC_NONCE_OCTETS])

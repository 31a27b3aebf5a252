"""What other implementations of CMP do otherwise, as data: tolerances by name, and profiles of servers.

Without a profile everything is strict. A Tolerance is consulted where the check stands that it softens, by its name
and nowhere by a server's; a ServerProfile is a set of them and of defaults, over which the manifest's own keys win.
No profile lets anything count that nobody vouches for: that has to be said singly.
"""

from __future__ import annotations

from dataclasses import field
from enum import Enum

from runner.pki.mac_parameters import MacParameters
from runner.values import frozen


class Tolerance(Enum):
    """Something that the standards forbid and some server does; the value is its name in manifests."""

    __hash__ = object.__hash__  # each message asks for a dozen of them; Enum hashes their names, in Python

    MISSING_RECIP_NONCE = "missing-recip-nonce"
    WEAK_SENDER_NONCE = "weak-sender-nonce"
    OTHER_VERSION = "other-version"
    UNPROTECTED_ERROR = "unprotected-error"
    UNPROTECTED_PKICONF = "unprotected-pkiconf"
    P10CR_ANSWERED_AS_IP = "p10cr-answered-as-ip"
    P10CR_ANSWERED_AS_POPDECC = "p10cr-answered-as-popdecc"
    IP_AND_CP_INTERCHANGED = "ip-and-cp-interchanged"
    OTHER_CERT_REQ_ID = "other-cert-req-id"
    SIGNER_WITHOUT_DIGITAL_SIGNATURE = "signer-without-digital-signature"
    OTHER_SENDER = "other-sender"
    SHA1_SIGNATURES = "sha1-signatures"
    REVERSED_RDNS = "reversed-rdns"
    OTHER_SUBJECT = "other-subject"
    BARE_PRIVATE_KEY = "bare-private-key"
    MAC_AS_BEFORE = "mac-as-before"


WORDS = {
    Tolerance.MISSING_RECIP_NONCE: "an answer without recipNonce",
    Tolerance.WEAK_SENDER_NONCE: "an answer without senderNonce, or with one of less than 16 octets",
    Tolerance.OTHER_VERSION: "an answer of another protocol version (pvno) than ours",
    Tolerance.UNPROTECTED_ERROR: "a refusal that nobody vouches for counts as the CA's word",
    Tolerance.UNPROTECTED_PKICONF: "a pkiconf that nobody vouches for ends the transaction",
    Tolerance.P10CR_ANSWERED_AS_IP: "a p10cr answered by ip instead of cp",
    Tolerance.P10CR_ANSWERED_AS_POPDECC: "a p10cr answered by a cp under the number of popdecc",
    Tolerance.IP_AND_CP_INTERCHANGED: "an ir answered by cp, and a cr by ip",
    Tolerance.OTHER_CERT_REQ_ID: "an answer to our one request under another certReqId",
    Tolerance.SIGNER_WITHOUT_DIGITAL_SIGNATURE: "a signer whose keyUsage lacks digitalSignature",
    Tolerance.OTHER_SENDER: "a signer that leads to an anchor speaks for the CA, whoever it is",
    Tolerance.SHA1_SIGNATURES: "messages signed with SHA-1",
    Tolerance.REVERSED_RDNS: "the issuer in revCerts with its parts the other way round",
    Tolerance.OTHER_SUBJECT: "a certificate that is `accepted` with other names than were asked for; they are told",
    Tolerance.BARE_PRIVATE_KEY: "a private key that the CA made, and that no key generation authority signed for",
    Tolerance.MAC_AS_BEFORE: "a PasswordBasedMac without parameters: they are those of the message that it answers",
}
"""What each tolerance lets pass."""
TOLERANCES = {tolerance.value: tolerance for tolerance in Tolerance}
"""Name in manifests → Tolerance."""
SENDERS = ("reference", "subject", "none")
"""What the sender field says under a shared secret: CN=reference, the subject that is asked for, or the NULL-DN."""


@frozen
class ServerProfile:
    """What is known of a server: what it does otherwise, and the settings that suit it where none are said."""

    about: str
    tolerates: frozenset[Tolerance] = frozenset()
    mac: MacParameters = field(default_factory=MacParameters)
    implicit_confirm: bool = False
    old_cert_id: bool = True
    sender: str = "reference"
    send_extra_certs: str = "always"
    message_time: bool = True
    template_version: bool = False
    """It wants CertTemplate to say that the certificate is to be of version 3."""
    most_iterations: int = 0
    """The most iterations of a MAC that it takes from us; 0: as many as we may send."""
    absolute_uri: bool = False
    """Over HTTP it wants whole URLs in the request line."""
    trailing_slash: bool = False
    """It finds itself only where the path of its URL ends with a slash."""


STRICT = ServerProfile("strict, with the defaults of RFC 9483 and 9045")
_SHA256_HMAC_SHA1 = MacParameters(mac="hmac-sha1", iterations=1024)
_ALL_SHA1 = MacParameters(owf="sha1", mac="hmac-sha1", iterations=1024)
"""What SSH's client and its relatives have always sent."""
OF_1999 = ServerProfile("CMP version 1, with the algorithms of RFC 2510", mac=_ALL_SHA1)
_EJBCA_MOST = 10_000
"""EJBCA refuses a PasswordBasedMac with more."""
_INSTA = frozenset({Tolerance.SIGNER_WITHOUT_DIGITAL_SIGNATURE, Tolerance.MISSING_RECIP_NONCE})
_EJBCA = frozenset({Tolerance.OTHER_VERSION, Tolerance.REVERSED_RDNS, Tolerance.P10CR_ANSWERED_AS_POPDECC})

PROFILES = {
    "ejbca-client": ServerProfile(
        "EJBCA, an alias in client mode: it finds the end entity by the sender",
        _EJBCA,
        MacParameters(),
        implicit_confirm=True,
        sender="subject",
        most_iterations=_EJBCA_MOST,
    ),
    "ejbca-ra": ServerProfile("EJBCA, an alias in RA mode", _EJBCA, implicit_confirm=True, most_iterations=_EJBCA_MOST),
    "insta": ServerProfile(
        "Insta Certifier, and SSH's (Tectia) before it: signs many answers with the CA's own key",
        _INSTA,
        _SHA256_HMAC_SHA1,
    ),
    "insta-3.2": ServerProfile(
        "Insta Certifier 3.2: its HTTP wants a whole URL, which ends with a slash",
        _INSTA,
        _SHA256_HMAC_SHA1,
        absolute_uri=True,
        trailing_slash=True,
    ),
    "insta-3.3": ServerProfile(
        "Insta Certifier 3.3: it may dislike messageTime, and wants the version in templates",
        _INSTA,
        _SHA256_HMAC_SHA1,
        message_time=False,
        template_version=True,
    ),
    "openssl": ServerProfile(
        "OpenSSL's mock server, and what is built on its library",
        mac=MacParameters(mac="hmac-sha1", iterations=500),
        most_iterations=100_000,
    ),
    "nexus": ServerProfile("Nexus Certificate Manager: officers approve, so that much waits"),
    "entrust": ServerProfile("Entrust Certificate Enrollment Gateway: three messages, never confirmed implicitly"),
    "rfc9483": ServerProfile("a server of the Lightweight CMP Profile", implicit_confirm=True),
    "3gpp": ServerProfile("an operator's CA for base stations (3GPP TS 33.310)", sender="subject"),
    "netguard": ServerProfile("Nokia NetGuard Certificate Manager", mac=_SHA256_HMAC_SHA1),
    "keon": ServerProfile(
        "RSA Keon CA",
        frozenset({Tolerance.SHA1_SIGNATURES, Tolerance.WEAK_SENDER_NONCE, Tolerance.SIGNER_WITHOUT_DIGITAL_SIGNATURE}),
        _ALL_SHA1,
    ),
    "cryptlib": ServerProfile(
        "cryptlib's server: it leaves out nonces and what it has said before, and knows no names of senders",
        frozenset({Tolerance.MISSING_RECIP_NONCE, Tolerance.WEAK_SENDER_NONCE, Tolerance.MAC_AS_BEFORE}),
        MacParameters(owf="sha1", mac="hmac-sha1", iterations=2000),
        sender="none",
        most_iterations=10_000,
    ),
    "siemens": ServerProfile(
        "Siemens' RA component and what is built on it: PBMAC1, and signed answers to it",
        mac=MacParameters(kind="pbmac1"),
        implicit_confirm=True,
    ),
    "lamassu": ServerProfile("Lamassu", implicit_confirm=True),
    "xipki": ServerProfile("XiPKI", implicit_confirm=True),
}
"""Name in manifests → ServerProfile."""

"""Both ends of a transaction in one room: our dialogue, and a CA that answers exactly what a test tells it to.

The CA shares the codec with us and nothing else: its certificates are signed by `cryptography`, its MACs are
computed in support.requester.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from support.ambient import NOON, CountingEntropy
from support.hierarchy import CERT_SIGN, END, SIGN, START, Holder, entity, root
from support.requester import Secret

from runner.asn1.algorithms import DER_NULL, ED25519, AlgorithmIdentifier
from runner.asn1.cmp import (
    IMPLICIT_CONFIRM,
    PKI_BODY,
    PKI_STATUS,
    CertifiedKeyPair,
    CertRepMessage,
    CertResponse,
    ErrorMsgContent,
    InfoTypeAndValue,
    PKIHeader,
    PKIMessage,
    PKIStatusInfo,
    PollRep,
    RevRepContent,
)
from runner.asn1.der import tlv
from runner.asn1.structures import Chosen, decode, encode
from runner.asn1.x509 import Extension, Signed, TBSCertificate, Validity
from runner.cmp.answers import REPLIES
from runner.cmp.dialogue import Parties
from runner.cmp.protection import MacProtection, Peer, SignatureProtection
from runner.cmp.request import Order
from runner.cmp.transaction import confirm, poll, prove, receive, start
from runner.pki.extensions import subject_alt_name
from runner.pki.mac_parameters import MacParameters
from runner.pki.macs import SharedSecret
from runner.pki.names import directory_name, parse_general_name, parse_name
from runner.pki.profile import Profile
from runner.pki.signers import PrivateKeySigner

CA = root("Plant CA", usages=CERT_SIGN | SIGN)
OTHER_CA = root("Other CA", usages=CERT_SIGN | SIGN)
DEVICE = entity("device", CA)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(100, 132)))
PROOF = PrivateKeySigner(KEY)
SECRET, REFERENCE = b"insta", b"3078"
SUBJECT = "C=FI, O=Example, CN=web"
SANS = ("dns=web.example.com",)
IMPLICIT = InfoTypeAndValue(info_type=IMPLICIT_CONFIRM, info_value=DER_NULL)
_EDDSA = AlgorithmIdentifier(algorithm=ED25519)
_numbers = count(1)


def fresh_nonce() -> bytes:
    return next(_numbers).to_bytes(16, "big")


def order(kind="ir", **more) -> Order:
    if kind == "rr":
        return Order("rr", certificate=DEVICE.ours, reason="superseded", **more)
    wanted = Profile(parse_name(SUBJECT), tuple(map(parse_general_name, SANS)))
    made = Order(
        kind,
        wanted,
        PROOF.public_key_info,
        csr=_csr() if kind == "p10cr" else b"",
        certificate=DEVICE.ours if kind == "kur" else None,
    )
    return replace(made, **more)


def _csr() -> bytes:
    subject = x509.Name.from_rfc4514_string("CN=web,O=Example,C=FI")
    return x509.CertificateSigningRequestBuilder(subject).sign(KEY, None).public_bytes(Encoding.DER)


def by_secret(*anchors: Holder, **more) -> Parties:
    """Parties of which we protect by a shared secret."""
    protection = MacProtection(REFERENCE, SharedSecret(SECRET), b"salt of the test", MacParameters(iterations=500))
    return Parties(protection, Peer(protection.secret, tuple(a.ours for a in anchors)), **more)


def by_signature(*anchors: Holder, name: str = "", **more) -> Parties:
    """Parties of which we sign with the device's certificate."""
    protection = SignatureProtection(PrivateKeySigner(DEVICE.key), (DEVICE.ours,))
    peer = Peer(None, tuple(a.ours for a in anchors), parse_name(name) if name else None)
    return Parties(protection, peer, **more)


def issued(ca: Holder = CA, **fields) -> bytes:
    """A certificate as `order()` asks for it; `fields` of TBSCertificate say what else it should say."""
    sans = subject_alt_name([parse_general_name(text) for text in SANS], critical=False)
    usual = {
        "version": 2,
        "serial_number": 4711,
        "signature": _EDDSA,
        "issuer": ca.certificate.subject.public_bytes(),
        "validity": Validity(not_before=START, not_after=END),
        "subject": parse_name(SUBJECT).der,
        "subject_public_key_info": PROOF.public_key_info,
        "extensions": (sans,),
    }
    tbs = encode(TBSCertificate(**usual | fields))
    return encode(Signed(tbs=tbs, signature_algorithm=_EDDSA, signature=ca.key.sign(tbs)))


def basic_constraints_ca() -> Extension:
    return Extension(extn_id="2.5.29.19", critical=True, extn_value=bytes.fromhex("30030101ff"))


def status(name="accepted", *texts: str, bits=()) -> PKIStatusInfo:
    return PKIStatusInfo(status=PKI_STATUS.index(name), status_string=texts, fail_info=frozenset(bits))


def granted(
    certificate: bytes | None, name="accepted", *, texts=(), bits=(), cert_req_id=0, ca_pubs=(), times=1
) -> CertRepMessage:
    """The content of ip, cp and kup."""
    pair = None if certificate is None else CertifiedKeyPair(cert_or_enc_cert=Chosen("certificate", certificate))
    response = CertResponse(cert_req_id=cert_req_id, status=status(name, *texts, bits=bits), certified_key_pair=pair)
    return CertRepMessage(ca_pubs=ca_pubs, response=(response,) * times)


def error(name="rejection", *texts, bits=(1,), code=None, details=()) -> ErrorMsgContent:
    return ErrorMsgContent(pki_status_info=status(name, *texts, bits=bits), error_code=code, error_details=details)


def revoked(name="accepted", *, bits=(), times=1) -> RevRepContent:
    return RevRepContent(status=(status(name, bits=bits),) * times)


def later(seconds: int, *reasons: str, cert_req_id=0) -> tuple[PollRep, ...]:
    return (PollRep(cert_req_id=cert_req_id, check_after=seconds, reason=reasons),)


def say(kind, content, *, request: PKIMessage, by="secret", extra_certs=None, drop=(), **header) -> bytes:
    """A message from the CA in answer to `request`. `by`: "secret", a Secret, a Holder who signs, or None.

    `drop` leaves out "protection" or "protection_alg" after all else is made.
    """
    secret = Secret(REFERENCE, SECRET) if by == "secret" else by
    fields = {
        "pvno": request.header.pvno,
        "sender": directory_name(CA.certificate.subject.public_bytes()),
        "recipient": request.header.sender,
        "message_time": NOON,
        "transaction_id": request.header.transaction_id,
        "sender_nonce": fresh_nonce(),
        "recip_nonce": request.header.sender_nonce,
    }
    if isinstance(secret, Secret):
        fields |= {"protection_alg": secret.header["protection_alg"], "sender_kid": REFERENCE}
    elif secret is not None:
        fields |= {"protection_alg": _EDDSA}
    if "protection_alg" in drop:
        fields["protection_alg"] = None
    made = PKIHeader(**fields | header)
    body = Chosen(kind, content)
    data = tlv(0x30, encode(made) + PKI_BODY.encode(body))
    bits, certs = _protected(secret, data)
    return encode(
        PKIMessage(
            header=made,
            body=body,
            protection=None if "protection" in drop else bits,
            extra_certs=certs if extra_certs is None else extra_certs,
        )
    )


def _protected(secret, data):
    if secret is None:
        return None, ()
    if isinstance(secret, Secret):
        return secret.protect(data), ()
    return secret.key.sign(data), (secret.der,)


@dataclass
class Talk:
    """One transaction of ours, from its first message on."""

    order: Order = field(default_factory=order)
    parties: Parties = field(default_factory=by_secret)
    by: object = "secret"
    entropy: CountingEntropy = field(default_factory=CountingEntropy)
    now: object = NOON

    def __post_init__(self):
        proof = PROOF if self.order.kind != "rr" else None
        self.dialogue = start(self.order, self.parties, proof, self.now, self.entropy)

    @property
    def request(self) -> PKIMessage:
        """Our last message."""
        return decode(PKIMessage, self.dialogue.request)

    @property
    def reply(self) -> str:
        return REPLIES[self.order.kind]

    def hears(self, kind, content, **more):
        """The CA says something; what we do next."""
        return self.gets(say(kind, content, **{"request": self.request, "by": self.by} | more))

    def gets(self, octets: bytes):
        self.dialogue, action = receive(self.dialogue, octets, self.order, self.parties, self.now)
        return action

    def offered(self, certificate: bytes | None = None, name="accepted", **more):
        """The CA grants a certificate."""
        content = granted(certificate or issued(), name, **{k: more.pop(k) for k in ("ca_pubs",) if k in more})
        return self.hears(self.reply, content, **more)

    def decides(self, problem=None):
        ((self.dialogue, action),) = confirm([(self.dialogue, problem)], self.parties, self.now, self.entropy)
        return action

    def proves(self, challenged):
        self.dialogue, action = prove(self.dialogue, self.parties, challenged, self.now, self.entropy)
        return action

    def polls(self):
        (self.dialogue,) = poll([self.dialogue], self.parties, self.now, self.entropy)
        return self

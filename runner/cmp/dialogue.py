"""A transaction as plain data: who talks, what must survive between two messages, and what to do next.

RFC 9810 §5.1.1 gives the marks, RFC 9483 §4 the sequences. The machine that moves it is in transaction.py.
"""

from __future__ import annotations

from dataclasses import field
from enum import Enum
from typing import TYPE_CHECKING

from runner.cmp.request import CERT_REQ_ID
from runner.values import frozen

if TYPE_CHECKING:
    from runner.asn1.cmp import InfoTypeAndValue
    from runner.cmp.protection import Peer, Protection
    from runner.cmp.response import Status
    from runner.errors import BadCertificate, ProtocolError
    from runner.pki.certificates import Certificate
    from runner.pki.names import Name
    from runner.pki.opening import Decrypter
    from runner.pki.recipients import Opener


class State(Enum):
    """Where a transaction stands: what we are waiting for."""

    __hash__ = object.__hash__  # looked up with every message; Enum hashes the name, in Python

    REQUESTED = "requested"
    PROVING = "proving"
    POLLING = "polling"
    OFFERED = "offered"
    CONFIRMING = "confirming"


@frozen
class Parties:
    """We and the CA: how we protect, whom we believe, the recipient's name and the version that we speak."""

    protection: Protection
    peer: Peer
    recipient: Name | None = None
    pvno: int = 2
    implicit_confirm: bool = False
    cert_profile: str = ""
    """certProfile: the name by which the CA knows what it is to issue (RFC 9810 §5.1.1.4)."""
    opener: Decrypter | None = field(default=None, repr=False)
    """The key that is to be certified, where it can open a certificate that is encrypted to it."""
    kem_server: Certificate | None = None
    """The certificate of the server's KEM key: a secret is encapsulated to it in each transaction."""
    key_opener: Opener | None = field(default=None, repr=False)
    """What opens private keys that come from the CA: our credential, or the protocol encryption key."""
    general_info: tuple[InfoTypeAndValue, ...] = ()
    """Further items for the generalInfo of first messages."""
    message_time: bool = True
    """Whether our messages bear the time."""
    template_version: bool = False
    """Whether CertTemplate says the version of the certificate, which RFC 4211 §5 leaves to the CA."""


@frozen
class Dialogue:
    """A transaction between two messages. `request` is the message last made, to be sent or sent again as it is."""

    kind: str
    state: State
    transaction_id: bytes
    request: bytes
    nonce: bytes
    """senderNonce of `request`."""
    delayed_nonce: bytes
    """senderNonce of our last message that was no pollReq: its answer may be delayed, and repeat it (RFC 9483 §4.4)."""
    peer_nonce: bytes = b""
    recipient: bytes = b""
    """GeneralName; the sender of their last message."""
    origin: State = State.REQUESTED
    """The state that polling goes on from."""
    whole: bool = False
    """The message was put off as a whole, not its one CertResponse."""
    left_out: bool = False
    """The answer to a message of several requests did not speak of this one; it is asked for, once."""
    of: int = 1
    """How many requests the first message carries. Each has a Dialogue of its own; they share the transaction."""
    cert_req_id: int = CERT_REQ_ID
    """Which of them this is: its certReqId, or its place in an rr."""
    certificate: bytes = b""
    private_key: bytes = b""
    """EncryptedKey: the private key of that certificate as it came, where the CA made it."""
    kem_ciphertext: bytes = b""
    """KemCiphertextInfo that the secret of our protection is in; our key opens it again."""
    history: tuple[bytes, ...] = ()
    """CertifiedKeyPair: the key history of a krp, encrypted as it came."""
    key_is_signed_for: bool = False
    """The message that brought it was signed, so that whoever made the key must be known, too (RFC 9483 §4.1.6)."""
    granted: str = ""
    confirmed: bool = False
    """The CA granted implicitConfirm: there is nothing to confirm."""
    confirm_by: str = ""
    """ConfirmWaitTime, ISO 8601: until when the CA waits for certConf; empty: it does not say."""
    sealed: str = ""
    """SHA-256 (hex) of `request` as it went out, where secrets in it are masked: a journal keeps none."""
    refused: str = ""
    """Why we reject the certificate; empty: we accept it."""
    ca_pubs: tuple[bytes, ...] = ()
    vouched: str = ""
    """By whose word they came: see runner.cmp.roots."""
    symmetric_key: bytes = field(default=b"", repr=False)
    """What opened a certificate that came encrypted: the MAC key of conf (RFC 2510). It is never written down."""
    encrypted: bytes = b""
    """EncryptedKey: the certificate as it came, where conf needs that key: our own key opens it again."""
    polls: int = 0
    """How often the CA was asked whether it has decided on what is waited for now."""
    waits_since: str = ""
    """When it first put that off, ISO 8601; empty: it has not."""
    about: str = ""
    """SHA-256 (hex) of the certificate that is to be updated or revoked."""
    extra_certs: tuple[bytes, ...] = ()
    """All certificates seen in this transaction: candidates and intermediates, never anchors."""


@frozen
class Opening:
    """How a transaction begins where its secret was agreed on first."""

    transaction_id: bytes
    peer_nonce: bytes = b""
    recipient: bytes = b""
    """GeneralName; empty: as the parties say."""
    ciphertext: bytes = b""
    """KemCiphertextInfo for our key."""


@frozen
class Send:
    """Send `dialogue.request` and receive the answer."""


@frozen
class Tell:
    """Send `dialogue.request`, which nobody has to answer (conf of RFC 2510); then it is over."""


@frozen
class Wait:
    """Ask again after so many seconds: `poll`, then Send."""

    seconds: int
    reason: str


@frozen
class Challenged:
    """The CA wants to see that we can decrypt, and has issued nothing so far. Now `prove` with these numbers."""

    numbers: tuple[int, ...] = field(repr=False)


@frozen
class GivenUp:
    """An authentic message leaves us nothing to go on with; the CA has issued nothing, and will not."""

    problem: ProtocolError


@frozen
class Offered:
    """A certificate came. `path` leads from it to an anchor; `problem` says why it must be rejected. Now `confirm`.

    `private_key` (PrivateKeyInfo, DER) came along where the CA made it: it is to be durable before that.
    """

    certificate: Certificate
    path: tuple[Certificate, ...]
    status: Status
    remarks: tuple[str, ...]
    problem: BadCertificate | None
    private_key: bytes = field(default=b"", repr=False)


@frozen
class Done:
    """The transaction is over and the CA agreed: the certificate is confirmed, or revoked, or the question answered.

    `told` are the items of a genp.
    """

    status: Status
    told: tuple[InfoTypeAndValue, ...] = ()


@frozen
class Rejected:
    """The CA said no, and its word is authentic. `after_issue`: it had issued a certificate before.

    `whole`: it said so of the message, in an error, or of each of its requests alike; `pvno` is the version
    that it said it in, the nearest to ours that it speaks (RFC 9810 §7).
    """

    status: Status
    after_issue: bool = False
    whole: bool = False
    pvno: int = 0


Action = Send | Tell | Wait | Challenged | GivenUp | Offered | Done | Rejected

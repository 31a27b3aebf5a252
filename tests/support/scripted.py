"""A CA that follows a script: the real lab, and before it whatever a wire or a CA can do to one message.

A script is a list of acts, one for each message that arrives; when it is over, the lab answers. An act takes the
request and returns the answer's octets, or raises what a transport raises.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from runner.asn1.cmp import (
    FAIL_INFO,
    PKI_STATUS,
    CertRepMessage,
    CertResponse,
    ErrorMsgContent,
    PKIHeader,
    PKIMessage,
    PKIStatusInfo,
    PollRep,
)
from runner.asn1.structures import Chosen, decode, encode
from runner.errors import Busy, NotCmp, NotSent, Unanswered
from runner.lab.answers import Answer, seal
from runner.lab.received import read
from runner.lab.senders import identify

_REPLIES = {"ir": "ip", "cr": "cp", "kur": "kup", "pollReq": "ip"}
"""Request → answer; what is polled for here began with an ir."""


def body_of(octets: bytes) -> str:
    """The body type of a message."""
    return decode(PKIMessage, octets).body.name


@dataclass
class ScriptedCa:
    """runner.transports.base.Transport. `sent` is every message that arrived: (time, body type, octets)."""

    lab: object
    clock: object
    script: list = field(default_factory=list)
    sent: list = field(default_factory=list)
    watch: object = None
    closed: bool = False

    async def exchange(self, request: bytes, operation: str = "") -> bytes:
        kind = body_of(request)
        if self.watch:
            self.watch("wire", kind)
        self.sent.append((self.clock.monotonic(), kind, request))
        act = self.script.pop(0) if self.script else self.answers
        answer = act(request)
        if self.watch:
            self.watch("answer", kind)
        return answer

    async def poll(self, reference: str) -> bytes:
        raise AssertionError(f"nobody gave out the reference {reference}")

    async def close(self) -> None:
        self.closed = True

    @property
    def kinds(self) -> list:
        return [kind for _, kind, _ in self.sent]

    @property
    def times(self) -> list:
        return [time for time, _, _ in self.sent]

    @property
    def issued(self) -> int:
        """Certificates that the lab has made."""
        return len(list(self.lab._office.ledger.certificates()))

    # what a CA can do

    def answers(self, request: bytes) -> bytes:
        return self.lab.respond(request)

    def forge(self, kind: str, content: object, *, implicit: bool = False, header: object = None):
        """An authentic answer of our own making; `content(request)` may look at the request."""

        def act(request: bytes) -> bytes:
            received, office = read(request), self.lab._office
            name = _REPLIES[received.message.body.name] if kind == "reply" else kind
            value = content(received) if callable(content) else content
            asked = header(received.header) if header else received.header
            return seal(
                office, asked, identify(office, received), office.entropy.octets(16), Answer(name, value, implicit)
            )

        return act

    def refuses(self, *bits: str, text: str = "no"):
        """An error message, authentic."""
        return self.forge("error", ErrorMsgContent(pki_status_info=rejection(*bits, text=text)))

    def rejects(self, *bits: str, text: str = "no"):
        """A rejection in ip, cp or kup, authentic."""
        return self.forge(
            "reply", CertRepMessage(response=(CertResponse(cert_req_id=0, status=rejection(*bits, text=text)),))
        )

    def waits(self, text: str = "an officer has to approve it"):
        """`waiting`, in ip, cp or kup."""
        status = PKIStatusInfo(status=PKI_STATUS.index("waiting"), status_string=(text,))
        return self.forge("reply", CertRepMessage(response=(CertResponse(cert_req_id=0, status=status),)))

    def still_waits(self, seconds: int, *reason: str):
        """A pollRep."""
        return self.forge("pollRep", (PollRep(cert_req_id=0, check_after=seconds, reason=reason),))

    def claims(self, *bits: str, text: str = "go away"):
        """An error that nobody vouches for."""

        def act(request: bytes) -> bytes:
            asked = read(request).header
            header = PKIHeader(
                pvno=2,
                sender=asked.recipient,
                recipient=asked.sender,
                transaction_id=asked.transaction_id,
                sender_nonce=b"nobody vouches!!",
                recip_nonce=asked.sender_nonce,
            )
            content = ErrorMsgContent(pki_status_info=rejection(*bits, text=text))
            return encode(PKIMessage(header=header, body=Chosen("error", content)))

        return act

    def mistakes(self):
        """The right answer to somebody else: of another transaction."""
        from dataclasses import replace

        return self.forge("pkiconf", None, header=lambda asked: replace(asked, transaction_id=bytes(16)))

    # what a wire can do

    def loses(self, request: bytes) -> bytes:
        """The CA gets the message, and its answer is lost."""
        self.lab.respond(request)
        raise Unanswered("the connection broke")

    def drops(self, request: bytes) -> bytes:
        """The message is lost, and nobody can tell."""
        raise Unanswered("nothing came back")

    def unreachable(self, request: bytes) -> bytes:
        raise NotSent("connection refused", next_step="look at the address")

    def babbles(self, request: bytes) -> bytes:
        raise NotCmp("that was HTML")

    def busy(self, seconds: float | None = None):
        def act(request: bytes) -> bytes:
            raise Busy("HTTP 503", retry_after=seconds)

        return act

    def noise(self, request: bytes) -> bytes:
        return b"\x30\x03\x02\x01\x00"


def rejection(*bits: str, text: str) -> PKIStatusInfo:
    return PKIStatusInfo(
        status=PKI_STATUS.index("rejection"),
        status_string=(text,),
        fail_info=frozenset(FAIL_INFO.index(bit) for bit in bits),
    )

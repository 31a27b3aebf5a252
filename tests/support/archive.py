"""A CA that keeps private keys, behind the real lab: it answers krr, and for everything else the lab does.

The keys are sealed to the protocolEncrKey of the request by our codec, or wholly by the `openssl` program.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field, replace
from datetime import timedelta

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from support.ambient import CountingEntropy
from support.recipients import key_of, pkcs8_der

from runner.asn1.archive import ENCRYPTED_KEY
from runner.asn1.cmp import PKI_STATUS, CertifiedKeyPair, KeyRecRepContent, PKIMessage, PKIStatusInfo, PollRep
from runner.asn1.cms import ENC_KEY_WITH_ID
from runner.asn1.signed import EncKeyWithID, OneAsymmetricKey
from runner.asn1.structures import Chosen, decode, encode
from runner.asn1.x509 import Validity
from runner.lab.answers import Answer, seal
from runner.lab.asked import Asked
from runner.lab.received import read
from runner.lab.senders import identify
from runner.pki.encrypted_values import seal_encrypted_value
from runner.pki.envelopes import recipient_of_request, seal_envelope

_PROTOCOL_ENCR_KEY = "1.3.6.1.5.5.7.5.1.6"


@dataclass
class Archive:
    """`behave` of a Peer. `kinds` are those of the keys in the history, the newest first."""

    kinds: tuple = ("rsa", "x25519")
    strangers_key: bool = False
    to_another: bool = False
    waits: int = 0
    refuses: bool = False
    requests: list = field(default_factory=list)
    open: dict = field(default_factory=dict)

    def __call__(self, lab, request, number):
        message = decode(PKIMessage, request)
        transaction = message.header.transaction_id
        if message.body.name == "krr":
            self.requests.append(message)
            self.open[transaction] = (request, self.waits)
            return self._answer(
                lab, request, self._content(lab, request) if not self.waits else self._status("waiting")
            )
        if transaction in self.open and message.body.name == "pollReq":
            first, left = self.open[transaction]
            self.open[transaction] = (first, left - 1)
            if left > 1:
                return self._say(lab, request, Answer("pollRep", (PollRep(cert_req_id=-1, check_after=1),)))
            return self._answer(lab, request, self._content(lab, first))
        if transaction in self.open and message.body.name == "certConf":
            self.confirmed = message.body.value
            return self._say(lab, request, Answer("pkiconf"))
        return lab.respond(request)

    def _say(self, lab, request, answer):
        received, office = read(request), lab._office
        return seal(office, received.header, identify(office, received), office.entropy.octets(16), answer)

    def _answer(self, lab, request, content):
        return self._say(lab, request, Answer("krp", content))

    def _status(self, name):
        return KeyRecRepContent(status=PKIStatusInfo(status=PKI_STATUS.index(name)))

    def _content(self, lab, request):
        if self.refuses:
            return self._status("rejection")
        message = decode(PKIMessage, request)
        asked = message.body.value[0].cert_req
        template = asked.cert_template
        (own,) = [control.value for control in asked.controls if control.type == _PROTOCOL_ENCR_KEY]
        if self.to_another:
            own = info_of(key_of("rsa", 77))
        pairs = tuple(self._pair(lab, kind, template.subject, own, message.header.pvno) for kind in self.kinds)
        new = self.issue(lab, template.subject, template.public_key) if template.public_key else None
        content = self._status("accepted")
        return replace(content, new_sig_cert=new, ca_certs=(lab.ca_certificate,), key_pair_hist=pairs)

    def _pair(self, lab, kind, subject, own, pvno):
        key = key_of(kind, 30)
        certificate = self.issue(lab, subject, info_of(key))
        private = pkcs8_der(key_of(kind, 31) if self.strangers_key else key)
        return CertifiedKeyPair(
            cert_or_enc_cert=Chosen("certificate", certificate), private_key=self.sealed(private, own, pvno)
        )

    def sealed(self, private, own, pvno):
        if pvno == 2:
            value = seal_encrypted_value(private, own, CountingEntropy())
            return ENCRYPTED_KEY.encode(Chosen("encryptedValue", value))
        content = encode(EncKeyWithID(private_key=decode(OneAsymmetricKey, private)))
        envelope = seal_envelope(ENC_KEY_WITH_ID, content, recipient_of_request(own, 0), CountingEntropy())
        return ENCRYPTED_KEY.encode(Chosen("envelopedData", envelope))

    def issue(self, lab, subject, info):
        office = lab._office
        validity = Validity(not_before=office.now() - timedelta(hours=1), not_after=office.now() + timedelta(days=30))
        return office.issuer.issue(Asked(subject, info, (), validity), office.free_serial())


def info_of(key) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def is_a_pair(site, openssl, place, passphrase=""):
    """Whether `openssl` finds PLACE.prv and PLACE.crt to belong together."""
    public = [openssl, "x509", "-in", f"{place}.crt", "-noout", "-pubkey"]
    private = [openssl, "pkey", "-in", f"{place}.prv", "-pubout", *(["-passin", passphrase] if passphrase else [])]
    said = {subprocess.run(each, cwd=site.folder, capture_output=True, check=True).stdout for each in (public, private)}
    return len(said) == 1

"""A CA that makes keys: the real lab for everything else, and for this a hand of its own (RFC 9483 §4.1.6).

The envelope and the signature over the key are our codec's, or, with `by_openssl`, wholly the `openssl` program's.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field, replace
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from support.ambient import CountingEntropy
from support.recipients import key_of, pkcs8_der

from runner.asn1.archive import ENCRYPTED_KEY
from runner.asn1.cmp import PKI_STATUS, CertifiedKeyPair, CertRepMessage, CertResponse, PKIMessage, PKIStatusInfo
from runner.asn1.cms import SIGNED_DATA, ContentInfo, EnvelopedData
from runner.asn1.signed import ASYMMETRIC_KEY_PACKAGE, ASYMMETRIC_KEYS, OneAsymmetricKey
from runner.asn1.structures import Chosen, decode
from runner.asn1.x509 import Extension, Validity
from runner.lab.answers import Answer, seal
from runner.lab.issuing import Asked
from runner.lab.received import read
from runner.lab.senders import SecretSender, identify
from runner.pki.certificates import parse_certificate, to_pem
from runner.pki.encrypted_values import seal_encrypted_value
from runner.pki.envelopes import SecretRecipient, recipient_of, recipient_of_request, seal_envelope
from runner.pki.macs import SharedSecret
from runner.pki.names import parse_name
from runner.pki.private_keys import seal_private_key
from runner.pki.signers import PrivateKeySigner

_REPLIES = {"ir": "ip", "cr": "cp", "kur": "kup"}
_PROTOCOL_ENCR_KEY = "1.3.6.1.5.5.7.5.1.6"
CM_KGA = Extension(extn_id="2.5.29.37", critical=False, extn_value=bytes.fromhex("300a06082b06010505070320"))
CM_RA = Extension(extn_id="2.5.29.37", critical=False, extn_value=bytes.fromhex("300a06082b0601050507031c"))


@dataclass
class KeyCentre:
    """`behave` of a Peer. `made` are the keys that it made; `kind` says which; the rest is what may be wrong."""

    kind: str = "p256"
    purpose: Extension = CM_KGA
    other_key_in_certificate: bool = False
    bare: bool = False
    sends_no_key: bool = False
    implicit: bool = False
    openssl: str = ""
    folder: object = None
    made: list = field(default_factory=list)
    templates: list = field(default_factory=list)
    controls: list = field(default_factory=list)
    open: set = field(default_factory=set)

    def __call__(self, lab, request, number):
        message = decode(PKIMessage, request)
        transaction = message.header.transaction_id
        if message.body.name in _REPLIES and message.body.value[0].popo is None:
            self.open.add(transaction)
            return self._answer(
                lab, request, Answer(_REPLIES[message.body.name], self._content(lab, request), self.implicit)
            )
        if transaction in self.open and message.body.name == "certConf":
            self.confirmed = message.body.value[0].status_info
            return self._answer(lab, request, Answer("pkiconf"))
        return lab.respond(request)

    def _answer(self, lab, request, answer):
        received, office = read(request), lab._office
        return seal(office, received.header, identify(office, received), office.entropy.octets(16), answer)

    def _content(self, lab, request):
        asked = read(request).message.body.value[0].cert_req
        self.templates.append(asked.cert_template)
        self.controls.append(asked.controls)
        key = key_of(self.kind, len(self.made) + 10)
        self.made.append(key)
        certified = key_of(self.kind, 99) if self.other_key_in_certificate else key
        template = asked.cert_template
        certificate = self._certificate(lab, template.subject, certified.public_key(), template.extensions)
        pair = CertifiedKeyPair(
            cert_or_enc_cert=Chosen("certificate", certificate),
            private_key=None if self.sends_no_key else self._sealed(lab, request, pkcs8_der(key), asked),
        )
        status = PKIStatusInfo(status=PKI_STATUS.index("accepted"))
        return CertRepMessage(response=(CertResponse(cert_req_id=0, status=status, certified_key_pair=pair),))

    def _certificate(self, lab, subject, public_key, extensions):
        office = lab._office
        info = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        validity = Validity(not_before=office.now() - timedelta(hours=1), not_after=office.now() + timedelta(days=30))
        return office.issuer.issue(Asked(subject, info, extensions, validity), office.free_serial())

    def _sealed(self, lab, request, private, asked):
        own = [control.value for control in asked.controls if control.type == _PROTOCOL_ENCR_KEY]
        if own and read(request).header.pvno == 2:
            value = seal_encrypted_value(private, own[0], CountingEntropy())
            return ENCRYPTED_KEY.encode(Chosen("encryptedValue", value))
        received, office = read(request), lab._office
        sender = identify(office, received)
        recipient = self._recipient(lab, received, sender, own)
        if self.openssl:
            return self._by_openssl(lab, received, private)
        if self.bare:
            kind = ASYMMETRIC_KEY_PACKAGE
            content = ASYMMETRIC_KEYS.encode((decode(OneAsymmetricKey, private),))
            sealed = seal_envelope(kind, content, recipient, CountingEntropy())
            return ENCRYPTED_KEY.encode(Chosen("envelopedData", sealed))
        signer, chain = self._authority(lab)
        return seal_private_key(private, recipient, CountingEntropy(), PrivateKeySigner(signer), chain)

    def _recipient(self, lab, received, sender, own):
        if own:
            return recipient_of_request(own[0], 0)
        if isinstance(sender, SecretSender):
            return SecretRecipient(SharedSecret(lab.psk.partition(":")[2].encode()))
        return recipient_of(parse_certificate(received.message.extra_certs[0]))

    def _authority(self, lab):
        key = ec.derive_private_key(4711, ec.SECP256R1())
        der = self._certificate(lab, parse_name("CN=key maker").der, key.public_key(), (self.purpose,))
        return key, (parse_certificate(der),)

    def _by_openssl(self, lab, received, private):
        """SignedData and EnvelopedData by `openssl cms`, to the certificate that signed the request."""
        key, chain = self._authority(lab)
        plain = decode(OneAsymmetricKey, private)
        files = {
            "package": ASYMMETRIC_KEYS.encode((plain,)),
            "kga.pem": to_pem(chain[0].der),
            "kga.key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            "to.pem": to_pem(received.message.extra_certs[0]),
        }
        for name, octets in files.items():
            (self.folder / name).write_bytes(octets)
        sign = (
            "cms -sign -binary -nodetach -in package -signer kga.pem -inkey kga.key -md sha256 -outform DER -out signed"
        )
        self._run(*sign.split(), "-keyid", "-econtent_type", ASYMMETRIC_KEY_PACKAGE)
        inner = decode(ContentInfo, (self.folder / "signed").read_bytes()).content
        (self.folder / "inner").write_bytes(inner)
        self._run(
            *["cms", "-encrypt", "-binary", "-aes256", "-in", "inner", "-outform", "DER", "-out", "sealed", "to.pem"]
        )
        envelope = decode(EnvelopedData, decode(ContentInfo, (self.folder / "sealed").read_bytes()).content)
        info = replace(envelope.encrypted_content_info, content_type=SIGNED_DATA)
        return ENCRYPTED_KEY.encode(Chosen("envelopedData", replace(envelope, encrypted_content_info=info)))

    def _run(self, *arguments):
        subprocess.run([self.openssl, *arguments], cwd=self.folder, check=True, capture_output=True)

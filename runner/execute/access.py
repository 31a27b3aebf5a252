"""From an authority and a credential of the manifest to the Parties of a transaction: files and secrets are read here.

Everything raises CmpBatchError with the place's words; nothing is sent. What the embedded lab hands out arrives as a
ready-made Access.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cmp.dialogue import Parties
from runner.cmp.protection import RFC_9045, MacProtection, Peer, Protection, SignatureProtection
from runner.errors import CmpBatchError, KeyStoreError
from runner.keystores.files import read_file
from runner.keystores.keys import load_key
from runner.keystores.secrets import split_psk
from runner.manifest.model import PskCredential
from runner.pki.certificates import certificates_in
from runner.pki.certification_requests import request_in
from runner.pki.macs import SharedSecret
from runner.pki.signing import SignatureChoice

if TYPE_CHECKING:
    from runner.ambient import Entropy
    from runner.execute.line import Line
    from runner.keystores.base import StoredKey
    from runner.keystores.secrets import SecretReader
    from runner.manifest.model import Authority, CertificateCredential, Credential
    from runner.pki.certificates import Certificate
    from runner.pki.certification_requests import CertificationRequest
    from runner.pki.keyurls import KeyUrl
    from runner.pki.names import Name


@dataclass(frozen=True, slots=True)
class Access:
    """An authority that can be talked to. `handed_out`: the protection that the lab gives to whoever has none."""

    authority: Authority
    line: Line
    anchors: tuple[Certificate, ...] = ()
    recipient: Name | None = None
    handed_out: Protection | None = None
    keeper: Certificate | None = None
    """Whom private keys are backed up for, as the manifest says."""
    heard: dict[str, Certificate] = field(default_factory=dict)
    """What the authority said when it was asked, kept for the run."""


def read_certificates(path: str) -> tuple[Certificate, ...]:
    """All certificates in a file. KeyStoreError names the file."""
    octets = read_file(Path(path))
    try:
        return certificates_in(octets)
    except CmpBatchError as problem:
        raise KeyStoreError(
            f"{path}: {problem.what}", why=problem.why, next_step="give a certificate in PEM or DER"
        ) from problem


def read_request(path: str) -> CertificationRequest:
    """The PKCS #10 request in a file. KeyStoreError names the file."""
    octets = read_file(Path(path))
    try:
        return request_in(octets)
    except CmpBatchError as problem:
        raise KeyStoreError(
            f"{path}: {problem.what}", why=problem.why, next_step="give a PKCS #10 request in PEM or DER"
        ) from problem


def open_access(authority: Authority, line: Line) -> Access:
    """Read what the manifest says about an authority: its certificate and the trust anchors."""
    anchors: list[Certificate] = []
    for path in authority.trust:
        anchors.extend(read_certificates(path))
    own = read_certificates(authority.certificate)[0] if authority.certificate else None
    if own is not None:
        anchors.append(own)
    recipient = authority.recipient or (own.subject if own else None)
    keeper = read_certificates(authority.keeper)[0] if authority.keeper else None
    return Access(authority, line, tuple(anchors), recipient, keeper=keeper)


@dataclass(slots=True)
class Keyring:
    """Credentials, each read once: a shared secret keeps its salt and derived keys for the whole run."""

    secrets: SecretReader
    entropy: Entropy
    _macs: dict[str, MacProtection] = field(default_factory=dict)

    def protection(self, credential: Credential) -> Protection:
        """How messages under a credential are protected. A certificate is read anew: items may have made it."""
        if not isinstance(credential, PskCredential):
            return self._signature(credential)
        if credential.name not in self._macs:
            self._macs[credential.name] = self._mac(credential)
        return self._macs[credential.name]

    def _mac(self, credential: PskCredential) -> MacProtection:
        reference, key = split_psk(self.secrets.read(credential.secret.kind, credential.secret.value))
        parameters = replace(RFC_9045, iterations=credential.iterations)
        salt = self.entropy.octets(parameters.salt_length)
        return MacProtection(reference, SharedSecret(key.reveal()), salt, parameters)

    def _signature(self, credential: CertificateCredential) -> SignatureProtection:
        key = self.key(credential.key, SignatureChoice(credential.digest, credential.pss))
        return signature_protection(read_certificates(credential.certificate), key)

    def key(self, url: KeyUrl, choice: SignatureChoice = SignatureChoice()) -> StoredKey:  # noqa: B008 - frozen
        """The key that exists at a URL, to sign as `choice` says."""
        return load_key(url, self.secrets, choice)


def signature_protection(chain: tuple[Certificate, ...], key: StoredKey) -> SignatureProtection:
    """A signature by `key`, whose certificate is the first of `chain`. KeyStoreError where they are not a pair."""
    if chain[0].public_key_info != key.public_key_info:
        raise KeyStoreError(
            f'the certificate "{chain[0].subject}" is not for the key {key.path}',
            why="their public keys differ",
            next_step="name the certificate and the key that belong together",
        )
    if key.signer is None:
        raise KeyStoreError(f"the key {key.path} cannot sign messages", why=f"it is a key of the kind {key.spec}")
    return SignatureProtection(key.signer, chain)


def parties(access: Access, protection: Protection) -> Parties:
    """We, protected so, and this authority: whose MAC or signature its answers may bear."""
    secret = protection.secret if isinstance(protection, MacProtection) else None
    return Parties(
        protection=protection,
        peer=Peer(secret, access.anchors, access.recipient),
        recipient=access.authority.addressee or access.recipient,
        pvno=access.authority.version,
        implicit_confirm=access.authority.implicit_confirm,
    )

"""From an authority and a credential of the manifest to the Parties of a transaction: files and secrets are read here.

Everything raises CmpBatchError with the place's words; nothing is sent. What the embedded lab hands out arrives as a
ready-made Access.
"""

from __future__ import annotations

import os
from dataclasses import field, fields
from typing import TYPE_CHECKING

from runner.asn1.x509 import NULL_DN
from runner.cmp.dialogue import Parties
from runner.cmp.protection import (
    RFC_9045,
    KemProtection,
    MacProtection,
    Peer,
    Presentation,
    Protection,
    SignatureProtection,
)
from runner.errors import Diagnostic, KeyStoreError, ProtocolError, Severity
from runner.execute.reading import read_certificates
from runner.keystores.keys import load_key
from runner.keystores.marks import mark_of
from runner.keystores.secrets import shared_key
from runner.manifest.credentials import PskCredential
from runner.pki.guessing import is_guessable
from runner.pki.macs import AgreedSecret, SharedSecret
from runner.pki.names import directory_name
from runner.pki.signers import SignatureChoice
from runner.values import frozen, mutable, replace

if TYPE_CHECKING:
    from runner.ambient import Entropy
    from runner.execute.line import Line
    from runner.keystores.base import StoredKey
    from runner.keystores.secrets import Secret, SecretReader
    from runner.manifest.credentials import CertificateCredential, Credential, MacWish, Presenting
    from runner.manifest.model import Authority
    from runner.pki.certificates import Certificate
    from runner.pki.keyurls import KeyUrl
    from runner.pki.mac_parameters import MacParameters
    from runner.pki.names import Name


@frozen
class Access:
    """An authority that can be talked to. `handed_out`: the protection that the lab gives to whoever has none."""

    authority: Authority
    line: Line
    anchors: tuple[Certificate, ...] = ()
    recipient: Name | None = None
    handed_out: Protection | None = None
    keeper: Certificate | None = None
    """Whom private keys are backed up for, as the manifest says."""
    dh: Certificate | None = None
    """The CA's certificate for DHBasedMac, as the manifest says."""
    kem: Certificate | None = None
    """The certificate of the CA's KEM key, as the manifest says."""
    heard: dict[str, Certificate] = field(default_factory=dict)
    """What the authority said when it was asked, kept for the run."""


def open_access(authority: Authority, line: Line) -> Access:
    """Read what the manifest says about an authority: its certificate and the trust anchors."""
    anchors: list[Certificate] = []
    for path in authority.trust:
        if path == authority.trust_file and not os.path.lexists(path):
            continue  # the first enrolment brings it
        anchors.extend(read_certificates(path))
    own = read_certificates(authority.certificate)[0] if authority.certificate else None
    if own is not None:
        anchors.append(own)
    recipient = authority.recipient or (own.subject if own else None)
    keeper = read_certificates(authority.keeper)[0] if authority.keeper else None
    dh = read_certificates(authority.dh_certificate)[0] if authority.dh_certificate else None
    return Access(authority, line, tuple(anchors), recipient, keeper=keeper, kem=_kem_certificate(authority), dh=dh)


def _kem_certificate(authority: Authority) -> Certificate | None:
    if authority.kem_certificate is None:
        return None
    from runner.pki.kems import is_kem_key  # noqa: PLC0415 - few have a KEM key

    certificate = read_certificates(authority.kem_certificate)[0]
    if not is_kem_key(certificate.public_key_info):
        why = "its key is of no key encapsulation that we know: ML-KEM-768 or -1024"
        raise KeyStoreError(f"{authority.kem_certificate} is no KEM certificate", why=why)
    return certificate


@mutable
class Keyring:
    """Credentials, each read once: a shared secret keeps its salt and derived keys for the whole run."""

    secrets: SecretReader
    entropy: Entropy
    guessable: dict[str, Diagnostic] = field(default_factory=dict)
    """By the name of the credential: what is to be said of a secret that can be tried out."""
    _macs: dict[tuple[str, MacParameters], MacProtection] = field(default_factory=dict)

    def protection(self, credential: Credential, usual: MacParameters = RFC_9045) -> Protection:
        """How messages under a credential are protected. A certificate is read anew: items may have made it.

        `usual` are the measures of the MAC, as far as the credential does not say them itself.
        """
        if not isinstance(credential, PskCredential):
            return self._signature(credential)
        if credential.column is not None:
            return self._mac(credential, chosen(credential.mac, usual))  # one transaction is all that it serves
        known = self._macs.get((credential.name, usual))
        if known is None:
            known = self._macs[credential.name, usual] = self._mac(credential, chosen(credential.mac, usual))
        return known

    def mark(self, credential: Credential) -> str:
        """By what a one-time secret is known again. SecretError where it cannot be read."""
        if not isinstance(credential, PskCredential):
            raise TypeError("a certificate is no secret")
        reference, key = self._shared(credential)
        return mark_of(reference, key.reveal())

    def _shared(self, credential: PskCredential) -> tuple[bytes, Secret]:
        secret = self.secrets.read(credential.secret.kind, credential.secret.value)
        return shared_key(secret, credential.reference, credential.encoding)

    def _mac(self, credential: PskCredential, parameters: MacParameters) -> MacProtection:
        reference, key = self._shared(credential)
        if credential.name not in self.guessable and is_guessable(key.reveal()):
            self.guessable[credential.name] = _guessable(credential)
        salt = self.entropy.octets(parameters.salt_length)
        return MacProtection(
            reference, SharedSecret(key.reveal()), salt, parameters, presentation_of(credential.presenting)
        )

    def _signature(self, credential: CertificateCredential) -> Protection:
        if credential.kem:
            made = kem_protection(read_certificates(credential.certificate), self.key(credential.key))
            return replace(made, presentation=presentation_of(credential.presenting))
        key = self.key(credential.key, SignatureChoice(credential.digest, credential.pss))
        signs = signature_protection(read_certificates(credential.certificate), key)
        return replace(signs, presentation=presentation_of(credential.presenting))

    def key(self, url: KeyUrl, choice: SignatureChoice = SignatureChoice()) -> StoredKey:
        """The key that exists at a URL, to sign as `choice` says."""
        return load_key(url, self.secrets, choice)


def _guessable(credential: PskCredential) -> Diagnostic:
    return Diagnostic(
        f"the shared secret of {credential.name} can be guessed",
        credential.place,
        why="whoever records one message under it can try out all secrets as short as this one, undisturbed",
        next_step="have the CA give one of 16 random characters or more",
        severity=Severity.WARNING,
    )


def kem_protection(chain: tuple[Certificate, ...], key: StoredKey) -> KemProtection:
    """A MAC by what is encapsulated to `key`, whose certificate is the first of `chain`. KeyStoreError."""
    from runner.pki.kems import is_kem_key  # noqa: PLC0415 - few have a KEM key

    _check_pair(chain, key)
    if key.opener is None or not is_kem_key(key.public_key_info):
        raise KeyStoreError(f"nothing can be encapsulated to the key {key.path}", why=f"it is of the kind {key.spec}")
    return KemProtection(key.opener, chain)


def signature_protection(chain: tuple[Certificate, ...], key: StoredKey) -> SignatureProtection:
    """A signature by `key`, whose certificate is the first of `chain`. KeyStoreError where they are not a pair."""
    _check_pair(chain, key)
    if key.signer is None:
        raise KeyStoreError(f"the key {key.path} cannot sign messages", why=f"it is a key of the kind {key.spec}")
    return SignatureProtection(key.signer, chain, opener=key.opener)


def _check_pair(chain: tuple[Certificate, ...], key: StoredKey) -> None:
    if chain[0].public_key_info != key.public_key_info:
        raise KeyStoreError(
            f'the certificate "{chain[0].subject}" is not for the key {key.path}',
            why="their public keys differ",
            next_step="name the certificate and the key that belong together",
        )


def chosen(wish: MacWish, usual: MacParameters) -> MacParameters:
    """The measures of a MAC: what the manifest says, and the rest as usual."""
    said = {field.name: value for field in fields(wish) if (value := getattr(wish, field.name))}
    return replace(usual, **said)


def presentation_of(wish: Presenting) -> Presentation:
    """How a credential presents itself; its further certificates are read. KeyStoreError names the file."""
    along = tuple(each.der for path in wish.extra_certs for each in read_certificates(path))
    if isinstance(wish.sender, str) or wish.sender is None:
        return Presentation(directory_name(NULL_DN) if wish.sender == "none" else None, wish.sender_kid, along)
    return Presentation(directory_name(wish.sender.der), wish.sender_kid, along)


def _agreed(protection: Protection, server: Certificate | None) -> AgreedSecret | None:
    """What the key that signs and the server's agree on; KeyStoreError where they are not of one kind."""
    if server is None or not isinstance(protection, SignatureProtection) or protection.opener is None:
        return None
    try:
        return AgreedSecret(protection.opener.agree(server.public_key_info))
    except ProtocolError:
        what = f'the credential\'s key and that of "{server.subject}" agree on nothing'
        raise KeyStoreError(what, why="they are not of one kind and curve", next_step="see dh_certificate") from None


def parties(access: Access, protection: Protection, answers: SharedSecret | None = None) -> Parties:
    """We, protected so, and this authority: whose MAC or signature its answers may bear.

    `answers` is the secret that answers to signed requests may be protected with.
    """
    authority = access.authority
    secret = protection.secret if isinstance(protection, MacProtection) else answers
    if authority.send_extra_certs == "first":
        protection = replace(protection, presentation=replace(protection.presentation, first_only=True))
    return Parties(
        protection=protection,
        peer=Peer(
            secret,
            access.anchors,
            access.recipient,
            authority.accepts,
            authority.tolerates,
            agreed=_agreed(protection, access.dh),
        ),
        recipient=authority.addressee or access.recipient,
        pvno=authority.version,
        implicit_confirm=authority.implicit_confirm,
        message_time=authority.message_time,
        template_version=authority.template_version,
        kem_server=access.kem,
    )

"""The CA's roots, one after the other: opened, and rolled over with link certificates (RFC 9810 §4.4, §5.3.13).

The first is ca.key and ca.pem, later ones are ca-2.key, ca-2.pem and so on. A new root's certificate is written last:
a roll-over that was cut short never was. Certificates that the old key signed stay good under newWithOld.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, rsa

from runner.errors import Malformed, StateError
from runner.lab.issuing import Issuer, make_link, make_next_root, make_root
from runner.pki.certificates import Certificate, certificates_in, to_pem
from runner.pki.signers import PrivateKey, PrivateKeySigner
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from runner.lab.storage import Storage


_EXPONENT = 65537
_MAKERS: dict[str, Callable[[], PrivateKey]] = {
    "ec:p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ec:p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ec:p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    **{f"rsa:{bits}": partial(rsa.generate_private_key, _EXPONENT, bits) for bits in (2048, 3072, 4096)},
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ed448": ed448.Ed448PrivateKey.generate,
    "ml-dsa-44": mldsa.MLDSA44PrivateKey.generate,
    "ml-dsa-65": mldsa.MLDSA65PrivateKey.generate,
    "ml-dsa-87": mldsa.MLDSA87PrivateKey.generate,
}
"""How a key of each kind (manners.CA_KEYS) is made."""


@frozen
class RootUpdate:
    """The root before the present one, and the links between them, DER all."""

    old: bytes
    new_with_old: bytes
    old_with_new: bytes


def open_roots(storage: Storage, mark: str, now: datetime, kind: str) -> tuple[Issuer, RootUpdate | None]:
    """The present root, made with a key of this kind where there is none, and the way to it from the root before."""
    signer = _signer(storage, 1, kind)
    issuer = Issuer(signer, _certificate(storage.kept("ca.pem", lambda: to_pem(make_root(signer, mark, now))), signer))
    update = None
    while storage.has(_name(issuer.generation + 1, "pem")):
        issuer, update = _next(storage, issuer, issuer.generation + 1, now, kind)
    return issuer, update


def roll_over(storage: Storage, now: datetime, kind: str) -> tuple[Issuer, RootUpdate | None]:
    """A new root under the old name, and the links; as `open_roots` from now on finds them."""
    issuer, _ = open_roots(storage, "", now, kind)
    return _next(storage, issuer, issuer.generation + 1, now, kind)


def root_file(issuer: Issuer) -> str:
    """The name of a root's file."""
    return _name(issuer.generation, "pem")


def _next(storage: Storage, old: Issuer, number: int, now: datetime, kind: str) -> tuple[Issuer, RootUpdate]:
    signer = _signer(storage, number, kind)
    draft = Issuer(signer, _certificate(to_pem(make_next_root(signer, old.certificate, now)), signer))
    links = [
        storage.kept(f"ca-{number}-with-{number - 1}.pem", lambda: to_pem(_link(old, draft, 1))),
        storage.kept(f"ca-{number - 1}-with-{number}.pem", lambda: to_pem(_link(draft, old, 2))),
    ]
    pem = storage.kept(_name(number, "pem"), lambda: to_pem(draft.certificate.der))
    new_with_old, old_with_new = (certificates_in(link)[0].der for link in links)
    return Issuer(signer, _certificate(pem, signer), number), RootUpdate(
        old.certificate.der, new_with_old, old_with_new
    )


def _link(by: Issuer, about: Issuer, step: int) -> bytes:
    return make_link(by.signer, about.certificate, by.certificate.serial + step, by.certificate.not_after)


def _name(number: int, suffix: str) -> str:
    return f"ca.{suffix}" if number == 1 else f"ca-{number}.{suffix}"


def _signer(storage: Storage, number: int, kind: str) -> PrivateKeySigner:
    name = _name(number, "key")
    return PrivateKeySigner(_key(storage.kept(name, lambda: _new_key(kind), secret=True), name))


def _new_key(kind: str) -> bytes:
    return _MAKERS[kind]().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _key(pem: bytes, name: str) -> PrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as problem:
        raise unusable(name, "it is not an unencrypted private key in PEM") from problem
    if not isinstance(key, PrivateKey):
        raise unusable(name, "it is not a key that signs")
    return key


def _certificate(pem: bytes, signer: PrivateKeySigner) -> Certificate:
    try:
        certificate = certificates_in(pem)[0]
    except Malformed as problem:
        raise unusable("ca.pem", problem.what) from problem
    if certificate.public_key_info != signer.public_key_info:
        raise unusable("ca.pem", "it does not belong to the key in ca.key")
    return certificate


def unusable(name: str, why: str) -> StateError:
    """A file of the lab's folder is not what it should be."""
    return StateError(
        f"the lab's {name} cannot be used", why=why, next_step="put the right file back, or begin a lab in a new folder"
    )

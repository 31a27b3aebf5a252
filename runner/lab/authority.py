"""The lab CA: a small certification authority that really issues, confirms, updates and revokes. NOT FOR PRODUCTION.

It is the other end of the wire for trying manifests and for tests. Its key lies unencrypted in its folder (or in
memory), it grants any subject to whoever knows one secret, and it watches no clock but its own. It shares the codec
with the client and judges by its own rules, so that a mistake of the client's cannot agree with itself.

    lab = open_lab(Path("lab"), clock, entropy)      # or None: in memory
    answer = lab.respond(request)                    # DER in, DER out; a transport of its own is server.py
"""

from __future__ import annotations

import re
from threading import Lock
from typing import TYPE_CHECKING, Self

from runner.errors import BadInput
from runner.lab import responder
from runner.lab.ledger import Ledger
from runner.lab.office import Office
from runner.lab.ras import make_ra, trust_ra
from runner.lab.roots import open_roots, root_file, unusable
from runner.lab.rules import STANDARD_RULES, LabRules
from runner.lab.services import KEM, service_file
from runner.lab.storage import Folder, Memory, Storage
from runner.pki.certificates import to_pem
from runner.pki.macs import SharedSecret
from runner.serving.listening import slowly

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from runner.ambient import Clock, Entropy
    from runner.pki.names import Name
    from runner.serving.listening import Respond

_REFERENCE = "lab"
_KEY_OCTETS = 16
_MARK_OCTETS = 3
_FILE_NAME = "[A-Za-z0-9_-]{1,64}"
_SALT_OCTETS = 16


class Lab:
    """An open lab CA. Its repr shows no secret; it may be used from several threads."""

    def __init__(self, office: Office, psk: str, folder: Path | None) -> None:
        self._office = office
        self._folder = folder
        self._one_at_a_time = Lock()
        self._answers = 0
        self.psk = psk
        """The shared secret as `reference:key`, the form that manifests take."""

    def __repr__(self) -> str:
        return f"<Lab {self.ca_name} in {self._folder or 'memory'}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def ca_certificate(self) -> bytes:
        """The CA's own certificate, DER."""
        return self._office.issuer.certificate.der

    @property
    def ca_certificate_path(self) -> Path | None:
        """The file that holds it (PEM); None for a lab in memory."""
        return None if self._folder is None else self._folder / root_file(self._office.issuer)

    @property
    def ca_name(self) -> Name:
        """The CA's distinguished name; `str` of it is the text that manifests take."""
        return self._office.issuer.certificate.subject

    def write_kem_certificate(self) -> Path:
        """The file in the folder with the certificate of the lab's own KEM key, which is made where there is none."""
        if self._folder is None:
            raise BadInput("A lab in memory has no files")
        with self._one_at_a_time:
            self._office.service(KEM)
        return self._folder / service_file(KEM, self._office.issuer)

    @property
    def crl(self) -> bytes:
        """A CRL (DER) of this moment."""
        with self._one_at_a_time:
            return self._office.revocation_list()

    def respond(self, request: bytes) -> bytes:
        """The answer to one message, DER both; whatever the octets are, it is a PKIMessage. Never raises."""
        with self._one_at_a_time:
            try:
                return responder.respond(self._office, request)
            except Exception as problem:  # noqa: BLE001 - the wall: the peer gets an answer, not a broken connection
                return responder.respond_failure(self._office, request, problem)

    def answerer(self) -> Respond:
        """`respond`, for an event loop; its answers leave late where the manners say so."""
        return slowly(self.respond, self._pause) if self._office.rules.slow_seconds else self.respond

    def _pause(self) -> int:
        """The seconds by which the next answer leaves late."""
        self._answers += 1
        rules = self._office.rules
        return rules.slow_seconds if not rules.slow_answers or self._answers <= rules.slow_answers else 0

    def roll_over(self) -> None:
        """Give the CA a new key under the same name, with link certificates between the old root and the new."""
        with self._one_at_a_time:
            self._office.roll_over()

    def make_ra(self, name: str) -> tuple[bytes, bytes]:
        """A certificate (DER) and private key (PKCS #8, PEM) for an RA whom the lab trusts, CN=`name`."""
        with self._one_at_a_time:
            return make_ra(self._office, name)

    def write_ra(self, name: str) -> tuple[Path, Path]:
        """The same as NAME.crt and NAME.prv in the folder. BadInput where the name is not fit, or taken."""
        if self._folder is None or not re.fullmatch(_FILE_NAME, name):
            raise BadInput(f'"{name}" is no name for an RA', why="letters, digits, - and _ are, as in desk-1")
        certificate, key = self._folder / f"{name}.crt", self._folder / f"{name}.prv"
        if certificate.exists() or key.exists():
            raise BadInput(f"{certificate} is there already", next_step="use it, or choose another name")
        der, pem = self.make_ra(name)
        self._office.storage.kept(key.name, lambda: pem, secret=True)
        self._office.storage.kept(certificate.name, lambda: to_pem(der))
        return certificate, key

    def trust_ra(self, certificate: bytes) -> None:
        """Trust the holder of a certificate (DER) of this lab as an RA. BadInput where it is none of its own."""
        with self._one_at_a_time:
            trust_ra(self._office, certificate)

    def close(self) -> None:
        """Let go of the folder; later openings meet the same CA."""
        self._office.storage.close()


def open_lab(folder: Path | None, clock: Clock, entropy: Entropy, rules: LabRules = STANDARD_RULES) -> Lab:
    """The lab CA of a folder, made on first use; or, without one, a new CA in memory.

    Raises Refused where another process has the folder open, StateError where its files cannot be used.
    """
    storage: Storage = Memory() if folder is None else Folder(folder)
    try:
        return _opened(storage, folder, clock, entropy, rules)
    except BaseException:
        storage.close()
        raise


def _opened(storage: Storage, folder: Path | None, clock: Clock, entropy: Entropy, rules: LabRules) -> Lab:
    mark = entropy.octets(_MARK_OCTETS).hex()
    issuer, root_update = open_roots(storage, mark, clock.now().replace(microsecond=0), rules.ca_key)
    kept = storage.kept("psk", f"{_REFERENCE}:{entropy.octets(_KEY_OCTETS).hex()}\n".encode, secret=True)
    psk, reference, secret = _psk(kept)
    office = Office(
        issuer=issuer,
        ledger=Ledger(storage.lines(), storage.append),
        storage=storage,
        rules=rules,
        clock=clock,
        entropy=entropy,
        reference=reference,
        secret=secret,
        salt=entropy.octets(_SALT_OCTETS),
        revoked={},
        root_update=root_update,
    )
    for certificate in office.ledger.certificates():
        office.list_revoked(certificate)
    office.publish()
    return Lab(office, psk, folder)


def _psk(content: bytes) -> tuple[str, bytes, SharedSecret]:
    """The secret as text, its reference, and the secret itself."""
    text = content.decode("utf-8", "replace").strip()
    reference, _, key = text.partition(":")
    if not reference or not key:
        raise unusable("psk", "it is not reference:key")
    return text, reference.encode(), SharedSecret(key.encode())

"""`--sign KEY_URL`: whose key signs the JSON reports of an apply, found before anything is sent; and the signatures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import BadInput, CmpBatchError
from runner.execute.access import signature_protection
from runner.execute.reading import read_certificates
from runner.manifest.credentials import CertificateCredential
from runner.pki.keyurls import BadKeyUrl, parse_key_url
from runner.report.files import replace_file

if TYPE_CHECKING:
    from argparse import Namespace

    from runner.cmp.protection import SignatureProtection
    from runner.execute.access import Keyring
    from runner.manifest.model import Document
    from runner.pki.keyurls import KeyUrl


def signer_for(args: Namespace, document: Document, keyring: Keyring) -> SignatureProtection | None:
    """Who signs; None where nobody was asked to. BadInput where the key, or its certificate, cannot be used."""
    if not args.sign:
        return None
    if not any(path.lower().endswith(".json") for path in args.report):
        raise BadInput("--sign signs JSON reports, and none is written", next_step="add --report results.json")
    try:
        url = parse_key_url(args.sign)
    except BadKeyUrl as problem:
        raise BadInput(f"--sign: {problem}") from problem
    try:
        key = keyring.key(url)
        return signature_protection(read_certificates(_certificate(args, url, document)), key)
    except CmpBatchError as problem:
        raise BadInput(f"--sign: {problem.what}", why=problem.why, next_step=problem.next_step) from problem


def _certificate(args: Namespace, url: KeyUrl, document: Document) -> str:
    """The file of the key's certificate: the one that is named, or that of a credential with the same key."""
    if args.sign_certificate:
        return str(args.sign_certificate)
    for credential in document.credentials.values():
        if isinstance(credential, CertificateCredential) and _same_key(credential.key, url, document):
            return credential.certificate
    raise BadInput(
        "--sign: no certificate is known for that key",
        why="a signature without a certificate tells nobody whose it is",
        next_step="name its certificate with --sign-certificate FILE",
    )


def _same_key(one: KeyUrl, other: KeyUrl, document: Document) -> bool:
    if one.is_file and other.is_file:
        return Path(document.base, one.path).resolve() == Path(other.path).resolve()
    return one.path == other.path


def sign_report(path: str, signer: SignatureProtection) -> None:
    """Write the signature of a report that is on the disk beside it. CmpBatchError where the disk refuses."""
    from runner.report.evidence import SUFFIX, signature

    try:
        octets = Path(path).read_bytes()
        replace_file(Path(path + SUFFIX), [signature(octets, signer.signer, signer.chain)])
    except OSError as problem:
        raise CmpBatchError(f"the report {path} cannot be signed", why=problem.strerror or "") from problem
